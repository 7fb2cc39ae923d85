import assert from "node:assert/strict";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { native } from "../../../domain/import/profile/shipped/native.ts";
import { openProfiledFile } from "./open_profiled_file.ts";

const columns = {
  external_order_id: ["id"],
  order_placed_at: ["time"],
  customer_name: ["name"],
  product_sku: ["sku"],
  product_name: ["sku"],
  price: ["price"],
  qty: ["qty"],
};

const shop: ImportProfile = {
  version: 1,
  name: "shop",
  columns: { ...columns, paid_at: ["paid on"], payment_reference: ["transaction"] },
  constants: { currency: "EUR" },
  money: { in: "units", decimal: "." },
  time: { order: "ymd", zone: "UTC" },
};

/** What becomes of the one order of a file. */
async function decisionOf(profile: ImportProfile, header: string[], fields: string[]) {
  const file = await openProfiledFile({
    header,
    async *rows() {
      yield [{ line: 2, fields }];
    },
    close() {},
  }, profile);
  for await (const { orders } of file.groups()) {
    return file.form.decide(orders[0]!, { keepGoodRows: false, latestPlacedAt: "2100-01-01" });
  }
}

const header = ["id", "time", "name", "sku", "price", "qty", "paid on", "transaction"];
const row = ["A", "2026-01-13 10:00:00", "N", "S", "10.00", "2"];

Deno.test("an order that a profile's own columns show as paid is not charged for want of a status", async () => {
  for (
    const [name, paid] of [["paid on", ["2026-01-14", ""]], ["transaction", ["", "TX1"]]] as const
  ) {
    const decided = await decisionOf(shop, header, [...row, ...paid]);
    assert.equal(decided?.kind, "rejected");
    assert.ok(JSON.stringify(decided).includes(`${name}: is of a payment`));
  }
});

Deno.test("columns of a payment that say nothing leave an order to be charged", async () => {
  for (const paid of [["", ""], ["-", "0"]]) {
    const decided = await decisionOf(shop, header, [...row, ...paid]);
    assert.equal(decided?.kind, "accepted", JSON.stringify(decided));
  }
});

Deno.test("an order that a status says is paid keeps its payment", async () => {
  const profile: ImportProfile = { ...shop, status: { columns: ["state"], paid: ["done"] } };
  const decided = await decisionOf(profile, [...header, "state"], [...row, "", "TX1", "done"]);
  assert.equal(decided?.kind, "accepted", JSON.stringify(decided));
});

Deno.test("the own columns with semicolons refuse the reference of an order that is due, as with commas", async () => {
  const own = [
    ...["external_order_id", "order_placed_at", "currency", "customer_id", "customer_email"],
    ...["customer_name", "product_sku", "product_name", "unit_price_cents", "qty"],
    ...["payment_reference"],
  ];
  const fields = ["A", "2026-01-13 10:00:00", "EUR", "c", "", "N", "S", "P", "1000", "2", "TX1"];
  const decided = await decisionOf(native, own, fields);
  assert.equal(decided?.kind, "rejected");
});
