/**
 * Brings real orders while faults are made.
 *
 * @module
 */

import { takeOrders } from "../../db/intake.ts";
import { type IncomingOrder, totalCentsOf } from "../../domain/incoming_order.ts";
import { publish } from "../../streams/queue.ts";
import { nthOrder, sampleOrders } from "./orders.ts";
import { ampleStock, productDeps, type Stage } from "./stage.ts";
import { pauseMs } from "./until.ts";

/** Orders that were brought into the books. */
export interface Feed {
  readonly orders: readonly IncomingOrder[];
  /** Brings no more, and waits until everything that was begun is in the books and published. */
  stop(): Promise<void>;
}

/** Orders to one transaction. */
const ordersAtOnce = 100;

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
  let stopped = false;
  const bring = async () => {
    const sample = await sampleOrders();
    for (let number = options.from ?? 0; !stopped;) {
      const slice = Array.from(
        { length: ordersAtOnce },
        (_, at) => nthOrder(sample, number + at),
      );
      if (await unfinished(stage) >= options.backlog) {
        await pauseMs(waitMs);
        continue;
      }
      // What was begun must be finished, or nobody could say what the books should hold.
      while (!await tryTake(stage, slice)) await pauseMs(waitMs);
      brought.push(...slice);
      number += slice.length;
    }
  };
  const bringing = bring();
  return {
    orders: brought,
    stop: async () => {
      stopped = true;
      await bringing;
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

/** Into the books and onto the stream, as an import does it. */
export async function take(stage: Stage, orders: readonly IncomingOrder[]): Promise<void> {
  const taken = await takeOrders(stage.db, orders, {
    initialStock: ampleStock,
    onPendingChange: "update",
    actor: "chaos",
  });
  const pending = taken.filter(({ status }) => status === "PENDING");
  await publish(
    productDeps(stage),
    pending.map(({ orderId, totalCents, currency }) => ({
      message: { type: "order.reserve", orderId: orderId!, amountCents: totalCents, currency },
    })),
    { oncePerOrder: true },
  );
}
