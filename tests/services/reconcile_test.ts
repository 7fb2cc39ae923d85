import assert from "node:assert/strict";
import type { ReportLine, ToldLie } from "../../commands/provider_report.ts";
import {
  feeOf,
  lyingReport,
  reportCsv,
  reportLies,
  reportLine,
} from "../../commands/provider_report.ts";
import { type DiscrepancyRow, listDiscrepancies } from "../../db/reconciliation/discrepancies.ts";
import { listProviderDays } from "../../db/reconciliation/reconciled_days.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { readCharges } from "../../db/orders/orders.ts";
import { chargeKeyOf } from "../../domain/payment/payment_key.ts";
import { discrepancyKinds } from "../../domain/reconciliation/discrepancy.ts";
import { approveMending, goOnMending, proposeMending } from "../../services/mend_discrepancies.ts";
import { reconcile } from "../../services/reconcile.ts";
import { requestRefunds } from "../../services/request_refunds.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { verify } from "../../streams/verification/verify.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { anOperator } from "../operator.ts";
import { type Provided, settleAll, withProvider } from "../provider.ts";
import { anOrder, withWorkflow, type Workflow } from "../workflow.ts";

const operator = anOperator();

/** Our books, and the provider that they are held against. */
interface Reconciled {
  flow: Workflow;
  /** `http` by default. */
  name?: string;
  /** One that keeps its own books. */
  provider?: Provided["provider"];
}

/** How reconciling is set up. */
function depsOf({ flow }: Reconciled, approvals = 1, days = 0) {
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
function hold(provided: Reconciled, lines: Iterable<ReportLine>, approvals = 1) {
  const bytes = new TextEncoder().encode([...reportCsv(lines)].join(""));
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  return reconcile(depsOf(provided, approvals), {
    provider: provided.name ?? "http",
    report: { source: new Blob([bytes]).stream(), name: "report.csv" },
    period: { from: day(-1), to: day(1) },
    operator,
  });
}

async function all({ flow }: Reconciled, state?: "open"): Promise<DiscrepancyRow[]> {
  const filter = state === undefined ? {} : { state };
  return await listDiscrepancies(flow.db, { filter, afterId: 0, limit: 100_000 });
}

/** What the tables of reconciling hold. */
async function contents({ flow }: Reconciled): Promise<unknown> {
  const tables = ["reconciliations", "provider_movements", "provider_days", "reconciled_days"];
  const rows = await Promise.all(
    [...tables, "discrepancies"].map((table) => flow.rows(`select * from ${table}`)),
  );
  return rows.map((some) => some.map((row) => JSON.stringify(row)).sort());
}

/** Orders that are paid at the provider, some of them refunded. */
async function paidOrders(provided: Reconciled, count: number): Promise<void> {
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
async function ownReport({ rows }: Workflow): Promise<ReportLine[]> {
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
function assertFound(found: readonly DiscrepancyRow[], told: readonly ToldLie[]): void {
  const named = (kind: string, charge: string | null) => `${kind} ${charge}`;
  assert.deepEqual(
    found.map(({ kind, chargeRef }) => named(kind, chargeRef)).sort(),
    told.map(({ lie, chargeId }) => named(reportLies[lie], chargeId)).sort(),
  );
}

Deno.test("reconcile() finds nothing where the provider's books are ours, and adds up its days", async () => {
  await withProvider("reconcile_agrees", {}, async (provided) => {
    await paidOrders(provided, 20);
    const result = await hold(provided, provided.provider.report());
    assert.deepEqual(
      { state: result.state, lines: result.lines, agreed: result.agreed, found: result.found },
      { state: "DONE", lines: 24, agreed: 24, found: 0 },
    );
    const [day] = await listProviderDays(provided.flow.db, 10);
    const charges = 20 * 2_000 + 2 * (19 * 20) / 2;
    assert.equal(day!.chargesCents, charges);
    assert.equal(day!.refundsCents, -4 * 500);
    assert.equal(day!.netCents, charges - 2_000 - day!.feesCents);
    assert.ok(day!.feesCents > 20 * 25);
    // What the provider keeps is booked once, and the ledger still comes to nothing.
    await hold(provided, provided.provider.report());
    const fees = await provided.flow.rows(
      "select account, amount_cents from ledger_entries where source = 5 order by account",
    );
    assert.deepEqual(fees.map(({ amount_cents: cents }) => Number(cents)), [
      -day!.feesCents,
      day!.feesCents,
    ]);
    const report = await verify(provided.flow, { settleMs: 0 });
    assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
  });
});

Deno.test("reconcile() finds all of ten kinds of lies and invents none, and finds them once", async () => {
  await withWorkflow("reconcile_lies", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3_000);
    const { lines, told } = lyingReport(await ownReport(flow), { seed: 7, lies: 100 });
    assert.equal(new Set(told.map(({ lie }) => lie)).size, Object.keys(reportLies).length);
    const result = await hold(provided, lines);
    assertFound(await all(provided), told);
    assert.equal(result.found, told.length);
    const before = await contents(provided);
    await hold(provided, lines);
    assert.deepEqual(await contents(provided), before, "the same file again changes nothing");
    // Another file that overlaps, in another order.
    await hold(provided, lines.toReversed().slice(100));
    assert.equal((await all(provided)).length, told.length);
    const sums = await provided.flow.rows("select sum(net_cents) as net from provider_days");
    assert.equal(Number(sums[0]!.net), lines.reduce((sum, { netCents }) => sum + netCents, 0));
  });
});

Deno.test("reconcile() covers no days to come, which stay covered once they are", async () => {
  await withProvider("reconcile_to_come", {}, async (provided) => {
    await paidOrders(provided, 1);
    const year = new Date().getUTCFullYear() + 1;
    const request = {
      provider: "http",
      report: {
        source: new Blob([[...reportCsv(await ownReport(provided.flow))].join("")]).stream(),
        name: "report.csv",
      },
      period: { from: `${year - 1}-01-01`, to: `${year}-12-31` },
      operator,
    };
    await assert.rejects(
      reconcile(depsOf(provided), request),
      new RegExp(`No report can cover days to come, up to ${year}-12-31`),
    );
    assert.deepEqual(await listProviderDays(provided.flow.db, 10), []);
  });
});

Deno.test("what a lost row leaves at the provider is recorded, or goes back, by the action that is offered", async () => {
  await withProvider("reconcile_mends", {}, async (provided) => {
    const { flow, provider } = provided;
    await paidOrders(provided, 10);
    const deps = depsOf(provided);
    // One order whose answer never came, one whose row is lost, one that was charged twice, and a refund that is lost.
    const orders = await flow.rows(
      "select id, external_order_id, total_cents from orders order by id",
    );
    const [unpaid, lost, twice, refunded] = [orders[1], orders[2], orders[3], orders[5]];
    await unpay(provided, Number(unpaid!.id));
    await forget(provided, Number(lost!.id));
    await chargeAgain(provided, Number(twice!.id));
    await flow.rows("delete from refund_lines");
    await flow.rows(
      `delete from notification_logs where refund_id is not null and order_id = ${refunded!.id}`,
    );
    await flow.rows(`delete from refunds where order_id = ${refunded!.id}`);
    await flow.rows(
      `delete from ledger_entries where source = 2 and order_id = ${refunded!.id}`,
    );
    await flow.rows(`update orders set refunded_cents = 0 where id = ${refunded!.id}`);
    await hold(provided, provider.report());
    const kinds = (rows: readonly DiscrepancyRow[]) => rows.map(({ kind }) => kind).sort();
    assert.deepEqual(kinds(await all(provided, "open")), [
      "missing_with_us",
      "missing_with_us",
      "refund_without_refund",
      "twice",
    ]);
    for (let turn = 0; turn < 4; turn++) {
      for (const { id, approvedBy } of await all(provided, "open")) {
        if (approvedBy === null) await proposeMending(deps, { id, note: null }, operator);
      }
      await settleAll(provided);
      await goOnMending(deps, operator);
    }
    assert.deepEqual(await all(provided, "open"), []);
    assert.equal((await flow.order(Number(unpaid!.id))).status, "PAID");
    assert.equal((await flow.order(Number(refunded!.id))).refundedCents, 500);
    // The provider keeps of each order what our books say.
    await hold(provided, provider.report());
    assert.deepEqual(await all(provided, "open"), []);
    const kept = [...provider.charges.values()]
      .reduce(
        (sum, { status, amountCents, refundedCents }) =>
          sum + (status === "succeeded" ? amountCents - refundedCents : 0),
        0,
      );
    const [books] = await flow.rows(
      "select sum(total_cents - refunded_cents) as cents from orders where status = 'PAID'",
    );
    assert.equal(kept, Number(books!.cents));
  });
});

Deno.test("a reconciliation that is killed between any two statements and run again ends as one run", async () => {
  await withWorkflow("reconcile_killed", async (flow) => {
    await paidOrders({ flow, name: "simulated" }, 60);
    const { lines } = lyingReport(await ownReport(flow), { seed: 3, lies: 20 });
    const provided: Reconciled = { flow, name: "simulated" };
    const steps = await countSteps(flow, () => hold(provided, lines));
    const once = await contentsWithoutTimes(provided);
    assert.ok(steps > 20);
    for (let at = 1; at <= steps; at += 4) {
      await emptied(provided);
      const dying = { ...provided, flow: { ...flow, db: dyingAfter(flow.db, at) } };
      // What is behind the last statement of the reconciliation is told by the log alone.
      await hold(dying, lines).catch((error) => assert.match(String(error), /killed/));
      await hold(provided, lines);
      assert.deepEqual(await contentsWithoutTimes(provided), once, `killed at statement ${at}`);
    }
  });
});

Deno.test("two runs of a report at once end as one run", async () => {
  await withWorkflow("reconcile_at_once", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 100);
    const { lines, told } = lyingReport(await ownReport(flow), { seed: 5, lies: 30 });
    await Promise.all([hold(provided, lines), hold(provided, lines), hold(provided, lines)]);
    assertFound(await all(provided), told);
    const sums = await flow.rows("select sum(net_cents) as net from provider_days");
    assert.equal(Number(sums[0]!.net), lines.reduce((sum, { netCents }) => sum + netCents, 0));
  });
});

Deno.test("reconcile() asks for the provider's own list, and a report that comes later adds its fees", async () => {
  await withProvider("reconcile_list", {}, async (provided) => {
    await paidOrders(provided, 10);
    const today = new Date().toISOString().slice(0, 10);
    const listed = await reconcile(depsOf(provided), {
      provider: "http",
      period: { from: today },
      operator,
    });
    assert.deepEqual([listed.source, listed.lines, listed.found], ["api", 12, 0]);
    const fees = async () => (await listProviderDays(provided.flow.db, 1))[0]!.feesCents;
    assert.equal(await fees(), 0);
    const lines = provided.provider.report();
    const result = await hold(provided, lines);
    assert.equal(result.found, 0);
    assert.equal(await fees(), lines.reduce((sum, { feeCents }) => sum + feeCents, 0));
  });
});

Deno.test("verify() takes what is open of reconciled days for drift, and an explanation ends it", async () => {
  await withProvider("reconcile_verify", {}, async (provided) => {
    const { flow } = provided;
    await paidOrders(provided, 5);
    const { lines } = lyingReport(provided.provider.report(), { seed: 1, lies: 1 });
    await hold(provided, lines);
    const check = async () =>
      (await verify(flow, { settleMs: 0 })).checks.find(({ name }) => name === "provider")!;
    const found = await check();
    assert.deepEqual([found.ok, found.drift_count, found.for_people], [false, 1, 1]);
    assert.ok(found.checked >= 1);
    const [row] = await all(provided, "open");
    const wish = { id: row!.id, action: "explain", note: "so" } as const;
    await proposeMending(depsOf(provided), wish, operator);
    assert.equal((await check()).ok, true);
    const entries = await flow.rows("select action from audit_log order by id");
    assert.deepEqual(
      entries.map(({ action }) => action).slice(-2),
      ["discrepancy.propose", "discrepancy.approve"],
    );
  });
});

Deno.test("what a bank took back is recorded as a chargeback, and agrees from then on", async () => {
  await withProvider("reconcile_chargeback", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const taken = { ...charge, entryId: "txn_cb", refundId: "dp_1", kind: "chargeback" as never };
    const net = -charge.grossCents - 1_500;
    const dispute = { ...taken, grossCents: -charge.grossCents, feeCents: 1_500, netCents: net };
    await hold(provided, [...lines, dispute]);
    const [row] = await all(provided, "open");
    assert.equal(row!.kind, "chargeback_without_record");
    const { discrepancy } = await proposeMending(
      depsOf(provided),
      { id: row!.id, note: null },
      operator,
    );
    assert.equal(discrepancy.state, "mended");
    const [chargeback] = await provided.flow.rows("select provider_ref, state from chargebacks");
    assert.deepEqual([chargeback!.provider_ref, chargeback!.state], ["dp_1", "needs_response"]);
    await hold(provided, [...lines, dispute].toReversed());
    assert.deepEqual(await all(provided, "open"), []);
  });
});

Deno.test("with two pairs of eyes nobody approves what they proposed", async () => {
  await withProvider("reconcile_two_eyes", {}, async (provided) => {
    await paidOrders(provided, 5);
    const { lines } = lyingReport(provided.provider.report(), { seed: 1, lies: 1 });
    await hold(provided, lines, 2);
    const deps = depsOf(provided, 2);
    const [row] = await all(provided, "open");
    const wish = { id: row!.id, action: "explain", note: "seen at the bank" } as const;
    const proposed = await proposeMending(deps, wish, operator);
    assert.equal(proposed.discrepancy.state, "open");
    await assert.rejects(approveMending(deps, row!.id, operator), /takes two people/);
    const { proposedAt } = proposed.discrepancy;
    await proposeMending(deps, { ...wish, note: "something else" }, operator);
    const another = anOperator("another");
    await assert.rejects(
      approveMending(deps, row!.id, another, { proposedAt: proposedAt! }),
      /something else was proposed meanwhile/,
    );
    const seen = (await proposeMending(deps, wish, operator)).discrepancy.proposedAt!;
    const { discrepancy } = await approveMending(deps, row!.id, another, { proposedAt: seen });
    assert.deepEqual(
      [discrepancy.state, discrepancy.proposedBy, discrepancy.approvedBy, discrepancy.note],
      ["explained", "test", "another", "seen at the bank"],
    );
  });
});

const killed = "killed";

/** A database that answers so many statements and no further one. */
function dyingAfter(db: Database, statements: number, count = { made: 0 }): Database {
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

async function countSteps(flow: Workflow, work: () => Promise<unknown>): Promise<number> {
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

async function contentsWithoutTimes({ flow }: Reconciled): Promise<unknown> {
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

async function emptied({ flow }: Reconciled): Promise<void> {
  const tables = ["reconciliations", "provider_movements", "provider_days", "reconciled_days"];
  for (const table of [...tables, "discrepancies"]) await flow.rows(`delete from ${table}`);
}

/** The order waits for an answer that never comes. */
async function unpay({ flow }: Provided, orderId: number): Promise<void> {
  await flow.rows(`delete from payments where order_id = ${orderId}`);
  await flow.rows(`delete from ledger_entries where order_id = ${orderId}`);
  await flow.rows(`
    update orders set status = 'RESERVED', settled_time = '1000-01-01 00:00:00' where id = ${orderId}`);
}

/** The order's row is lost, as by a restored dump. */
async function forget({ flow }: Provided, orderId: number): Promise<void> {
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
async function chargeAgain({ flow, provider }: Provided, orderId: number): Promise<void> {
  const order = (await readCharges(flow.db, [orderId])).get(orderId)!;
  const key = chargeKeyOf(await readInstallation(flow.db), order);
  const first = provider.charges.get(key)!;
  const again = { ...first, id: `${first.id}_again`, refundedCents: 0 };
  (provider.charges as Map<string, typeof first>).set(`${key} again`, again);
}

Deno.test("every kind of discrepancy has words", () => {
  assert.ok(Object.values(discrepancyKinds).every((words) => words.length > 10));
});
