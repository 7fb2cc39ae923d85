import assert from "node:assert/strict";
import { reopenReturned } from "../../../db/payments/returned_money.ts";
import { aPaidOrder, aSecondPayment } from "../../chargebacks.ts";
import { withWorkflow } from "../../workflow.ts";

/** Of a payment of 10.00 EUR: how it stands, what chargebacks gave back of it, what they have of it now, and what is owed. */
const cases = [
  ["REVERSED", 1_000, 1_000, undefined, "REVERSED"],
  ["REVERSED", 0, 0, undefined, "REVERSED"],
  ["REVERSED", 600, 1_000, undefined, "REVERSED"],
  ["REVERSED", 1_000, 0, "given_back", "REVERSING"],
  ["REVERSED", 600, 0, "in_part", "REVERSED"],
  ["REVERSED", 600, 400, "in_part", "REVERSED"],
  ["DISMISSED", 1_000, 1_000, undefined, "DISMISSED"],
  ["DISMISSED", 1_000, 0, "disputed", "DISPUTED"],
  ["DISMISSED", 1_000, 400, "in_part", "DISMISSED"],
  ["REVERSING", 1_000, 0, undefined, "REVERSING"],
] as const;

Deno.test("reopenReturned() owes what chargebacks gave back and have no more, and nothing that they still have", () =>
  withWorkflow("reopen_returned", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSED");
    const [payment] = await flow.rows("select id from payments where provider_ref = 'second'");
    const paymentId = Number(payment!.id);
    await flow.rows(
      `insert into chargebacks (provider, provider_ref, charge_ref, order_id, payment_id, state, amount_cents, currency,
        opened_at, told_at, lowers_revenue)
      values ('simulated', 'dp_1', 'second', ?, ?, 'lost', 1, 'EUR', current_timestamp(6), current_timestamp(6), 'never')`,
      [orderId, paymentId],
    );
    for (const [status, gaveBack, lost, owed, after] of cases) {
      await flow.rows("update payments set status = ? where id = ?", [status, paymentId]);
      await flow.rows("update chargebacks set gave_back_cents = ?, amount_cents = ?, state = ?", [
        gaveBack,
        Math.max(lost, 1),
        lost === 0 ? "won" : "lost",
      ]);
      const what = `${status}, of which ${gaveBack} went back by what has ${lost} now`;
      assert.equal(await reopenReturned(flow.db, { orderId, paymentId }), owed, what);
      const [is] = await flow.rows("select status from payments where id = ?", [paymentId]);
      assert.equal(is!.status, after, what);
      const [left] = await flow.rows("select gave_back_cents as cents from chargebacks");
      assert.equal(Number(left!.cents), after === status ? gaveBack : 0, what);
    }
  }));
