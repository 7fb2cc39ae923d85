/**
 * Which handler serves which type of message.
 *
 * @module
 */

import type { Message } from "../../domain/messages/messages.ts";
import type { Delivery, Handler, HandlerDeps, Outcome } from "../workflow/handler.ts";
import { sendNotifications } from "./notify.ts";
import { reserveOrders } from "./order_reserve.ts";
import { askAgain } from "./payment_ask_again.ts";
import { takeCallbacks } from "./payment_callback.ts";
import { chargePayments } from "./payment_charge.ts";
import { reversePayments } from "./payment_reverse.ts";
import { timeOutPayments } from "./payment_time_out.ts";
import { applyRefunds } from "./refund_process.ts";
import { takeUpOrders } from "./stock_arrived.ts";

/**
 * Every type of message with its handler, in the order in which the parts of a batch are handled. A type that is not
 * in it, or a handler that takes other messages, does not compile.
 */
const byType = {
  "order.reserve": reserveOrders,
  "stock.arrived": takeUpOrders,
  "payment.callback": takeCallbacks,
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

/** The table as the queue takes it, which hands each handler the messages of its types alone. */
export const handlers = byType as unknown as Readonly<Record<string, Handler>>;
