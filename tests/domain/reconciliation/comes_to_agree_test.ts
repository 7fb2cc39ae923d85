import assert from "node:assert/strict";
import {
  comesToAgree,
  type DifferentTelling,
  type KeptMovement,
} from "../../../domain/reconciliation/comes_to_agree.ts";

/** Report 5 told a charge of 10.00 EUR with a fee of 0.50 as one of 9.00, as is kept by now. */
const told: DifferentTelling = {
  kind: "amount_differs",
  reconciliationId: 5,
  part: null,
  theirGrossCents: 1_000,
  theirFeeCents: 50,
  theirNetCents: 950,
  theirCents: 1_000,
  theirCurrency: "EUR",
  settledCurrency: "EUR",
  ourCents: 1_000,
  ourCurrency: "EUR",
};
const kept: KeptMovement = {
  kind: "charge",
  grossCents: 1_000,
  feeCents: 50,
  netCents: 950,
  currency: "EUR",
  customer: null,
  lastTold: 4,
};

const agree = (telling: Partial<DifferentTelling>, movement: Partial<KeptMovement> = {}) =>
  comesToAgree({ ...told, ...telling }, [{ ...kept, ...movement }]);

Deno.test("comesToAgree() takes what a report told for agreed where it is kept and is ours", () => {
  assert.equal(agree({}), true);
  assert.equal(comesToAgree(told, []), false, "nobody tells of it any more");
  assert.equal(agree({}, { grossCents: 900, netCents: 850 }), false);
  assert.equal(agree({}, { feeCents: 40, netCents: 960 }), false);
  assert.equal(agree({ theirNetCents: 940 }), false);
  assert.equal(agree({ ourCents: 900 }), false, "it is not what we have");
  assert.equal(agree({ ourCurrency: "USD" }), false);
  assert.equal(agree({}, { netCents: 940 }), false, "what is kept does not add up");
  assert.equal(
    agree({ theirFeeCents: null, theirNetCents: null }, { feeCents: 0, netCents: 1_000 }),
    true,
  );
});

Deno.test("comesToAgree() takes what a later report tells as it is kept for agreed, if that is ours", () => {
  const other = { theirGrossCents: 900, theirNetCents: 850, theirCents: 900 };
  assert.equal(agree(other), false);
  assert.equal(agree(other, { lastTold: 5 }), false, "the same report is no other one");
  assert.equal(agree(other, { lastTold: 6 }), true);
  assert.equal(agree({ ...other, ourCents: 900 }, { lastTold: 6 }), false);
  assert.equal(agree(other, { lastTold: 6, netCents: 940 }), false);
});

Deno.test("comesToAgree() holds fees and what is of nothing of ours to the reports alone", () => {
  const fee = { kind: "fee_differs", ourCents: null, ourCurrency: null } as const;
  assert.equal(agree(fee), true);
  assert.equal(agree({ ...fee, theirFeeCents: 40, theirNetCents: 960 }), false);
  assert.equal(agree({ ...fee, theirFeeCents: 40, theirNetCents: 960 }, { lastTold: 6 }), true);
  assert.equal(agree({ part: "aa", ourCents: null, ourCurrency: null }), true);
});

Deno.test("comesToAgree() takes another currency for agreed once that is what is kept, or a later report tells what is", () => {
  const other = { kind: "currency_differs", settledCurrency: "USD", theirCurrency: "USD" } as const;
  assert.equal(agree(other), false);
  assert.equal(agree(other, { lastTold: 6 }), true);
  assert.equal(agree({ ...other, ourCurrency: "USD" }, { currency: "USD" }), true);
  assert.equal(agree(other, { currency: "USD" }), false, "it is not what we have");
  assert.equal(agree({ ...other, part: "aa" }, { currency: "USD" }), true);
});

Deno.test("comesToAgree() compares the customer's money where it was converted", () => {
  const usd = {
    theirCents: 1_100,
    theirCurrency: "USD",
    settledCurrency: "EUR",
    ourCents: 1_100,
    ourCurrency: "USD",
  };
  const customer = { cents: 1_100, currency: "USD" };
  assert.equal(agree(usd, { customer }), true);
  assert.equal(agree(usd), false);
  assert.equal(agree(usd, { customer: { ...customer, cents: 1_000 } }), false);
  assert.equal(agree({ ...usd, ourCurrency: "EUR" }, { customer }), false);
  assert.equal(agree({ ...usd, theirCurrency: "GBP" }, { customer }), false);
  const refund = { grossCents: -1_000, netCents: -1_050 };
  const back = { ...usd, theirGrossCents: -1_000, theirNetCents: -1_050 };
  assert.equal(agree(back, { ...refund, customer: { ...customer, cents: -1_100 } }), true);
});

Deno.test("comesToAgree() takes what nobody knew the meaning of for over once a report says it, and another category by another report", () => {
  const unknown = { kind: "category_unknown" } as const;
  assert.equal(agree(unknown, { kind: "other" }), false);
  assert.equal(agree(unknown, { kind: "other", lastTold: 6 }), false);
  assert.equal(agree(unknown, { kind: "fee" }), true);
  const category = { kind: "category_differs" } as const;
  assert.equal(agree(category), false);
  assert.equal(agree(category, { lastTold: 6 }), true);
});
