/**
 * Brings real orders while faults are made.
 *
 * @module
 */

import { type TakenOrder, takeOrders } from "../../../streams/intake/take_orders.ts";
import { type IncomingOrder, totalCentsOf } from "../../../domain/order/incoming_order.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { nthOrder, sampleOrders } from "./orders.ts";
import { ampleStock } from "../../orders/order_rows.ts";
import { productDeps, type Stage } from "./stage.ts";
import { pauseMs, until } from "./until.ts";

/** Orders that were brought into the database. */
export interface Feed {
  readonly orders: readonly IncomingOrder[];
  /** Brings no more, and waits until everything that was begun is in the database and published. */
  stop(): Promise<void>;
}

/** Orders to one transaction. */
const ordersAtOnce = 100;

/** Longest wait for engines when the last orders are brought, in milliseconds. */
const bringMs = 30_000;

/** Wait before a try that failed is repeated, and between looks at the backlog, in milliseconds. */
const waitMs = 50;

/**
 * Brings orders until it is stopped, so that `backlog` of them are unfinished at any time. An engine that
 * is away is waited for, and whatever was not confirmed is brought again, as a shop would do.
 *
 * @param options.from number of the first order in the endless row
 */
export function feed(stage: Stage, options: { backlog: number; from?: number }): Feed {
  const brought: IncomingOrder[] = [];
  let number = options.from ?? 0;
  // A part that was not confirmed is brought again, or nobody could say what the database should hold.
  let part: IncomingOrder[] = [];
  const stop = stage.repeat(async () => {
    const sample = await sampleOrders();
    if (part.length === 0) {
      if (await unfinished(stage) >= options.backlog) return await pauseMs(waitMs);
      part = Array.from({ length: ordersAtOnce }, (_, at) => nthOrder(sample, number + at));
      number += ordersAtOnce;
    }
    if (!await tryTake(stage, part)) return await pauseMs(waitMs);
    brought.push(...part);
    part = [];
  });
  return {
    orders: brought,
    stop: async () => {
      await stop();
      await until("the last orders are in the database", bringMs, async () => {
        if (part.length > 0 && !await tryTake(stage, part)) return "an engine is away";
        return true;
      });
      brought.push(...part);
      part = [];
    },
  };
}

/** Brings the first `count` real orders at once. */
export async function bringOrders(stage: Stage, count: number): Promise<IncomingOrder[]> {
  const sample = await sampleOrders();
  const orders = Array.from({ length: count }, (_, number) => nthOrder(sample, number));
  for (let from = 0; from < count; from += ordersAtOnce) {
    await take(stage, orders.slice(from, from + ordersAtOnce));
  }
  return orders;
}

/** Cents of all orders that the simulated gateway pays. */
export function revenueOf(orders: readonly IncomingOrder[]): number {
  return orders.map(({ items }) => totalCentsOf(items))
    .filter((cents) => cents % 2 === 0)
    .reduce((sum, cents) => sum + cents, 0);
}

async function unfinished({ db }: Stage): Promise<number> {
  try {
    const [row] = await db.query("select count(*) as open from orders where unfinished = 1");
    return Number(row!.open);
  } catch {
    return Infinity;
  }
}

async function tryTake(stage: Stage, orders: readonly IncomingOrder[]): Promise<boolean> {
  try {
    await take(stage, orders);
    return true;
  } catch {
    return false;
  }
}

/** Into the database and onto the stream, as an import does it. */
export async function take(stage: Stage, orders: readonly IncomingOrder[]): Promise<void> {
  const taken = await book(stage, orders);
  const pending = taken.filter(({ status }) => status === "PENDING");
  await publish(
    productDeps(stage),
    pending.map(({ orderId, totalCents, currency }) => ({
      message: { type: "order.reserve", orderId: orderId!, amountCents: totalCents, currency },
    })),
    { lane: "bulk", oncePerOrder: true, committed: true },
  );
}

/** Into the database and onto no stream. */
export async function book(
  stage: Stage,
  orders: readonly IncomingOrder[],
): Promise<TakenOrder[]> {
  return await takeOrders(stage.db, orders, {
    initialStock: ampleStock,
    onPendingChange: "update",
    actor: "chaos",
  });
}
