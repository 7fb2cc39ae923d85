/**
 * `payment.time_out`, of the `payments` group: fails orders whose gateway never answered.
 *
 * @module
 */

import { addOrderEvents } from "../../db/orders/timelines.ts";
import { readFreshReservations, transitionOrders } from "../../db/orders/orders.ts";
import { readLiveHolds } from "../../db/payments/payment_holds.ts";
import { readDisputes } from "../../db/payments/payment_disputes.ts";
import { effectsOfOrder } from "../../domain/order/effects.ts";
import type { TimeOutMessage } from "../../domain/messages/messages.ts";
import { orderAfter, type OrderFacts } from "../../domain/order/order.ts";
import { decideTimeOut } from "../../domain/order/settle.ts";
import { allGateways, secondAnswerMs } from "../payments/gateway.ts";
import { anyHolds, readOutlived } from "../payments/held_money.ts";
import { restock } from "../payments/restock.ts";
import {
  type Delivery,
  done,
  type HandlerDeps,
  type Outcome,
  vanished,
  withFollowUps,
} from "../workflow/handler.ts";
import { orderHeld, orderLocks } from "../workflow/order_locks.ts";
import type { Enqueued } from "../workflow/publish.ts";

/**
 * Fails the orders of a batch whose gateway gave no answer, and gives their stock back. An answer that
 * came meanwhile wins, and so does a payment in dispute, which a person decides about; a success that comes later
 * is given back by `payments/settle.ts`. What was paid at the source waits for no provider, so its time is never over. An
 * order that was edited since this message was scheduled has a reservation that is younger, and goes on. So does one whose
 * money is held: it waits for its capture, until the time of that is over, whatever the age of its reservation; and one
 * whose capture was asked for has the time for its answer that any charge has.
 *
 * Without an answer nobody knows whether money was taken. So where no other message of the order is on its way,
 * which the amount of this one tells, one follows that asks about it until there is an answer, and charges nothing.
 */
export function timeOutPayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<TimeOutMessage>[],
): Promise<Outcome[]> {
  const lock = orderLocks(deps.db);
  return deps.db.transaction(async (tx) => {
    const attempts = new Map(deliveries.map(({ message, attempt }) => [message.orderId, attempt]));
    const { orders, now, held } = await lock(tx, [...attempts.keys()]);
    const failureReason = "payment_timeout";
    const reserved = [...orders.values()].filter(({ status, paidAtSource }) =>
      decideTimeOut(status).kind === "time_out" && !paidAtSource
    );
    const disputed = new Set(
      (await readDisputes(tx, reserved.map(({ id }) => id))).map(({ orderId }) => orderId),
    );
    const fresh = await readFreshReservations(
      tx,
      reserved.filter(({ revision }) => revision !== undefined).map(({ id }) => id),
      deps.reservationTtlSeconds,
    );
    const live = anyHolds(deps)
      ? await readLiveHolds(tx, reserved.map(({ id }) => id), deps.reservationTtlSeconds)
      : new Set<number>();
    const outlived = anyHolds(deps) ? await readOutlived(tx, [...fresh]) : new Set<number>();
    const expired = reserved.filter(({ id }) =>
      !disputed.has(id) && (!fresh.has(id) || outlived.has(id)) && !live.has(id)
    );
    const ids = expired.map(({ id }) => id);
    for (const order of expired) {
      orders.set(order.id, orderAfter(order, "time_out", now));
    }
    const arrived = await restock(tx, ids);
    await transitionOrders(tx, "time_out", ids, now);
    await addOrderEvents(
      tx,
      ids.map((orderId) => ({
        orderId,
        event: "failed",
        detail: failureReason,
        attempt: attempts.get(orderId),
      })),
      deps.consumer,
    );
    const outcomes = deliveries.map((
      { message: { orderId, amountCents, currency } },
    ): Outcome => {
      if (held.has(orderId)) return orderHeld(orderId);
      const order = orders.get(orderId);
      if (order === undefined) return vanished("order", orderId);
      const outcome = done(effectsOfOrder(order, deps.kpiDay));
      if (outcome.kind === "done" && live.has(orderId)) outcome.followUps.push(lookAgain(order));
      const isOpen = order.failureReason === failureReason && amountCents > 0;
      if (
        outcome.kind === "done" && isOpen &&
        allGateways(deps).some(({ status }) => status !== undefined)
      ) {
        const message = { type: "payment.charge", orderId, amountCents, currency } as const;
        outcome.followUps.push({ message, delayMs: secondAnswerMs });
      }
      return outcome;
    });
    return withFollowUps(outcomes, arrived);
  });
}

/** An order whose money was held meanwhile needs a message that looks at it. */
function lookAgain({ id: orderId, totalCents: amountCents, currency }: OrderFacts): Enqueued {
  const message = { type: "payment.charge", orderId, amountCents, currency } as const;
  return { message, delayMs: secondAnswerMs, evenIfLost: true };
}
