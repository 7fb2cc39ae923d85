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
const longestAddress = 254;

/**
 * True for text that can be a mail server's recipient: one local part and one domain, and nothing that means
 * something to SMTP or to a header. Whether anybody reads it only the server knows.
 */
export function isMailAddress(text: string): boolean {
  return text.length <= longestAddress &&
    /^[^\s\p{Cc}@<>()[\]\\,;:"]{1,64}@[^\s\p{Cc}@<>()[\]\\,;:"]+$/u.test(text) &&
    text.isWellFormed();
}

/** `Shop <orders@shop.example>` or just the address; null for anything else. */
export function parseSender(text: string): Mailbox | null {
  const match = /^(?:"?([^"<>\p{Cc}]*?)"?\s*<([^<>]+)>|([^<>\s]+))$/u.exec(text.trim());
  if (match === null) return null;
  const address = (match[2] ?? match[3])!.trim();
  return isMailAddress(address) ? { name: match[1]?.trim() ?? "", address } : null;
}
