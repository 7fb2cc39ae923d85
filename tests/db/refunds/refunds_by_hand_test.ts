import assert from "node:assert/strict";
import fc from "fast-check";
import { readReversalState } from "../../../db/payments/returned_reversals.ts";
import {
  endPaymentByHand,
  leavePaymentToPerson,
  listMoneyByHand,
  sumMoneyByHand,
} from "../../../db/refunds/refunds_by_hand.ts";
import { recordSecondPayment } from "../../../db/payments/payment_disputes.ts";
import { readReversing } from "../../../db/payments/payments.ts";
import { owedCents } from "../../../domain/refund/returned.ts";
import { aPaidOrder, aSecondPayment } from "../../chargebacks.ts";
import { withWorkflow } from "../../workflow.ts";

const cents = fc.integer({ min: 0, max: 1_500 });
const currency = fc.constantFrom("EUR", "USD");

/** A payment that waits for a person, and what its customer's bank has done. */
const payment = fc.record({
  status: fc.constantFrom("REVERSING", "REVERSED", "DISMISSED"),
  amountCents: fc.integer({ min: 1, max: 1_000 }),
  currency: fc.option(currency),
  chargebacks: fc.array(
    fc.record({
      state: fc.constantFrom("lost", "won", "under_review", "warning_closed"),
      amountCents: cents,
      currency,
      gaveBackCents: cents,
    }),
    { maxLength: 3 },
  ),
});

Deno.test("listMoneyByHand() and its sum say of each payment what owedCents() has a person give back", () =>
  withWorkflow("owed_by_hand", async (flow) => {
    const { db, rows } = flow;
    const orderId = await aPaidOrder(flow);
    const payments = fc.sample(payment, 60);
    for (const [place, { status, amountCents, currency, chargebacks }] of payments.entries()) {
      const name = `p_${place}`;
      await rows(
        `insert into payments (order_id, surplus, provider, provider_ref, amount_cents, currency, status, paid_at)
        values (?, ?, 'simulated', ?, ?, nullif(?, ''), ?, current_timestamp(6))`,
        [orderId, place + 1, name, amountCents, currency ?? "", status],
      );
      await rows(
        `insert into refunds_by_hand (order_id, payment_id, provider, amount_cents, currency)
        select order_id, id, provider, amount_cents, coalesce(currency, 'EUR')
        from payments where provider_ref = ?`,
        [name],
      );
      for (const [at, told] of chargebacks.entries()) {
        await rows(
          `insert into chargebacks (provider, provider_ref, charge_ref, order_id, payment_id, state, amount_cents,
            currency, opened_at, told_at, lowers_revenue, gave_back_cents)
          select provider, ?, provider_ref, order_id, id, ?, ?, ?, current_timestamp(6), current_timestamp(6), 'never', ?
          from payments where provider_ref = ?`,
          [
            `${name}_${at}`,
            told.state,
            told.amountCents,
            told.currency,
            told.gaveBackCents,
            name,
          ],
        );
      }
    }
    const listed = await listMoneyByHand(db, { limit: payments.length });
    assert.equal(listed.length, payments.length);
    const sums: Record<string, number> = {};
    for (const { paymentId, amountCents, currency } of listed) {
      assert.equal(amountCents, owedCents((await readReversalState(db, paymentId!))!));
      sums[currency] = (sums[currency] ?? 0) + amountCents;
    }
    assert.deepEqual(
      Object.fromEntries((await sumMoneyByHand(db)).map((sum) => [sum.currency, sum.amountCents])),
      sums,
    );
  }));

Deno.test("leavePaymentToPerson() lists a payment that is to go back once, and its provider corrects it no more", () =>
  withWorkflow("left_once", async (flow) => {
    const { db, rows } = flow;
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSING");
    const [payment] = await rows("select id from payments where provider_ref = 'second'");
    const id = Number(payment!.id);
    const money = { orderId, provider: "simulated", providerRef: "second", currency: "EUR" };
    const correct = (amountCents: number) =>
      recordSecondPayment(db, { ...money, amountCents }, "2026-01-01 00:00:00", "REVERSING");
    const cents = async () =>
      (await rows("select amount_cents from payments where id = ?", [id])).map((row) =>
        Number(row.amount_cents)
      );
    assert.deepEqual((await readReversing(db, [orderId])).map((one) => one.id), [id]);
    await correct(900);
    assert.deepEqual(await cents(), [900]);
    assert.deepEqual([
      await leavePaymentToPerson(db, id),
      await leavePaymentToPerson(db, id),
    ], [true, false]);
    assert.deepEqual(await readReversing(db, [orderId]), [], "no provider is asked for it");
    await correct(800);
    assert.deepEqual(await cents(), [900], "a person is giving so much back");
    assert.equal((await listMoneyByHand(db, { limit: 10 })).length, 1);
    assert.deepEqual([await endPaymentByHand(db, id), await endPaymentByHand(db, id)], [
      true,
      false,
    ]);
    await rows("update payments set status = 'REVERSED' where id = ?", [id]);
    assert.equal(await leavePaymentToPerson(db, id), false);
  }));
