import assert from "node:assert/strict";
import type { ReportLine, ToldLie } from "../../commands/provider_report.ts";
import {
  feeOf,
  lyingReport,
  reportCsv,
  reportLies,
  reportLine,
} from "../../commands/provider_report.ts";
import {
  type DiscrepancyRow,
  listDiscrepancies,
  sumOpenDiscrepancies,
} from "../../db/reconciliation/discrepancies.ts";
import { listProviderDays } from "../../db/reconciliation/reconciled_days.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { readCharges } from "../../db/orders/orders.ts";
import { namedAmount } from "../../domain/money.ts";
import { chargeKeyOf } from "../../domain/payment/payment_key.ts";
import { discrepancyKinds } from "../../domain/reconciliation/discrepancy.ts";
import { decideAndPublish } from "../../services/decide_payment.ts";
import { approveMending, goOnMending, proposeMending } from "../../services/mend_discrepancies.ts";
import { reconcile } from "../../services/reconcile.ts";
import { recordChargeback } from "../../services/record_chargeback.ts";
import { requestRefunds } from "../../services/request_refunds.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import type { CallbackMessage } from "../../domain/messages/messages.ts";
import type { ChargeStatus, Gateway } from "../../streams/payments/gateway.ts";
import { verify } from "../../streams/verification/verify.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { aChargeback, aPaidOrder, tell } from "../chargebacks.ts";
import { withinOneDay } from "../one_day.ts";
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
      new RegExp(`No report can be of ${year}-12-31, which has not come yet`),
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
    const today = await withinOneDay();
    await paidOrders(provided, 10);
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

/** Asks for the provider's own list of a day. */
function holdList(provided: Reconciled, from: string) {
  return reconcile(depsOf(provided), { provider: "http", period: { from }, operator });
}

Deno.test("what was told before is found to differ where it is told otherwise, by list or report", async () => {
  await withProvider("reconcile_told_otherwise", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 4);
    await holdList(provided, today);
    const lines = provided.provider.report().map((line) => ({ ...line }));
    const [, more, less, doubled] = lines.filter(({ kind }) => kind === "charge");
    more!.grossCents += 5_000;
    more!.netCents += 5_000;
    less!.netCents -= 777;
    await hold(provided, [...lines, { ...doubled!, entryId: "txn_second" }]);
    const kinds = async () => (await all(provided, "open")).map(({ kind }) => kind).sort();
    assert.deepEqual(await kinds(), ["amount_differs", "fee_differs", "twice"]);
    // A line of the same id that has become another one stops no report.
    const first = lines.find(({ kind }) => kind === "charge")!;
    first.grossCents += 100;
    first.netCents += 100;
    for (let turn = 0; turn < 2; turn++) {
      await hold(provided, lines);
      assert.deepEqual(await kinds(), ["amount_differs", "amount_differs", "fee_differs", "twice"]);
    }
  });
});

Deno.test("a list that says another amount than before is found to", async () => {
  await withProvider("reconcile_listed_otherwise", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 3);
    await holdList(provided, today);
    const [charge] = provided.provider.charges.values() as Iterable<{ amountCents: number }>;
    charge!.amountCents += 5_000;
    assert.equal((await holdList(provided, today)).found, 1);
    assert.deepEqual((await all(provided)).map(({ kind }) => kind), ["amount_differs"]);
  });
});

Deno.test("what a bank took or gave again is no chargeback that is on record for another thing", async () => {
  await withProvider("reconcile_chargeback_state", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const [asked, lost] = lines.filter(({ kind }) => kind === "charge");
    const tell = (state: "warning_needs_response" | "lost", line: ReportLine, refundId: string) =>
      recordChargeback(depsOf(provided), {
        provider: "http",
        providerRef: refundId,
        chargeRefs: [line.chargeId],
        amountCents: line.grossCents,
        currency: "EUR",
        state,
        happenedAt: new Date(Date.now() - 60_000),
      }, "provider:http");
    await tell("warning_needs_response", asked!, "dp_1");
    await tell("lost", lost!, "dp_2");
    const moved = (line: ReportLine, refundId: string, sign: 1 | -1): ReportLine => ({
      ...line,
      entryId: `${refundId} ${sign}`,
      createdUtc: new Date().toISOString().slice(0, 23).replace("T", " "),
      refundId,
      kind: (sign === 1 ? "chargeback_reversal" : "chargeback") as never,
      grossCents: sign * line.grossCents,
      feeCents: 0,
      netCents: sign * line.grossCents,
    });
    const all3 = [moved(asked!, "dp_1", -1), moved(lost!, "dp_2", -1), moved(lost!, "dp_2", 1)];
    await hold(provided, [...lines, ...all3]);
    const open = await all(provided, "open");
    assert.deepEqual(
      open.map(({ kind, refundRef }) => [kind, refundRef]),
      [["chargeback_without_record", "dp_1"], ["chargeback_without_record", "dp_2"]],
    );
    for (const { id } of open) await proposeMending(depsOf(provided), { id, note: null }, operator);
    const states = await provided.flow.rows("select state from chargebacks order by provider_ref");
    assert.deepEqual(states.map(({ state }) => state), ["needs_response", "won"]);
    assert.deepEqual(await all(provided, "open"), []);
    await hold(provided, [...lines, ...all3].toReversed());
    assert.deepEqual(await all(provided, "open"), []);
  });
});

Deno.test("a refund that failed here and was made at the provider is recorded as another one", async () => {
  await withProvider("reconcile_failed_refund", {}, async (provided) => {
    const { flow, provider } = provided;
    await paidOrders(provided, 5);
    await flow.rows("delete from ledger_entries where source = 2");
    await flow.rows("update orders set refunded_cents = 0");
    await flow.rows("update refunds set status = 'FAILED', failure_reason = 'refused'");
    const deps = depsOf(provided);
    for (let turn = 0; turn < 2; turn++) {
      await hold(provided, provider.report());
      for (const { id, approvedBy } of await all(provided, "open")) {
        if (approvedBy === null) await proposeMending(deps, { id, note: null }, operator);
      }
      await settleAll(provided);
      await goOnMending(deps, operator);
      const found = (await all(provided)).map(({ kind, state }) => [kind, state]);
      assert.deepEqual(found, [["refund_without_refund", "mended"]]);
      const refunds = await flow.rows("select status from refunds order by id");
      assert.deepEqual(refunds.map(({ status }) => status), ["FAILED", "PROCESSED"]);
    }
    const [refunded] = await flow.rows("select sum(refunded_cents) as cents from orders");
    assert.equal(Number(refunded!.cents), 500);
  });
});

Deno.test("giving back what came twice leaves the money alone that its order waits for", async () => {
  await withProvider("reconcile_one_of_two", {}, async (provided) => {
    const { flow, provider } = provided;
    await paidOrders(provided, 3);
    const [order] = await flow.rows(
      "select id, external_order_id from orders order by id limit 1 offset 1",
    );
    const orderId = Number(order!.id);
    const first = provider.report().find(({ kind, reference }) =>
      kind === "charge" && reference === order!.external_order_id
    )!;
    await chargeAgain(provided, orderId);
    await unpay(provided, orderId);
    await publish(flow, [{
      message: {
        type: "payment.callback",
        orderId,
        amountCents: first.grossCents - 2,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        providerRef: first.chargeId,
      },
    }]);
    await flow.drain();
    await hold(provided, provider.report());
    const deps = depsOf(provided);
    const { id } = (await all(provided, "open")).find(({ kind }) => kind === "twice")!;
    await proposeMending(deps, { id, action: "give_back", note: null }, operator);
    for (let turn = 0; turn < 3; turn++) {
      await flow.drain();
      await goOnMending(deps, operator);
    }
    assert.equal((await all(provided)).find((one) => one.id === id)!.state, "mended");
    const payments = await flow.rows(
      `select surplus, status from payments where order_id = ${orderId} order by surplus`,
    );
    assert.deepEqual(payments.map(({ status }) => status), ["DISPUTED", "REVERSED"]);
    assert.equal((await flow.order(orderId)).status, "RESERVED");
  });
});

Deno.test("what a bank took in the place of a reversal is missing in no report", async () => {
  await withWorkflow("reconcile_contested_reversal", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{
      message: {
        type: "payment.callback",
        orderId,
        amountCents: 1_000,
        currency: "EUR",
        outcome: "succeeded",
        provider: "simulated",
        providerRef: "second",
      },
    }]);
    await flow.drain();
    await tell(flow, aChargeback("lost", 0, { chargeRefs: ["second"] }));
    await decideAndPublish(flow, orderId, "give_back", operator);
    await flow.drain();
    const [payment] = await flow.rows("select status from payments where surplus = 1");
    assert.equal(payment!.status, "REVERSED");
    const lines = (await ownReport(flow)).filter(({ kind }) => kind === "charge");
    const second = { ...lines[0]!, entryId: "txn_2", chargeId: "second" };
    const taken = { ...second, entryId: "txn_3", refundId: "dp_1", kind: "chargeback" as never };
    const cents = { grossCents: -1_000, feeCents: 0, netCents: -1_000 };
    const provided: Reconciled = { flow, name: "simulated" };
    await hold(provided, [...lines, second, { ...taken, ...cents }]);
    assert.deepEqual(await all(provided), []);
  });
});

/** What a bank took back of a charge, as a report says it. */
function disputeOf(charge: ReportLine, change: Partial<ReportLine>): ReportLine {
  const { grossCents } = charge;
  const line = { ...charge, entryId: "txn_cb", refundId: "dp_1", kind: "chargeback" as never };
  const gross = { grossCents: -grossCents, feeCents: 0, netCents: -grossCents };
  return { ...line, ...gross, key: "", ...change };
}

Deno.test("a chargeback that the report names by its line alone is recorded, and agrees from then on", async () => {
  await withProvider("reconcile_nameless", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    await hold(provided, [...lines, disputeOf(charge, { refundId: "" })]);
    const [row] = await all(provided, "open");
    assert.equal(row!.kind, "chargeback_without_record");
    const wish = { id: row!.id, note: null };
    const { discrepancy } = await proposeMending(depsOf(provided), wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.answer], ["mended", "it is on record"]);
  });
});

Deno.test("what can't be carried out keeps nothing else from being mended", async () => {
  await withProvider("reconcile_stuck", {}, async (provided) => {
    await paidOrders(provided, 10);
    const lines = provided.provider.report();
    const [nameless, other] = lines.filter(({ kind }) => kind === "charge");
    const refund = lines.find(({ kind }) => kind === "refund")!;
    const said = lines.map((line) =>
      line === refund ? { ...line, grossCents: -300, netCents: -300 } : line
    );
    const disputes = [
      disputeOf(nameless!, { refundId: "", entryId: "" }),
      disputeOf(other!, {}),
    ];
    await hold(provided, [...said, ...disputes], 2);
    const broken = new Error("broken");
    const refundStatus = () => Promise.reject(broken);
    const deps = { ...depsOf(provided, 2), gateway: { ...provided.gateway, refundStatus } };
    for (const { id, kind } of await all(provided, "open")) {
      const action = kind === "amount_differs" ? "ask" : "record";
      await proposeMending(deps, { id, action, note: null }, operator);
    }
    // Whoever approves them is gone before anything is carried out.
    await provided.flow.rows(
      "update discrepancies set approved_by = 'another', approved_at = current_timestamp(6)",
    );
    await assert.rejects(goOnMending(deps, operator), broken);
    const rows = await all(provided);
    assert.deepEqual(rows.map(({ state, approvedBy }) => [state, approvedBy]), [
      ["open", "another"],
      ["open", null],
      ["mended", "another"],
    ]);
    assert.match(rows[1]!.answer!, /no name/);
  });
});

Deno.test("asking about a chargeback of another amount gives nothing back to anybody", async () => {
  await withProvider("reconcile_ask_chargeback", {}, async (provided) => {
    await paidOrders(provided, 5);
    const { provider } = provided;
    const lines = provider.report();
    const [, charge] = lines.filter(({ kind }) => kind === "charge");
    const deps = depsOf(provided);
    await recordChargeback(deps, {
      provider: "http",
      providerRef: "dp_1",
      chargeRefs: [charge!.chargeId],
      amountCents: charge!.grossCents,
      currency: "EUR",
      state: "needs_response",
      happenedAt: new Date(),
    }, "test");
    const part = { key: "dispute-1", grossCents: -500, netCents: -500 };
    await hold(provided, [...lines, disputeOf(charge!, part)]);
    const [row] = await all(provided, "open");
    assert.deepEqual([row!.kind, row!.movement], ["amount_differs", "chargeback"]);
    const made = provider.refunds.length;
    await assert.rejects(
      proposeMending(deps, { id: row!.id, action: "ask", note: null }, operator),
      /can be mended by explain/,
    );
    assert.equal(provider.refunds.length, made);
  });
});

Deno.test("what the provider keeps saying of a refund can be explained", async () => {
  await withProvider("reconcile_ask_refund", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const refund = lines.find(({ kind }) => kind === "refund")!;
    const less = { ...refund, grossCents: -300, netCents: -300 };
    await hold(provided, lines.map((line) => line === refund ? less : line));
    const [row] = await all(provided, "open");
    assert.deepEqual([row!.kind, row!.movement], ["amount_differs", "refund"]);
    const says = "the provider answered about a refund of 300 EUR to one of 500 EUR";
    const refundStatus = () => Promise.resolve([{ kind: "failed" as const, error: says }]);
    const deps = { ...depsOf(provided), gateway: { ...provided.gateway, refundStatus } };
    const asked = await proposeMending(deps, { id: row!.id, action: "ask", note: null }, operator);
    assert.equal(asked.discrepancy.answer, says);
    const wish = { id: row!.id, action: "explain", note: "they owe it" } as const;
    const { discrepancy } = await proposeMending(deps, wish, operator);
    assert.equal(discrepancy.state, "explained");
  });
});

Deno.test("a line that a later report tells otherwise is found, and what was told first stays", async () => {
  await withProvider("reconcile_told_unlike", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const [charge] = lines.filter(({ kind }) => kind === "charge");
    const unknown = { ...charge!, entryId: "txn_x", chargeId: "ch_x", key: "", reference: "" };
    await hold(provided, [...lines, unknown]);
    const fees = async () => (await listProviderDays(provided.flow.db, 1))[0]!.feesCents;
    const before = await fees();
    const dearer = (line: ReportLine) => ({
      ...line,
      feeCents: line.feeCents + 1,
      netCents: line.netCents - 1,
    });
    const other = [...lines, unknown].map((line) =>
      line === charge || line === unknown ? dearer(line) : line
    );
    for (let run = 0; run < 2; run++) {
      const result = await hold(provided, other);
      assert.deepEqual([result.state, result.found], ["DONE", 2]);
      const open = await all(provided, "open");
      assert.deepEqual(
        open.map(({ kind, chargeRef }) => [kind, chargeRef]),
        [
          ["missing_with_us", "ch_x"],
          ["fee_differs", charge!.chargeId],
          ["fee_differs", "ch_x"],
        ],
      );
    }
    assert.equal(await fees(), before);
  });
});

Deno.test("a charge that its provider denies, or can't be asked about, pays for nothing", async () => {
  await withProvider("reconcile_denied", {}, async (provided) => {
    const { flow, gateway } = provided;
    await paidOrders(provided, 2);
    const [, order] = await flow.rows("select id from orders order by id");
    const orderId = Number(order!.id);
    const lines = provided.provider.report();
    await unpay(provided, orderId);
    await hold(provided, lines);
    const [row] = await all(provided, "open");
    const record = async (said: ChargeStatus) => {
      const status = () => Promise.resolve([said]);
      const deps = { ...depsOf(provided), gateway: { ...gateway, status } };
      const wish = { id: row!.id, action: "record", note: null } as const;
      const { discrepancy } = await proposeMending(deps, wish, operator);
      await flow.drain();
      const { status: is } = await flow.order(orderId);
      return [discrepancy.approvedBy, discrepancy.answer, is];
    };
    const message: CallbackMessage = {
      type: "payment.callback",
      orderId,
      amountCents: row!.theirCents!,
      currency: "EUR",
      outcome: "declined",
      provider: "http",
      providerRef: row!.chargeRef!,
    };
    assert.deepEqual(await record({ kind: "accepted", callback: { message } }), [
      null,
      `the provider says that ${row!.chargeRef} declined: ${namedAmount(row!.theirCents!, "EUR")}`,
      "RESERVED",
    ]);
    assert.deepEqual(await record({ kind: "unknown" }), [
      null,
      "the provider knows of no such charge when it is asked",
      "RESERVED",
    ]);
    assert.deepEqual(await record({ kind: "away", error: "503" }), ["test", "503", "RESERVED"]);
    await goOnMending(depsOf(provided), operator);
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
  });
});

Deno.test("what a bank gave again is recorded as won, and is a movement beside what it took", async () => {
  await withProvider("reconcile_won_back", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const taken = disputeOf(charge, {});
    const again = {
      entryId: "txn_again",
      grossCents: charge.grossCents,
      netCents: charge.grossCents,
    };
    const deps = depsOf(provided);
    const state = async () => {
      const open = await all(provided, "open");
      for (const { id } of open) await proposeMending(deps, { id, note: null }, operator);
      assert.deepEqual(await all(provided, "open"), []);
      const [chargeback] = await provided.flow.rows("select provider_ref, state from chargebacks");
      const moved = await provided.flow.rows(
        "select kind, gross_cents from provider_movements where kind like '%back' order by kind",
      );
      return [chargeback!.state, ...moved.map((row) => `${row.kind} ${row.gross_cents}`)];
    };
    await hold(provided, [...lines, taken]);
    const took = `chargeback ${-charge.grossCents}`;
    assert.deepEqual(await state(), ["needs_response", took]);
    await hold(provided, [...lines, taken, disputeOf(charge, again)]);
    assert.deepEqual(await state(), ["won", took, `won_back ${charge.grossCents}`]);
  });
});

Deno.test("refunds whose line has no key are told apart by their amounts, each of them once", async () => {
  await withProvider("reconcile_keyless", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const refund = { ...lines.find(({ kind }) => kind === "refund")!, key: "" };
    const others = lines.filter(({ kind }) => kind === "charge");
    const named = (entryId: string, cents: number): ReportLine => ({
      ...refund,
      entryId,
      refundId: entryId,
      grossCents: -cents,
      netCents: -cents,
    });
    await hold(provided, [...others, named("re_c", 400), named("re_a", 500), named("re_b", 500)]);
    const found = (await all(provided)).map(({ kind, refundRef }) => [kind, refundRef]);
    assert.deepEqual(found, [["refund_without_refund", "re_c"], ["refund_without_refund", "re_b"]]);
  });
});

Deno.test("a refund that failed here and went through there is without a refund", async () => {
  await withProvider("reconcile_refund_went_through", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    await provided.flow.rows("update refunds set status = 'FAILED'");
    await hold(provided, lines);
    assert.deepEqual((await all(provided)).map(({ kind }) => kind), ["refund_without_refund"]);
  });
});

Deno.test("a charge that is asked about is explained only where the provider says what we have", async () => {
  await withProvider("reconcile_ask_charge", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const { grossCents, chargeId } = charge;
    const less = { ...charge, grossCents: grossCents - 2, netCents: charge.netCents - 2 };
    await hold(provided, lines.map((line) => line === charge ? less : line));
    const [row] = await all(provided, "open");
    const ask = async (said: Partial<CallbackMessage>) => {
      const message: CallbackMessage = {
        type: "payment.callback",
        orderId: row!.orderId!,
        amountCents: grossCents,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        providerRef: chargeId,
        ...said,
      };
      const status = () => Promise.resolve([{ kind: "accepted" as const, callback: { message } }]);
      const deps = { ...depsOf(provided), gateway: { ...provided.gateway, status } };
      const wish = { id: row!.id, action: "ask", note: null } as const;
      const { discrepancy } = await proposeMending(deps, wish, operator);
      return [discrepancy.state, discrepancy.approvedBy];
    };
    assert.deepEqual(await ask({ amountCents: grossCents - 2 }), ["open", null]);
    assert.deepEqual(await ask({ currency: "USD" }), ["open", null]);
    assert.deepEqual(await ask({ outcome: "declined" }), ["open", null]);
    assert.deepEqual(await ask({ providerRef: "other" }), ["open", null]);
    assert.deepEqual(await ask({}), ["explained", "test"]);
  });
});

Deno.test("what was taken too much goes back and nothing more, and an unknown refund is asked for under its own key", async () => {
  await withProvider("reconcile_gives_back", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const refund = lines.find(({ kind }) => kind === "refund")!;
    await hold(
      provided,
      lines.map((line) =>
        line === charge
          ? { ...line, grossCents: line.grossCents + 200, netCents: line.netCents + 200 }
          : line === refund
          ? { ...line, grossCents: -300, netCents: -300 }
          : line
      ),
    );
    const asked: unknown[] = [];
    const gateway: Gateway = {
      ...provided.gateway,
      refundStatus: () => Promise.resolve([{ kind: "unknown" }]),
      money: () =>
        Promise.resolve([{
          kind: "found",
          ref: charge.chargeId,
          tookCents: charge.grossCents + 200,
          refundedCents: refund.chargeId === charge.chargeId ? 500 : 0,
          currency: "EUR",
        }]),
      refund: ([request]) => {
        const { amountCents, currency, chargeRef, idempotencyKey } = request!;
        asked.push([amountCents, currency, chargeRef, idempotencyKey]);
        return Promise.resolve([{ kind: "refunded" }]);
      },
    };
    const deps = { ...depsOf(provided), gateway };
    const [tooMuch, tooLittle] = await all(provided, "open");
    for (const { id } of [tooMuch!, tooLittle!]) {
      const { discrepancy } = await proposeMending(deps, { id, note: null }, operator);
      assert.equal(discrepancy.state, "mended");
    }
    await goOnMending(deps, operator);
    const [mend] = await provided.flow.rows(
      "select mend_key from discrepancies order by id limit 1",
    );
    assert.deepEqual(asked, [
      [200, "EUR", charge.chargeId, mend!.mend_key],
      [500, "EUR", refund.chargeId, refund.key],
    ]);
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
    // What took its place since somebody looked is not approved by them.
    const another = anOperator("another");
    const { proposedAt } = proposed.discrepancy;
    await proposeMending(deps, { ...wish, note: "something else" }, operator);
    for (const seen of [{ proposedAt: proposedAt! }, { action: "give_back" as const }]) {
      await assert.rejects(
        approveMending(deps, row!.id, another, { seen }),
        /something else was proposed meanwhile: "explain", by test/,
      );
    }
    const again = (await proposeMending(deps, wish, operator)).discrepancy.proposedAt!;
    const { discrepancy } = await approveMending(deps, row!.id, another, {
      seen: { proposedAt: again },
    });
    assert.deepEqual(
      [discrepancy.state, discrepancy.proposedBy, discrepancy.approvedBy, discrepancy.note],
      ["explained", "test", "another", "seen at the bank"],
    );
  });
});

Deno.test("who approves approves what they have seen, and nothing that was proposed meanwhile", async () => {
  await withProvider("reconcile_seen", {}, async (provided) => {
    await paidOrders(provided, 5);
    const { lines } = lyingReport(provided.provider.report(), { seed: 1, lies: 1 });
    await hold(provided, lines, 2);
    const deps = depsOf(provided, 2);
    const [{ id }] = await all(provided, "open") as [DiscrepancyRow];
    const another = anOperator("another");
    const propose = async (note: string) =>
      (await proposeMending(deps, { id, action: "explain", note }, operator)).discrepancy;
    const first = await propose("seen at the bank");
    const seen = { action: first.action!, proposedAt: first.proposedAt! };
    const second = await propose("never mind");
    await assert.rejects(approveMending(deps, id, another, { seen }), /proposed meanwhile/);
    await assert.rejects(
      approveMending(deps, id, another, { seen: { action: "give_back" } }),
      /"explain", by test/,
    );
    const { discrepancy } = await approveMending(deps, id, another, {
      seen: { ...seen, proposedAt: second.proposedAt! },
    });
    assert.equal(discrepancy.state, "explained");
  });
});

Deno.test("a line alone pays no order: what the provider says of the charge when it is asked counts", async () => {
  await withProvider("reconcile_forged", {}, async (provided) => {
    const { flow } = provided;
    await flow.add([anOrder("R-1", [{ sku: "A", qty: 1, unitPriceCents: 1_001 }])], 1_000);
    await settleAll(provided);
    const forged = reportLine({
      kind: "charge",
      createdUtc: new Date().toISOString().slice(0, 19).replace("T", " "),
      chargeId: "ch_forged",
      refundId: "",
      key: "",
      reference: "R-1",
      grossCents: 1_001,
      feeCents: 0,
      currency: "EUR",
    });
    await hold(provided, [forged]);
    const [row] = await all(provided, "open");
    const wish = { id: row!.id, action: "record", note: null } as const;
    const { discrepancy } = await proposeMending(
      { ...depsOf(provided), gateway: provided.gateway },
      wish,
      operator,
    );
    await settleAll(provided);
    assert.match(discrepancy.answer!, /the provider says that .+ declined: 10\.01 EUR/);
    assert.equal(discrepancy.approvedBy, null);
    assert.deepEqual(
      await flow.rows("select status from payments where provider_ref = 'ch_forged'"),
      [],
    );
  });
});

Deno.test("a report of days that have not come yet is refused, whether its days or its lines say so", async () => {
  await withProvider("reconcile_ahead", {}, async (provided) => {
    await paidOrders(provided, 1);
    const [line] = provided.provider.report();
    const begin = (lines: ReportLine[], period: { from?: string; to?: string }) =>
      reconcile(depsOf(provided), {
        provider: "http",
        report: {
          source: new Blob([[...reportCsv(lines)].join("")]).stream(),
          name: "report.csv",
        },
        period,
        operator,
      });
    await assert.rejects(begin([line!], { from: "2026-01-01", to: "9998-12-31" }), /not come yet/);
    const late = { ...line!, createdUtc: "9000-01-01 00:00:00" };
    await assert.rejects(begin([late], {}), /9000-01-01, which has not come yet/);
    assert.deepEqual(await provided.flow.rows("select 1 from reconciled_days"), []);
  });
});

Deno.test("lines of more money than there can be are refused, and many large ones stop no later report", async () => {
  await withProvider("reconcile_large", {}, async (provided) => {
    const createdUtc = new Date().toISOString().slice(0, 19).replace("T", " ");
    const large = (place: number, grossCents: number) =>
      reportLine({
        kind: "charge",
        createdUtc,
        chargeId: `ch_large_${place}`,
        refundId: "",
        key: "",
        reference: "",
        grossCents,
        feeCents: 0,
        currency: "EUR",
      });
    await assert.rejects(
      hold(provided, [large(0, Number.MAX_SAFE_INTEGER)]),
      /gross is too large/,
    );
    const lines = [1, 2, 3, 4, 5].map((place) => large(place, 2 ** 51));
    const { state, found } = await hold(provided, lines);
    assert.deepEqual([state, found], ["DONE", 5]);
    assert.equal((await hold(provided, [large(6, 100)])).state, "DONE");
    const [sum] = await sumOpenDiscrepancies(provided.flow.db, { olderThanHours: 0 });
    assert.deepEqual([sum!.count, sum!.amountCents], [6, 2 ** 52 - 1]);
    assert.equal((await listProviderDays(provided.flow.db, 1)).length, 1);
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
