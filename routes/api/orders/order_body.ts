/**
 * An order as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import { idProblem, textProblem } from "../../../domain/import/csv_rows.ts";
import {
  type IncomingOrder,
  orderLimits,
  totalProblem,
} from "../../../domain/order/incoming_order.ts";
import { currencyProblem, isCurrency } from "../../../domain/money.ts";
import { latestPlacedAt, parsePlacedAt, tooFarAhead } from "../../../domain/order/placed_at.ts";

/** Items of one order; larger ones come by import. */
const maxItems = 1_000;

/** The error of a field of another type: of one that is not there, that it is missing. */
function typeError(expected: string): (issue: { input?: unknown }) => string {
  return ({ input }) => input === undefined ? "is missing" : expected;
}

/** Trimmed text under a rule that the import has as well. */
function text(problemOf: (value: string) => string | undefined, maxCharacters: number) {
  return z.string({ error: typeError("must be text") }).trim().superRefine((value, issues) => {
    const problem = problemOf(value) ??
      (value.isWellFormed() ? undefined : "must be well-formed Unicode");
    if (problem !== undefined) issues.addIssue({ code: "custom", message: problem });
  }).meta({ minLength: 1, maxLength: maxCharacters });
}

function integer(min: number, max: number) {
  const message = `must be an integer ${min}…${max}`;
  return z.int({ error: typeError(message) }).min(min, message).max(max, message);
}

// The description stands before the transformation: a document of inputs forgets examples of what comes after.
const placedAt = z.string({ error: typeError("must be text") }).trim().meta({
  description: "A date and time, at most a day ahead; UTC unless it says otherwise",
  examples: ["2026-01-05T10:00:00Z", "2026-01-05 10:00:00"],
}).transform((value, issues) => {
  const time = parsePlacedAt(value);
  if (time !== undefined && time <= latestPlacedAt(Date.now())) return time;
  issues.addIssue({
    code: "custom",
    message: time === undefined
      ? "must be a date and time such as 2010-12-01T08:26:00Z or 2010-12-01 08:26:00"
      : tooFarAhead,
  });
  return z.NEVER;
});

const objectError = { error: typeError("must be an object") };

const fields = z.object({
  external_order_id: text(idProblem, orderLimits.idLength),
  placed_at: placedAt,
  currency: z.string({ error: typeError("must be text") }).trim()
    .regex(/^[A-Za-z]{3}$/, currencyProblem)
    .transform((value) => value.toUpperCase())
    .refine(isCurrency, currencyProblem),
  customer: z.object({
    external_id: text(idProblem, orderLimits.idLength),
    email: text(textProblem, orderLimits.textLength),
    name: text(textProblem, orderLimits.textLength),
  }, objectError),
  items: z.array(
    z.object({
      sku: text(idProblem, orderLimits.idLength),
      name: text(textProblem, orderLimits.textLength),
      unit_price_cents: integer(0, orderLimits.unitPriceCents),
      qty: integer(1, orderLimits.qty),
    }, objectError),
    { error: typeError("must be a list") },
  ).min(1, "must hold at least one item").max(maxItems, `must hold at most ${maxItems} items`),
}, objectError);

/** The body of `POST /orders`. Fields that are not known are passed over, as the import does. */
export const orderBody = fields.transform((order, issues): IncomingOrder => {
  const incoming = {
    externalOrderId: order.external_order_id,
    placedAt: order.placed_at,
    currency: order.currency,
    customer: {
      externalId: order.customer.external_id,
      email: order.customer.email,
      name: order.customer.name,
    },
    items: order.items.map((item) => ({
      sku: item.sku,
      name: item.name,
      unitPriceCents: item.unit_price_cents,
      qty: item.qty,
    })),
  };
  const problem = totalProblem(incoming);
  if (problem === undefined) return incoming;
  issues.addIssue({ code: "custom", path: ["items"], message: problem });
  return z.NEVER;
});
