/**
 * Which handler serves which type of message.
 *
 * @module
 */

import type { Message } from "../domain/messages.ts";
import type { Delivery, Handler, HandlerDeps, Outcome } from "./handler.ts";
import { sendNotifications } from "./notifications_send.ts";
import { reserveOrders } from "./orders_reserve.ts";
import { askAgain, chargePayments } from "./payments_charge.ts";
import { timeOutPayments } from "./payments_time_out.ts";
import { applyRefunds, reversePayments } from "./refunds_apply.ts";
import { settlePayments } from "./settle_payments.ts";

/** A step of the workflow and the types of messages it takes; together they cover every type. */
interface Step {
  types: readonly Message["type"][];
  handle: Handler;
}

/** Narrows a handler of certain messages to the general form; {@linkcode steps} pairs it with them. */
function step<M extends Message>(
  types: readonly M["type"][],
  handle: (deps: HandlerDeps, deliveries: Delivery<M>[]) => Promise<Outcome[]>,
): Step {
  return { types, handle: (deps, deliveries) => handle(deps, deliveries as Delivery<M>[]) };
}

/** Every step there is. */
const steps: readonly Step[] = [
  step(["order.reserve"], reserveOrders),
  step(["payment.callback"], settlePayments),
  step(["payment.time_out"], timeOutPayments),
  step(["payment.charge"], chargePayments),
  step(["payment.ask_again"], askAgain),
  step(["notify.order", "notify.refund"], sendNotifications),
  step(["refund.process"], applyRefunds),
  step(["payment.reverse"], reversePayments),
];

/** The messages of a batch that one handler takes. */
export interface Share {
  handle: Handler;
  deliveries: Delivery[];
}

/** Divides a batch of any types among the handlers. */
export function shareOut(deliveries: readonly Delivery[]): Share[] {
  return steps
    .map(({ types, handle }) => ({
      handle,
      deliveries: deliveries.filter(({ message }) => types.includes(message.type)),
    }))
    .filter((share) => share.deliveries.length > 0);
}
