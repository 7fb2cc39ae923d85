/**
 * What orders come with beside their items: adjustments, and payments that were made at their source.
 *
 * @module
 */

import { adjustmentKinds } from "../../domain/order/adjustment.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import type { KnownTerms } from "../../domain/order/intake.ts";
import type { PaidAtSource } from "../../domain/order/source_payment.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { withKeptParents } from "../connection/kept_parents.ts";
import { deleteInstructions, writeInstructions } from "../payments/payment_instructions.ts";

/** What came with orders, by their ids. What was accepted of a disputed payment did not come with its order. */
export async function readOrderTerms(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, KnownTerms>> {
  if (orderIds.length === 0) return new Map();
  const adjustments = await readEverywhere(
    db,
    `
    select order_id, kind, amount_cents, included
    from order_adjustments force index (order_adjustments_order)
    where order_id in (?) and kind <> 'payment_difference'`,
    [[...orderIds]],
  );
  const payments = await db.query(
    "select order_id, provider, reference from source_payments where order_id in (?)",
    [[...orderIds]],
  );
  const ofOrder = Map.groupBy(adjustments, (row) => toInteger(row.order_id));
  const paid = new Map(payments.map((row) => [toInteger(row.order_id), {
    provider: String(row.provider),
    reference: String(row.reference),
  }]));
  return new Map(orderIds.map((id) => [id, {
    adjustments: (ofOrder.get(id) ?? []).map((row) => ({
      kind: String(row.kind),
      amountCents: toInteger(row.amount_cents),
      included: toInteger(row.included) === 1,
    })),
    payment: paid.get(id),
  }]));
}

/** A payment as text, by which two are known to be the same. */
export function paymentKey(
  { provider, reference }: Pick<PaidAtSource, "provider" | "reference">,
): string {
  return `${provider}\n${reference}`;
}

/** The external ids of the orders that have these payments, by {@linkcode paymentKey}. */
export async function findPaidOrders(
  db: Queryable,
  payments: readonly PaidAtSource[],
): Promise<Map<string, string>> {
  if (payments.length === 0) return new Map();
  const rows = await db.query(
    `
    select source_payments.provider, source_payments.reference, orders.external_order_id
    from json_table(?, '$[*]' columns (
      provider varchar(32) character set ascii collate ascii_bin path '$[0]',
      reference varchar(128) character set utf8mb4 collate utf8mb4_bin path '$[1]')) j
    straight_join source_payments force index (source_payments_reference)
      on source_payments.provider = j.provider and source_payments.reference = j.reference
    straight_join orders on orders.id = source_payments.order_id`,
    [JSON.stringify(payments.map(({ provider, reference }) => [provider, reference]))],
  );
  return new Map(rows.map((row) => {
    const payment = { provider: String(row.provider), reference: String(row.reference) };
    return [paymentKey(payment), String(row.external_order_id)];
  }));
}

/** Deletes what came with orders, before they get what they come with now. */
export async function deleteOrderTerms(tx: Queryable, orderIds: readonly number[]): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.query(
    "delete from order_adjustments where order_id in (?) and kind <> 'payment_difference'",
    [[...orderIds]],
  );
  await tx.query("delete from source_payments where order_id in (?)", [[...orderIds]]);
  await deleteInstructions(tx, orderIds);
}

/**
 * Writes what orders come with; no statement where none comes with anything.
 *
 * @param orders inserted or locked by this transaction
 * @throws a duplicate key where one was paid by a payment that another order has
 */
export async function insertOrderTerms(
  tx: Queryable,
  orders: readonly { orderId: number; order: IncomingOrder }[],
): Promise<void> {
  await insertAdjustments(tx, orders);
  await writeInstructions(
    tx,
    orders.flatMap(({ orderId, order: { instructions } }) =>
      instructions === undefined ? [] : [{ orderId, instructions }]
    ),
  );
  // By their keys, as all do, so that two of them never wait for each other.
  const payments = orders.flatMap(({ orderId, order: { payment } }) =>
    payment?.status === "paid" ? [{ orderId, payment, key: paymentKey(payment) }] : []
  ).sort((a, b) => a.key < b.key ? -1 : 1);
  if (payments.length === 0) return;
  const provider = payments[0]!.payment.provider;
  const isShared = payments.every(({ payment }) => payment.provider === provider);
  const rows = payments.map(({ orderId, payment: { provider, reference, paidAt } }) =>
    isShared ? [orderId, reference, paidAt] : [orderId, reference, paidAt, provider]
  );
  const sql = `
    insert into source_payments (order_id, provider, reference, paid_at)
    select j.order_id, ${isShared ? "?" : "j.provider"}, j.reference, j.paid_at
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      reference varchar(128) character set utf8mb4 collate utf8mb4_bin path '$[1]',
      paid_at datetime(6) path '$[2]'${
    isShared
      ? ""
      : ",\n      provider varchar(32) character set ascii collate ascii_bin path '$[3]'"
  })) j`;
  await tx.run(
    withKeptParents(tx.engine, sql),
    [...(isShared ? [provider] : []), JSON.stringify(rows)],
  );
}

/** Kinds by number in a statement: with texts in each row it takes the database a fifth longer. */
const kindNumbers = new Map(adjustmentKinds.map((kind, index) => [kind, index + 1]));
const kindOfNumber = `elt(j.kind, ${adjustmentKinds.map((kind) => `'${kind}'`).join(", ")})`;

async function insertAdjustments(
  tx: Queryable,
  orders: readonly { orderId: number; order: IncomingOrder }[],
): Promise<void> {
  const all = orders.flatMap(({ orderId, order }) =>
    (order.adjustments ?? []).map((adjustment) => ({ orderId, ...adjustment }))
  );
  if (all.length === 0) return;
  // Columns that most adjustments have no use for are written only where one of these has.
  const more = all.some(({ label, included }) => label !== null || included);
  // Put together by hand, as items are.
  const rows = all.map(({ orderId, kind, label, amountCents, included }) => {
    const numbers = `${orderId},${kindNumbers.get(kind)},${amountCents}`;
    return more ? `[${numbers},${included ? 1 : 0},${JSON.stringify(label)}]` : `[${numbers}]`;
  });
  const sql = `
    insert into order_adjustments (order_id, kind, amount_cents${more ? ", included, label" : ""})
    select j.order_id, ${kindOfNumber}, j.amount_cents${more ? ", j.included, j.label" : ""}
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      kind tinyint path '$[1]',
      amount_cents bigint path '$[2]'${more ? `,${furtherColumns}` : ""})) j`;
  await tx.run(withKeptParents(tx.engine, sql), [`[${rows.join(",")}]`]);
}

/** After the three that each adjustment has. */
const furtherColumns = `
      included tinyint path '$[3]',
      label varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[4]'`;
