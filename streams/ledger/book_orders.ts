/**
 * Books what has become of the money of orders.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { readLedgerFacts } from "../../db/ledger/ledger_facts.ts";
import { readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import { type PlainSale, postMovements, postSales } from "../../db/ledger/post_movements.ts";
import { readRefundedTax } from "../../db/ledger/sale_parts.ts";
import { findLedgerGaps } from "../../domain/ledger/due_movements.ts";
import {
  type Movement,
  refundEntries,
  saleEntries,
  type SaleParts,
} from "../../domain/ledger/movement.ts";

/**
 * Books orders as paid by the payments that this transaction has written for them; the way of every batch.
 *
 * @param sales orders, which must be locked, and had no payment before
 * @param parts what of them is tax or another adjustment
 * @param now of the settlement, the database's clock, UTC
 */
export async function bookSales(
  tx: Queryable,
  sales: readonly PlainSale[],
  parts: ReadonlyMap<number, SaleParts>,
  now: string,
): Promise<void> {
  const paid = sales.filter(({ totalCents }) => totalCents > 0);
  const others = paid.filter(({ orderId }) => parts.has(orderId));
  await postSales(tx, paid.filter(({ orderId }) => !parts.has(orderId)), now);
  await postMovements(
    tx,
    others.map(({ orderId, totalCents, currency }): Movement => ({
      orderId,
      source: "payment",
      sourceId: 0,
      step: 1,
      currency,
      at: null,
      entries: saleEntries(totalCents, parts.get(orderId)),
    })),
    now,
  );
}

/** A refund that was given back. */
export interface BookedRefund {
  id: number;
  orderId: number;
  amountCents: number;
  currency: string;
  itemized?: boolean;
}

/** Books refunds that this transaction has marked as processed; their orders must be locked. */
export async function bookRefunds(
  tx: Queryable,
  refunds: readonly BookedRefund[],
  now: string,
): Promise<void> {
  const itemized = refunds.filter((refund) => refund.itemized);
  const tax = await readRefundedTax(tx, itemized.map(({ id }) => id));
  await postMovements(
    tx,
    refunds.map(({ id, orderId, amountCents, currency }): Movement => ({
      orderId,
      source: "refund",
      sourceId: id,
      step: 1,
      currency,
      at: null,
      entries: refundEntries(amountCents, tax.get(id) ?? 0),
    })),
    now,
  );
}

/**
 * Books that a refund came back, which this transaction has marked as returned and whose order must be locked: what is booked
 * of it, the other way round, now. That the same is not booked twice is held by the primary key of its rows.
 *
 * @param now the database's clock, UTC
 */
export async function bookReturned(
  tx: Queryable,
  { refundId, orderId }: { refundId: number; orderId: number },
  now: string,
): Promise<void> {
  const gaps = findLedgerGaps(await readLedgerFacts(tx, { ids: [orderId] }));
  const movements = gaps
    .filter(({ source, sourceId }) => source === "refund" && sourceId === refundId)
    .flatMap(({ movements }) => movements);
  await postMovements(tx, movements.map((movement) => ({ ...movement, at: null })), now);
}

/**
 * Books whatever the payments and refunds of some orders, which must be locked, have become: for all that is rare. What the
 * ledger says already is not booked again; what is wrong in it is left for the proof to tell.
 *
 * What a version before this one did and did not book is booked with it, on its own day or, where that is closed, now.
 *
 * @param orderIds some thousand at most
 * @param now the database's clock, UTC
 * @returns how many movements were booked
 */
export async function bookOrders(
  tx: Queryable,
  orderIds: readonly number[],
  now: string,
): Promise<number> {
  if (orderIds.length === 0) return 0;
  const gaps = findLedgerGaps(await readLedgerFacts(tx, { ids: orderIds }));
  const movements = gaps.flatMap(({ kind, movements }) => kind === "missing" ? movements : []);
  if (movements.length === 0) return 0;
  const { closedDay } = await readLedgerMarks(tx);
  const isOpen = ({ at }: Movement) =>
    at === null || closedDay === null || at.slice(0, 10) > closedDay;
  await postMovements(
    tx,
    movements.map((movement) => isOpen(movement) ? movement : { ...movement, at: null }),
    now,
  );
  return movements.length;
}
