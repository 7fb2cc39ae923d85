import assert from "node:assert/strict";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { suspicionOf } from "../../../domain/import/profile/suspicious_column.ts";
import { totalOf } from "../../../domain/import/profile/total_names.ts";
import { readByProfile, type ReadFile } from "./profiles.ts";

const own = (price: string, more: Partial<ImportProfile> = {}): ImportProfile => ({
  version: 1,
  name: "till",
  columns: {
    external_order_id: ["order"],
    order_placed_at: ["at"],
    customer_name: ["who"],
    product_sku: ["sku"],
    product_name: ["sku"],
    price: [price],
    qty: ["qty"],
  },
  constants: { currency: "EUR" },
  money: { in: "units" },
  ...more,
});

const head = "order,at,who,sku,qty";
const row = (id: string, qty: number, ...rest: string[]) =>
  [id, "2026-01-05 10:00:00Z", "Ann", "MUG", qty, ...rest].join(",");

const read = (columns: string, rows: string[], profile: ImportProfile) =>
  readByProfile([`${head},${columns}`, ...rows].join("\n"), {}, profile);

const asked = ({ file }: ReadFile) => file.questions.map(({ setting }) => setting);

Deno.test("openProfiledFile() asks what a price is of whose column is called like a line's total", async () => {
  const names = [
    ...["total", "line total", "amount", "Gesamtpreis", "Zeilensumme", "montant", "importe"],
    ...["totale", "bedrag", "wartość", "合計", "Line Amount", "Positionsbetrag", "Row Total"],
  ];
  for (const name of names) {
    const rows = [row("A-1", 3, "30.00"), row("A-2", 1, "5.00")];
    const file = await read(name, rows, own(name));
    assert.deepEqual(asked(file), ["money.price_per"], name);
    assert.match(file.file.questions[0]!.question, /line 2 has 3 units with 30\.00/);
    assert.equal(file.file.settings.money?.pricePer, undefined);
    const line = await read(name, rows, own(name, { money: { in: "units", pricePer: "line" } }));
    assert.deepEqual(line.orders, { "A-1": "30.00 EUR due", "A-2": "5.00 EUR due" });
    const unit = await read(name, rows, own(name, { money: { in: "units", pricePer: "unit" } }));
    assert.deepEqual(unit.orders, { "A-1": "90.00 EUR due", "A-2": "5.00 EUR due" });
    assert.deepEqual(asked(await read(name, [row("A-1", 1, "30.00")], own(name))), [], name);
  }
  for (const name of ["price", "unit price", "Einzelpreis", "Unit Amount", "prix unitaire"]) {
    assert.deepEqual(asked(await read(name, [row("A-1", 3, "30.00")], own(name))), [], name);
  }
});

Deno.test("openProfiledFile() asks what a price is of where a line's total beside it is another", async () => {
  const columns = "price,line total";
  const wrong = await read(columns, [row("A-1", 3, "30.00", "30.00")], own("price"));
  assert.deepEqual(asked(wrong), ["money.price_per"]);
  assert.match(wrong.file.questions[0]!.question, /3 × 30\.00, not 30\.00 \(line 2\)/);
  const right = await read(columns, [row("A-1", 3, "10.00", "30.00")], own("price"));
  assert.deepEqual(right.orders, { "A-1": "30.00 EUR due" });
  const rounded = await read(columns, [row("A-1", 3, "3.33", "10.00")], own("price"));
  assert.deepEqual(asked(rounded), []);
  // It may be the total of the order: that it is not price × units says nothing.
  const order = [row("A-1", 3, "10.00", "34.90"), row("A-1", 2, "2.00", "34.90")];
  assert.deepEqual(asked(await read("price,Total", order, own("price"))), []);
  const same = await read("price,Betrag", [row("A-1", 3, "30.00", "30.00")], own("price"));
  assert.deepEqual(asked(same), ["money.price_per"]);
});

Deno.test("suspicionOf() and totalOf() know totals of lines and of orders", () => {
  const names = ["line total", "Line Total", "Zeilensumme", "Gesamtpreis", "montant", "importe"];
  for (const name of [...names, "bedrag", "wartość", "小計", "Amount", "Row Total"]) {
    assert.equal(suspicionOf(name), "total", name);
  }
  for (const name of ["Address line", "first line", "Amount code", "Total number"]) {
    assert.equal(suspicionOf(name), undefined, name);
  }
  assert.equal(suspicionOf("Tax amount"), "tax");
  assert.equal(suspicionOf("Discount Amount"), "discount");
  assert.equal(totalOf("Order total"), "order");
  assert.equal(totalOf("Grand Total"), "order");
  assert.equal(totalOf("Bestellsumme"), "order");
  assert.equal(totalOf("line total"), "line");
  assert.equal(totalOf("Total"), "either");
  for (const name of ["Total qty", "Subtotal", "Total paid", "Net total", "price", "Total tax"]) {
    assert.equal(totalOf(name), undefined, name);
  }
});

Deno.test("openProfiledFile() tells which unused totals contradict what is booked, and by how much", async () => {
  const unit = { money: { in: "units", pricePer: "unit" } } as const;
  const told = async (columns: string, rows: string[], profile = own("price", unit)) =>
    (await read(columns, rows, profile)).file.contradictingTotals();
  const rows = [row("A-1", 3, "30.00", "30.00"), row("A-2", 2, "4.00", "8.00")];
  assert.deepEqual(await told("price,Order Total", rows), [{
    name: "Order Total",
    named: 2,
    agree: 1,
    largest: { differenceCents: 6000, currency: "EUR", externalOrderId: "A-1" },
  }]);
  assert.deepEqual(
    await told("price,Order Total", rows, own("price", { ...unit, ignore: ["order total"] })),
    [],
  );
  assert.deepEqual(await told("price,Total qty", rows), []);
  // The order's on all of its rows, or the lines', whichever the name allows.
  const all = [row("A-1", 3, "10.00", "34.00"), row("A-1", 2, "2.00", "34.00")];
  assert.deepEqual(await told("price,Total", all), []);
  const lines = [row("A-1", 3, "10.00", "30.00"), row("A-1", 2, "2.00", "4.00")];
  assert.deepEqual(await told("price,Total", lines), []);
  const [grand] = await told("price,Grand Total", lines);
  assert.equal(grand?.agree, 0);
});

Deno.test("openProfiledFile() names columns of an own profile that the file is without", async () => {
  const plain = own("price", { money: { in: "units", pricePer: "unit" } });
  const columns = { ...plain.columns, customer_id: ["Kundennr"] };
  const rows = [row("A-1", 1, "5.00", "K1")];
  const { file } = await read("price,Kunden-Nr", rows, { ...plain, columns });
  const note = 'the file has no column "Kundennr" (customer_id); did you mean "Kunden-Nr"?';
  assert.ok(file.notes.includes(note), file.notes.join("\n"));
  const there = await read("price,Kundennr", rows, { ...plain, columns });
  assert.ok(!there.file.notes.some((one) => one.includes("has no column")));
});
