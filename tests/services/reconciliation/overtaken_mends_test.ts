import assert from "node:assert/strict";
import type { Database } from "../../../db/connection/database.ts";
import { dropAction } from "../../../db/reconciliation/discrepancy_actions.ts";
import {
  goOnMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import {
  aGateway,
  aLine,
  aWish,
  hold,
  knowsNone,
  neverHeardOf,
  neverReached,
  open,
} from "../../direct_refunds.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { withWorkflow } from "../../workflow.ts";

/** A provider that says what it has once it may: who asks it stands still for as long. */
function standingStill(gateway: Gateway) {
  const asked = Promise.withResolvers<void>(), goes = Promise.withResolvers<void>();
  const still: Gateway = {
    ...gateway,
    money: async (requests) => {
      asked.resolve();
      await goes.promise;
      return await gateway.money!(requests);
    },
  };
  return { still, isAsked: asked.promise, goOn: goes.resolve };
}

Deno.test("what two processes give back directly at once is of one amount, and mended", () =>
  withWorkflow("mend_at_once", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    const wish = await aWish(flow);
    const { still, isAsked, goOn } = standingStill(gateway);
    const slower = proposeMending({ ...deps, gateway: still }, wish, operator);
    await isAsked;
    const first: Gateway = {
      ...gateway,
      refund: async (requests) => {
        const answers = await gateway.refund(requests);
        goOn();
        await slower;
        return answers;
      },
    };
    await goOnMending({ ...deps, gateway: first }, operator);
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.mendCents, row!.answer], [
      "mended",
      1_000,
      "10.00 EUR have gone back",
    ]);
    assert.equal(new Set(asked.map(({ key, cents }) => `${key} ${cents}`)).size, 1);
  }));

Deno.test("what is withdrawn of mending is withdrawn with its amount, whenever who does so is killed", () =>
  withWorkflow("mend_dropped", async (flow) => {
    const { gateway, deps } = aGateway(flow);
    const wish = await aWish(flow);
    const keeps: Gateway = {
      ...gateway,
      refund: () => Promise.resolve([{ kind: "refused", reason: "closed" }]),
      refundStatus: (requests) =>
        Promise.resolve(requests.map(() => ({ kind: "refused", reason: "closed" }))),
    };
    const work = (db = flow.db) => proposeMending({ ...deps, gateway: keeps, db }, wish, operator);
    const steps = await reconciled.countSteps(flow, () => work());
    for (let made = 0; made <= steps; made++) {
      await work(reconciled.dyingAfter(flow.db, made)).catch(() => {});
      const left = await flow.rows(
        `select 1 from discrepancy_mends join discrepancies on discrepancies.id = discrepancy_id
        where discrepancies.approved_at is null`,
      );
      assert.deepEqual(left, [], `killed after ${made} of ${steps} statements`);
      await work();
    }
  }));

Deno.test("a process that stood still withdraws nothing that was approved anew meanwhile", () =>
  withWorkflow("mend_late", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    const wish = await aWish(flow);
    const none = knowsNone(gateway);
    const { still, isAsked, goOn } = standingStill(none);
    const late = proposeMending({ ...deps, gateway: still }, wish, operator);
    await isAsked;
    await goOnMending({ ...deps, gateway: none }, operator);
    const away = neverHeardOf(gateway);
    const again = await proposeMending({ ...deps, gateway: away }, wish, operator);
    assert.deepEqual([again.discrepancy.state, again.discrepancy.mendCents], ["open", 1_000]);
    goOn();
    await late;
    await goOnMending(deps, operator);
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.mendKey, row!.mendCents], ["mended", asked[0]!.key, 1_000]);
  }));

Deno.test("a process that stood still gives nothing back of what was withdrawn and explained meanwhile", () =>
  withWorkflow("mend_over", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    const wish = await aWish(flow);
    const { still, isAsked, goOn } = standingStill(gateway);
    const late = proposeMending({ ...deps, gateway: still }, wish, operator);
    await isAsked;
    await goOnMending({ ...deps, gateway: knowsNone(gateway) }, operator);
    await proposeMending(deps, { ...wish, action: "explain", note: "a test of ours" }, operator);
    goOn();
    await late;
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.note], ["explained", "a test of ours"]);
    assert.deepEqual(asked, []);
    assert.deepEqual(await flow.rows("select * from discrepancy_mends"), []);
  }));

Deno.test("a process that stood still asks for no more of what was asked for before, withdrawn and explained meanwhile", () =>
  withWorkflow("mend_asked_over", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    const wish = await aWish(flow);
    const away = neverReached(gateway);
    const { discrepancy } = await proposeMending({ ...deps, gateway: away }, wish, operator);
    assert.equal(discrepancy.mendCents, 1_000);
    let isDone = false;
    const query: Database["query"] = async (sql, values) => {
      // What the bank has of it is looked up before anything is asked for.
      if (!isDone && sql.includes("chargebacks_once")) {
        isDone = true;
        await dropAction(flow.db, discrepancy, "the provider keeps it");
        await proposeMending(
          deps,
          { ...wish, action: "explain", note: "a test of ours" },
          operator,
        );
      }
      return await flow.db.query(sql, values);
    };
    const db = { ...flow.db, query };
    await goOnMending({ ...deps, db }, operator);
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.note, isDone], ["explained", "a test of ours", true]);
    assert.deepEqual(asked, []);
  }));

Deno.test("what was to go back of nobody's charge does not go back whole once most of it is an order's", () =>
  withWorkflow("mend_of_order", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    const away = neverReached(gateway);
    const wish = await aWish(flow);
    const { discrepancy } = await proposeMending({ ...deps, gateway: away }, wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.mendCents], ["open", 1_000]);
    await aPaidOrder(flow, "1", 900);
    await flow.rows("update payments set provider_ref = 'ch_nobody'");
    await goOnMending(deps, operator);
    assert.deepEqual(asked, []);
    const [row] = await open(flow);
    assert.deepEqual([row!.kind, row!.action, row!.mendCents], ["amount_differs", null, null]);
    // What is too much of it does.
    await proposeMending(deps, { ...wish, action: "give_back" }, operator);
    assert.deepEqual(asked.map(({ cents }) => cents), [100]);
  }));

Deno.test("what went back of nobody's charge is found as a refund of the order that has come to have it", () =>
  withWorkflow("mend_on_record", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    const away = neverHeardOf(gateway);
    await proposeMending({ ...deps, gateway: away }, await aWish(flow), operator);
    const orderId = await aPaidOrder(flow);
    await flow.rows("update payments set provider_ref = 'ch_nobody'");
    await goOnMending(deps, operator);
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.answer], ["mended", "it is on record"]);
    assert.equal(asked.length, 1);
    await hold(flow, [
      aLine("charge"),
      aLine("refund", { refundId: "re_1", grossCents: -1_000, key: asked[0]!.key }),
    ]);
    assert.deepEqual(
      (await open(flow)).map((one) => [one.kind, one.orderId, one.theirCents]),
      [["refund_without_refund", orderId, 1_000]],
    );
  }));
