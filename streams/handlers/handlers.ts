/**
 * Which handler serves which type of message.
 *
 * @module
 */

import type { Message } from "../../domain/messages/messages.ts";
import type { Delivery, Handler, HandlerDeps, Outcome } from "../queue/handler.ts";
import { sendNotifications } from "./notify.ts";
import { reserveOrders } from "./order_reserve.ts";
import { askAgain, chargePayments } from "./payment_charge.ts";
import { timeOutPayments } from "./payment_time_out.ts";
import { applyRefunds, reversePayments } from "./refund_process.ts";
import { settlePayments } from "./payment_callback.ts";

/**
 * Every type of message with its handler, in the order in which the parts of a batch are handled. A type that is not
 * in it, or a handler that takes other messages, does not compile.
 */
const handlers = {
  "order.reserve": reserveOrders,
  "payment.callback": settlePayments,
  "payment.time_out": timeOutPayments,
  "payment.charge": chargePayments,
  "payment.ask_again": askAgain,
  "notify.order": sendNotifications,
  "notify.refund": sendNotifications,
  "refund.process": applyRefunds,
  "payment.reverse": reversePayments,
} satisfies {
  [T in Message["type"]]: (
    deps: HandlerDeps,
    deliveries: Delivery<Extract<Message, { type: T }>>[],
  ) => Promise<Outcome[]>;
};

/** The messages of a batch that one handler takes. */
export interface Share {
  handle: Handler;
  deliveries: Delivery[];
}

/**
 * Divides a batch of any types among the handlers; types of one handler are handled together. A message of a type
 * without a handler, which only one that was not compiled can be, ends at once as a dead letter that names the type.
 */
export function shareOut(deliveries: readonly Delivery[]): Share[] {
  const known = handlers as unknown as Readonly<Record<string, Handler>>;
  const shares = Map.groupBy(
    deliveries,
    ({ message: { type } }) => Object.hasOwn(known, type) ? known[type]! : refuseUnknown,
  );
  return [...new Set([...Object.values(known), refuseUnknown])].flatMap((handle) => {
    const own = shares.get(handle);
    return own === undefined ? [] : [{ handle, deliveries: own }];
  });
}

const refuseUnknown: Handler = (_, deliveries) =>
  Promise.resolve(deliveries.map(({ message: { type } }): Outcome => ({
    kind: "dead",
    error: `no handler takes messages of the type "${type}"`,
  })));
