/**
 * E-mail addresses.
 *
 * @module
 */

/** An address and whose it is. */
export interface Mailbox {
  /** For people; may be empty. */
  name: string;
  /** `ann@example.com` */
  address: string;
}

/** Longest address that SMTP knows. */
const maxAddressLength = 254;

/**
 * True for text that can be a mail server's recipient: one local part and one domain, and nothing that means
 * something to SMTP or to a header. Whether anybody reads it only the server knows.
 */
export function isMailAddress(text: string): boolean {
  return text.length <= maxAddressLength &&
    /^[^\s\p{Cc}@<>()[\]\\,;:"]{1,64}@[^\s\p{Cc}@<>()[\]\\,;:"]+$/u.test(text) &&
    text.isWellFormed();
}

/** `Shop <orders@shop.example>` or just the address; null for anything else. */
export function parseSender(text: string): Mailbox | null {
  const whole = text.trim();
  const open = whole.indexOf("<");
  if (open < 0) return isMailAddress(whole) ? { name: "", address: whole } : null;
  if (!whole.endsWith(">")) return null;
  const address = whole.slice(open + 1, -1).trim();
  const name = /^"?([^"<>\p{Cc}]*)"?$/u.exec(whole.slice(0, open).trim())?.[1];
  return name !== undefined && isMailAddress(address) ? { name: name.trim(), address } : null;
}
