import assert from "node:assert/strict";
import {
  goOnMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import type { ChargebackReport } from "../../../services/payments/record_chargeback.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { aChargeback, tell } from "../../chargebacks.ts";
import { aGateway, aWish } from "../../direct_refunds.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { withWorkflow } from "../../workflow.ts";

/** A chargeback of an unknown charge. */
const aContest = (state: "needs_response" | "won" | "lost", second: number, amountCents = 1_000) =>
  aChargeback(state, second, { chargeRefs: ["ch_nobody"], amountCents });

Deno.test("nothing is given back directly of what its customer contests at the bank, nor of what the bank has taken", () =>
  withWorkflow("mend_contested", async (flow) => {
    const { deps, asked } = aGateway(flow);
    const wish = await aWish(flow);
    await tell(flow, aContest("needs_response", 60));
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
      const wish = await aWish(flow);
      const of: Partial<ChargebackReport> = contest;
      await tell(flow, { ...aContest("lost", 60), ...of });
      const { discrepancy } = await proposeMending(deps, wish, operator);
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
      const wish = await aWish(flow);
      const slow: Gateway = {
        ...gateway,
        refund: () => Promise.resolve([{ kind: "failed", error: "no answer" }]),
      };
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
