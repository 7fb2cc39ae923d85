import assert from "node:assert/strict";
import { listLedger } from "../../../db/ledger/ledger_list.ts";
import { listGivenTwice } from "../../../db/refunds/given_twice.ts";
import { sumReturns } from "../../../db/refunds/returned_refunds.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decideByHandAndPublish } from "../../../services/refunds/refund_by_hand.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { type RefundNews, takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { readKpis } from "../../../streams/kpis/kpis.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { followReturns } from "../../../streams/payments/follow_returns.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { age, archiveAll, archivedIds } from "../../archived.ts";
import { aChargeback, aPaidOrder, tell } from "../../chargebacks.ts";
import { anOperator } from "../../operator.ts";
import { askRefund } from "../../settled_workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { fateAfter, mortal } from "../../streams/queue/crash.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** A refund of 4.00 EUR of a paid order of 10.00, processed. @returns its id */
async function aRefund(flow: Workflow, orderId: number): Promise<number> {
  const message = await askRefund(flow, orderId, 400);
  await publish(flow, [{ message }]);
  await flow.drain();
  return message.refundId;
}

/** What the provider says of a refund: that it came back. */
async function cameBack(
  flow: Workflow,
  refundId: number,
  change: Partial<RefundNews["refund"]> = {},
): Promise<RefundNews> {
  const [row] = await flow.rows("select provider_key, amount_cents from refunds where id = ?", [
    refundId,
  ]);
  const refund = {
    ref: `re_${refundId}`,
    state: "refused",
    reason: "lost_or_stolen_card",
    amountCents: Number(row!.amount_cents),
    currency: "EUR",
    key: String(row!.provider_key),
    ...change,
  } as const;
  return { provider: "simulated", refund, happenedAt: new Date() };
}

const today = () => new Date().toISOString().slice(0, 10);

async function figures(flow: Workflow) {
  const [row] = await readKpis(flow, today(), today());
  return [row!.revenue_cents, row!.refund_count, row!.refund_amount_cents];
}

async function balances(flow: Workflow, orderId: number) {
  const { entries } = await listLedger(flow.db, { orderId }, { after: null, limit: 50 });
  const sums: Record<string, number> = {};
  for (const { account, amountCents } of entries) {
    sums[account] = (sums[account] ?? 0) + amountCents;
  }
  return sums;
}

Deno.test("a refund that its provider takes back is FAILED, and its money is the order's and owed again", () =>
  withWorkflow("taken_back", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const refundId = await aRefund(flow, orderId);
    assert.deepEqual(await figures(flow), [600, 1, 400]);

    assert.equal(await takeRefundNews(flow, await cameBack(flow, refundId)), "return");
    await flow.drain();
    const [refund] = await flow.rows(
      "select status, failure_reason, processed_at is not null as is_dated from refunds where id = ?",
      [refundId],
    );
    assert.deepEqual({ ...refund }, {
      status: "FAILED",
      failure_reason: "taken back by simulated: lost_or_stolen_card",
      is_dated: 1,
    });
    assert.equal((await flow.order(orderId)).refundedCents, 0);
    assert.deepEqual(await figures(flow), [1_000, 0, 0]);
    assert.deepEqual(await balances(flow, orderId), { clearing: 1_000, sales: -1_000, refunds: 0 });
    assert.deepEqual(await sumReturns(flow.db), [{ currency: "EUR", amountCents: 400, count: 1 }]);
    const steps = await flow.rows(
      "select event, detail from order_events where refund_id = ? order by id",
      [refundId],
    );
    assert.deepEqual(steps.map(({ event, detail }) => [event, detail]).slice(-1), [
      ["refund_returned", "4.00 EUR: taken back by simulated: lost_or_stolen_card"],
    ]);
    const told = await flow.rows(
      "select event from notification_logs where event like 'refund.%' order by id",
    );
    assert.deepEqual(told.map(({ event }) => event), [
      `refund.processed:${refundId}`,
      `refund.failed:${refundId}`,
    ]);
    await assertConsistent(flow);
    await rebuildKpis(flow);
    assert.deepEqual(await figures(flow), [1_000, 0, 0]);
    await assertConsistent(flow);

    // Its money can be asked for again, which is another refund under a key of its own.
    const again = await aRefund(flow, orderId);
    assert.deepEqual(await figures(flow), [600, 1, 400]);
    const keys = await flow.rows("select distinct provider_key from refunds");
    assert.equal(keys.length, 2);
    assert.notEqual(again, refundId);
    assert.deepEqual(await sumReturns(flow.db), []);
    await assertConsistent(flow);
  }));

Deno.test("a person pays a refund again that came back, or says that nobody does, once", () =>
  withWorkflow("taken_back_by_hand", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const refundId = await aRefund(flow, orderId);
    await takeRefundNews(flow, await cameBack(flow, refundId));
    await flow.drain();
    const said = { refundId, verdict: "given_back", note: "SEPA 17" } as const;
    const first = await decideByHandAndPublish(flow, said, anOperator());
    const second = await decideByHandAndPublish(flow, said, anOperator());
    assert.deepEqual([first.changed, second.changed], [true, false]);
    assert.deepEqual(second.message, first.message);
    await flow.drain();
    assert.deepEqual(await figures(flow), [600, 1, 400]);
    assert.deepEqual(await sumReturns(flow.db), []);
    const [again] = await flow.rows("select status, by_hand from refunds where id <> ?", [
      refundId,
    ]);
    assert.deepEqual({ ...again }, { status: "PROCESSED", by_hand: 2 });
    await assert.rejects(
      decideByHandAndPublish(flow, { ...said, verdict: "refused" }, anOperator()),
      (error) => error instanceof WorkflowError && error.code === "refund_not_by_hand",
    );
    await assertConsistent(flow);

    const other = await aRefund(flow, orderId);
    await takeRefundNews(flow, await cameBack(flow, other));
    await flow.drain();
    const left = { refundId: other, verdict: "refused", note: null } as const;
    assert.equal((await decideByHandAndPublish(flow, left, anOperator())).changed, true);
    await flow.drain();
    assert.deepEqual(await sumReturns(flow.db), []);
    assert.deepEqual(await figures(flow), [600, 1, 400]);
    await assertConsistent(flow);
  }));

Deno.test("what is told twice, at once, or before the refund is booked counts once", () =>
  withWorkflow("taken_back_twice", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    const news = await cameBack(flow, message.refundId);
    // Its own message asks what became of it, so the provider has to tell this again.
    await assert.rejects(
      takeRefundNews(flow, news),
      (error) => error instanceof WorkflowError && error.code === "charge_not_known",
    );
    await publish(flow, [{ message }]);
    await flow.drain();
    const outcomes = await Promise.all([1, 2, 3].map(() => takeRefundNews(flow, news)));
    assert.deepEqual(outcomes.sort(), ["already_returned", "already_returned", "return"]);
    // What was so before comes late, and what is repeated of its message changes nothing.
    assert.equal(
      await takeRefundNews(flow, { ...news, refund: { ...news.refund, state: "succeeded" } }),
      "other",
    );
    await publish(flow, [{ message }]);
    await flow.drain();
    assert.deepEqual(await figures(flow), [1_000, 0, 0]);
    assert.equal((await flow.order(orderId)).refundedCents, 0);
    await assertConsistent(flow);
  }));

Deno.test("a refund that nobody knows is told again later, and one that is none of ours is let be", () =>
  withWorkflow("taken_back_unknown", async (flow) => {
    const refundId = await aRefund(flow, await aPaidOrder(flow));
    await assert.rejects(
      takeRefundNews(flow, await cameBack(flow, refundId, { key: "refund_of_a_lost_row" })),
      (error) => error instanceof WorkflowError && error.code === "charge_not_known",
    );
    assert.equal(
      await takeRefundNews(flow, await cameBack(flow, refundId, { key: null, ref: "re_other" })),
      "other",
    );
    assert.equal(
      await takeRefundNews(flow, await cameBack(flow, refundId, { amountCents: 399 })),
      "other",
    );
    assert.deepEqual(await figures(flow), [600, 1, 400]);
  }));

Deno.test("goods of a refund that was taken back are back once, and its money can be refunded without them", () =>
  withWorkflow("taken_back_goods", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const stock = await flow.stock("a");
    const items = {
      lines: [{ sku: "a", itemId: null, qty: 1, restock: true }],
      adjustments: [],
      restock: false,
    };
    const wish = { orderId, amountCents: null, items, reason: null, idempotencyKey: null };
    const { refund: { id: refundId } } = await requestRefund(flow.db, wish, "test");
    const message = {
      type: "refund.process",
      orderId,
      refundId,
      amountCents: 1_000,
      currency: "EUR",
    } as const;
    await publish(flow, [{ message }]);
    await flow.drain();
    assert.equal(await flow.stock("a"), stock + 1);
    await takeRefundNews(flow, await cameBack(flow, refundId));
    await flow.drain();
    assert.equal(await flow.stock("a"), stock + 1);
    await assertConsistent(flow);
    await assert.rejects(requestRefund(flow.db, wish, "test"), /0 of 1 that are left/);
    const again = await askRefund(flow, orderId, 1_000);
    await publish(flow, [{ message: again }]);
    await flow.drain();
    assert.equal(await flow.stock("a"), stock + 1);
    assert.deepEqual(await figures(flow), [0, 1, 1_000]);
    await assertConsistent(flow);
  }));

Deno.test("what a lost chargeback took beside a refund went back once where the refund came back", () =>
  withWorkflow("taken_back_charged", async (flow) => {
    const refundId = await aRefund(flow, await aPaidOrder(flow));
    await tell(flow, aChargeback("lost", 60));
    await takeRefundNews(flow, await cameBack(flow, refundId));
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("a refund of an archived order that comes back brings its order back", () =>
  withWorkflow("taken_back_archived", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const refundId = await aRefund(flow, orderId);
    await aPaidOrder(flow, "latest");
    await age(flow);
    await archiveAll(flow);
    assert.deepEqual(await archivedIds(flow), [orderId]);
    await takeRefundNews(flow, await cameBack(flow, refundId));
    await flow.drain();
    assert.deepEqual(await archivedIds(flow), []);
    await assertConsistent(flow);
  }));

Deno.test("a process that dies anywhere while a refund is taken back leaves one effect, once it is told again", () =>
  withWorkflow("taken_back_crash", async (flow) => {
    let isAlive = false;
    for (let moment = 0; !isAlive; moment++) {
      assert.ok(moment < 200, "it ends");
      const orderId = await aPaidOrder(flow, `c${moment}`);
      // More orders follow than there are units at first.
      if (moment === 0) {
        await flow.rows(
          "update products set stock_qty = stock_qty + 200, received_qty = received_qty + 200",
        );
      }
      const refundId = await aRefund(flow, orderId);
      const news = await cameBack(flow, refundId);
      const fate = fateAfter(moment);
      const doomed = { ...flow, ...mortal(flow, fate, "doomed") };
      await takeRefundNews(doomed, news).catch((error) => assert.ok(fate.dead, error));
      isAlive = !fate.dead;
      await takeRefundNews(flow, news);
      await followReturns(flow);
      assert.deepEqual(await figures(flow), [1_000 * (moment + 1), 0, 0], `crash at ${moment}`);
      const [steps] = await flow.rows(
        "select count(*) as n from order_events where refund_id = ? and event = 'refund_returned'",
        [refundId],
      );
      assert.equal(Number(steps!.n), 1);
    }
    await flow.drain();
    assert.deepEqual(await listGivenTwice(flow.db, 1), []);
    await assertConsistent(flow);
  }));

Deno.test("a refund answers for one that came back of no more than it, each for another one, and for none that comes later", () =>
  withWorkflow("taken_back_answered", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const refund = async (...cents: number[]) => {
      const asked = [];
      for (const one of cents) asked.push(await askRefund(flow, orderId, one));
      await publish(flow, asked.map((message) => ({ message })));
      await flow.drain();
      return asked.map(({ refundId }) => refundId);
    };
    const answers = async () =>
      (await flow.rows("select refund_id, again_id from returned_refunds order by refund_id"))
        .map((row) => [row.refund_id, row.again_id].map((id) => id === null ? null : Number(id)));
    const [large, small] = await refund(400, 300) as [number, number];
    for (const id of [large, small]) await takeRefundNews(flow, await cameBack(flow, id));
    const [less] = await refund(300) as [number];
    assert.deepEqual(await answers(), [[large, null], [small, less]]);
    assert.deepEqual(await sumReturns(flow.db), [{ currency: "EUR", amountCents: 400, count: 1 }]);
    await takeRefundNews(flow, await cameBack(flow, less));
    const [first, second] = await refund(500, 500) as [number, number];
    assert.deepEqual(await answers(), [[large, first], [small, less], [less, second]]);
    assert.deepEqual(await sumReturns(flow.db), []);
  }));

Deno.test("a refund that was asked for before another one came back is of something else, and answers for nothing", () =>
  withWorkflow("taken_back_before", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const before = await askRefund(flow, orderId, 500);
    const refundId = await aRefund(flow, orderId);
    await takeRefundNews(flow, await cameBack(flow, refundId));
    await publish(flow, [{ message: before }]);
    await flow.drain();
    assert.deepEqual(await figures(flow), [500, 1, 500]);
    assert.deepEqual(await sumReturns(flow.db), [{ currency: "EUR", amountCents: 400, count: 1 }]);
  }));

Deno.test("no provider takes back what another one made, nor in another currency", () =>
  withWorkflow("taken_back_by_another", async (flow) => {
    const refundId = await aRefund(flow, await aPaidOrder(flow));
    const news = await cameBack(flow, refundId);
    assert.equal(await takeRefundNews(flow, { ...news, provider: "http" }), "other");
    const dollars = await cameBack(flow, refundId, { currency: "USD" });
    assert.equal(await takeRefundNews(flow, dollars), "other");
    assert.deepEqual(await figures(flow), [600, 1, 400]);
    assert.equal(await takeRefundNews(flow, news), "return");
  }));

Deno.test("a refund under what can be no key of ours is nobody's, and stops nothing", () =>
  withWorkflow("returned_odd_key", async (flow) => {
    const refundId = await aRefund(flow, await aPaidOrder(flow));
    for (const key of ["R\u00fcckzahlung", "\ud800'", "x".repeat(1_000)]) {
      assert.equal(await takeRefundNews(flow, await cameBack(flow, refundId, { key })), "other");
    }
  }));
