/**
 * Having the money taken that is held for an order: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { lockOrders, readCharges } from "../../db/orders/orders.ts";
import { addOrderEvents, readBringer } from "../../db/orders/timelines.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { readHolds, requestCapture } from "../../db/payments/payment_holds.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Message } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { foreignFault, type OnlyOf } from "../../domain/order/bringer.ts";
import { decideCapture } from "../../domain/order/capture.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import { chargeKeyOf } from "../../domain/payment/payment_key.ts";
import { audited } from "../audited.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/** What belongs to a capture. */
export interface CaptureOptions {
  /** What is to be taken, in minor units: the order's total, or it is refused; null for that. */
  amountCents?: number | null;
  /** Is called where it is asked for, in the same transaction. */
  inTransaction?: (tx: Queryable) => Promise<void>;
  /** Only of an order that this one has brought. */
  only?: OnlyOf;
}

/** An order whose money is to be taken. */
export interface CaptureResult {
  /** As it is now: the provider is asked afterwards. */
  order: OrderFacts;
  /** False where it was asked for before. */
  changed: boolean;
}

/**
 * Asks for the money to be taken that is held for an order; consumers then ask the provider, and the order is `PAID` by
 * what it answers, or `FAILED` where it holds the money no more. A crash leaves it asked for or not; what no stream holds
 * then, the sweep publishes.
 *
 * @throws {WorkflowError} `not_found`, `not_yours`, `order_not_capturable` where nothing is held, `capture_not_total`
 */
export async function captureAndPublish(
  deps: ServiceDeps,
  orderId: number,
  operator: Operator,
  options: CaptureOptions = {},
): Promise<CaptureResult> {
  const subject = { kind: "order", id: String(orderId) } as const;
  const about = { operator, action: "order.capture", subject } as const;
  const result = await audited(deps, about, (note) =>
    deps.db.transaction(async (tx) => {
      const { order, changed } = await askFor(tx, orderId, options);
      if (changed) {
        const detail = namedAmount(order.totalCents, order.currency);
        const event = "payment_capture_asked";
        await addOrderEvents(tx, [{ orderId, event, detail }], operator.actor);
        await options.inTransaction?.(tx);
        await note(tx, detail);
      }
      return { result: { order, changed }, changed };
    }));
  if (result.order.status === "RESERVED") {
    const { totalCents: amountCents, currency } = result.order;
    const message: Message = { type: "payment.charge", orderId, amountCents, currency };
    await publishAfterCommit(deps, [message]);
  }
  return result;
}

async function askFor(
  tx: Queryable,
  orderId: number,
  { amountCents = null, only }: CaptureOptions,
): Promise<CaptureResult> {
  const order = (await lockOrders(tx, [orderId])).orders.get(orderId);
  if (order === undefined) throw new WorkflowError("not_found", `There is no order ${orderId}`);
  if (only !== undefined) {
    const fault = foreignFault(only, await readBringer(tx, orderId), `order ${orderId}`);
    if (fault !== undefined) throw fault;
  }
  const charge = (await readCharges(tx, [orderId])).get(orderId)!;
  const key = chargeKeyOf(await readInstallation(tx), charge);
  const hold = (await readHolds(tx, [key])).get(key);
  const held = hold === undefined
    ? null
    : { status: hold.status, isRequested: hold.captureRequestedAt !== null };
  const decision = decideCapture(order, held, amountCents);
  switch (decision.kind) {
    case "capture":
      return { order, changed: await requestCapture(tx, key) };
    case "already_requested":
      return { order, changed: false };
    case "other_amount":
      throw new WorkflowError(
        "capture_not_total",
        `Cannot capture ${
          namedAmount(amountCents!, order.currency)
        } for order ${orderId}: its total is ${
          namedAmount(order.totalCents, order.currency)
        }; change the order first, and the new total is held instead`,
      );
    case "refused":
      throw new WorkflowError(
        "order_not_capturable",
        `Cannot capture the money of order ${orderId}: ${decision.why}`,
      );
  }
}
