/**
 * Orders that were paid at their source, for tests.
 *
 * @module
 */

import type { IncomingOrder } from "../domain/order/incoming_order.ts";
import type { Workflow } from "./workflow.ts";

/** The provider of {@linkcode addPaid}, which no test configures. */
export const sourceProvider = "shop_pay";

/** When what {@linkcode addPaid} takes was paid. */
export const sourcePaidAt = "2025-03-01 11:59:00.000000";

/** Takes orders that were paid at their source, and publishes them. @returns their ids */
export async function addPaid(
  flow: Workflow,
  orders: IncomingOrder[],
  options: { provider?: string; initialStock?: number } = {},
): Promise<number[]> {
  const { provider = sourceProvider, initialStock } = options;
  const ids = (await flow.add(orders, initialStock)).map(({ orderId }) => orderId!);
  for (const id of ids) await payAtSource(flow, id, { provider });
  return ids;
}

/** Makes an order one that was paid at its source. */
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
