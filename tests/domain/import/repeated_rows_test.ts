import assert from "node:assert/strict";
import { placeColumns } from "../../../domain/import/csv_columns.ts";
import {
  type ColumnPlaces,
  type CsvRow,
  type FileLines,
  importColumns,
} from "../../../domain/import/csv_rows.ts";
import {
  decideOrder,
  decideOrderStepwise,
  kindOfReason,
} from "../../../domain/import/order_csv.ts";
import { repeatedRows } from "../../../domain/import/repeated_rows.ts";
import { readByProfile } from "../../streams/imports/profiles.ts";

const options = { keepGoodRows: false, latestPlacedAt: "9999" };
const head = ["A-1", "2026-01-05 10:00:00", "EUR", "K1", "ann@shop.example", "Ann"];

function rowsOf(skus: string, lines: number[] = [], more: (at: number) => string[] = () => []) {
  return [...skus].map((sku, at): CsvRow => ({
    line: lines[at] ?? at + 2,
    fields: [...head, sku, `Thing ${sku}`, "1200", "1", ...more(at)],
  }));
}

function decide(rows: CsvRow[], further: string[] = [], lines?: FileLines) {
  const places = {
    ...placeColumns([...importColumns, ...further]) as ColumnPlaces,
    ...(lines === undefined ? {} : { lines }),
  };
  const reading = decideOrder(rows, places, options);
  const steps = decideOrderStepwise(rows, places, options);
  let step = steps.next();
  while (!step.done) step = steps.next();
  assert.deepEqual(step.value, reading);
  return reading.kind === "accepted" ? reading.order.items.length : reading.rejected;
}

Deno.test("decideOrder() rejects an order whose rows were pasted twice, with the lines of both", () => {
  for (
    const [skus, lines, second] of [
      ["abab", [], 4],
      ["abcabc", [2, 3, 4, 20, 21, 22], 20],
      ["aabaab", [], 5],
      ["ababab", [], 4],
    ] as const
  ) {
    const rejected = decide(rowsOf(skus, [...lines]));
    assert(Array.isArray(rejected), skus);
    assert.equal(rejected.length, skus.length);
    for (const { reason } of rejected) {
      assert.match(reason, /stand there more than once.*remove the copies.*repeated_rows/);
      assert.ok(reason.endsWith(`(lines 2 and ${second})`), reason);
      assert.equal(kindOfReason(reason), kindOfReason(rejected[0]!.reason));
      assert.doesNotMatch(kindOfReason(reason), /lines/);
    }
  }
});

Deno.test("decideOrder() rejects a row that comes again because the whole file does", () => {
  for (
    const [skus, lines, last, second] of [
      ["aa", [2, 9], 15, 9],
      ["aa", [5, 12], 15, 12],
      ["aaaa", [2, 3, 9, 10], 15, 9],
      ["aaa", [2, 9, 16], 22, 9],
      // With the header of the second copy.
      ["aa", [3, 11], 16, 11],
    ] as const
  ) {
    const rejected = decide(rowsOf(skus, [...lines]), [], { first: 2, last });
    assert(Array.isArray(rejected), `${skus} ${lines}`);
    assert.ok(rejected[0]!.reason.endsWith(`(lines ${lines[0]} and ${second})`));
  }
  for (
    const [skus, lines, last] of [
      ["aa", [2, 3], 3],
      ["aa", [2, 9], 20],
      ["aa", [2, 9], 10],
      ["aaa", [2, 9, 17], 22],
      ["aaaa", [2, 3, 9, 12], 15],
    ] as const
  ) {
    assert.equal(decide(rowsOf(skus, [...lines]), [], { first: 2, last }), skus.length);
  }
});

Deno.test("decideOrder() takes orders whose rows are alike and may all be meant", () => {
  for (
    const [skus, lines] of [
      // A second unit of the same thing in a row of its own.
      ["aa", []],
      ["aaaa", []],
      ["aab", []],
      ["aba", []],
      ["abba", []],
      ["ababa", []],
      ["aabb", []],
      ["abcab", [2, 3, 4, 20, 21]],
      ["aaa", [2, 3, 9]],
      ["aa", [2, 9]],
      ["aaaa", [2, 3, 10, 11]],
    ] as const
  ) assert.equal(decide(rowsOf(skus, [...lines])), skus.length, skus);
  // Another column tells them apart.
  assert.equal(decide(rowsOf("abab", [], (at) => [String(at)]), ["position"]), 4);
});

Deno.test("decideOrder() takes repeated rows of an order whose named total says that all of them are meant", () => {
  assert.equal(decide(rowsOf("abab", [], () => ["4800"]), ["order_total_cents"]), 4);
  const rejected = decide(rowsOf("abab", [], () => ["2400"]), ["order_total_cents"]);
  assert(Array.isArray(rejected));
  assert.match(rejected[0]!.reason, /^the order's total is another one/);
});

Deno.test("decideOrder() takes rows that are left out for rows of the order, be they copies or not", () => {
  const places = placeColumns(importColumns) as ColumnPlaces;
  const kept = (skus: string) => {
    const rows = rowsOf(skus);
    for (const { fields } of rows) if (fields[6] === "x") (fields as string[])[9] = "0";
    return decideOrder(rows, places, { ...options, keepGoodRows: true }).kind;
  };
  assert.equal(kept("axa"), "accepted");
  assert.equal(kept("abxab"), "accepted");
  assert.equal(kept("abxabx"), "rejected");
});

Deno.test("decideOrder() takes what an earlier rejects file says of rows for no difference", () => {
  const further = ["line", "reason"];
  const rejected = decide(rowsOf("abab", [], (at) => [String(at + 2), "twice"]), further);
  assert(Array.isArray(rejected));
  assert.equal(decide(rowsOf("ab", [], (at) => [String(at + 2), "twice"]), further), 2);
});

Deno.test("repeatedRows() finds what was pasted in an order of very many rows at once", () => {
  const skus = `${"a".repeat(24_999)}b`;
  const read = (text: string) => {
    const sources = rowsOf(text);
    const good = sources.map(({ fields }) => ({
      head: {} as never,
      item: { sku: fields[6]!, name: "", unitPriceCents: 1, qty: 1 },
    }));
    return repeatedRows({ good, sources, bad: [] });
  };
  assert.match(read(skus + skus)!, /\(lines 2 and 25002\)$/);
  assert.equal(read(`${skus}${skus}a`), undefined);
});

const header = "external_order_id;order_placed_at;currency;customer_id;customer_email;" +
  "customer_name;product_sku;product_name;unit_price_cents;qty";
const row = (id: string, sku: string) =>
  `${id};2026-01-05 10:00:00;EUR;K1;ann@shop.example;Ann;${sku};${sku};1250;1`;

Deno.test("openProfiledFile() rejects rows that were pasted twice, unless the profile says that they are meant", async () => {
  const rows = [
    row("A", "MUG"),
    row("A", "POT"),
    row("B", "MUG"),
    row("C", "CUP"),
    row("C", "CUP"),
  ];
  const once = [header, ...rows].join("\n");
  const { orders } = await readByProfile(once);
  assert.deepEqual(orders, { A: "25.00 EUR due", B: "12.50 EUR due", C: "25.00 EUR due" });
  const twice = [header, ...rows, ...rows].join("\n");
  const read = await readByProfile(twice);
  assert.deepEqual(read.orders, {});
  assert.equal(read.rejected.length, 10);
  assert.ok(read.rejected.some((one) => /^4: .*\(lines 4 and 9\)$/.test(one)));
  const meant = await readByProfile(twice, { repeatedRows: "items" });
  assert.deepEqual(meant.orders, { A: "50.00 EUR due", B: "25.00 EUR due", C: "50.00 EUR due" });
});
