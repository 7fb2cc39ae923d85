/**
 * Secrets that sign requests between services.
 *
 * @module
 */

/** True for a secret as Standard Webhooks has it: `whsec_`, then 24…64 bytes as base64. */
export function isWebhookSecret(text: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined || base64.length % 4 !== 0) return false;
  const { length } = atob(base64);
  return length >= 24 && length <= 64;
}
