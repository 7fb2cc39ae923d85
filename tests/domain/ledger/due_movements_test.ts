import assert from "node:assert/strict";
import {
  type Booked,
  findLedgerGaps,
  type LedgerFacts,
  type MovedPayment,
} from "../../../domain/ledger/due_movements.ts";
import { isBalanced, refundEntries, saleEntries } from "../../../domain/ledger/movement.ts";

const nothing: LedgerFacts = {
  payments: [],
  parts: new Map(),
  refunds: [],
  twice: [],
  chargebacks: [],
  booked: [],
};

const payment = (status: string, more: Partial<MovedPayment> = {}): MovedPayment => ({
  orderId: 1,
  surplus: 0,
  chargedBackCents: 0,
  status,
  amountCents: 400,
  currency: "EUR",
  takenAt: "taken",
  settledAt: "settled",
  changedAt: "changed",
  isRecent: false,
  ...more,
});

const booked = (rows: Record<string, number>, more: Partial<Booked> = {}): Booked[] =>
  Object.entries(rows).map(([account, amountCents]) => ({
    orderId: 1,
    source: "payment",
    sourceId: 0,
    account: account as Booked["account"],
    currency: "EUR",
    amountCents,
    step: 1,
    ...more,
  }));

/** What is to be booked, in short. */
const found = (facts: Partial<LedgerFacts>) =>
  findLedgerGaps({ ...nothing, ...facts }).map(({ kind, movements }) =>
    `${kind}: ${
      movements.map(({ step, at, currency, entries }) =>
        `${step} ${at} ${entries.map((e) => `${e.account} ${e.amountCents}`).join(" ")} ${currency}`
      ).join("; ")
    }`
  );

const held = booked({ clearing: 400, customer: -400 });
const sold = booked({ clearing: 400, sales: -400 });

Deno.test("findLedgerGaps() finds nothing where what happened is booked", () => {
  assert.deepEqual(found({ payments: [payment("SUCCEEDED")], booked: sold }), []);
  assert.deepEqual(found({ payments: [payment("REVERSING")], booked: held }), []);
  assert.deepEqual(found({ payments: [payment("DISPUTED")], booked: held }), []);
  const back = booked({ clearing: 0, customer: 0 }, { step: 2 });
  assert.deepEqual(found({ payments: [payment("REVERSED")], booked: back }), []);
});

Deno.test("findLedgerGaps() books what has no rows, through the states that it was in", () => {
  assert.deepEqual(found({ payments: [payment("SUCCEEDED")] }), [
    "missing: 1 settled clearing 400 sales -400 EUR",
  ]);
  assert.deepEqual(found({ payments: [payment("REVERSED", { settledAt: null })] }), [
    "missing: 1 taken clearing 400 customer -400 EUR; 2 changed clearing -400 customer 400 EUR",
  ]);
  const twice = {
    id: 7,
    orderId: 1,
    amountCents: 5,
    currency: "EUR",
    createdAt: "a",
    changedAt: "b",
  };
  const written = { ...twice, endedAs: "written_off", isRecent: false };
  assert.deepEqual(found({ twice: [{ ...written, isOwed: false }] }), [
    "missing: 1 a clearing -5 customer 5 EUR; 2 b customer -5 write_offs 5 EUR",
  ]);
  assert.deepEqual(found({ twice: [{ ...written, isOwed: true }] }), [
    "missing: 1 b customer -5 write_offs 5 EUR",
  ]);
  assert.deepEqual(found({ twice: [{ ...written, isOwed: true, endedAs: "returned" }] }), [
    "missing: 1 b clearing 5 customer -5 EUR",
  ]);
});

Deno.test("findLedgerGaps() leads out once what a chargeback gave back, and tells whose money it took", () => {
  const chargeback = { id: 3, orderId: 1, amountCents: 400, currency: "EUR", isExpense: false };
  const back = payment("REVERSED", { chargedBackCents: 400 });
  assert.deepEqual(found({ payments: [back], chargebacks: [chargeback], booked: held }), [
    "missing: 1 null clearing -400 customer 400 EUR",
  ]);
  const part = payment("REVERSED", { chargedBackCents: 300 });
  assert.deepEqual(found({ payments: [part], booked: held }), [
    "missing: 2 changed clearing -100 customer 100 EUR",
  ]);
  const own = { ...chargeback, isExpense: true };
  assert.deepEqual(found({ chargebacks: [own] }), [
    "missing: 1 null clearing -400 chargebacks 400 EUR",
  ]);
  const of = { source: "chargeback", sourceId: 3 } as const;
  const all = booked({ clearing: -400, chargebacks: 400 }, of);
  assert.deepEqual(found({ chargebacks: [own], booked: all }), []);
  for (const other of [{ ...own, amountCents: 399 }, { ...own, amountCents: 0 }, chargeback]) {
    assert.match(found({ chargebacks: [other], booked: all })[0]!, /^wrong/);
  }
});

Deno.test("findLedgerGaps() goes on from money that was held, also of another amount and currency", () => {
  assert.deepEqual(found({ payments: [payment("SUCCEEDED")], booked: held }), [
    "missing: 2 settled customer 400 sales -400 EUR",
  ]);
  assert.deepEqual(found({ payments: [payment("REVERSED")], booked: held }), [
    "missing: 2 changed clearing -400 customer 400 EUR",
  ]);
  const dollars = booked({ clearing: 500, customer: -500 }, { currency: "USD" });
  assert.deepEqual(found({ payments: [payment("SUCCEEDED")], booked: dollars }), [
    "missing: 2 settled clearing 400 sales -400 EUR; 3 null clearing -500 customer 500 USD",
  ]);
});

Deno.test("findLedgerGaps() leaves to people what follows from nothing", () => {
  for (
    const rows of [
      booked({ clearing: 401, sales: -401 }),
      booked({ clearing: 400, sales: -399 }),
      booked({ clearing: 400, refunds: -400 }),
      booked({ clearing: 400, customer: -399 }),
      sold.map((row) => ({ ...row, currency: "USD" })),
    ]
  ) {
    const [gap] = found({ payments: [payment("SUCCEEDED")], booked: rows });
    assert.match(gap!, /^wrong/, JSON.stringify(rows));
  }
  assert.match(found({ booked: sold })[0]!, /^wrong: 2 null clearing -400 sales 400 EUR/);
});

Deno.test("saleEntries() and refundEntries() tell taxes and adjustments apart, and come to nothing", () => {
  const sale = saleEntries(1_190, { taxCents: 190, adjustmentCents: -100 });
  assert.deepEqual(sale.map(({ account, amountCents }) => `${account} ${amountCents}`), [
    "clearing 1190",
    "sales -1100",
    "adjustments 100",
    "tax -190",
  ]);
  const refund = refundEntries(119, 19);
  assert.deepEqual(refund.map(({ account, amountCents }) => `${account} ${amountCents}`), [
    "clearing -119",
    "tax 19",
    "refunds 100",
  ]);
  assert.ok(isBalanced(sale) && isBalanced(refund));
});
