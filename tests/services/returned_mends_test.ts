import assert from "node:assert/strict";
import type { ReportLine } from "../../commands/provider_report.ts";
import type { Database } from "../../db/connection/database.ts";
import { dropAction } from "../../db/reconciliation/discrepancies.ts";
import { databaseTime } from "../../domain/database_time.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { listProviderDays } from "../../db/reconciliation/reconciled_days.ts";

import { goOnMending, proposeMending } from "../../services/mend_discrepancies.ts";
import type { ChargebackReport } from "../../services/record_chargeback.ts";
import { type RefundNews, takeRefundNews } from "../../services/take_refund_news.ts";
import { withdraw } from "../../services/withdraw_report.ts";
import type { Gateway, MoneyAnswer, RefundStatusAnswer } from "../../streams/payments/gateway.ts";
import { readRefundStatus } from "../../streams/payments/provider_answers.ts";
import { aChargeback, aPaidOrder, tell } from "../chargebacks.ts";
import * as reconciled from "../reconciled.ts";
import { operator } from "../reconciled.ts";
import { withWorkflow, type Workflow } from "../workflow.ts";

/** A provider that answers of one unknown charge of 10.00 EUR, and keeps what it was asked to give back. */
function aGateway(flow: Workflow) {
  const asked: { key: string; cents: number }[] = [];
  let backCents = 0;
  let status: RefundStatusAnswer = { kind: "refunded" };
  const gateway: Gateway = {
    ...flow.gateway,
    can: { ...flow.gateway.can!, looksUpByName: true },
    refund: (requests) => {
      for (const { idempotencyKey: key, amountCents: cents } of requests) {
        if (!asked.some((one) => one.key === key)) backCents += cents;
        asked.push({ key, cents });
      }
      return Promise.resolve(requests.map(() => ({ kind: "refunded" } as const)));
    },
    refundStatus: (requests) => Promise.resolve(requests.map(() => status)),
    money: (requests) =>
      Promise.resolve(requests.map((): MoneyAnswer => ({
        kind: "found",
        ref: "ch_nobody",
        currency: "EUR",
        tookCents: 1_000,
        refundedCents: backCents,
      }))),
  };
  const cameBack = (cents: number) => {
    backCents -= cents;
    status = { kind: "refused", reason: "account_closed" };
  };
  return { gateway, asked, cameBack, deps: { ...reconciled.depsOf({ flow }), gateway } };
}

const hold = (flow: Workflow, lines: Iterable<ReportLine>) =>
  reconciled.hold({ flow, name: "simulated" }, lines);

/** A line of an unknown charge of 10.00 EUR. */
function aLine(kind: string, change: Partial<Omit<ReportLine, "kind">> = {}): ReportLine {
  const grossCents = change.grossCents ?? 1_000;
  const line = {
    entryId: `txn_${kind}`,
    kind,
    createdUtc: databaseTime(Date.now()),
    chargeId: "ch_nobody",
    refundId: "",
    key: "",
    reference: "",
    feeCents: 0,
    currency: "EUR",
    ...change,
    grossCents,
    netCents: grossCents,
  };
  return line as ReportLine;
}

/** Gives an unknown charge of 10.00 EUR back directly. @returns the discrepancy that it mends */
async function aMend(flow: Workflow, deps: ReturnType<typeof aGateway>["deps"]) {
  await hold(flow, [aLine("charge")]);
  const [open] = await reconciled.all({ flow }, "open");
  const { discrepancy } = await proposeMending(deps, { id: open!.id, note: null }, operator);
  assert.equal(discrepancy.state, "mended");
  return discrepancy;
}

/** What the provider says of the refund of a key by itself. */
function news(key: string, gateway: Gateway, amountCents = 1_000): RefundNews {
  const refund = {
    ref: "re_1",
    state: "refused",
    reason: null,
    amountCents,
    currency: "EUR",
    key,
    chargeRefs: ["ch_nobody"],
  } as const;
  return { provider: "simulated", refund, happenedAt: new Date(), gateway };
}

const open = (flow: Workflow) => reconciled.all({ flow }, "open");

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

/** A chargeback of an unknown charge. */
const aContest = (state: "needs_response" | "won" | "lost", second: number, amountCents = 1_000) =>
  aChargeback(state, second, { chargeRefs: ["ch_nobody"], amountCents });

Deno.test("nothing is given back directly of what its customer contests at the bank, nor of what the bank has taken", () =>
  withWorkflow("mend_contested", async (flow) => {
    const { deps, asked } = aGateway(flow);
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    await tell(flow, aContest("needs_response", 60));
    const wish = { id: found!.id, note: null };
    const waits = await proposeMending(deps, wish, operator);
    assert.deepEqual([waits.discrepancy.state, waits.discrepancy.answer], [
      "open",
      "its customer contests it at the bank: it waits until that is decided",
    ]);
    assert.deepEqual(asked, []);
    await tell(flow, aContest("lost", 120, 300));
    await goOnMending(deps, operator);
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.mendCents], ["mended", 700]);
    assert.deepEqual(asked.map(({ cents }) => cents), [700]);
  }));

for (
  const [what, contest, back] of [
    ["in another currency", { currency: "USD", amountCents: 300 }, []],
    ["by the other name of its charge", { chargeRefs: ["pi_nobody", "ch_nobody"] }, []],
    ["of another charge", { chargeRefs: ["ch_else"] }, [1_000]],
    ["and gave again", { state: "won" }, [1_000]],
  ] as const satisfies [string, Partial<ChargebackReport>, number[]][]
) {
  Deno.test(`what a bank took ${what} is ${back.length === 0 ? "gone" : "given back"} when a charge of nobody is`, () =>
    withWorkflow("mend_taken", async (flow) => {
      const { deps, asked } = aGateway(flow);
      await hold(flow, [aLine("charge")]);
      const [found] = await open(flow);
      const of: Partial<ChargebackReport> = contest;
      await tell(flow, { ...aContest("lost", 60), ...of });
      const { discrepancy } = await proposeMending(deps, { id: found!.id, note: null }, operator);
      assert.deepEqual(asked.map(({ cents }) => cents), back);
      assert.equal(discrepancy.state, back.length === 0 ? "explained" : "mended");
    }));
}

for (
  const [said, state] of [["refunded", "mended"], ["unknown", "open"]] as const
) {
  Deno.test(`what was asked for before the bank took it is asked for no more, where its provider says that it is ${said}`, () =>
    withWorkflow(`mend_contested_${said}`, async (flow) => {
      const { deps, gateway } = aGateway(flow);
      await hold(flow, [aLine("charge")]);
      const [found] = await open(flow);
      const slow: Gateway = {
        ...gateway,
        refund: () => Promise.resolve([{ kind: "failed", error: "no answer" }]),
      };
      const wish = { id: found!.id, note: null };
      await proposeMending({ ...deps, gateway: slow }, wish, operator);
      await tell(flow, aContest("lost", 60));
      const status: Gateway = {
        ...gateway,
        refund: () => assert.fail("the bank has taken it"),
        refundStatus: () => Promise.resolve([{ kind: said }]),
      };
      await goOnMending({ ...deps, gateway: status }, operator);
      const [row] = await reconciled.all({ flow });
      assert.equal(row!.state, state);
      // It is over by the bank.
      if (state === "mended") return;
      const over = await proposeMending({ ...deps, gateway: status }, wish, operator);
      assert.deepEqual([over.discrepancy.state, over.discrepancy.answer], [
        "explained",
        "all of 10.00 EUR went back before",
      ]);
    }));
}

Deno.test("what two processes give back directly at once is of one amount, and mended", () =>
  withWorkflow("mend_at_once", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const asks = Promise.withResolvers<void>(), made = Promise.withResolvers<void>();
    const slow: Gateway = {
      ...gateway,
      money: async (requests) => {
        asks.resolve();
        await made.promise;
        return await gateway.money!(requests);
      },
    };
    const wish = { id: found!.id, note: null };
    const slower = proposeMending({ ...deps, gateway: slow }, wish, operator);
    await asks.promise;
    const first: Gateway = {
      ...gateway,
      refund: async (requests) => {
        const answers = await gateway.refund(requests);
        made.resolve();
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
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const keeps: Gateway = {
      ...gateway,
      refund: () => Promise.resolve([{ kind: "refused", reason: "closed" }]),
      refundStatus: (requests) =>
        Promise.resolve(requests.map(() => ({ kind: "refused", reason: "closed" }))),
    };
    const wish = { id: found!.id, note: null };
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
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
    const asks = Promise.withResolvers<void>(), goes = Promise.withResolvers<void>();
    const knowsNone: Gateway = { ...gateway, money: () => Promise.resolve([{ kind: "unknown" }]) };
    const still: Gateway = {
      ...knowsNone,
      money: async () => {
        asks.resolve();
        await goes.promise;
        return [{ kind: "unknown" }];
      },
    };
    const late = proposeMending({ ...deps, gateway: still }, wish, operator);
    await asks.promise;
    await goOnMending({ ...deps, gateway: knowsNone }, operator);
    const away: Gateway = {
      ...gateway,
      refund: async (requests) => {
        await gateway.refund(requests);
        return [{ kind: "away", error: "no answer" }];
      },
    };
    const again = await proposeMending({ ...deps, gateway: away }, wish, operator);
    assert.deepEqual([again.discrepancy.state, again.discrepancy.mendCents], ["open", 1_000]);
    goes.resolve();
    await late;
    await goOnMending(deps, operator);
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.mendKey, row!.mendCents], ["mended", asked[0]!.key, 1_000]);
  }));

Deno.test("a process that stood still gives nothing back of what was withdrawn and explained meanwhile", () =>
  withWorkflow("mend_over", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
    const asks = Promise.withResolvers<void>(), goes = Promise.withResolvers<void>();
    const still: Gateway = {
      ...gateway,
      money: async (requests) => {
        asks.resolve();
        await goes.promise;
        return await gateway.money!(requests);
      },
    };
    const late = proposeMending({ ...deps, gateway: still }, wish, operator);
    await asks.promise;
    const knowsNone: Gateway = { ...gateway, money: () => Promise.resolve([{ kind: "unknown" }]) };
    await goOnMending({ ...deps, gateway: knowsNone }, operator);
    await proposeMending(deps, { ...wish, action: "explain", note: "a test of ours" }, operator);
    goes.resolve();
    await late;
    const [row] = await reconciled.all({ flow });
    assert.deepEqual([row!.state, row!.note], ["explained", "a test of ours"]);
    assert.deepEqual(asked, []);
    assert.deepEqual(await flow.rows("select * from discrepancy_mends"), []);
  }));

Deno.test("a process that stood still asks for no more of what was asked for before, withdrawn and explained meanwhile", () =>
  withWorkflow("mend_asked_over", async (flow) => {
    const { gateway, deps, asked } = aGateway(flow);
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
    const away: Gateway = {
      ...gateway,
      refund: () => Promise.resolve([{ kind: "away", error: "no answer" }]),
    };
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
    const away: Gateway = {
      ...gateway,
      refund: () => Promise.resolve([{ kind: "away", error: "no answer" }]),
    };
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
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
    const away: Gateway = {
      ...gateway,
      refund: async (requests) => {
        await gateway.refund(requests);
        return [{ kind: "away", error: "no answer" }];
      },
    };
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    await proposeMending({ ...deps, gateway: away }, { id: found!.id, note: null }, operator);
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
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
    const first = await proposeMending(deps, wish, operator);
    assert.deepEqual([first.discrepancy.state, first.discrepancy.action], ["open", null]);
    assert.equal(first.discrepancy.answer, "the provider keeps it: closed");
    // Whatever came to nothing meanwhile, and was asked for under no key, changes none.
    const unknown: Gateway = {
      ...deps.gateway,
      money: () => Promise.resolve([{ kind: "unknown" }]),
    };
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
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
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
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
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
      const unknown: Gateway = {
        ...deps.gateway,
        money: () => Promise.resolve([{ kind: "unknown" }]),
      };
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
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    const wish = { id: found!.id, note: null };
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
    await hold(flow, [aLine("charge")]);
    const [found] = await open(flow);
    await proposeMending(deps, { id: found!.id, note: null }, operator);
    assert.equal(await takeRefundNews(deps, news(asked[0]!, deps.gateway)), "never_made");
  }));
