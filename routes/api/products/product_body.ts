/**
 * Products, and changes of their stock, as the API takes them.
 *
 * @module
 */

import { z } from "zod";
import { maxUnits, type StockChange } from "../../../domain/catalog/stock.ts";
import { idProblem, textProblem } from "../../../domain/import/csv_rows.ts";
import { withValue } from "../../../domain/import/named_value.ts";
import { orderLimits } from "../../../domain/order/incoming_order.ts";

/** The error of a field of another type: of one that is not there, that it is missing. */
function typeError(expected: string): (issue: { input?: unknown }) => string {
  return ({ input }) => input === undefined ? "is missing" : expected;
}

function text(problemOf: (value: string) => string | undefined, maxLength: number) {
  return z.string({ error: typeError("must be text") }).trim().superRefine((value, issues) => {
    const message = problemOf(value) ??
      (value.isWellFormed() ? undefined : "must be well-formed Unicode");
    if (message !== undefined) issues.addIssue({ code: "custom", message });
  }).meta({ minLength: 1, maxLength });
}

function integer(min: number, max: number, what: string) {
  const expected = `must be an integer ${min}…${max}: ${what}`;
  const error = ({ input }: { input?: unknown }) => {
    if (input === undefined) return "is missing";
    if (typeof input === "string") return withValue(expected, input.trim());
    return typeof input === "number" ? `${expected}, not ${input}` : expected;
  };
  return z.int({ error }).min(min, { error }).max(max, { error });
}

const objectError = {
  error: ({ code }: { code?: string }) => code === "invalid_type" ? "must be an object" : undefined,
};

const sku = text(idProblem, orderLimits.idLength);

/** The `sku` in a path. */
export const skuParam = z.object({
  sku: sku.meta({ description: "The product's SKU, with `/` written %2F" }),
});

/**
 * The body of `POST /products`. Strict, because a misspelt `stock_qty` that was passed over would leave the product
 * without units.
 */
export const productBody = z.strictObject({
  sku,
  name: text(textProblem, orderLimits.textLength),
  price_cents: integer(0, orderLimits.unitPriceCents, "minor units of the currency"),
  stock_qty: integer(0, maxUnits, "whole units").optional(),
}, objectError);

/** The body of `PUT /products/{sku}/stock`. Strict for the same reason. */
export const stockBody = z.strictObject({
  set: integer(0, maxUnits, "whole units").optional()
    .meta({ description: "Units that can be reserved from now on" }),
  add: integer(-maxUnits, maxUnits, "whole units").optional()
    .meta({ description: "Units that came in, or were taken off where it is below zero" }),
  detail: text(textProblem, orderLimits.textLength).nullish()
    .meta({ description: "Why, for the product's timeline" }),
}, objectError).superRefine(({ set, add }, issues) => {
  if ((set === undefined) !== (add === undefined)) return;
  issues.addIssue({
    code: "custom",
    message: set === undefined ? "must have set or add" : "must have set or add, not both",
  });
});

/** The change that a body asks for. */
export function stockChangeOf({ set, add }: z.output<typeof stockBody>): StockChange {
  return set !== undefined ? { set } : { add: add! };
}
