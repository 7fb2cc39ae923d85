/**
 * Books what has no rows in the ledger yet: what happened before there was one, and what a version before does beside.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { readSnapshot } from "../../db/connection/snapshot.ts";
import { listOrderIds, moveLedgerMarks, readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import type { LedgerGap } from "../../domain/ledger/due_movements.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { everything, type Scope } from "../../db/verification/scope.ts";
import { ordersOfPayments } from "../../db/verification/seals.ts";
import { readRecent } from "../seals/recent.ts";
import { bookOrders } from "./book_orders.ts";
import { findGaps } from "./find_gaps.ts";

/** How often it is looked for more, where there is more than one look finds. */
const maxRounds = 10_000;

/** Orders to one transaction: it holds their locks for some 50 ms. */
const ordersAtOnce = 500;

/**
 * Books the next orders of before the ledger: all that became of their money, each movement on its day. One transaction
 * with the mark, so a crash leaves a page booked or not; one that is done twice books nothing the second time.
 *
 * @returns false once all are
 */
export async function bookNextOrders(db: Database): Promise<boolean> {
  return await db.transaction(async (tx) => {
    const marks = await readLedgerMarks(tx, "for update");
    if (marks.isComplete) return false;
    const ids = await listOrderIds(tx, { afterId: marks.ordersUpTo, limit: ordersAtOnce });
    const { now } = await lockOrders(tx, ids);
    await bookOrders(tx, ids, now);
    const isComplete = ids.length < ordersAtOnce;
    await moveLedgerMarks(tx, marks, { ordersUpTo: ids.at(-1) ?? marks.ordersUpTo, isComplete });
    return !isComplete;
  });
}

/**
 * Books what is missing of recent work: a process of a version before moves money without the ledger.
 *
 * @returns how many movements were booked
 */
export async function bookRecent(db: Database): Promise<number> {
  return await bookMissing(db, async () =>
    await readSnapshot(db, async (tx) => {
      const { checkedOrders, paymentIds } = await readRecent(tx);
      return [...checkedOrders, { ids: await ordersOfPayments(tx, paymentIds) }];
    }));
}

/** Books whatever is missing, wherever. @returns how many movements were booked */
export async function bookEverything(db: Database): Promise<number> {
  return await bookMissing(db, () => Promise.resolve(everything.orders));
}

async function bookMissing(
  db: Database,
  scopesOf: () => Promise<readonly Scope[]>,
): Promise<number> {
  const scopes = await scopesOf();
  let booked = 0;
  for (let round = 0; round < maxRounds; round++) {
    const { gaps, more } = await readSnapshot(db, (tx) => findGaps(tx, scopes));
    const found = await bookGaps(db, gaps);
    booked += found;
    if (found === 0 || more === 0) break;
  }
  return booked;
}

async function bookGaps(db: Database, gaps: readonly LedgerGap[]): Promise<number> {
  const ids = [...new Set(gaps.flatMap((gap) => gap.kind === "missing" ? [gap.orderId] : []))];
  let booked = 0;
  for (let from = 0; from < ids.length; from += ordersAtOnce) {
    const page = ids.slice(from, from + ordersAtOnce);
    booked += await db.transaction(async (tx) => {
      await readLedgerMarks(tx, "for update");
      const { now } = await lockOrders(tx, page);
      return await bookOrders(tx, page, now);
    });
  }
  return booked;
}
