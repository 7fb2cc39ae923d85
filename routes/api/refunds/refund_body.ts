/**
 * A refund as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import { orderLimits } from "../../../domain/order/incoming_order.ts";
import type { RefundItems } from "../../../domain/refund/refund_items.ts";
import { reasonFault, refundLimits, trimmedReason } from "../../../domain/refund/refund_request.ts";
import { refundableKinds } from "../../../domain/refund/shares.ts";

const skuFault = `must have 1…${orderLimits.idLength} characters`;

const qtyFault = `must be an integer 1…${orderLimits.qty}`;

const amount = z.int({ error: ({ input }) => amountFault(input) })
  .min(1, "must be at least 1");

/** Only the order knows the currency; the value is told where it is short. */
function amountFault(value: unknown): string {
  if (value === undefined) return "is missing";
  const came = typeof value === "number" || typeof value === "string" && value.length <= 24;
  const fault = "must be an integer, in minor units (12.50 EUR is 1250)";
  return came ? `${fault}, not ${value}` : fault;
}

/** Units of a line, named by its product or by itself. */
const refundLine = z.strictObject({
  sku: z.string({ error: "must be text" }).trim().min(1, skuFault).max(
    orderLimits.idLength,
    skuFault,
  )
    .optional()
    .meta({
      description: "Of the product; taken from the lines that have it, the first ones first",
    }),
  item_id: z.int({ error: "must be the id of an item" }).min(1, "must be the id of an item")
    .optional()
    .meta({ description: "Of the line itself, in the place of `sku`" }),
  qty: z.int({ error: qtyFault }).min(1, qtyFault).max(orderLimits.qty, qtyFault),
  restock: z.boolean({ error: "must be true or false" }).optional()
    .meta({ description: "Whether the units go back into stock; false where it is left out" }),
}).superRefine(({ sku, item_id }, issues) => {
  if ((sku === undefined) === (item_id === undefined)) {
    issues.addIssue({ code: "custom", message: "must have a sku or an item_id, and not both" });
  }
});

const refundAdjustment = z.strictObject({
  kind: z.enum(refundableKinds, {
    error: `must be ${refundableKinds.join(", ")}; discounts and taxes go back with the lines`,
  }),
  amount_cents: amount,
});

/**
 * Strict, because a misspelt `amount_cents` that was passed over would give everything back; null is
 * refused for the same reason: it is what a calculation gone wrong looks like in JSON.
 */
export const refundBody = z.strictObject({
  amount_cents: amount.optional()
    .meta({ description: "Without it all that is left, or what lines and adjustments are worth" }),
  lines: z.array(refundLine, { error: "must be a list of lines" })
    .min(1, "must hold at least one line")
    .max(refundLimits.lines, `must hold at most ${refundLimits.lines} lines`)
    .optional()
    .meta({ description: "Units of items, worth their share of discounts and taxes too" }),
  adjustments: z.array(refundAdjustment, { error: "must be a list of adjustments" })
    .min(1, "must hold at least one adjustment")
    .max(refundLimits.adjustments, `must hold at most ${refundLimits.adjustments} adjustments`)
    .optional()
    .meta({ description: "Parts of what was charged beside the items" }),
  restock: z.boolean({ error: "must be true or false" }).optional()
    .meta({ description: "Of all that is left: whether all units go back into stock" }),
  reason: z.string({ error: "must be text" }).trim()
    .superRefine((text, issues) => {
      const message = reasonFault(text);
      if (message !== undefined) issues.addIssue({ code: "custom", message });
    })
    .transform(trimmedReason)
    .nullish(),
}, { error: (issue) => issue.code === "invalid_type" ? "must be an object" : undefined })
  .superRefine(({ lines, adjustments, restock }, issues) => {
    if (restock === true && (lines !== undefined || adjustments !== undefined)) {
      const message = "is for all that is left; of lines it is said in each";
      issues.addIssue({ code: "custom", path: ["restock"], message });
    }
  });

/** The parts that a request names; undefined where it is about a mere amount. */
export function itemsOf(
  { lines = [], adjustments = [], restock = false }: z.output<typeof refundBody>,
): RefundItems | undefined {
  if (lines.length + adjustments.length === 0 && !restock) return undefined;
  return {
    lines: lines.map(({ sku = null, item_id: itemId = null, qty, restock = false }) => ({
      sku,
      itemId,
      qty,
      restock,
    })),
    adjustments: adjustments.map(({ kind, amount_cents: amountCents }) => ({ kind, amountCents })),
    restock,
  };
}
