/**
 * Signatures as the payment provider makes them.
 *
 * @module
 */

import { Webhook } from "standardwebhooks";

/** The secret that a service and its provider share. */
export const providerSecret = `whsec_${btoa("s".repeat(32))}`;

/** The headers that the provider sends with a body: its signature, by default of this moment. */
export function signatureOf(
  body: string,
  { secret = providerSecret, id = crypto.randomUUID(), at = new Date() }: {
    secret?: string;
    id?: string;
    at?: Date;
  } = {},
): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}
