/**
 * What an order that is to be charged is paid with.
 *
 * @module
 */

/** What is said of an order's payment before it is made; what is not said is null. */
export interface PaymentInstructions {
  /** A kind of method, such as `card`: lower case, by which a provider may be chosen. */
  methodType: string | null;
  /** The provider's token of a payment method of the customer. */
  method: string | null;
  /** The provider's own name for the customer. */
  customer: string | null;
  /** For the customer's statement or the provider's pages. */
  description: string | null;
  /** Names and values that are told to the provider. */
  metadata: Readonly<Record<string, string>> | null;
  /**
   * When its money is taken: with the charge, or by a capture of its own; null for as the setting says. A request that does not
   * say it has no such field, so that one of before it has the hash under which its idempotency key is kept.
   */
  capture?: CaptureMoment | null;
}

/** When money is taken. */
export type CaptureMoment = typeof captureMoments[number];

/** All of them: with the charge, or later, by a capture. */
export const captureMoments = ["now", "later"] as const;

/** Limits on what is said of a payment. Text is counted in characters. */
export const instructionLimits = {
  methodTypeLength: 32,
  tokenLength: 255,
  descriptionLength: 500,
  /** Names of metadata, and characters of a name and of a value. */
  metadataNames: 30,
  metadataNameLength: 40,
  metadataValueLength: 500,
  /** All of the metadata as JSON, in UTF-16 code units. */
  metadataLength: 8_000,
} as const;

/** Everything that is said, as a text: the same for the same instructions. */
export function instructionsText(said: PaymentInstructions): string {
  const { methodType, method, customer, description, metadata, capture = null } = said;
  return JSON.stringify([
    methodType,
    method,
    customer,
    description,
    metadata && Object.entries(metadata).sort(([a], [b]) => a < b ? -1 : 1),
    // Orders that came before anybody could say it are still the same.
    ...(capture === null ? [] : [capture]),
  ]);
}
