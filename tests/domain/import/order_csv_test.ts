import assert from "node:assert/strict";
import { idProblem } from "../../../domain/import/csv_rows.ts";
import fc from "fast-check";
import { placeColumns } from "../../../domain/import/csv_columns.ts";
import {
  type ColumnPlaces,
  type CsvRow,
  importColumns,
  readRow,
} from "../../../domain/import/csv_rows.ts";
import {
  decideOrder,
  kindOfReason,
  maxOrderRows,
  rejectConflict,
  rejectLargeOrder,
  rejectWhole,
} from "../../../domain/import/order_csv.ts";

const places = placeColumns(importColumns) as ColumnPlaces;
const goodFields = {
  external_order_id: "536365",
  order_placed_at: "2010-12-01 08:26:00",
  currency: "gbp",
  customer_id: "17850",
  customer_email: "c17850@example.com",
  customer_name: "Customer 17850",
  product_sku: "85123A",
  product_name: "T-LIGHT HOLDER",
  unit_price_cents: "255",
  qty: "6",
};

type Fields = Partial<Record<(typeof importColumns)[number], string>>;

function fieldsOf(change: Fields = {}): string[] {
  return Object.values({ ...goodFields, ...change });
}

function row(line: number, change: Fields = {}): CsvRow {
  return { line, fields: fieldsOf(change) };
}

function decide(rows: CsvRow[], keepGoodRows = false) {
  return decideOrder(rows, places, { keepGoodRows, latestPlacedAt: "2026-01-02 03:04:05.678" });
}

Deno.test("readRow() trims fields and turns them into what they mean", () => {
  const padded = fieldsOf().map((field) => ` \t${field}\u00a0 `);
  assert.deepEqual(readRow(padded, places), {
    head: {
      externalOrderId: "536365",
      placedAt: "2010-12-01 08:26:00.000",
      currency: "GBP",
      customer: { externalId: "17850", email: "c17850@example.com", name: "Customer 17850" },
    },
    item: { sku: "85123A", name: "T-LIGHT HOLDER", unitPriceCents: 255, qty: 6 },
  });
});

const atLimits: Fields[] = [
  { external_order_id: "x".repeat(64), product_sku: "😀".repeat(64), customer_id: "é".repeat(64) },
  { customer_name: "x".repeat(255), customer_email: "@", product_name: "😀".repeat(255) },
  { customer_name: "two\nlines" },
  { unit_price_cents: "0", qty: "1" },
  { unit_price_cents: "2147483647", qty: "1000000" },
  { unit_price_cents: "007" },
];

Deno.test("readRow() takes what is just within the limits", () => {
  for (const change of atLimits) {
    const read = readRow(fieldsOf(change), places);
    assert.ok(!Array.isArray(read), JSON.stringify(read));
  }
});

const beyondLimits: [column: keyof typeof goodFields, values: string[]][] = [
  ["external_order_id", [
    "",
    "  ",
    "x".repeat(65),
    "😀".repeat(65),
    "a\tb",
    "a\nb",
    "a\0",
    "a\x7f",
  ]],
  ["order_placed_at", ["", "2025-02-30 00:00:00", "yesterday"]],
  ["currency", ["", "EU", "EURO", "€€€", "ÄÖÜ", "E1R"]],
  ["customer_id", ["x".repeat(65), "\u0085x\u0085y", "guest:17850"]],
  ["customer_email", ["x".repeat(256), "a\0b"]],
  ["customer_name", ["", "x".repeat(256), "😀".repeat(256), "a\0b"]],
  ["product_sku", ["", "x".repeat(65), "a\rb"]],
  ["product_name", ["", "x".repeat(256), "a\0b"]],
  ["unit_price_cents", ["", "-1", "2147483648", "1.5", "1e3", "1,000", "+5", "0x10", "٣", "NaN"]],
  ["qty", ["", "0", "-1", "1000001", "1.0", "six", "99999999999999999999"]],
];

for (const [column, values] of beyondLimits) {
  Deno.test(`readRow() refuses a wrong ${column} and names it`, () => {
    for (const value of values) {
      const faults = readRow(fieldsOf({ [column]: value }), places);
      assert.ok(Array.isArray(faults), JSON.stringify(value));
      assert.deepEqual(faults.map(({ at }) => at), [column], JSON.stringify(value));
    }
  });
}

Deno.test("readRow() names every faulty column", () => {
  const faults = readRow(importColumns.map(() => "\0"), places);
  assert.ok(Array.isArray(faults));
  assert.deepEqual(faults.map(({ at }) => at).sort(), [...importColumns].sort());
});

Deno.test("readRow() takes a row without a customer id for a guest's", () => {
  const customer = (change: Fields) => {
    const read = readRow(fieldsOf(change), places);
    assert.ok(!Array.isArray(read), JSON.stringify(read));
    return read.head.customer;
  };
  assert.deepEqual(customer({ customer_id: " ", customer_email: "Ann@Example.com" }), {
    externalId: "guest:ann@example.com",
    email: "Ann@Example.com",
    name: "Customer 17850",
    guest: true,
  });
  assert.deepEqual(customer({ customer_id: "", customer_email: "" }), {
    externalId: "guest:536365",
    email: null,
    name: "Customer 17850",
    guest: true,
  });
  assert.deepEqual(customer({ customer_email: "" }), {
    externalId: "17850",
    email: null,
    name: "Customer 17850",
  });
});

Deno.test("readRow() refuses a row that does not say who buys", () => {
  for (const customer_email of ["", "ann@example.com"]) {
    const faults = readRow(
      fieldsOf({ customer_id: "", customer_email, customer_name: " " }),
      places,
    );
    assert.deepEqual(faults, [
      { at: "customer_id", detail: "is missing, and a guest needs a name" },
      { at: "customer_name", detail: "is missing" },
    ]);
  }
});

Deno.test("readRow() tells what to write for an amount in units of its currency", () => {
  const reason = (currency: string, unit_price_cents: string) => {
    const faults = readRow(fieldsOf({ currency, unit_price_cents }), places);
    assert.ok(Array.isArray(faults));
    return faults[0]!.detail;
  };
  assert.equal(reason("eur", "12.50"), "12.50: write 1250, minor units");
  assert.equal(reason("JPY", "2500.00"), "2500.00: write 2500, minor units");
  assert.equal(reason("KWD", "2.51"), "2.51: write 2510, minor units");
  for (const text of ["-12.50", "1,250", "12.505", "99999999.00"]) {
    assert.equal(reason("EUR", text), `must be an integer 0…2147483647, not "${text}"`);
  }
});

Deno.test("decideOrder() refuses a time that is further ahead than it is told", () => {
  const placedAt = (time: string) => decide([row(2, { order_placed_at: time })]);
  assert.equal(placedAt("2026-01-02T03:04:05.678").kind, "accepted");
  assert.equal(placedAt("2026-01-02T04:04:05.678+01:00").kind, "accepted");
  for (const time of ["2026-01-02T03:04:05.679", "9999-12-31 23:59:59", "2026-01-02T02:30-01:00"]) {
    const reading = placedAt(time);
    assert.equal(reading.kind, "rejected", time);
    assert.equal(
      reading.rejected[0]!.reason,
      `order_placed_at: must not be more than a day ahead, but is "${time}"`,
    );
  }
});

Deno.test("decideOrder() makes one order of its rows, placed when the earliest was", () => {
  const reading = decide([
    row(2, { order_placed_at: "2010-12-01 09:00:00" }),
    row(9, { product_sku: "B", qty: "1", order_placed_at: "2010-12-01T09:30:00+01:00" }),
    row(10, { currency: "GBP" }),
  ]);
  assert.ok(reading.kind === "accepted");
  assert.equal(reading.order.placedAt, "2010-12-01 08:26:00.000");
  assert.deepEqual(reading.order.items.map(({ sku, qty }) => [sku, qty]), [
    ["85123A", 6],
    ["B", 1],
    ["85123A", 6],
  ]);
  assert.deepEqual(reading.rejected, []);
});

Deno.test("decideOrder() rejects the whole order for one bad row and says which", () => {
  const reading = decide([row(2), row(3, { qty: "-1", customer_name: "" }), row(7)]);
  assert.equal(reading.kind, "rejected");
  assert.deepEqual(reading.rejected.map(({ line, reason }) => [line, reason]), [
    [2, "another row of the order is bad (line 3)"],
    [3, 'customer_name: is missing; qty: must be an integer 1…1000000, not "-1"'],
    [7, "another row of the order is bad (line 3)"],
  ]);
  assert.deepEqual(reading.rejected[0]!.fields, fieldsOf());
});

Deno.test("decideOrder() leaves only the bad rows out where good ones are to be kept", () => {
  const reading = decide([row(2), row(3, { qty: "0" })], true);
  assert.ok(reading.kind === "accepted");
  assert.equal(reading.order.items.length, 1);
  assert.deepEqual(reading.rejected.map(({ line }) => line), [3]);
  assert.equal(decide([row(3, { qty: "0" })], true).kind, "rejected");
});

for (
  const [column, value] of Object.entries({
    currency: "EUR",
    customer_id: "17851",
    customer_email: "other@example.com",
    customer_name: "Other",
  })
) {
  Deno.test(`decideOrder() rejects rows that disagree on ${column}`, () => {
    for (const keepGoodRows of [false, true]) {
      const reading = decide([row(2), row(4), row(5, { [column]: value })], keepGoodRows);
      assert.equal(reading.kind, "rejected");
      assert.deepEqual(reading.rejected.map(({ line }) => line), [2, 4, 5]);
      assert.equal(
        reading.rejected[0]!.reason,
        `rows of the order disagree on ${column} (lines 2 and 5)`,
      );
    }
  });
}

Deno.test("decideOrder() rejects a total beyond the bound, with the sum written out", () => {
  const max = row(2, { unit_price_cents: "2147483647", qty: "1000000" });
  const free = row(3, { unit_price_cents: "0", qty: "1" });
  assert.equal(decide([max, free]).kind, "accepted");
  const reading = decide([max, row(3, { unit_price_cents: "1", qty: "1" })]);
  assert.equal(reading.kind, "rejected");
  assert.equal(
    reading.rejected[0]!.reason,
    "the order's total is too large (its items come to 21,474,836,470,000.01 GBP, " +
      "and an order may be worth 21,474,836,470,000.00 GBP at most)",
  );
  const largest = Array.from(
    { length: 4 },
    (_, index) =>
      row(index + 2, { unit_price_cents: "2147483647", qty: "1000000", currency: "JPY" }),
  );
  assert.match(
    decide(largest).rejected[0]!.reason,
    /come to 8,589,934,588,000,000 JPY, and .* 2,147,483,647,000,000 JPY at most/,
  );
});

Deno.test("decideOrder() rejects an order with too many rows", () => {
  const reading = decide(Array.from({ length: maxOrderRows + 1 }, (_, index) => row(index + 2)));
  assert.equal(reading.kind, "rejected");
  assert.equal(reading.rejected.length, maxOrderRows + 1);
  assert.match(reading.rejected[0]!.reason, /at most 100000 rows .* from line 100002$/);
});

Deno.test("decideOrder() accounts for every row exactly once, by lines", () => {
  const change = fc.record({
    qty: fc.constantFrom("1", "2", "0"),
    customer_id: fc.constantFrom("17850", "17850", "17850", "1", ""),
  });
  fc.assert(fc.property(fc.array(change, { minLength: 1 }), fc.boolean(), (changes, keep) => {
    const rows = changes.map((fields, index) => row(index + 2, fields));
    const reading = decide(rows, keep);
    const items = reading.kind === "accepted" ? reading.order.items.length : 0;
    assert.equal(items + reading.rejected.length, rows.length);
    const lines = reading.rejected.map(({ line }) => line);
    assert.deepEqual(lines, [...new Set(lines)].sort((a, b) => a - b));
    if (reading.kind === "accepted" && !keep) assert.equal(items, rows.length);
  }));
});

Deno.test("kindOfReason() counts amounts in units together", () => {
  assert.equal(
    kindOfReason("unit_price_cents: 12.50: write 1250, minor units; qty: is missing"),
    "unit_price_cents: write minor units; qty: is missing",
  );
  assert.equal(
    kindOfReason("discount_cents: -540: write 540, which is what is taken off"),
    "discount_cents: write what is taken off",
  );
});

Deno.test("kindOfReason() counts values of all kinds together, whatever they hold", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 60 }), (value) => {
    for (const text of [value, `"${value}`, `${value}; qty: "\\`]) {
      const faults = readRow(fieldsOf({ currency: `€${text}`, qty: `+${text}` }), places);
      assert.ok(Array.isArray(faults));
      assert.equal(
        kindOfReason(faults.map(({ at, detail }) => `${at}: ${detail}`).join("; ")),
        "currency: must be a currency of ISO 4217 such as EUR; qty: must be an integer 1…1000000",
      );
    }
  }));
});

Deno.test("kindOfReason() leaves out what tells cases apart", () => {
  assert.equal(
    kindOfReason("another row of the order is bad (line 3)"),
    "another row of the order is bad",
  );
  assert.equal(
    kindOfReason("qty: must be an integer 1…1000000"),
    "qty: must be an integer 1…1000000",
  );
});

Deno.test("rejectWhole() gives all rows of an order of which some were left out", () => {
  const rows = [row(2), row(3, { qty: "0" }), row(7)];
  const reading = decide(rows, true);
  assert.ok(reading.kind === "accepted");
  const others = rejectWhole([rows[0]!, rows[2]!], reading.rejected);
  assert.deepEqual(others.map(({ line, reason }) => [line, reason]), [
    [2, "taken although another row of the order was left out (line 3)"],
    [7, "taken although another row of the order was left out (line 3)"],
  ]);
  assert.deepEqual(rejectWhole(rows, []), []);
});

Deno.test("idProblem() refuses what nobody sees in an id, by its code point, and letters apart from their marks", () => {
  for (
    const [id, code] of [
      ["A\u200b1", "U+200B"],
      ["A\u00ad1", "U+00AD"],
      ["A\u00a01", "U+00A0"],
      ["A\ufeff1", "U+FEFF"],
      ["A\u20281", "U+2028"],
      ["A1\ufe0f", "U+FE0F"],
    ] as const
  ) assert.match(idProblem(id)!, new RegExp(`${code.replace("+", "\\+")}, which can't be seen`));
  assert.match(idProblem("Cafe\u0301-1")!, /write Caf\u00e9-1 in the form NFC/);
  for (const id of ["Caf\u00e9-1", "A 1", "#1001", "\u6ce8\u6587-1"]) {
    assert.equal(idProblem(id), undefined);
  }
});

Deno.test("rejectConflict() says that an id may be another shop's, where its order is of another customer", () => {
  const [row] = rejectConflict(
    [{ line: 2, fields: [] }],
    { status: "PENDING", foreign: false, ofAnother: true },
    [],
  );
  assert.match(row!.reason, /of another customer: two shops .* order_id_prefix/);
});

Deno.test("rejectLargeOrder() makes the fields of no row before somebody asks for them", () => {
  let made = 0;
  const rows = [2, 3].map((line) => ({
    line,
    get fields() {
      made++;
      return [`A-${line}`];
    },
  }));
  const rejected = rejectLargeOrder(rows, 3);
  assert.deepEqual(rejected.map(({ line, reason }) => [line, reason.endsWith("from line 3")]), [
    [2, true],
    [3, true],
  ]);
  assert.equal(made, 0);
  assert.deepEqual(rejected.map(({ fields }) => fields), [["A-2"], ["A-3"]]);
});
