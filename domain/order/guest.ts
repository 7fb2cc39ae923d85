/**
 * Who buys: a customer that the shop knows, or a guest.
 *
 * @module
 */

import { textDigest } from "./content_hash.ts";

/** Who buys. */
export interface IncomingCustomer {
  /** The shop's own id, or a guest's: see {@linkcode guestIdOf}. */
  externalId: string;
  /** Where the order's messages go; null where there is none. */
  email: string | null;
  /** For people. */
  name: string;
  /** The shop knows no id. */
  guest?: true;
}

/** What the ids of guests begin with, and no shop's own may. */
export const guestPrefix = "guest:";

/** Why a shop can't call a customer so. */
export const guestIdProblem =
  `must not begin with ${guestPrefix}, as the ids of guests do: leave it empty for a guest`;

/** True for the id of a guest. */
export function isGuestId(externalId: string): boolean {
  return externalId.startsWith(guestPrefix);
}

/**
 * The guest of an order.
 *
 * @param email null for none
 */
export function guestOf(
  email: string | null,
  name: string,
  externalOrderId: string,
): IncomingCustomer {
  return { externalId: guestIdOf(email, externalOrderId), email, name, guest: true };
}

/**
 * The id of a guest: `guest:` and the e-mail in lower case, by which orders of one guest are known to be one's, or
 * the order's id. What does not fit in an id, or could be taken for the other of the two or for a digest, stands there
 * as a digest.
 */
export function guestIdOf(email: string | null, externalOrderId: string): string {
  const text = email === null ? externalOrderId : email.toLowerCase();
  const isPlain = text.includes("@") === (email !== null) && plainForm.test(text) &&
    !digestForm.test(text);
  return guestPrefix +
    (isPlain ? text : textDigest(`${email === null ? "order" : "email"}\n${text}`));
}

/** What fits in an id after {@linkcode guestPrefix}. */
// deno-lint-ignore no-control-regex
const plainForm = /^[^\x00-\x1f\x7f-\x9f]{1,58}$/u;

/** What {@linkcode textDigest} makes. */
const digestForm = /^[0-9a-f]{32}$/;
