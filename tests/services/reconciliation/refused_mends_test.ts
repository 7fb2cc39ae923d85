import assert from "node:assert/strict";
import {
  goOnMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import { takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import type {
  Gateway,
  MoneyAnswer,
  RefundStatusAnswer,
} from "../../../streams/payments/gateway.ts";
import { readRefundStatus } from "../../../streams/payments/provider_answers.ts";
import { aGateway, aLine, aWish, hold, knowsNone, news, open } from "../../direct_refunds.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** A provider that refuses the first direct refund, and says of it when it is asked what it is told to say. */
function aRefusal(flow: Workflow, keeps = 1) {
  const stage = aGateway(flow);
  const said: { first: RefundStatusAnswer } = { first: { kind: "refused", reason: "closed" } };
  const asked: string[] = [];
  const gateway: Gateway = {
    ...stage.gateway,
    refund: (requests) => {
      const [{ idempotencyKey: key }] = requests as [typeof requests[number]];
      asked.push(key);
      // What it has said of a key it says again.
      const place = [...new Set(asked)].indexOf(key);
      if (place < keeps) return Promise.resolve([{ kind: "refused", reason: "closed" }]);
      return stage.gateway.refund(requests);
    },
    refundStatus: (requests) => Promise.resolve(requests.map(() => said.first)),
  };
  return { asked, said, deps: { ...stage.deps, gateway }, made: stage.asked };
}

Deno.test("a direct refund that its provider refused is asked for under another key, once, when it is approved again", () =>
  withWorkflow("mend_refused", async (flow) => {
    const { asked, deps, made } = aRefusal(flow, 2);
    const wish = await aWish(flow);
    const first = await proposeMending(deps, wish, operator);
    assert.deepEqual([first.discrepancy.state, first.discrepancy.action], ["open", null]);
    assert.equal(first.discrepancy.answer, "the provider keeps it: closed");
    // Whatever came to nothing meanwhile, and was asked for under no key, changes none.
    const unknown = knowsNone(deps.gateway);
    for (let times = 0; times < 2; times++) {
      await proposeMending({ ...deps, gateway: unknown }, wish, operator);
    }
    assert.equal(asked.length, 1);
    await proposeMending(deps, wish, operator);
    const third = await proposeMending(deps, wish, operator);
    assert.deepEqual([third.discrepancy.state, third.discrepancy.answer], [
      "mended",
      "10.00 EUR have gone back",
    ]);
    assert.deepEqual(asked, [asked[0], `${asked[0]}_2`, `${asked[0]}_3`]);
    assert.deepEqual(made.map(({ cents }) => cents), [1_000]);
    // Its report names it by the last one.
    await hold(flow, [
      aLine("charge"),
      aLine("refund", { refundId: "re_1", grossCents: -1_000, key: asked[2]! }),
    ]);
    assert.deepEqual(await open(flow), []);
  }));

Deno.test("a direct refund that was refused and made after all mends by its own key, and is not made again", () =>
  withWorkflow("mend_refused_made", async (flow) => {
    const { asked, said, deps, made } = aRefusal(flow);
    const wish = await aWish(flow);
    await proposeMending(deps, wish, operator);
    for (
      const [says, answer] of [
        [{ kind: "away", error: "no answer" }, "no answer"],
        [{ kind: "pending", delayMs: 1 }, "the provider has not decided yet (pending)"],
      ] as const
    ) {
      said.first = says;
      await proposeMending(deps, wish, operator);
      assert.equal((await open(flow))[0]!.answer, answer);
    }
    said.first = { kind: "refunded" };
    await goOnMending(deps, operator);
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.mendKey, row!.mendCents], ["mended", asked[0], 1_000]);
    assert.deepEqual([asked.length, made], [1, []]);
    await hold(flow, [
      aLine("charge"),
      aLine("refund", { refundId: "re_1", grossCents: -1_000, key: asked[0]! }),
    ]);
    assert.deepEqual(await open(flow), []);
  }));

Deno.test("a direct refund of a part that was refused is asked about as the part that it was of", () =>
  withWorkflow("mend_refused_part", async (flow) => {
    const { asked, deps, made } = aRefusal(flow);
    const wish = await aWish(flow);
    const gateway: Gateway = {
      ...deps.gateway,
      // Its own pages gave 4.00 EUR back.
      money: (requests) =>
        Promise.resolve(requests.map((): MoneyAnswer => ({
          kind: "found",
          ref: "ch_nobody",
          currency: "EUR",
          tookCents: 1_000,
          refundedCents: 400,
        }))),
      refundStatus: (requests) =>
        Promise.resolve(
          requests.map((request) =>
            readRefundStatus(
              request,
              {
                ref: "re_1",
                state: "refused",
                reason: "closed",
                amountCents: 600,
                currency: "EUR",
              },
              { callbackMs: 1 },
            )
          ),
        ),
    };
    await proposeMending({ ...deps, gateway }, wish, operator);
    const { discrepancy } = await proposeMending({ ...deps, gateway }, wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.answer], [
      "mended",
      "6.00 EUR have gone back",
    ]);
    assert.deepEqual(made, [{ key: asked[1], cents: 600 }]);
  }));

for (const [made, says] of [[false, "refused"], [true, "refunded"]] as const) {
  Deno.test(`what was refused, explained and is open again as another report's goes back once, where the provider says ${says}`, () =>
    withWorkflow(`mend_refused_anew_${says}`, async (flow) => {
      const { asked, said, deps, made: paid } = aRefusal(flow);
      const first = await hold(flow, [aLine("charge")]);
      const [found] = await open(flow);
      const wish = { id: found!.id, note: null };
      await proposeMending(deps, wish, operator);
      await proposeMending(deps, { ...wish, action: "explain", note: "a test of ours" }, operator);
      await hold(flow, [aLine("charge"), aLine("fee", { chargeId: "", grossCents: -5 })]);
      await withdraw(deps, first.id, operator);
      const [anew] = await open(flow);
      // What comes to nothing, and was asked for under no key, leaves it as it is.
      const unknown = knowsNone(deps.gateway);
      const again = { id: anew!.id, note: null };
      const dropped = await proposeMending({ ...deps, gateway: unknown }, again, operator);
      assert.deepEqual([dropped.discrepancy.state, dropped.discrepancy.action], ["open", null]);
      if (made) said.first = { kind: "refunded" };
      const { discrepancy } = await proposeMending(deps, again, operator);
      assert.equal(discrepancy.state, "mended");
      assert.deepEqual(asked, made ? [asked[0]] : [asked[0], `${asked[0]}_2`]);
      assert.deepEqual(paid.map(({ cents }) => cents), made ? [] : [1_000]);
    }));
}

Deno.test("what was refused is asked for once more by nobody who can't be asked whether it was made after all", () =>
  withWorkflow("mend_refused_unasked", async (flow) => {
    const { asked, deps } = aRefusal(flow);
    const wish = await aWish(flow);
    await proposeMending(deps, wish, operator);
    const { refundStatus: _, ...mute } = deps.gateway;
    const { discrepancy } = await proposeMending({ ...deps, gateway: mute }, wish, operator);
    assert.equal(
      discrepancy.answer,
      '"simulated" can\'t be asked whether it was made after all',
    );
    assert.equal(asked.length, 1);
  }));

Deno.test("that its provider refused a direct refund is no news while it is not asked for", () =>
  withWorkflow("mend_refused_news", async (flow) => {
    const { asked, deps } = aRefusal(flow);
    const wish = await aWish(flow);
    await proposeMending(deps, wish, operator);
    assert.equal(await takeRefundNews(deps, news(asked[0]!, deps.gateway)), "never_made");
  }));
