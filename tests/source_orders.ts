/**
 * Orders that were paid at their source, for tests.
 *
 * @module
 */

import type { IncomingOrder } from "../domain/order/incoming_order.ts";
import type { Workflow } from "./workflow.ts";

/** The provider of {@linkcode addPaid}, which no test configures. */
export const sourceProvider = "shop pay";

/** When what {@linkcode addPaid} takes was paid. */
export const sourcePaidAt = "2025-03-01 11:59:00.000000";

/** Takes orders that were paid at their source, and publishes them. @returns their ids */
export async function addPaid(
  flow: Workflow,
  orders: IncomingOrder[],
  options: { provider?: string; initialStock?: number } = {},
): Promise<number[]> {
  const { provider = sourceProvider, initialStock } = options;
  const taken = await flow.add(
    orders.map((order) => ({
      ...order,
      payment: {
        status: "paid" as const,
        provider,
        reference: referenceOf(order),
        paidAt: sourcePaidAt.slice(0, -3),
      },
    })),
    initialStock,
  );
  return taken.map(({ orderId }) => orderId!);
}

/** The provider's name for what an order of {@linkcode addPaid} was paid by. */
export function referenceOf({ externalOrderId }: Pick<IncomingOrder, "externalOrderId">): string {
  return `src_${externalOrderId}`;
}

/** Makes an order one that was paid at its source, whatever it came as. */
export async function payAtSource(
  { rows }: Pick<Workflow, "rows">,
  orderId: number,
  { provider = sourceProvider, reference = `src_${orderId}` }: {
    provider?: string;
    reference?: string;
  } = {},
): Promise<void> {
  await rows("update orders set payment_status = 'paid' where id = ?", [orderId]);
  await rows(
    "insert into source_payments (order_id, provider, reference, paid_at) values (?, ?, ?, ?)",
    [orderId, provider, reference, sourcePaidAt],
  );
}
