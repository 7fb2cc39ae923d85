import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { readInstallation } from "../../../db/payments/installation.ts";
import { databaseTime } from "../../../domain/database_time.ts";
import { installationTag, reversalKeyOf } from "../../../domain/payment/payment_key.ts";
import {
  goOnMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import { lookAgain } from "../../../streams/reconciliation/look_again.ts";
import type { ProviderChargeback } from "../../../streams/payments/provider.ts";
import type {
  ChargeStatus,
  Gateway,
  MoneyAnswer,
  RefundStatusAnswer,
} from "../../../streams/payments/gateway.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { age, archiveAll } from "../../archived.ts";
import { recordRefund } from "../../../services/reconciliation/record_refund.ts";
import { takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { aChargeback, aPaidOrder, aSecondPayment, tell } from "../../chargebacks.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { askRefund } from "../../settled_workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

function depsOf(flow: Workflow, gateway: Partial<Gateway> = {}) {
  return { ...reconciled.depsOf({ flow }), gateway: { ...flow.gateway, ...gateway } };
}

/** Holds lines against the books of `simulated`, of yesterday to tomorrow. */
const hold = (flow: Workflow, lines: Iterable<ReportLine>, name = "simulated") =>
  reconciled.hold({ flow, name }, lines);

const all = (flow: Workflow, state?: "open") => reconciled.all({ flow }, state);

/** A line of the charge of an order of 10.00 EUR. */
function aLine(name: string, change: Partial<Omit<ReportLine, "kind">> & { kind?: string } = {}) {
  const grossCents = change.grossCents ?? 1_000;
  const line = {
    entryId: `txn_${name}_${change.kind ?? "charge"}`,
    kind: "charge",
    createdUtc: databaseTime(Date.now()),
    chargeId: `sim_of_${name}`,
    refundId: "",
    key: "",
    reference: name,
    feeCents: 0,
    currency: "EUR",
    ...change,
    grossCents,
    netCents: grossCents,
  };
  return line as ReportLine;
}

/** What mending the only open discrepancy comes to. */
async function mend(
  flow: Workflow,
  gateway: Partial<Gateway> = {},
  action?: "ask" | "record" | "give_back",
) {
  const [open, ...others] = await all(flow, "open");
  assert.deepEqual(others, []);
  const deps = depsOf(flow, gateway);
  const { discrepancy } = await proposeMending(
    deps,
    { id: open!.id, note: null, action },
    operator,
  );
  return [discrepancy.state, discrepancy.answer];
}

const money = (answer: MoneyAnswer): Partial<Gateway> => ({
  can: {
    looksUpByKey: true,
    looksUpByReference: false,
    lists: false,
    refundsInPart: true,
    captures: "none",
    webhooks: true,
    looksUpByName: true,
  },
  money: () => Promise.resolve([answer]),
});

const told = (answer: RefundStatusAnswer): Partial<Gateway> => ({
  refundStatus: () => Promise.resolve([answer]),
});

/** The keys of what a provider has given back of payments beside the first. */
async function reversalKeys(flow: Workflow) {
  const installation = await readInstallation(flow.db);
  const rows = await flow.rows(
    `select payments.order_id, external_order_id, provider_ref, amount_cents, paid_at
    from payments join orders on orders.id = payments.order_id where surplus > 0`,
  );
  return rows.map((row) => ({
    key: reversalKeyOf(installation, {
      orderId: Number(row.order_id),
      externalOrderId: String(row.external_order_id),
      provider: "simulated",
      providerRef: String(row.provider_ref),
      amountCents: Number(row.amount_cents),
      paidAt: String(row.paid_at),
    }),
  }));
}

Deno.test("what goes back of an unknown charge is at most what its provider still has of it", () =>
  withWorkflow("mend_left", async (flow) => {
    await hold(flow, [aLine("nobody", { reference: "" })]);
    const asked: number[] = [];
    const refund: Partial<Gateway> = {
      refund: (requests) => {
        asked.push(...requests.map(({ amountCents }) => amountCents));
        return Promise.resolve(requests.map(() => ({ kind: "failed", error: "no answer" })));
      },
    };
    const found = { kind: "found", ref: "sim_of_nobody", currency: "EUR" } as const;
    const left = { ...found, tookCents: 1_000, refundedCents: 300 };
    assert.deepEqual(await mend(flow, { ...money(left), ...refund }), ["open", "no answer"]);
    // Asked for again it is the same amount under the same key, whatever the provider has by now.
    const gone = { ...found, tookCents: 1_000, refundedCents: 1_000 };
    await goOnMending(depsOf(flow, { ...money(gone) }), operator);
    const [row] = await all(flow);
    assert.deepEqual([row!.state, row!.answer, row!.mendCents], [
      "mended",
      "7.00 EUR have gone back",
      700,
    ]);
    assert.deepEqual(asked, [700]);
    // The report tells of it, and agrees.
    await hold(flow, [
      aLine("nobody", { reference: "" }),
      aLine("nobody", {
        kind: "refund",
        reference: "",
        refundId: "re_1",
        key: row!.mendKey!,
        grossCents: -700,
      }),
    ]);
    assert.deepEqual(await all(flow, "open"), []);
  }));

Deno.test("of an unknown charge nothing goes back twice, and nothing where its provider knows of none", () =>
  withWorkflow("mend_gone", async (flow) => {
    await hold(flow, [aLine("nobody", { reference: "" })]);
    const refund: Partial<Gateway> = { refund: () => assert.fail("it is not asked for") };
    assert.deepEqual(await mend(flow, { ...money({ kind: "unknown" }), ...refund }), [
      "open",
      "the provider knows of no such charge when it is asked",
    ]);
    const found = { kind: "found", ref: "sim_of_nobody", currency: "EUR" } as const;
    const less = { ...found, tookCents: 400, refundedCents: 0 };
    assert.deepEqual(await mend(flow, { ...money(less), ...refund }), [
      "open",
      "the provider says that it took 4.00 EUR by sim_of_nobody",
    ]);
    const gone = { ...found, tookCents: 1_000, refundedCents: 1_000 };
    assert.deepEqual(await mend(flow, { ...money(gone), ...refund }), [
      "explained",
      "all of 10.00 EUR went back before",
    ]);
  }));

Deno.test("what went back of an order's charge beside its refunds is none of its own money, and is not given back again", () =>
  withWorkflow("mend_surplus", async (flow) => {
    const message = await askRefund(flow, await aPaidOrder(flow), 400);
    await publish(flow, [{ message }]);
    await flow.drain();
    await hold(flow, [
      aLine("1", { grossCents: 1_100 }),
      aLine("1", { kind: "refund", refundId: "re_1", grossCents: -400 }),
    ]);
    const asked: number[] = [];
    const refund: Partial<Gateway> = {
      refund: (requests) => {
        asked.push(...requests.map(({ amountCents }) => amountCents));
        return Promise.resolve(requests.map(() => ({ kind: "refused", reason: "not now" })));
      },
    };
    const found = { kind: "found", ref: "sim_of_1", currency: "EUR", tookCents: 1_100 } as const;
    const after = (answer: Partial<typeof found | { currency: string }>, refundedCents: number) =>
      mend(flow, { ...money({ ...found, ...answer, refundedCents }), ...refund }, "give_back");
    assert.deepEqual(await after({ currency: "USD" }, 400), [
      "open",
      "the provider says that it took 11.00 USD by sim_of_1",
    ]);
    assert.deepEqual(await after({}, 440), ["open", "the provider keeps it: not now"]);
    assert.deepEqual(asked, [60]);
    assert.deepEqual(await after({}, 500), ["explained", "all of 1.00 EUR went back before"]);
    assert.deepEqual(asked, [60]);
  }));

Deno.test("what another installation on the same account asked for is not given back, whatever the report leaves out", () =>
  withWorkflow("mend_others", async (flow) => {
    const never: Partial<Gateway> = { refund: () => assert.fail("it is not asked for") };
    const found = { kind: "found", tookCents: 1_000, refundedCents: 0, currency: "EUR" } as const;
    const theirs = { ...found, installation: "0123456789abcdef" };
    await hold(flow, [aLine("nobody", { reference: "" })]);
    const others = { ...money({ ...theirs, ref: "sim_of_nobody" }), ...never };
    assert.deepEqual(await mend(flow, others), [
      "open",
      "the provider says that another installation asked for sim_of_nobody",
    ]);
    const installation = installationTag(await readInstallation(flow.db));
    const own = money({ ...found, ref: "sim_of_nobody", installation });
    assert.deepEqual(await mend(flow, own), ["mended", "10.00 EUR have gone back"]);

    // An order there may be called as one of ours, which is paid.
    await aPaidOrder(flow);
    await hold(flow, [aLine("1"), aLine("there", { reference: "1" })]);
    const [twice] = await all(flow, "open");
    assert.deepEqual([twice!.kind, twice!.orderId], ["twice", 1]);
    assert.deepEqual(await mend(flow, money({ ...theirs, ref: "sim_of_there" })), [
      "open",
      "the provider says that another installation asked for sim_of_there",
    ]);
    assert.deepEqual(
      await mend(flow, money({ kind: "away", error: "down" })),
      ["open", "down"],
    );
    await flow.drain();
    assert.equal((await flow.rows("select id from payments")).length, 1);
  }));

Deno.test("where its provider can't be asked, what reports tell that went back of an unknown charge is left out", () =>
  withWorkflow("mend_told", async (flow) => {
    await hold(flow, [
      aLine("nobody", { reference: "" }),
      aLine("nobody", { kind: "refund", reference: "", refundId: "re_1", grossCents: -400 }),
    ]);
    const [charge] = (await all(flow, "open")).filter(({ movement }) => movement === "charge");
    const wish = { id: charge!.id, note: null };
    const { discrepancy } = await proposeMending(depsOf(flow), wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.answer], [
      "mended",
      "6.00 EUR have gone back",
    ]);
  }));

Deno.test("a refund is recorded where its provider says the same, and by the report's word where it can't be asked", () =>
  withWorkflow("mend_refund", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const line = aLine("1", {
      kind: "refund",
      refundId: "re_1",
      key: "refund_elsewhere",
      grossCents: -400,
    });
    await hold(flow, [aLine("1"), line]);
    for (
      const [answer, says] of [
        [{ kind: "unknown" }, "the provider knows of no such refund when it is asked"],
        [{ kind: "refused", reason: "no" }, "the provider says that it came to nothing: no"],
      ] as const
    ) assert.deepEqual(await mend(flow, told(answer)), ["open", says]);
    assert.deepEqual(await mend(flow, told({ kind: "away", error: "down" })), ["open", "down"]);
    await goOnMending(depsOf(flow, told({ kind: "refunded" })), operator);
    await flow.drain();
    assert.deepEqual(await all(flow, "open"), []);
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    await assertConsistent(flow);
  }));

Deno.test("what went back by refunds on record confirms no further refund without a key", () =>
  withWorkflow("mend_keyless_known", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    await publish(flow, [{ message }]);
    await flow.drain();
    const ofOrder = (refundId: string, grossCents: number) =>
      aLine("1", { entryId: `txn_${refundId}`, kind: "refund", refundId, grossCents });
    await hold(flow, [aLine("1"), ofOrder("re_1", -400), ofOrder("re_2", -300)]);
    const found = { kind: "found", ref: "sim_of_1", currency: "EUR", tookCents: 1_000 } as const;
    assert.deepEqual(await mend(flow, money({ ...found, refundedCents: 699 })), [
      "open",
      "the provider says that 6.99 EUR went back of sim_of_1",
    ]);
    await mend(flow, money({ ...found, refundedCents: 700 }));
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 700);
  }));

Deno.test("a refund without a key is held against what its provider says that went back of the charge", () =>
  withWorkflow("mend_keyless", async (flow) => {
    await aPaidOrder(flow);
    const line = aLine("1", { kind: "refund", refundId: "re_1", grossCents: -400 });
    await hold(flow, [aLine("1"), line]);
    const found = { kind: "found", ref: "sim_of_1", currency: "EUR", tookCents: 1_000 } as const;
    assert.deepEqual(await mend(flow, money({ ...found, refundedCents: 100 })), [
      "open",
      "the provider says that 1.00 EUR went back of sim_of_1",
    ]);
    const [state, answer] = await mend(flow, money({ ...found, refundedCents: 400 }));
    assert.deepEqual([state, answer], ["open", "it is recorded as refund 1"]);
    await flow.drain();
    await goOnMending(depsOf(flow, money({ ...found, refundedCents: 400 })), operator);
    assert.deepEqual(await all(flow, "open"), []);
  }));

/** What the provider says of `dp_1`. */
function dispute(change: Partial<ProviderChargeback> = {}): Partial<Gateway> {
  const chargeback = {
    ref: "dp_1",
    chargeRefs: ["sim_of_1"],
    state: "lost",
    amountCents: 1_000,
    currency: "EUR",
    happenedAt: new Date(),
    ...change,
  } as const;
  return { chargeback: () => Promise.resolve({ kind: "found", chargeback }) };
}

Deno.test("a chargeback is recorded as its provider says that it is now, and not at all where it knows of none", () =>
  withWorkflow("mend_chargeback", async (flow) => {
    await aPaidOrder(flow);
    const line = aLine("1", { kind: "chargeback", refundId: "dp_1", grossCents: -1_000 });
    await hold(flow, [aLine("1"), line]);
    assert.deepEqual(
      await mend(flow, { chargeback: () => Promise.resolve({ kind: "unknown" }) }),
      ["open", "the provider knows of no such chargeback when it is asked"],
    );
    assert.deepEqual(await mend(flow, dispute({ chargeRefs: ["ch_other"] })), [
      "open",
      "the provider says that it is of another charge: ch_other",
    ]);
    const [state] = await mend(flow, dispute());
    assert.equal(state, "mended");
    const [row] = await flow.rows("select state from chargebacks");
    assert.equal(row!.state, "lost");
    await assertConsistent(flow);
  }));

Deno.test("a chargeback of ours that no report has is found, asked about, and mended by a later report", () =>
  withWorkflow("mend_missing_chargeback", async (flow) => {
    await aPaidOrder(flow);
    const now = new Date();
    await tell(flow, aChargeback("lost", 0, { openedAt: now, happenedAt: now }));
    await hold(flow, [aLine("1")]);
    const [missing] = await all(flow, "open");
    assert.deepEqual(
      [missing!.kind, missing!.movement, missing!.ourCents, missing!.refundRef, missing!.orderId],
      ["missing_with_them", "chargeback", 1_000, "dp_1", 1],
    );
    assert.deepEqual(await mend(flow), ["open", `"simulated" can't be asked about it`]);
    assert.deepEqual(
      await mend(flow, { chargeback: () => Promise.resolve({ kind: "unknown" }) }),
      ["open", "the provider knows of no such chargeback"],
    );
    // Only what a later report tells ends it, and it counts once as mended.
    assert.equal(await lookAgain(flow.db, { rules: { lateSeconds: 86_400 } }), 0);
    await hold(flow, [
      aLine("1"),
      aLine("1", { kind: "chargeback", refundId: "dp_1", grossCents: -1_000 }),
    ]);
    const [row, ...others] = await all(flow);
    assert.deepEqual(others, []);
    assert.deepEqual([row!.state, row!.answer], ["mended", "a later report tells of it"]);
  }));

Deno.test("lookAgain() tells how many a later report has mended, of each kind of money", () =>
  withWorkflow("mend_counts", async (flow) => {
    const now = new Date();
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    await tell(flow, aChargeback("lost", 0, { openedAt: now, happenedAt: now, amountCents: 100 }));
    await hold(flow, []);
    const open = await all(flow, "open");
    assert.deepEqual(open.map(({ movement }) => movement), ["charge", "refund", "chargeback"]);
    const rules = { lateSeconds: 86_400 };
    for (const { id, movement, paymentId, refundId } of open) {
      const subject = movement === "refund" ? refundId : movement === "charge" ? paymentId : 1;
      await flow.rows(
        `insert into provider_movements
          (kind, subject_id, part, provider, happened_at, currency, gross_cents, fee_cents, net_cents)
        values (?, ?, unhex(repeat('0', 32)), 'simulated', current_timestamp(6), 'EUR', 1, 0, 1)`,
        [movement, subject!],
      );
      assert.equal(await lookAgain(flow.db, { rules }), 1, movement);
      assert.equal((await all(flow)).find((one) => one.id === id)!.state, "mended");
    }
  }));

Deno.test("money that went back of orders that are archived is missing in reports as well", () =>
  withWorkflow("mend_archived", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSED");
    await age(flow);
    // It went back today, and no row is older than what is looked through for that.
    await flow.rows("update payments set created_at = current_timestamp(6) - interval 50 day");
    await aPaidOrder(flow, "2");
    await archiveAll(flow);
    const [archived] = await flow.rows("select count(*) as n from archived_payments");
    assert.equal(Number(archived!.n), 2);
    await hold(flow, [aLine("2")]);
    const open = await all(flow, "open");
    assert.deepEqual(open.map(({ kind, movement, chargeRef }) => [kind, movement, chargeRef]), [
      ["missing_with_them", "reversal", "second"],
    ]);
  }));

Deno.test("a refund that only a report says came back is taken back by record, once its provider says so", () =>
  withWorkflow("mend_returned", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    await publish(flow, [{ message }]);
    await flow.drain();
    const refund = aLine("1", { kind: "refund", refundId: "re_1", grossCents: -400 });
    const back = aLine("1", { kind: "refund_failure", refundId: "re_1", grossCents: 400 });
    await hold(flow, [aLine("1"), refund, back]);
    const [open] = await all(flow, "open");
    assert.deepEqual([open!.kind, open!.orderId], ["corrected", orderId]);
    assert.deepEqual(await mend(flow, told({ kind: "refunded" })), [
      "open",
      "the provider says that it was given back",
    ]);
    const [state] = await mend(flow, told({ kind: "refused", reason: "expired_or_canceled_card" }));
    assert.equal(state, "mended");
    const [row] = await flow.rows("select status, failure_reason from refunds");
    assert.deepEqual({ ...row }, {
      status: "FAILED",
      failure_reason: "taken back by simulated: expired_or_canceled_card",
    });
    await flow.drain();
    await assertConsistent(flow);
    // Both lines agree with the books from then on, in a report that comes later as well.
    await hold(flow, [aLine("1"), refund, back]);
    assert.deepEqual(await all(flow, "open"), []);
  }));

Deno.test("a report of another provider takes back no refund of the same order and amount", () =>
  withWorkflow("mend_returned_other", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    const other = await aPaidOrder(flow, "2");
    await flow.rows("update payments set provider = 'http' where order_id = ?", [other]);
    const [refund] = await flow.rows("select provider_key from refunds");
    for (const key of ["", String(refund!.provider_key)]) {
      const line = {
        entryId: `txn_${key}`,
        kind: "refund_failure",
        chargeId: "ch_other",
        refundId: `re_other_${key}`,
        grossCents: 400,
        key,
      };
      await hold(flow, [aLine("1", line), aLine("2")], "http");
      const open = (await all(flow, "open")).filter((one) => one.entry === line.entryId);
      assert.equal(open.length, 1);
      const { discrepancy } = await proposeMending(
        depsOf(flow),
        { id: open[0]!.id, note: null, action: "record" },
        operator,
      );
      assert.equal(
        discrepancy.answer,
        "no refund of 4.00 EUR is on record that could have come back",
      );
      const [row] = await flow.rows("select status from refunds");
      assert.equal(row!.status, "PROCESSED");
    }
  }));

Deno.test("a payment that only a report says came back after it had gone back is taken back by record, once its provider says so", () =>
  withWorkflow("mend_reversed", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSING");
    const money = { orderId, amountCents: 1_000, currency: "EUR" } as const;
    await publish(flow, [{ message: { type: "payment.reverse", ...money } }]);
    await flow.drain();
    const [{ key } = { key: "" }] = await reversalKeys(flow);
    const second = aLine("2", { chargeId: "second", reference: "1" });
    const of = { chargeId: "second", reference: "1", key } as const;
    const refund = aLine("3", { ...of, kind: "refund", refundId: "re_1", grossCents: -1_000 });
    const back = aLine("4", { ...of, kind: "refund_failure", refundId: "re_1", grossCents: 1_000 });
    const lines = [aLine("1"), second, refund, back];
    await hold(flow, lines);
    const [open] = await all(flow, "open");
    assert.deepEqual([open!.kind, open!.orderId], ["corrected", orderId]);
    assert.deepEqual(await mend(flow, told({ kind: "refunded" })), [
      "open",
      "the provider says that it was given back",
    ]);
    const [state] = await mend(flow, told({ kind: "refused", reason: "account_closed" }));
    assert.equal(state, "mended");
    const [payment] = await flow.rows("select status from payments where surplus = 1");
    assert.equal(payment!.status, "REVERSING");
    await flow.drain();
    await assertConsistent(flow);
    await hold(flow, lines);
    assert.deepEqual(await all(flow, "open"), []);
  }));

Deno.test("a payment that its provider says never went back is taken back by ask, and not asked for again", () =>
  withWorkflow("mend_reversed_asked", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSED");
    await hold(flow, [aLine("1"), aLine("2", { chargeId: "second", reference: "1" })]);
    const [open] = await all(flow, "open");
    assert.deepEqual([open!.kind, open!.movement], ["missing_with_them", "reversal"]);
    await flow.rows("update discrepancies set movement_key = 'reversal_1' where id = ?", [
      open!.id,
    ]);
    const refused = told({ kind: "refused", reason: "account_closed" });
    const gateway = { ...refused, refund: () => assert.fail("its money is owed otherwise") };
    assert.deepEqual(await mend(flow, gateway, "ask"), [
      "mended",
      "the provider keeps it: account_closed; its money is owed again",
    ]);
    const [payment] = await flow.rows("select status from payments where surplus = 1");
    assert.equal(payment!.status, "REVERSING");
  }));

Deno.test("a charge that only a report says bounced is recorded as lost, where its provider has it no more", () =>
  withWorkflow("mend_bounced", async (flow) => {
    await aPaidOrder(flow);
    const back = aLine("1", { kind: "charge_failure", grossCents: -1_000 });
    await hold(flow, [aLine("1"), back]);
    const found = { kind: "found", ref: "sim_of_1", currency: "EUR", refundedCents: 0 } as const;
    assert.deepEqual(await mend(flow, money({ ...found, tookCents: 1_000 })), [
      "open",
      "the provider says that sim_of_1 succeeded: 10.00 EUR",
    ]);
    const [state] = await mend(flow, money({ ...found, tookCents: 0 }));
    assert.equal(state, "mended");
    const [row] = await flow.rows(
      "select provider_ref, state, reason, amount_cents from chargebacks",
    );
    assert.deepEqual({ ...row }, {
      provider_ref: "bounced sim_of_1",
      state: "lost",
      reason: "bounced",
      amount_cents: 1000,
    });
    await assertConsistent(flow);
    await hold(flow, [aLine("1"), back]);
    assert.deepEqual(await all(flow, "open"), []);
  }));

Deno.test("a report of a bounce of another amount than the charge is recorded as none", () =>
  withWorkflow("mend_bounced_part", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, [aLine("1"), aLine("1", { kind: "charge_failure", grossCents: -400 })]);
    assert.deepEqual(await mend(flow), [
      "open",
      "no payment of 4.00 EUR is on record that could have bounced",
    ]);
    assert.deepEqual(await flow.rows("select id from chargebacks"), []);
  }));

Deno.test("asking about a refund that no report has takes it back where its provider says that it came to nothing", () =>
  withWorkflow("mend_asked_back", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    await hold(flow, [aLine("1")]);
    assert.deepEqual(await mend(flow, told({ kind: "refused", reason: "declined" }), "ask"), [
      "mended",
      "the provider keeps it: declined; its money is owed again",
    ]);
    assert.equal((await flow.order(orderId)).refundedCents, 0);
    await flow.drain();
    await assertConsistent(flow);
  }));

/** An order of 10.00 EUR whose charge nobody has heard of yet. */
async function anUnpaidOrder(flow: Workflow): Promise<number> {
  const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 1, unitPriceCents: 1_000 }])]);
  await flow.drain();
  await flow.rows("delete from payments");
  await flow.rows("delete from ledger_entries");
  await flow.rows("update orders set status = 'RESERVED', settled_time = '1000-01-01 00:00:00'");
  return taken!.orderId!;
}

Deno.test("a charge that its provider only holds, or has not decided, pays no order by a report's word", () =>
  withWorkflow("mend_undecided", async (flow) => {
    const orderId = await anUnpaidOrder(flow);
    await hold(flow, [aLine("1", { chargeId: "sim_held" })]);
    const money = { orderId, amountCents: 1_000, currency: "EUR" };
    const callback = { message: { type: "payment.charge", ...money }, delayMs: 1_000 } as const;
    const held = { providerRef: "sim_held", amountCents: 1_000, currency: "EUR", expiresAt: null };
    const answers: [ChargeStatus, string][] = [
      [
        { kind: "accepted", callback, hold: held },
        "the provider says that it holds it, and has not taken it",
      ],
      [{ kind: "accepted", callback }, "the provider says that it has not taken it yet"],
      [{ kind: "failed", error: "it is about another order" }, "it is about another order"],
    ];
    for (const [answer, says] of answers) {
      const asked = { status: () => Promise.resolve([answer]) };
      assert.deepEqual(await mend(flow, asked), ["open", says]);
      await flow.drain();
      assert.equal((await flow.order(orderId)).status, "RESERVED");
    }
    const message = {
      type: "payment.callback",
      ...money,
      outcome: "succeeded",
      provider: "simulated",
      providerRef: "sim_held",
    } as const;
    await mend(flow, {
      status: () => Promise.resolve([{ kind: "accepted", callback: { message } }]),
    });
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
  }));

const took = { kind: "found", ref: "sim_of_1", currency: "EUR", tookCents: 1_000 } as const;

Deno.test("a refund that is under way is not recorded as another one, which a line without a key may tell", () =>
  withWorkflow("mend_under_way", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    await hold(flow, [
      aLine("1"),
      aLine("1", { kind: "refund", refundId: "re_1", grossCents: -400 }),
    ]);
    const waits = ["open", "a refund of the order is still being made, which it may be"];
    const made = money({ ...took, refundedCents: 400 });
    assert.deepEqual(await mend(flow, made), waits);
    // Nor by the report's word alone.
    await goOnMending(depsOf(flow), operator);
    const [counted] = await flow.rows("select count(*) as n from refunds");
    assert.equal(Number(counted!.n), 1);
    await publish(flow, [{ message }]);
    await flow.drain();
    await goOnMending(depsOf(flow, made), operator);
    assert.deepEqual(await all(flow, "open"), []);
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    await assertConsistent(flow);
  }));

Deno.test("of two lines without keys no more is recorded than went back at the provider, mending included", () =>
  withWorkflow("mend_two_lines", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await hold(flow, [aLine("1", { grossCents: 1_200 })]);
    let refundedCents = 0;
    const gateway: Partial<Gateway> = {
      ...money({ kind: "unknown" }),
      money: () => Promise.resolve([{ ...took, tookCents: 1_200, refundedCents }]),
      refund: ([request]) => {
        refundedCents += request!.amountCents;
        return Promise.resolve([{ kind: "refunded" }]);
      },
    };
    assert.deepEqual(await mend(flow, gateway, "give_back"), [
      "mended",
      "2.00 EUR have gone back",
    ]);
    // By the provider's own pages; with what mending gave back it would be enough for both lines.
    refundedCents += 600;
    const names = ["re_1", "re_2"];
    await hold(flow, [
      aLine("1", { grossCents: 1_200 }),
      ...names.map((refundId) =>
        aLine("1", { kind: "refund", entryId: `txn_${refundId}`, refundId, grossCents: -400 })
      ),
    ]);
    const deps = depsOf(flow, gateway);
    for (const { id } of await all(flow, "open")) {
      await proposeMending(deps, { id, note: null }, operator);
    }
    await flow.drain();
    await goOnMending(deps, operator);
    const [left, ...others] = await all(flow, "open");
    assert.deepEqual(others, []);
    assert.equal(left!.answer, "the provider says that 8.00 EUR went back of sim_of_1");
    assert.equal((await flow.order(orderId)).refundedCents, 400);
  }));

Deno.test("two who record refunds by what went back at the same moment record one", () =>
  withWorkflow("mend_at_once", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const of = { orderId, amountCents: 400, currency: "EUR", refundedCents: 0 };
    const recorded = await Promise.all(
      ["refund_a", "refund_b"].map((key) => recordRefund(flow.db, { ...of, key }, "test")),
    );
    assert.equal(recorded.filter((message) => message !== undefined).length, 1);
    const message = recorded.find((message) => message !== undefined)!;
    await publish(flow, [{ message }]);
    await flow.drain();
    // What was found before that does not count any more.
    assert.equal(await recordRefund(flow.db, { ...of, key: "refund_c" }, "test"), undefined);
    assert.equal((await flow.order(orderId)).refundedCents, 400);
  }));

Deno.test("what was taken too much waits for a refund that is under way, and goes back whole", () =>
  withWorkflow("mend_surplus", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    await hold(flow, [aLine("1", { grossCents: 1_200 })]);
    const asked: number[] = [];
    const gateway: Partial<Gateway> = {
      ...money({ ...took, tookCents: 1_200, refundedCents: 400 }),
      refund: (requests) => {
        asked.push(...requests.map(({ amountCents }) => amountCents));
        return Promise.resolve(requests.map(() => ({ kind: "refunded" })));
      },
    };
    const waits = ["open", "a refund of the order is still being made, which it may be"];
    assert.deepEqual(await mend(flow, gateway, "give_back"), waits);
    await publish(flow, [{ message }]);
    await flow.drain();
    await goOnMending(depsOf(flow, gateway), operator);
    assert.deepEqual(asked, [200]);
    assert.deepEqual(await all(flow, "open"), []);
  }));

Deno.test("a refund that came back is not asked for again by the action that asks about it", () =>
  withWorkflow("mend_came_back", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    await hold(flow, [aLine("1")]);
    const [refund] = await flow.rows("select provider_key from refunds");
    const key = String(refund!.provider_key);
    const news = { ref: "re_1", state: "refused", key, amountCents: 400 } as const;
    await takeRefundNews(flow, { provider: "simulated", refund: news, happenedAt: new Date() });
    const gateway = {
      ...told({ kind: "unknown" }),
      refund: () => assert.fail("its money is owed otherwise"),
    };
    assert.deepEqual(await mend(flow, gateway, "ask"), [
      "explained",
      "the provider knows of none, and has taken it back: its money is owed otherwise",
    ]);
  }));

Deno.test("a refund that its provider does not know is not asked for again while its charge is contested, nor once that is lost", () =>
  withWorkflow("ask_contested", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    await hold(flow, [aLine("1")]);
    await tell(flow, aChargeback("needs_response", 60));
    const gateway = {
      ...told({ kind: "unknown" }),
      refund: () => assert.fail("its customer contests it"),
    };
    const missing = (await all(flow, "open")).filter(({ movement }) => movement === "refund");
    assert.equal(missing.length, 1);
    const wish = { id: missing[0]!.id, note: null, action: "ask" } as const;
    const held = await proposeMending(depsOf(flow, gateway), wish, operator);
    assert.deepEqual([held.discrepancy.state, held.discrepancy.answer], [
      "open",
      "its customer contests it at the bank: it waits until that is decided",
    ]);
    await tell(flow, aChargeback("lost", 120));
    await goOnMending(depsOf(flow, gateway), operator);
    const row = (await all(flow)).find(({ id }) => id === wish.id)!;
    assert.deepEqual([row.state, row.action], ["open", null]);
  }));

Deno.test("a payment that went back and came back is not asked for again by the action that asks about it", () =>
  withWorkflow("ask_reversal_back", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSED");
    await hold(flow, [aLine("1"), aLine("2", { chargeId: "second", reference: "1" })]);
    const refund = { ref: "re_1", state: "refused", reason: null, chargeRefs: ["second"] } as const;
    const news = { provider: "simulated", refund, happenedAt: new Date() };
    assert.equal(await takeRefundNews(flow, news), "return");
    const gateway: Partial<Gateway> = {
      refundStatus: () => Promise.resolve([{ kind: "unknown" }]),
      refund: () => assert.fail("its money is owed by a person"),
    };
    assert.deepEqual(await mend(flow, gateway, "ask"), [
      "explained",
      "the provider knows of none, and has taken it back: its money is owed otherwise",
    ]);
  }));

Deno.test("a payment that went back and is in no report is asked about under its own key", () =>
  withWorkflow("ask_reversal_key", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSED");
    await hold(flow, [aLine("1"), aLine("2", { chargeId: "second", reference: "1" })]);
    const [{ key } = { key: "" }] = await reversalKeys(flow);
    const asked: string[] = [];
    const gateway: Partial<Gateway> = {
      refundStatus: (requests) => {
        asked.push(...requests.map(({ idempotencyKey }) => idempotencyKey));
        return Promise.resolve([{ kind: "refunded" }]);
      },
    };
    assert.deepEqual(await mend(flow, gateway, "ask"), [
      "explained",
      "the provider says that it was given back",
    ]);
    assert.deepEqual(asked, [key]);
  }));
