import assert from "node:assert/strict";
import {
  endTwiceReturned,
  insertGivenTwice,
  readTwiceByChargeback,
  reopenGivenTwice,
  writeTwiceByChargeback,
} from "../../../db/refunds/given_twice.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import { withWorkflow } from "../../workflow.ts";

Deno.test("what a person and a provider gave back is noted, ended and opened again apart from what the bank took besides", () =>
  withWorkflow("twice_apart", async (flow) => {
    const { db, rows } = flow;
    const orderId = await aPaidOrder(flow);
    const [payment] = await rows("select id from payments");
    const paymentId = Number(payment!.id);
    const money = { orderId, paymentId, currency: "EUR" };
    await rows(
      `insert into chargebacks (id, provider, provider_ref, charge_ref, order_id, payment_id, state, amount_cents, currency,
        opened_at, told_at, lowers_revenue)
      values (7, 'simulated', 'dp_1', 'sim_of_1', ?, ?, 'lost', 1000, 'EUR', current_timestamp(6), current_timestamp(6),
        'never')`,
      [orderId, paymentId],
    );
    const byBank = { ...money, amountCents: 600, endedAs: null, chargebackId: 7 };
    await writeTwiceByChargeback(db, byBank);
    const byHand = { ...money, refundId: null, amountCents: 1_000, chargebackId: null };
    assert.deepEqual([
      await insertGivenTwice(db, byHand),
      await insertGivenTwice(db, byHand),
    ], [true, false]);
    const ends = async () =>
      (await rows("select ended_as from money_given_twice order by chargeback_id is null")).map((
        { ended_as: end },
      ) => end);
    assert.equal(await reopenGivenTwice(db, byHand), false, "nobody ended it");
    assert.equal(await endTwiceReturned(db, { paymentId }), "open");
    assert.deepEqual(await ends(), [null, "returned"]);
    assert.equal(await endTwiceReturned(db, { paymentId }), undefined);
    // What the bank took was explained likewise: that is no word about what a person gave.
    await writeTwiceByChargeback(db, { ...byBank, endedAs: "returned" });
    assert.equal(await reopenGivenTwice(db, byHand), true);
    assert.deepEqual(await ends(), ["returned", null]);
    await rows("update money_given_twice set ended_as = 'written_off'");
    assert.equal(await reopenGivenTwice(db, byHand), false, "it was not said that one came back");
    assert.equal(await endTwiceReturned(db, { paymentId }), "written_off");
    assert.deepEqual(await ends(), ["written_off", "returned"]);
    const known = await readTwiceByChargeback(db, [paymentId]);
    assert.deepEqual(known.get(paymentId), { amountCents: 600, endedAs: "written_off" });
  }));
