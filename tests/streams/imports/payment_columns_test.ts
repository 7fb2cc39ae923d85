import assert from "node:assert/strict";
import { isOfPayment, paymentIn } from "../../../domain/import/profile/payment_column.ts";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { saysNothing, suspicionOf } from "../../../domain/import/profile/suspicious_column.ts";
import { readByProfile } from "./profiles.ts";

const profile: ImportProfile = {
  version: 1,
  name: "till",
  columns: {
    external_order_id: ["order"],
    order_placed_at: ["at"],
    customer_name: ["who"],
    product_sku: ["sku"],
    product_name: ["sku"],
    price: ["price"],
    qty: ["qty"],
  },
  constants: { currency: "EUR" },
  money: { in: "units", pricePer: "unit" },
};

const read = (column: string, value: string, more: Partial<ImportProfile> = {}) =>
  readByProfile(
    `order,at,who,sku,price,qty,${column}\nA-1,2026-01-05 10:00:00Z,Ann,MUG,12.00,1,${value}\n`,
    {},
    { ...profile, ...more },
  );

const says: [column: string, values: string[]][] = [
  ["already settled", ["yes", "ja", "x"]],
  ["Zahlung", ["erledigt", "ja", "beglichen", "05.01.2026", "eingegangen"]],
  ["Zahlungseingang", ["2026-01-06", "ja"]],
  ["Zahlungsdatum", ["06.01.2026"]],
  ["Payé le", ["06/01/2026", "2026-01-06"]],
  ["Réglé le", ["06/01/2026"]],
  ["Paiement", ["effectué", "reçu", "oui"]],
  ["paid at", ["2026-01-06 10:00:00"]],
  ["paid on", ["6 Jan 2026"]],
  ["Date paid", ["1/6/2026"]],
  ["paid_date", ["2026-01-06T10:00:00Z"]],
  ["Payment date", ["06-Jan-2026"]],
  ["Payment", ["completed", "settled", "yes"]],
  ["Pago", ["sí", "realizado"]],
  ["Fecha de pago", ["06/01/2026"]],
  ["Pagado el", ["06/01/2026"]],
  ["Pagamento", ["ricevuto", "sì"]],
  ["Data pagamento", ["06/01/2026"]],
  ["Betaling", ["ontvangen", "ja"]],
  ["Betaald op", ["06-01-2026"]],
  ["Betaaldatum", ["06-01-2026"]],
  ["Płatność", ["zrealizowana", "tak"]],
  ["Data płatności", ["06.01.2026"]],
  ["Zapłacono", ["tak"]],
  ["anything", ["paid in full", "settled", "beglichen", "réglée", "voldaan"]],
];

for (const [column, values] of says) {
  Deno.test(`openProfiledFile() charges nobody by a file whose column ${column} says that it was paid`, async () => {
    for (const value of values) {
      const { file } = await read(column, value);
      assert.deepEqual(file.questions.map(({ setting }) => setting), ["status.columns"], value);
      assert.equal(file.unusedColumns[0]!.suspicious, "status", value);
    }
    const { file } = await read(column, "");
    assert.deepEqual(file.questions, []);
  });
}

Deno.test("openProfiledFile() takes ways to pay, and what was not done, for no payment", async () => {
  for (
    const [column, value] of [
      ...["PayPal", "Vorkasse", "Rechnung", "12345678901", "Visa 4242"].map((one) => [
        "Zahlung",
        one,
      ]),
      ["Payment Method", "settled by card"],
      ["Zahlungsart", "ja"],
      ["payment reference", "2026-01-06"],
      ["Payment terms", "2026-02-01"],
      ["already settled", "no"],
      ["Bezahlt", "nein"],
      ["Payé", "non"],
      ["Betaald", "nee"],
      ["Zapłacono", "nie"],
      ["paid at", "0000-00-00 00:00:00"],
    ] as [string, string][]
  ) {
    const { orders } = await read(column, value);
    assert.deepEqual(orders, { "A-1": "12.00 EUR due" }, `${column}: ${value}`);
  }
  const status = { columns: [], paidFilled: ["Bezahlt"], otherwise: "charge" } as const;
  assert.deepEqual((await read("Bezahlt", "nein", { status })).orders, { "A-1": "12.00 EUR due" });
});

Deno.test("isOfPayment() and paymentIn() tell payments from how they are made", () => {
  for (const [column] of says.slice(0, -1)) {
    assert.ok(isOfPayment(column) || suspicionOf(column) === "status", column);
  }
  for (
    const name of ["Payment Method", "Zahlungsart", "payment_id", "Payment due", "Paid amount"]
  ) {
    assert.ok(!isOfPayment(name), name);
  }
  assert.equal(paymentIn("offen"), "unpaid");
  assert.equal(paymentIn("refunded"), "over");
  assert.equal(paymentIn("PayPal"), undefined);
  assert.ok(saysNothing("Nein"));
});
