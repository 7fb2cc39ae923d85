/**
 * What a request says of how an order is to be paid.
 *
 * @module
 */

import { z } from "zod";
import type { OrderTerms } from "../../../domain/order/incoming_order.ts";
import {
  captureMoments,
  instructionLimits as limits,
} from "../../../domain/payment/payment_instructions.ts";

/** A text of so many characters. */
function text(maxLength: number) {
  return z.string({ error: "must be text" }).trim()
    .refine(
      (value) => [...value].length <= maxLength,
      `must be at most ${maxLength} characters long`,
    )
    .refine((value) => value.isWellFormed(), "must be well-formed Unicode")
    .meta({ maxLength });
}

/** A token of a provider: no spaces, and nothing that is not seen. */
const token = text(limits.tokenLength).regex(/^[!-~]*$/, "must be a token without spaces")
  .nullish();

/** Of the metadata, as every provider takes it. */
const name = z.string().regex(
  /^[\w.-]+$/,
  "must be letters, digits, dots, dashes and underscores",
).max(limits.metadataNameLength, `must be at most ${limits.metadataNameLength} characters long`);

/** The fields of `payment` that are for one that is due. */
export const instructionFields = {
  method_type: text(limits.methodTypeLength)
    .regex(/^([a-z][a-z0-9_]*)?$/, "must be a word such as card").nullish()
    .meta({ description: "A kind of method, such as `card`, by which a provider may be chosen" }),
  method: token.meta({ description: "The provider's token of a payment method of the customer" }),
  customer: token.meta({ description: "The provider's own name for the customer" }),
  description: text(limits.descriptionLength).nullish()
    .meta({ description: "For the provider's pages, and the customer's statement" }),
  metadata: z.record(name, text(limits.metadataValueLength), { error: "must be an object" }).refine(
    (record) => Object.keys(record).length <= limits.metadataNames,
    `must hold at most ${limits.metadataNames} names`,
  ).refine(
    (record) => JSON.stringify(record).length <= limits.metadataLength,
    `must be at most ${limits.metadataLength} characters long as JSON`,
  ).meta({ maxProperties: limits.metadataNames }).nullish().meta({
    description: "Names and values that are told to the provider",
  }),
  capture: z.enum(captureMoments, { error: `must be ${captureMoments.join(" or ")}` }).nullish()
    .meta({
      description:
        "When the money is taken: with the charge, or `later`, by a capture, for which " +
        "the provider has to be able to hold it; without it as `CAPTURE` says",
    }),
};

const names = Object.keys(instructionFields) as (keyof typeof instructionFields)[];

/** The fields, as they were read. */
type Said =
  | ({ status: string } & { [N in typeof names[number]]?: z.output<typeof instructionFields[N]> })
  | undefined;

/** Where instructions are that can't be followed, because nothing is to be charged. */
export function misplacedInstructions(payment: Said): string[][] {
  if (payment === undefined || payment.status === "due") return [];
  return names.filter((name) => payment[name]).map((name) => ["payment", name]);
}

/** What is to be done with an order's payment; nothing where nothing is said. */
export function instructionsIn(payment: Said): Pick<OrderTerms, "instructions"> {
  if (payment === undefined) return {};
  const { method_type, method, customer, description, metadata, capture } = payment;
  const hasMetadata = metadata && Object.keys(metadata).length > 0;
  const instructions = {
    methodType: method_type || null,
    method: method || null,
    customer: customer || null,
    description: description || null,
    // In whichever order they were written, it is the same request.
    metadata: hasMetadata ? sortedByName(metadata) : null,
    ...(capture ? { capture } : {}),
  };
  return Object.values(instructions).some((said) => said !== null) ? { instructions } : {};
}

function sortedByName(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => a < b ? -1 : 1));
}
