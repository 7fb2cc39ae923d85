/**
 * Locks the orders of a batch, and does without those that somebody else keeps.
 *
 * Mostly whoever has an order commits within milliseconds, and is waited for. Where that lasted as long as any wait for a
 * lock (a process that stands still in the middle of a transaction, a person who left one open), the transaction is run
 * again and takes what is free: one order holds up no other.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { isLockTimeout } from "../../db/connection/faults.ts";
import { type LockedOrders, lockOrders, readOrders } from "../../db/orders/orders.ts";
import { refundFactsOf } from "../../db/refunds/refund_rows.ts";
import type { RefundFacts } from "../../domain/refund/refund.ts";
import type { Outcome } from "./handler.ts";

/** The orders of a batch that are locked now, and those that another transaction has. */
export interface BatchLocks extends LockedOrders {
  /** Ids of orders that exist and are not locked here: nothing may be decided about them. */
  held: ReadonlySet<number>;
}

/** Most orders that are remembered. */
const maxRemembered = 10_000;

/**
 * Orders that were found held, by database: their batches don't wait for them again, which would cost all others in each
 * the whole wait. Forgotten once they could be locked.
 */
const heldOrders = new WeakMap<Database, Set<number>>();

const none: ReadonlySet<number> = new Set();

/**
 * Makes what locks the orders of one batch, in whatever transactions that takes.
 *
 * @returns what runs it; what is to be read once they are locked goes to the server with that, as far as `beside` asks for it
 * at once
 */
export function orderLocks(
  db: Database,
): <T = undefined>(
  tx: Queryable,
  orderIds: readonly number[],
  beside?: () => Promise<T>,
) => Promise<BatchLocks & { beside: T | undefined }> {
  const { wait, lockFree } = patienceFor(db);
  return async (tx, orderIds, beside) =>
    await wait(orderIds, async () => {
      const [locked, read] = await Promise.all([lockOrders(tx, orderIds), beside?.()]);
      return { ...locked, held: none, beside: read };
    }) ?? { ...await lockFree(tx, orderIds), beside: await beside?.() };
}

/**
 * The same with all refunds of the orders, by order id: an order of which another transaction has one is held as well.
 *
 * @param options.patient false for whoever comes back to those that are held by itself: then none is waited for
 */
export function refundLocks(
  db: Database,
  { patient = true }: { patient?: boolean } = {},
): (
  tx: Queryable,
  orderIds: readonly number[],
) => Promise<BatchLocks & { refundsOf: ReadonlyMap<number, RefundFacts[]> }> {
  const { wait, lockFree, noteHeld } = patienceFor(db, patient);
  return async (tx, orderIds) => {
    const all = await wait(orderIds, async () => {
      const locked = await lockOrders(tx, orderIds);
      const refundsOf = await refundFactsOf(tx, [...locked.orders.keys()], { lock: true });
      return { ...locked, refundsOf, held: none };
    });
    if (all !== undefined) return all;
    const locked = await lockFree(tx, orderIds);
    const ids = [...locked.orders.keys()];
    const refundsOf = await refundFactsOf(tx, ids, { lock: true, skipLocked: true });
    const committed = await refundFactsOf(tx, ids, { lock: false });
    const lacking = ids.filter((id) => refundsOf.get(id)?.length !== committed.get(id)?.length);
    noteHeld(lacking);
    return { ...locked, refundsOf, held: new Set([...locked.held, ...lacking]) };
  };
}

/**
 * The same for what locks orders without saying so, as each row does that is written about one.
 *
 * @returns what runs it; it has to leave out the orders that it is given
 */
export function aroundHeld(
  db: Database,
): <T extends NonNullable<unknown>>(
  tx: Queryable,
  orderIds: readonly number[],
  write: (held: ReadonlySet<number>) => Promise<T>,
) => Promise<T> {
  const { wait, lockFree } = patienceFor(db);
  return async (tx, orderIds, write) =>
    await wait(orderIds, () => write(none)) ??
      await write((await lockFree(tx, orderIds)).held);
}

/** What becomes of a message whose order is held: it comes again and has lost no try. */
export function orderHeld(orderId: number): Outcome {
  return { kind: "later", error: `order ${orderId} is locked by another transaction` };
}

/**
 * The patience of one batch: it waits in vain once.
 *
 * @param patient false where it does not wait at all; then nothing is known of what it finds held
 */
function patienceFor(db: Database, patient = true) {
  const known = heldOrders.get(db) ?? new Set();
  heldOrders.set(db, known);
  let isPatient = patient;
  const noteHeld = (orderIds: Iterable<number>) => {
    if (!patient) return;
    for (const id of orderIds) if (known.size < maxRemembered) known.add(id);
  };
  return {
    noteHeld,
    /** Runs what may have to wait; undefined where it is known that it would wait in vain. */
    async wait<T>(orderIds: readonly number[], work: () => Promise<T>): Promise<T | undefined> {
      if (!isPatient || (known.size > 0 && orderIds.some((id) => known.has(id)))) return undefined;
      try {
        return await work();
      } catch (error) {
        // The transaction that this belongs to is run again as a whole.
        if (isLockTimeout(error)) isPatient = false;
        throw error;
      }
    },
    /** Locks the orders that nobody has. */
    async lockFree(tx: Queryable, orderIds: readonly number[]): Promise<BatchLocks> {
      const locked = await lockOrders(tx, orderIds, { skipLocked: true });
      const missing = orderIds.filter((id) => !locked.orders.has(id));
      const held = new Set((await readOrders(tx, missing)).keys());
      for (const id of orderIds) if (!held.has(id)) known.delete(id);
      noteHeld(held);
      return { ...locked, held };
    },
  };
}
