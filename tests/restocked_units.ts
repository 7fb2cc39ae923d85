/**
 * A paid order of several lines with what there is besides, for tests of refunds of its parts.
 *
 * @module
 */

import { requestRefund } from "../services/refunds/request_refunds.ts";
import type { RefundItems } from "../domain/refund/refund_items.ts";
import type { RefundMessage } from "../domain/messages/messages.ts";
import { publish } from "../streams/workflow/publish.ts";
import { anOrder, type Workflow } from "./workflow.ts";

/**
 * Pays an order of two lines of `MUG` (2 of 7.50, 1 of 4.00) and one of `TEA` (5.00), with shipping of 4.90 and a
 * discount of 5.40 on it, and a tax that the prices contain: 23.50.
 *
 * @returns its id
 */
export async function payMixedOrder(flow: Workflow, name = "mixed"): Promise<number> {
  const [taken] = await flow.add([
    anOrder(name, [
      { sku: "MUG", qty: 2, unitPriceCents: 750 },
      { sku: "TEA", qty: 1, unitPriceCents: 500 },
      { sku: "MUG", qty: 1, unitPriceCents: 400 },
    ], {
      adjustments: [
        { kind: "shipping", label: "Express", amountCents: 490, included: false },
        { kind: "discount", label: null, amountCents: -540, included: false },
        { kind: "tax", label: "VAT", amountCents: 297, included: true },
      ],
    }),
  ]);
  const orderId = taken!.orderId!;
  await flow.drain();
  return orderId;
}

/** A line as requests name it. */
export function unitsOf(sku: string, qty: number, restock = false): RefundItems["lines"][number] {
  return { sku, itemId: null, qty, restock };
}

/** What a request says of the parts of an order. */
export function partsOf(parts: Partial<RefundItems>): RefundItems {
  return { lines: [], adjustments: [], restock: false, ...parts };
}

/** Requests a refund and publishes it; @returns the message about it */
export async function askParts(
  flow: Workflow,
  orderId: number,
  items: RefundItems | undefined,
  amountCents: number | null = null,
): Promise<RefundMessage> {
  const { refund, currency } = await requestRefund(
    flow.db,
    { orderId, amountCents, items, reason: null, idempotencyKey: null },
    "test",
  );
  const message = {
    type: "refund.process",
    orderId,
    refundId: refund.id,
    amountCents: refund.amountCents,
    currency,
  } as const;
  await publish(flow, [{ message }]);
  return message;
}
