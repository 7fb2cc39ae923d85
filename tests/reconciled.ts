/**
 * A provider's books and ours, for tests of reconciling.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ReportLine, ToldLie } from "../commands/provider_report.ts";
import { feeOf, reportCsv, reportLies, reportLine } from "../commands/provider_report.ts";
import { type DiscrepancyRow, listDiscrepancies } from "../db/reconciliation/discrepancies.ts";
import { readInstallation } from "../db/payments/installation.ts";
import { readCharges } from "../db/orders/orders.ts";
import { databaseTime } from "../domain/database_time.ts";
import { chargeKeyOf } from "../domain/payment/payment_key.ts";
import { reconcile } from "../services/reconciliation/reconcile.ts";
import { requestRefunds } from "../services/refunds/request_refunds.ts";
import type { Database, Queryable } from "../db/connection/database.ts";
import { publish } from "../streams/workflow/publish.ts";
import { anOperator } from "./operator.ts";
import { type Provided, settleAll } from "./provider.ts";
import { anOrder, type Workflow } from "./workflow.ts";

/** Who reconciles. */
export const operator = anOperator();

/** Somebody else, where two have to agree. */
export const another = anOperator("another");

/** Our books, and the provider that they are held against. */
export interface Reconciled {
  flow: Workflow;
  /** `http` by default. */
  name?: string;
  /** One that keeps its own books. */
  provider?: Provided["provider"];
}

/** How reconciling is set up. */
export function depsOf({ flow }: Reconciled, approvals = 1, days = 0) {
  return {
    ...flow,
    config: {
      reconciliationApprovals: approvals,
      reconciliationDays: days,
      chargebackRevenue: "opened",
    } as const,
  };
}

/** Holds lines against the books, over the days of the test. */
export function hold(provided: Reconciled, lines: Iterable<ReportLine>, approvals = 1) {
  return holdCsv(provided, [...reportCsv(lines)].join(""), approvals);
}

/** The same of a report as it is written. */
export function holdCsv(provided: Reconciled, csv: string, approvals = 1) {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  return reconcile(depsOf(provided, approvals), {
    provider: provided.name ?? "http",
    report: { source: new Blob([csv]).stream(), name: "report.csv" },
    period: { from: day(-1), to: day(1) },
    operator,
  });
}

/** A line of the charge of 10.00 EUR that order 1 is paid by: all of it, a part, or what takes some back. */
export function aPart(kind: string, grossCents: number, currency = "EUR"): ReportLine {
  const line = {
    entryId: `txn_${kind}_${grossCents}`,
    kind,
    createdUtc: databaseTime(Date.now()),
    chargeId: "sim_of_1",
    refundId: "",
    key: "",
    reference: "1",
    grossCents,
    feeCents: 0,
    netCents: grossCents,
    currency,
  };
  return line as ReportLine;
}

/** What was found, whatever became of it, or what is open of it. */
export async function all({ flow }: Reconciled, state?: "open"): Promise<DiscrepancyRow[]> {
  const filter = state === undefined ? {} : { state };
  return await listDiscrepancies(flow.db, { filter, afterId: 0, limit: 100_000 });
}

/** What the tables of reconciling hold. */
export async function contents({ flow }: Reconciled): Promise<unknown> {
  const tables = [
    "reconciliations",
    "provider_movements",
    "provider_days",
    "provider_conversions",
    "reconciled_days",
  ];
  const rows = await Promise.all(
    [...tables, "discrepancies"].map((table) => flow.rows(`select * from ${table}`)),
  );
  return rows.map((some) => some.map((row) => JSON.stringify(row)).sort());
}

/** Orders that are paid at the provider, some of them refunded. */
export async function paidOrders(provided: Reconciled, count: number): Promise<void> {
  const { flow, provider } = provided;
  const settle = () => provider === undefined ? flow.drain() : settleAll({ flow, provider });
  for (let from = 0; from < count; from += 500) {
    const some = Array.from(
      { length: Math.min(500, count - from) },
      (_, n) =>
        anOrder(`R-${from + n}`, [{ sku: "A", qty: 1, unitPriceCents: 2_000 + 2 * (from + n) }]),
    );
    await flow.add(some, 1_000_000);
  }
  await settle();
  const rows = await flow.rows("select id from orders where status = 'PAID' order by id");
  const wished = rows.filter((_, place) => place % 5 === 0).map(({ id }) => ({
    orderId: Number(id),
    amountCents: 500,
    reason: null,
    idempotencyKey: null,
  }));
  for (const result of await requestRefunds(flow.db, wished, "test")) {
    assert.ok(!(result instanceof Error));
    const { refund: { id: refundId, orderId, amountCents }, currency } = result;
    const message = { type: "refund.process", orderId, refundId, amountCents, currency } as const;
    await publish(flow, [{ message }]);
  }
  await settle();
}

/** The report that the simulated provider would write: just what our books say. */
export async function ownReport({ rows }: Workflow): Promise<ReportLine[]> {
  const moved = await rows(`
    select 'charge' as kind, provider_ref, '' as refund_id, '' as moved_key, external_order_id, amount_cents,
      paid_at as moved_at
    from payments join orders on orders.id = order_id where payments.status = 'SUCCEEDED'
    union all
    select 'refund', provider_ref, refunds.id, provider_key, external_order_id, -refunds.amount_cents, processed_at
    from refunds join orders on orders.id = refunds.order_id join payments on payments.order_id = orders.id
    where refunds.status = 'PROCESSED'
    order by moved_at, kind`);
  return moved.map((row) =>
    reportLine({
      kind: row.kind as "charge" | "refund",
      createdUtc: String(row.moved_at).slice(0, 23),
      chargeId: String(row.provider_ref),
      refundId: String(row.refund_id),
      key: String(row.moved_key),
      reference: String(row.external_order_id),
      grossCents: Number(row.amount_cents),
      feeCents: row.kind === "charge" ? feeOf(Number(row.amount_cents)) : 0,
      currency: "EUR",
    })
  );
}

/** Every lie is found as what it is, about its charge, and nothing else. */
export function assertFound(found: readonly DiscrepancyRow[], told: readonly ToldLie[]): void {
  const named = (kind: string, charge: string | null) => `${kind} ${charge}`;
  assert.deepEqual(
    found.map(({ kind, chargeRef }) => named(kind, chargeRef)).sort(),
    told.map(({ lie, chargeId }) => named(reportLies[lie], chargeId)).sort(),
  );
}

/** What the provider kept, as the ledger has it: each booking, in cents. */
export async function feeBookings({ rows }: Workflow): Promise<number[]> {
  const entries = await rows(
    "select amount_cents from ledger_entries where source = 5 and account = 8 order by source_id, step",
  );
  return entries.map(({ amount_cents: cents }) => Number(cents));
}

/** All of it. */
export async function bookedFees(flow: Workflow): Promise<number> {
  return (await feeBookings(flow)).reduce((sum, cents) => sum + cents, 0);
}

/** What the provider keeps by some lines, in cents. */
export function feesOf(lines: readonly ReportLine[]): number {
  return lines.reduce((sum, { feeCents }) => sum + feeCents, 0);
}

/** Asks for the provider's own list of a day. */
export function holdList(provided: Reconciled, from: string) {
  return reconcile(depsOf(provided), { provider: "http", period: { from }, operator });
}

/** The order waits for an answer that never comes. */
export async function unpay({ flow }: Provided, orderId: number): Promise<void> {
  await flow.rows(`delete from payments where order_id = ${orderId}`);
  await flow.rows(`delete from ledger_entries where order_id = ${orderId}`);
  await flow.rows(`
    update orders set status = 'RESERVED', settled_time = '1000-01-01 00:00:00' where id = ${orderId}`);
}

/** The order's row is lost, as by a restored dump. */
export async function forget({ flow }: Provided, orderId: number): Promise<void> {
  await flow.rows("set foreign_key_checks = 1");
  for (
    const table of [
      "charge_keys",
      "ledger_entries",
      "payments",
      "order_events",
      "notification_deliveries",
      "notification_logs",
      "order_items",
      "order_recipients",
    ]
  ) {
    const there = await flow.rows(
      `select 1 from information_schema.columns
       where table_schema = database() and table_name = '${table}' and column_name = 'order_id'`,
    );
    if (there.length > 0) await flow.rows(`delete from ${table} where order_id = ${orderId}`);
  }
  await flow.rows(`delete from orders where id = ${orderId}`);
}

/** The provider has charged an order once more. */
export async function chargeAgain({ flow, provider }: Provided, orderId: number): Promise<void> {
  const order = (await readCharges(flow.db, [orderId])).get(orderId)!;
  const key = chargeKeyOf(await readInstallation(flow.db), order);
  const first = provider.charges.get(key)!;
  const again = { ...first, id: `${first.id}_again`, refundedCents: 0 };
  (provider.charges as Map<string, typeof first>).set(`${key} again`, again);
}

/** What a bank took back of a charge, as a report says it. */
export function disputeOf(charge: ReportLine, change: Partial<ReportLine>): ReportLine {
  const { grossCents } = charge;
  const line = { ...charge, entryId: "txn_cb", refundId: "dp_1", kind: "chargeback" as never };
  const gross = { grossCents: -grossCents, feeCents: 0, netCents: -grossCents };
  return { ...line, ...gross, key: "", ...change };
}

/** A database that answers so many statements and no further one. */
export function dyingAfter(db: Database, statements: number, count = { made: 0 }): Database {
  const step = () => {
    if (++count.made > statements) throw new Error(killed);
  };
  const dying = <Q extends Queryable>(one: Q): Q & Queryable => ({
    ...one,
    query: (sql, values) => (step(), one.query(sql, values)),
    execute: (sql, values) => (step(), one.execute(sql, values)),
    run: (sql, values) => (step(), one.run(sql, values)),
    runText: (sql, values) => (step(), one.runText(sql, values)),
  });
  return {
    ...dying(db),
    transaction: (work, options) => db.transaction((tx) => work(dying(tx)), options),
  };
}

/** What reconciling has left, but for its times. */
export async function contentsWithoutTimes({ flow }: Reconciled): Promise<unknown> {
  const found = await flow.rows(
    "select lower(hex(identity)) as identity, kind, state, day, order_id, their_cents, our_cents from discrepancies order by 1",
  );
  const moved = await flow.rows(
    "select kind, subject_id, hex(part) as part, hex(entry) as entry, net_cents from provider_movements order by 1, 2, 3",
  );
  const days = await flow.rows(
    "select day, currency, movements, fees_cents, net_cents from provider_days order by 1, 2",
  );
  const runs = await flow.rows(
    "select state, lines_read, lines_agreed, found from reconciliations",
  );
  return [found, moved, days, runs];
}

/** What a database says that answers no more. */
const killed = "killed";

/** How many statements some work makes. */
export async function countSteps(flow: Workflow, work: () => Promise<unknown>): Promise<number> {
  const count = { made: 0 };
  const real = flow.db;
  flow.db = dyingAfter(real, Infinity, count);
  try {
    await work();
  } finally {
    flow.db = real;
  }
  return count.made;
}

/** As if nothing had ever been reconciled. */
export async function emptied({ flow }: Reconciled): Promise<void> {
  const tables = [
    "reconciliations",
    "provider_movements",
    "provider_retellings",
    "provider_days",
    "provider_conversions",
    "reconciled_days",
  ];
  for (const table of [...tables, "discrepancies"]) await flow.rows(`delete from ${table}`);
}
