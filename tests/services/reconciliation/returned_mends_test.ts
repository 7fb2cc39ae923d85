import assert from "node:assert/strict";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import {
  goOnMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import { takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import { aGateway, aLine, aMend, hold, news, open } from "../../direct_refunds.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { withWorkflow } from "../../workflow.ts";

Deno.test("a direct refund that its provider takes back is owed again, and given back under another key once", () =>
  withWorkflow("mend_back", async (flow) => {
    const { gateway, deps, asked, cameBack } = aGateway(flow);
    const first = await aMend(flow, deps);
    cameBack(1_000);
    const told = news(first.mendKey!, gateway);
    assert.equal(await takeRefundNews(deps, told), "return");
    assert.equal(await takeRefundNews(deps, told), "already_returned");
    const [owed, ...others] = await open(flow);
    assert.deepEqual(others, []);
    const { kind, movement, chargeRef, theirCents, theirCurrency, movementKey } = owed!;
    assert.deepEqual(
      [kind, movement, chargeRef, theirCents, theirCurrency, movementKey],
      ["corrected", "unmended", "ch_nobody", 1_000, "EUR", first.mendKey],
    );
    const [before] = await reconciled.all({ flow });
    assert.equal(
      before!.answer,
      "10.00 EUR have gone back; its provider took it back: account_closed",
    );

    const mended = await proposeMending(deps, { id: owed!.id, note: null }, operator);
    assert.deepEqual([mended.discrepancy.state, mended.discrepancy.answer], [
      "mended",
      "10.00 EUR have gone back",
    ]);
    await goOnMending(deps, operator);
    assert.deepEqual(asked.map(({ cents }) => cents), [1_000, 1_000]);
    assert.notEqual(asked[0]!.key, asked[1]!.key);
    // Of the first nothing more is owed, whatever is told of it again; of the second it may be.
    assert.equal(await takeRefundNews(deps, told), "already_returned");
    assert.deepEqual(await open(flow), []);
    cameBack(1_000);
    assert.equal(await takeRefundNews(deps, news(asked[1]!.key, gateway)), "return");
    const [again] = await open(flow);
    const third = await proposeMending(deps, { id: again!.id, note: null }, operator);
    assert.equal(third.discrepancy.state, "mended");
    assert.equal(new Set(asked.map(({ key }) => key)).size, 3);
  }));

Deno.test("a direct refund is taken back by the word of its provider alone, of its money, once it is made and as long as it says so", () =>
  withWorkflow("mend_back_word", async (flow) => {
    const { gateway, deps, cameBack } = aGateway(flow);
    const first = await aMend(flow, deps);
    const told = news(first.mendKey!, gateway);
    // It says otherwise when it is asked.
    assert.equal(await takeRefundNews(deps, told), "other");
    cameBack(1_000);
    assert.equal(await takeRefundNews(deps, news(first.mendKey!, gateway, 999)), "other");
    assert.equal(await takeRefundNews(deps, { ...told, provider: "http" }), "other");
    await flow.rows("update discrepancies set state = 'OPEN', ended_at = null");
    await assert.rejects(
      takeRefundNews(deps, told),
      (error) => error instanceof WorkflowError && error.code === "charge_not_known",
    );
    await flow.rows("update discrepancies set state = 'EXPLAINED', ended_at = created_at");
    assert.equal(await takeRefundNews(deps, told), "never_made");
    assert.deepEqual(await open(flow), []);
  }));

Deno.test("of a direct refund that came back no more is given back than its provider has, nor than reports leave", () =>
  withWorkflow("mend_back_left", async (flow) => {
    const { gateway, deps, asked, cameBack } = aGateway(flow);
    const first = await aMend(flow, deps);
    cameBack(400);
    assert.equal(await takeRefundNews(deps, news(first.mendKey!, gateway)), "return");
    const [owed] = await open(flow);
    const { discrepancy } = await proposeMending(deps, { id: owed!.id, note: null }, operator);
    assert.deepEqual([discrepancy.state, discrepancy.mendCents], ["mended", 400]);
    assert.deepEqual(asked.map(({ cents }) => cents), [1_000, 400]);
    // What came back of the second is 4.00 EUR, whatever the first was of.
    cameBack(400);
    const key = asked[1]!.key;
    assert.equal(await takeRefundNews(deps, news(key, gateway, 400)), "return");
    const [again] = await open(flow);
    assert.equal(again!.theirCents, 400);
    // Where it can't be asked, what reports tell that went back besides is left out.
    await hold(flow, [
      aLine("charge"),
      aLine("refund", { refundId: "re_9", grossCents: -700 }),
    ]);
    const blind = { ...deps, gateway: { ...gateway, money: undefined } };
    const third = await proposeMending(blind, { id: again!.id, note: null }, operator);
    assert.deepEqual([third.discrepancy.state, third.discrepancy.mendCents], ["mended", 300]);
  }));

Deno.test("of a direct refund that came back no more is given back than it was of, whatever its provider has", () =>
  withWorkflow("mend_back_own", async (flow) => {
    const { gateway, deps, asked, cameBack } = aGateway(flow);
    // Of 10.00 EUR somebody gave 6.00 back by the provider's own pages, which came back as well.
    cameBack(-600);
    const first = await aMend(flow, deps);
    assert.equal(first.mendCents, 400);
    cameBack(1_000);
    assert.equal(await takeRefundNews(deps, news(first.mendKey!, gateway, 400)), "return");
    const [owed] = await open(flow);
    const { discrepancy } = await proposeMending(deps, { id: owed!.id, note: null }, operator);
    assert.deepEqual([discrepancy.state, discrepancy.mendCents], ["mended", 400]);
    assert.deepEqual(asked.map(({ cents }) => cents), [400, 400]);
  }));

Deno.test("a report of a direct refund that came back is found, recorded once its provider says so, and told once", () =>
  withWorkflow("mend_back_told", async (flow) => {
    const { deps, asked, cameBack } = aGateway(flow);
    const first = await aMend(flow, deps);
    const key = first.mendKey!;
    const lines = [
      aLine("charge"),
      aLine("refund", { refundId: "re_1", grossCents: -1_000, key }),
      aLine("refund_failure", { refundId: "re_1", grossCents: 1_000, key }),
    ];
    await hold(flow, lines);
    const [told, ...others] = await open(flow);
    assert.deepEqual([told!.kind, told!.movement, others], ["corrected", "correction", []]);
    const wish = { id: told!.id, note: null };
    const denied = await proposeMending(deps, wish, operator);
    assert.equal(denied.discrepancy.answer, "the provider says that it was given back");
    cameBack(1_000);
    const recorded = await proposeMending(deps, wish, operator);
    assert.equal(recorded.discrepancy.state, "mended");
    const [owed, ...more] = await open(flow);
    assert.deepEqual([owed!.movement, owed!.theirCents, more], ["unmended", 1_000, []]);
    await hold(flow, lines);
    assert.equal((await open(flow)).length, 1);
    await proposeMending(deps, { id: owed!.id, note: null }, operator);
    assert.equal(new Set(asked.map((one) => one.key)).size, 2);
    await hold(flow, [
      ...lines,
      aLine("refund", {
        entryId: "txn_again",
        refundId: "re_2",
        grossCents: -1_000,
        key: asked[1]!.key,
      }),
    ]);
    assert.deepEqual(await open(flow), []);
    const [day] = await listProviderDays(flow.db, 10);
    const { chargesCents, refundsCents, otherCents, netCents } = day!;
    assert.deepEqual([chargesCents, refundsCents, otherCents, netCents], [1_000, -1_000, 0, 0]);
  }));

Deno.test("what a report tells otherwise of a direct refund is asked about, and not given back again under the same key", () =>
  withWorkflow("mend_back_asked", async (flow) => {
    const { gateway, deps, asked, cameBack } = aGateway(flow);
    const first = await aMend(flow, deps);
    const key = first.mendKey!;
    await hold(flow, [
      aLine("charge"),
      aLine("refund", { refundId: "re_1", grossCents: -900, key }),
    ]);
    const [differs] = await open(flow);
    assert.deepEqual([differs!.kind, differs!.movement], ["amount_differs", "mend"]);
    cameBack(1_000);
    const wish = { id: differs!.id, note: null, action: "ask" } as const;
    const { discrepancy } = await proposeMending(deps, wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.answer], [
      "mended",
      "the provider keeps it: account_closed; its money is owed again",
    ]);
    const [owed, ...others] = await open(flow);
    assert.deepEqual([owed!.movement, owed!.theirCents, others], ["unmended", 1_000, []]);
    // One that knows nothing of it any more is not asked for it once more.
    await flow.rows(
      "update discrepancies set state = 'OPEN', ended_at = null, action = null, approved_at = null, approved_by = null where id = ?",
      [differs!.id],
    );
    const forgetful: Gateway = {
      ...gateway,
      refundStatus: () => Promise.resolve([{ kind: "unknown" }]),
    };
    const again = await proposeMending({ ...deps, gateway: forgetful }, wish, operator);
    assert.equal(again.discrepancy.state, "explained");
    assert.equal(asked.length, 1);
  }));

Deno.test("what reports tell otherwise of a direct refund ends once they agree", () =>
  withWorkflow("mend_agreed", async (flow) => {
    const { deps } = aGateway(flow);
    const { mendKey } = await aMend(flow, deps);
    const made = aLine("refund", { refundId: "re_1", grossCents: -1_000, key: mendKey! });
    await hold(flow, [aLine("charge"), made]);
    assert.deepEqual(await open(flow), []);
    await hold(flow, [{ ...made, feeCents: 5, netCents: -1_005 }]);
    const [row, ...others] = await open(flow);
    assert.deepEqual([row!.kind, row!.movement, others], ["fee_differs", "mend", []]);
    await hold(flow, [made]);
    assert.deepEqual(await open(flow), []);
  }));

Deno.test("what came back of mending is owed whatever becomes of the report by which it was found", () =>
  withWorkflow("mend_back_withdrawn", async (flow) => {
    const { gateway, deps, cameBack } = aGateway(flow);
    const first = await aMend(flow, deps);
    cameBack(1_000);
    await takeRefundNews(deps, news(first.mendKey!, gateway));
    await withdraw(deps, first.reconciliationId, operator);
    const [owed, ...others] = await open(flow);
    assert.deepEqual([owed!.movement, others], ["unmended", []]);
    const { discrepancy } = await proposeMending(deps, { id: owed!.id, note: null }, operator);
    assert.equal(discrepancy.state, "mended");
  }));

Deno.test("what was taken too much of an order goes back again where it came back, and nothing of the order's own", () =>
  withWorkflow("mend_back_surplus", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const { gateway, asked } = aGateway(flow);
    let backCents = 0;
    const own: Gateway = {
      ...gateway,
      money: () =>
        Promise.resolve([{
          kind: "found",
          ref: "sim_of_1",
          currency: "EUR",
          tookCents: 1_500,
          refundedCents: backCents,
        }]),
      refundStatus: () => Promise.resolve([{ kind: "refused", reason: "account_closed" }]),
    };
    const deps = { ...reconciled.depsOf({ flow }), gateway: own };
    await hold(flow, [
      aLine("charge", { chargeId: "sim_of_1", reference: "1", grossCents: 1_500 }),
    ]);
    const [more] = await open(flow);
    await proposeMending(deps, { id: more!.id, note: null, action: "give_back" }, operator);
    assert.deepEqual(asked.map(({ cents }) => cents), [500]);
    assert.equal(await takeRefundNews(deps, news(asked[0]!.key, own, 500)), "return");
    const [owed] = await open(flow);
    assert.deepEqual([owed!.orderId, owed!.theirCents], [orderId, 500]);
    backCents = 200;
    const { discrepancy } = await proposeMending(deps, { id: owed!.id, note: null }, operator);
    assert.deepEqual([discrepancy.state, discrepancy.mendCents], ["mended", 300]);
  }));

Deno.test("what came back of mending is none of what went back of a charge when its refunds are recorded", () =>
  withWorkflow("mend_back_recorded", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const { gateway, asked } = aGateway(flow);
    let backCents = 0;
    const own: Gateway = {
      ...gateway,
      money: () => {
        const took = { ref: "sim_of_1", currency: "EUR", tookCents: 1_500 };
        return Promise.resolve([{ kind: "found", ...took, refundedCents: backCents }]);
      },
      refundStatus: () => Promise.resolve([{ kind: "refused", reason: "account_closed" }]),
    };
    const deps = { ...reconciled.depsOf({ flow }), gateway: own };
    const charge = aLine("charge", { chargeId: "sim_of_1", reference: "1", grossCents: 1_500 });
    await hold(flow, [charge]);
    const [more] = await open(flow);
    await proposeMending(deps, { id: more!.id, note: null, action: "give_back" }, operator);
    assert.equal(await takeRefundNews(deps, news(asked[0]!.key, own, 500)), "return");
    // Somebody gave 4.00 EUR back by the provider's own pages.
    backCents = 400;
    const of = { chargeId: "sim_of_1", reference: "1", refundId: "re_9", grossCents: -400 };
    await hold(flow, [charge, aLine("refund", of)]);
    const told = (await open(flow)).find(({ movement }) => movement === "refund");
    const wish = { id: told!.id, note: null, action: "record" } as const;
    const { discrepancy } = await proposeMending(deps, wish, operator);
    assert.match(String(discrepancy.answer), /^it is recorded as refund/);
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 400);
  }));
