import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { readReturns } from "../../../db/refunds/returned_refunds.ts";
import { listMoneyByHand } from "../../../db/refunds/refunds_by_hand.ts";
import { databaseTime } from "../../../domain/database_time.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import {
  decideByHandAndPublish,
  returnPaymentByHand,
} from "../../../services/refunds/refund_by_hand.ts";
import { takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import type { RefundStatusAnswer } from "../../../streams/payments/gateway.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { archivedIds, archiveEverything } from "../../archived.ts";
import { aChargeback, aPaidOrder, aReturnedPayment, tell } from "../../chargebacks.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { askRefund } from "../../settled_workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const hold = (flow: Workflow, lines: Iterable<ReportLine>) =>
  reconciled.hold({ flow, name: "simulated" }, lines);

const open = (flow: Workflow) => reconciled.all({ flow }, "open");

/** A line of the charge of an order of 10.00 EUR, or of what went back of it. */
function aLine(kind: string, change: Partial<Omit<ReportLine, "kind">> = {}): ReportLine {
  const grossCents = change.grossCents ?? 1_000;
  const line = {
    entryId: `txn_${kind}_${change.chargeId ?? ""}`,
    kind,
    createdUtc: databaseTime(Date.now()),
    chargeId: "sim_of_1",
    refundId: "",
    key: "",
    reference: "1",
    feeCents: 0,
    currency: "EUR",
    ...change,
    grossCents,
    netCents: grossCents,
  };
  return line as ReportLine;
}

/** What mending the only open discrepancy comes to, by what its provider says. */
async function ask(flow: Workflow, said: RefundStatusAnswer) {
  const [row, ...others] = await open(flow);
  assert.deepEqual(others, []);
  const gateway = {
    ...flow.gateway,
    refundStatus: () => Promise.resolve([said]),
    refund: () => assert.fail("nothing is given back"),
  };
  const deps = { ...reconciled.depsOf({ flow }), gateway };
  const { discrepancy } = await proposeMending(deps, { id: row!.id, note: null }, operator);
  return [discrepancy.state, discrepancy.answer];
}

const given: RefundStatusAnswer = { kind: "refunded" };

/** A refund of 4.00 EUR of an order of 10.00, which came back by our books, and of which a report tells that it was made. */
async function aReturn(flow: Workflow) {
  const orderId = await aPaidOrder(flow);
  const message = await askRefund(flow, orderId, 400);
  await publish(flow, [{ message }]);
  await flow.drain();
  const { refundId } = message;
  const [row] = await flow.rows("select provider_key from refunds where id = ?", [refundId]);
  const key = String(row!.provider_key);
  const refund = { ref: "re_1", state: "refused", reason: null, key } as const;
  const news = { provider: "simulated", refund, happenedAt: new Date() };
  assert.equal(await takeRefundNews(flow, news), "return");
  const made = aLine("refund", { refundId: "re_1", grossCents: -400, key });
  return { orderId, refundId, key, news, lines: [aLine("charge"), made] };
}

Deno.test("a refund that came back by our books, and of which a report tells only that it was made, is found", () =>
  withWorkflow("standing_found", async (flow) => {
    const { refundId, key, lines } = await aReturn(flow);
    await hold(flow, [aLine("charge")]);
    // Of what no report tells that it went back none has to tell that it came back.
    assert.deepEqual(await open(flow), []);
    await hold(flow, lines);
    const [row, ...others] = await open(flow);
    assert.deepEqual(others, []);
    const { kind, movement, ourCents, movementKey } = row!;
    assert.deepEqual(
      [kind, movement, row!.refundId, ourCents, movementKey],
      ["missing_with_them", "returned", refundId, 400, key],
    );
    await hold(flow, lines);
    assert.equal((await open(flow)).length, 1);
    // One that tells of it ends it, and opens it again where it is taken back.
    const back = aLine("refund_failure", { refundId: "re_1", grossCents: 400, key });
    const { id } = await hold(flow, [back]);
    assert.deepEqual(await open(flow), []);
    await withdraw(reconciled.depsOf({ flow }), id, operator);
    assert.equal((await open(flow)).length, 1);
  }));

Deno.test("what its provider says of a refund that came back by our books counts: with it, or with the customer", () =>
  withWorkflow("standing_asked", async (flow) => {
    const { orderId, refundId, news, lines } = await aReturn(flow);
    await hold(flow, lines);
    assert.deepEqual(await ask(flow, { kind: "pending", delayMs: 1_000 }), [
      "open",
      "the provider has not decided yet (pending)",
    ]);
    assert.deepEqual(await ask(flow, given), [
      "mended",
      `the provider says that it was given back: recorded as refund ${refundId + 1}`,
    ]);
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    assert.equal((await readReturns(flow.db, [refundId])).get(refundId)!.againId, refundId + 1);
    await assertConsistent(flow);
    await hold(flow, lines);
    assert.deepEqual(await open(flow), []);
    // And it may come back after all.
    assert.equal(await takeRefundNews(flow, news), "return");
    assert.equal(await takeRefundNews(flow, news), "already_returned");
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 0);
    await assertConsistent(flow);
  }));

Deno.test("a refund that came back by our books is explained where its provider says the same", () =>
  withWorkflow("standing_so", async (flow) => {
    const { orderId, lines } = await aReturn(flow);
    await hold(flow, lines);
    assert.deepEqual(await ask(flow, { kind: "refused", reason: "account_closed" }), [
      "explained",
      "the provider says that it took it back: account_closed",
    ]);
    assert.equal((await flow.order(orderId)).refundedCents, 0);
  }));

Deno.test("a refund that was paid again, and that its provider had given back all the same, went back twice", () =>
  withWorkflow("standing_twice", async (flow) => {
    const { orderId, refundId, lines } = await aReturn(flow);
    const said = { refundId, verdict: "given_back", note: null } as const;
    await decideByHandAndPublish(flow, said, operator);
    await flow.drain();
    await hold(flow, lines);
    const [, answer] = await ask(flow, given);
    assert.match(String(answer), /refund \d+ has paid it again: it went back twice$/);
    const twice = await flow.rows("select amount_cents, ended_as from money_given_twice");
    assert.deepEqual(twice.map((row) => ({ ...row })), [{ amount_cents: 400, ended_as: null }]);
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    await assertConsistent(flow);
  }));

/** A payment of 10.00 EUR beside an order's own that went back whole, and came back by our books. */
async function anUnreversed(flow: Workflow) {
  const orderId = await aPaidOrder(flow);
  await aReturnedPayment(flow, orderId);
  const of = { chargeId: "second" };
  const made = aLine("refund", { ...of, refundId: "re_1", grossCents: -1_000 });
  return { orderId, lines: [aLine("charge"), aLine("charge", of), made] };
}

const statusOf = async (flow: Workflow) =>
  (await flow.rows("select status from payments where surplus = 1"))[0]!.status;

Deno.test("a payment that came back by our books is over where its provider says that the customer has it", () =>
  withWorkflow("standing_whole", async (flow) => {
    const { lines } = await anUnreversed(flow);
    await hold(flow, [aLine("charge"), aLine("charge", { chargeId: "second" })]);
    assert.deepEqual(await open(flow), []);
    await hold(flow, lines);
    const [row] = await open(flow);
    assert.deepEqual([row!.kind, row!.movement], ["missing_with_them", "unreversed"]);
    assert.deepEqual(await ask(flow, given), [
      "mended",
      "the provider says that it was given back, as is recorded now",
    ]);
    assert.equal(await statusOf(flow), "REVERSED");
    assert.deepEqual(await listMoneyByHand(flow.db, { limit: 10 }), []);
    await assertConsistent(flow);
    await hold(flow, lines);
    assert.deepEqual(await open(flow), []);
  }));

for (const way of ["by hand", "by the bank"] as const) {
  Deno.test(`a payment that its provider had given back all the same, and that went back ${way}, went back twice`, () =>
    withWorkflow(`standing_whole_${way === "by hand" ? "hand" : "bank"}`, async (flow) => {
      const { orderId, lines } = await anUnreversed(flow);
      if (way === "by hand") await returnPaymentByHand(flow, orderId, "t 1", operator);
      else await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
      assert.equal(await statusOf(flow), "REVERSED");
      assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
      await hold(flow, lines);
      const found = (await open(flow)).filter(({ movement }) => movement === "unreversed");
      assert.equal(found.length, 1);
      const other = (await open(flow)).filter(({ movement }) => movement !== "unreversed");
      for (const { id } of other) {
        await flow.rows("delete from discrepancies where id = ?", [id]);
      }
      const [, answer] = await ask(flow, given);
      assert.match(String(answer), /it went back twice$/);
      const twice = await flow.rows("select amount_cents, ended_as from money_given_twice");
      assert.deepEqual(twice.map((row) => ({ ...row })), [{ amount_cents: 1_000, ended_as: null }]);
      await assertConsistent(flow);
    }));
}

for (const what of ["payment", "refund"] as const) {
  Deno.test(`a ${what} that went back twice is found to have where its order was archived meanwhile`, () =>
    withWorkflow(`standing_archived_${what}`, async (flow) => {
      const { orderId, lines } = await (what === "payment" ? anUnreversed(flow) : aReturn(flow));
      if (what === "payment") await returnPaymentByHand(flow, orderId, "t 1", operator);
      else {
        const [row] = await flow.rows("select id from refunds");
        const said = { refundId: Number(row!.id), verdict: "given_back", note: null } as const;
        await decideByHandAndPublish(flow, said, operator);
        await flow.drain();
      }
      await hold(flow, lines);
      await archiveEverything(flow);
      assert.deepEqual(await archivedIds(flow), [orderId]);
      const [, answer] = await ask(flow, given);
      assert.match(String(answer), /it went back twice$/);
      const twice = await flow.rows("select order_id, ended_as from money_given_twice");
      assert.deepEqual(twice.map((row) => ({ ...row })), [{ order_id: orderId, ended_as: null }]);
      assert.deepEqual(await archivedIds(flow), []);
      await assertConsistent(flow);
    }));
}

Deno.test("what reports tell otherwise of what came back ends once they agree, as it does of charges", () =>
  withWorkflow("standing_agreed", async (flow) => {
    const { refundId, key, lines } = await aReturn(flow);
    const back = aLine("refund_failure", { refundId: "re_1", grossCents: 400, key });
    await hold(flow, [...lines, back]);
    assert.deepEqual(await open(flow), []);
    await hold(flow, [{ ...back, feeCents: 5, netCents: 395 }]);
    const [row, ...others] = await open(flow);
    assert.deepEqual(others, []);
    assert.deepEqual([row!.kind, row!.movement, row!.refundId], [
      "fee_differs",
      "returned",
      refundId,
    ]);
    await hold(flow, [back]);
    assert.deepEqual(await open(flow), []);
  }));

Deno.test("what went back by hand and by its provider, of which the provider's came back, is open again where it says that it did not", () =>
  withWorkflow("standing_reopened", async (flow) => {
    const { orderId, lines } = await anUnreversed(flow);
    await returnPaymentByHand(flow, orderId, "t 1", operator);
    // As where its provider gave it back at the same moment, and took that back.
    const [payment] = await flow.rows("select id from payments where surplus = 1");
    await flow.rows(
      `insert into money_given_twice (order_id, payment_id, amount_cents, currency, ended_as)
      values (?, ?, 1000, 'EUR', 'returned')`,
      [orderId, Number(payment!.id)],
    );
    await hold(flow, lines);
    for (const { id, movement } of await open(flow)) {
      if (movement !== "unreversed") {
        await flow.rows("delete from discrepancies where id = ?", [id]);
      }
    }
    const [, answer] = await ask(flow, given);
    assert.match(String(answer), /it went back twice$/);
    const twice = async () =>
      (await flow.rows("select amount_cents, ended_as from money_given_twice"))
        .map((row) => ({ ...row }));
    assert.deepEqual(await twice(), [{ amount_cents: 1_000, ended_as: null }]);
    const told = await flow.rows("select id from order_events where event = 'payment_given_twice'");
    assert.equal(told.length, 1);
    await assertConsistent(flow);
  }));

Deno.test("of two payments of which one's name ends as the other is called only the one is missing that came back", () =>
  withWorkflow("standing_name", async (flow) => {
    const { orderId, lines } = await anUnreversed(flow);
    await flow.rows("update payments set provider_ref = 'x by second' where surplus = 1");
    await flow.rows(
      `update order_events set detail = replace(detail, ' by second: ', ' by x by second: ')
      where event = 'payment_reversal_returned'`,
    );
    await flow.rows(
      `insert into payments (order_id, surplus, provider, provider_ref, amount_cents, status, paid_at)
      values (?, 2, 'simulated', 'second', 1000, 'REVERSED', current_timestamp(6))`,
      [orderId],
    );
    const of = { chargeId: "x by second" };
    await hold(flow, [
      ...lines,
      aLine("charge", of),
      aLine("refund", { ...of, refundId: "re_2", grossCents: -1_000 }),
    ]);
    const missing = (await open(flow)).filter(({ movement }) => movement === "unreversed");
    assert.deepEqual(missing.map(({ chargeRef }) => chargeRef), ["x by second"]);
  }));
