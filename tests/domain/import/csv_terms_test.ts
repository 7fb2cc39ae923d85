import assert from "node:assert/strict";
import fc from "fast-check";
import { placeColumns } from "../../../domain/import/csv_columns.ts";
import {
  type ColumnPlaces,
  type CsvRow,
  importColumns,
  type TermColumn,
  termColumns,
} from "../../../domain/import/csv_rows.ts";
import { decideOrder } from "../../../domain/import/order_csv.ts";
import { type IncomingOrder, orderTotalOf } from "../../../domain/order/incoming_order.ts";

const places = placeColumns([...termColumns, ...importColumns]) as ColumnPlaces;
const item = [
  "W-1",
  "2010-12-01 08:26:00",
  "EUR",
  "7",
  "a@example.com",
  "Ann",
  "MUG",
  "Mug",
  "1200",
  "1",
];

type Terms = Partial<Record<TermColumn, string>>;

function row(line: number, terms: Terms = {}, fields = item): CsvRow {
  return { line, fields: [...termColumns.map((column) => terms[column] ?? ""), ...fields] };
}

function decide(rows: CsvRow[], keepGoodRows = false, at = places) {
  return decideOrder(rows, at, { keepGoodRows, latestPlacedAt: "2026-01-02 03:04:05.678" });
}

function accepted(rows: CsvRow[]): IncomingOrder {
  const reading = decide(rows);
  assert.ok(reading.kind === "accepted", JSON.stringify(reading));
  return reading.order;
}

function reasons(rows: CsvRow[], keepGoodRows = false): [line: number, reason: string][] {
  const reading = decide(rows, keepGoodRows);
  assert.equal(reading.kind, "rejected");
  return reading.rejected.map(({ line, reason }) => [line, reason]);
}

Deno.test("decideOrder() takes what is said of the order from whichever row says it", () => {
  const order = accepted([
    row(2, { shipping_cents: "490", language: "DE-at" }),
    row(3, { tax_cents: "380", tax_included: "Yes" }),
    row(4, { shipping_cents: " 490", discount_cents: "540", order_total_cents: "3552" }),
    row(5, { tip_cents: "1", fee_cents: "1", payment_status: "Paid", payment_provider: "Stripe" }, [
      ...item.slice(0, 8),
      "0",
      "1",
    ]),
    row(6, { payment_reference: "ch_1" }, [...item.slice(0, 8), "0", "1"]),
  ]);
  assert.deepEqual(order.adjustments, [
    { kind: "shipping", label: null, amountCents: 490, included: false },
    { kind: "tax", label: null, amountCents: 380, included: true },
    { kind: "discount", label: null, amountCents: -540, included: false },
    { kind: "tip", label: null, amountCents: 1, included: false },
    { kind: "fee", label: null, amountCents: 1, included: false },
  ]);
  assert.equal(order.language, "de-AT");
  assert.equal(order.totalCents, 3_552);
  assert.deepEqual(order.payment, {
    status: "paid",
    provider: "stripe",
    reference: "ch_1",
    paidAt: null,
  });
});

Deno.test("decideOrder() makes the same of columns that are empty, hold nothing, or are not there", () => {
  const plain = placeColumns(importColumns) as ColumnPlaces;
  const without = decide([{ line: 2, fields: item }], false, plain);
  const nothing = {
    shipping_cents: "0",
    tax_cents: "00",
    payment_status: "due",
    tax_included: "1",
  };
  for (const reading of [decide([row(2)]), decide([row(2, nothing)])]) {
    assert.deepEqual(reading, without);
  }
  assert.ok(without.kind === "accepted");
  const keys = ["currency", "customer", "externalOrderId", "items", "placedAt"];
  assert.deepEqual(Object.keys(without.order).sort(), keys);
});

Deno.test("decideOrder() rejects rows that say different things of the order, with both", () => {
  const rows = [
    row(2),
    row(3, { shipping_cents: "490" }),
    row(4),
    row(5, { shipping_cents: "590" }),
  ];
  const reason = "rows of the order disagree on shipping_cents (490 on line 3, 590 on line 5)";
  for (const keepGoodRows of [false, true]) {
    assert.deepEqual(reasons(rows, keepGoodRows), [2, 3, 4, 5].map((line) => [line, reason]));
  }
});

Deno.test("decideOrder() rejects an order whose total the file gets wrong, with the sum", () => {
  const terms = { shipping_cents: "490", discount_cents: "540", order_total_cents: "5350" };
  assert.deepEqual(
    reasons([row(2, terms), row(3)]),
    [2, 3].map((line) => [
      line,
      "the order's total is another one " +
      "(items 24.00 + shipping 4.90 − discount 5.40 = 23.50, the file says 53.50)",
    ]),
  );
  assert.deepEqual(reasons([row(2, { discount_cents: "1201" })]), [
    [2, "the order's total is below zero (items 12.00 − discount 12.01 = −0.01)"],
  ]);
  assert.deepEqual(reasons([row(2, { payment_status: "none" })]), [
    [2, "the payment status none is for orders that cost nothing: write due or paid (items 12.00)"],
  ]);
  assert.deepEqual(
    accepted([row(2, { payment_status: "none", discount_cents: "1200" })]).payment,
    { status: "none" },
  );
});

Deno.test("decideOrder() names what is wrong with each column, and what would be right", () => {
  const cases: [terms: Terms, reason: string | RegExp][] = [
    [{ shipping_cents: "4.90" }, "shipping_cents: 4.90: write 490, minor units"],
    [{ tax_cents: "-1" }, 'tax_cents: must be an integer 0…2147483647000000, not "-1"'],
    [
      { tip_cents: "2147483647000001" },
      'tip_cents: must be an integer 0…2147483647000000, not "2147483647000001"',
    ],
    [{ discount_cents: "-540" }, "discount_cents: -540: write 540, which is what is taken off"],
    [{ tax_included: "maybe" }, 'tax_included: must be true or false, not "maybe"'],
    [{ tax_included: "constructor" }, 'tax_included: must be true or false, not "constructor"'],
    [{ order_total_cents: "23,50" }, "order_total_cents: 23,50: write 2350, minor units"],
    [
      { payment_status: "authorised" },
      'payment_status: must be due, paid or none, not "authorised"',
    ],
    [{ payment_provider: "é", payment_status: "paid" }, /^payment_provider: must be at most 32/],
    [
      { payment_provider: "stripe", payment_status: "paid" },
      "payment_reference: is missing: the payment's id at stripe",
    ],
    [
      { payment_reference: "ch_1" },
      "payment_reference: is of a payment, and the payment status is due: write paid, or leave this out",
    ],
    [
      { language: "de_DE" },
      'language: must be a language tag of BCP 47 with dashes: write de-DE, not "de_DE"',
    ],
    [
      { fee_cents: "x", language: "?" },
      /^fee_cents: must be an integer .*; language: must be a language tag/,
    ],
  ];
  for (const [terms, reason] of cases) {
    for (const keepGoodRows of [false, true]) {
      const [other, own, ...rest] = reasons([row(2), row(3, terms)], keepGoodRows);
      assert.deepEqual(other, [2, "another row of the order is bad (line 3)"]);
      if (typeof reason === "string") assert.deepEqual(own, [3, reason]);
      else assert.match(own![1], reason);
      assert.deepEqual(rest, []);
    }
  }
});

Deno.test("decideOrder() keeps what a row says of the order when the row itself is left out", () => {
  const bad = [...item.slice(0, 9), "none"];
  const reading = decide([row(2), row(3, { shipping_cents: "490" }, bad)], true);
  assert.ok(reading.kind === "accepted");
  assert.equal(reading.order.adjustments?.[0]?.amountCents, 490);
  assert.deepEqual(reasons([row(2), row(3, { shipping_cents: "x" }, bad)], true), [
    [2, "another row of the order is bad (line 3)"],
    [
      3,
      'qty: must be an integer 1…1000000, not "none"; shipping_cents: must be an integer 0…2147483647000000, not "x"',
    ],
  ]);
  const total = { order_total_cents: "2400" };
  assert.match(
    reasons([row(2, total), row(3, total, bad)], true)[0]![1],
    /items 12\.00, the file says 24\.00/,
  );
});

Deno.test("decideOrder() tells apart guests by their addresses", () => {
  const guest = (email: string) => [...item.slice(0, 3), "", email, "Ann", ...item.slice(6)];
  assert.deepEqual(
    reasons([row(2, {}, guest("a@example.com")), row(3, {}, guest("b@example.com"))])[0]![1],
    "rows of the order disagree on customer_email (lines 2 and 3)",
  );
});

Deno.test("decideOrder() takes exactly what adds up, and accounts for every row, whatever the columns hold", () => {
  const text = fc.constantFrom(
    "",
    "",
    "0",
    "1",
    "490",
    "4.90",
    "-1",
    "true",
    "paid",
    "none",
    "due",
    "de",
    "(",
    "x",
  );
  const terms = fc.dictionary(fc.constantFrom(...termColumns), text);
  const rows = fc.array(terms, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(rows, fc.boolean(), (said, keepGoodRows) => {
      const reading = decide(said.map((one, index) => row(index + 2, one)), keepGoodRows);
      const lines = reading.rejected.map(({ line }) => line);
      if (reading.kind === "rejected") {
        assert.deepEqual(lines, said.map((_, index) => index + 2));
        assert.ok(reading.rejected.every(({ reason }) => reason !== ""));
        return;
      }
      assert.deepEqual(lines, []);
      const valueOf = (column: TermColumn) =>
        Number(said.map((one) => one[column] ?? "").find((value) => value !== "") ?? 0);
      const most = 1_200 * said.length + valueOf("shipping_cents") + valueOf("tip_cents") +
        valueOf("fee_cents");
      const included = said.some(({ tax_included }) => ["true", "1"].includes(tax_included ?? ""));
      const total = 1_200 * said.length + valueOf("shipping_cents") + valueOf("tip_cents") +
        valueOf("fee_cents") + (included ? 0 : valueOf("tax_cents")) - valueOf("discount_cents");
      assert.equal(orderTotalOf(reading.order), total);
      assert.ok(!included || valueOf("tax_cents") <= most);
    }),
    { numRuns: 2_000 },
  );
});
