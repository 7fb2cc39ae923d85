import assert from "node:assert/strict";
import { absentColumns, planFile } from "../../../../domain/import/profile/plan_file.ts";
import type { ImportProfile } from "../../../../domain/import/profile/profile.ts";
import {
  shippedDemands,
  shippedProfiles,
} from "../../../../domain/import/profile/shipped_profiles.ts";

/** Headers as shops write them, of all columns that say anything of money. */
const headers: Record<string, string[]> = {
  amazon: [
    ...["order-id", "order-item-id", "purchase-date", "payments-date", "buyer-email", "buyer-name"],
    ...["sku", "product-name", "quantity-purchased", "currency", "item-price", "item-tax"],
    ...["shipping-price", "shipping-tax", "gift-wrap-price", "gift-wrap-tax", "ship-service-level"],
    ...["item-promotion-discount", "item-promotion-id", "ship-promotion-discount"],
    "ship-promotion-id",
  ],
  etsy: [
    ...["Sale Date", "Item Name", "Buyer", "Quantity", "Price", "Coupon Code", "Coupon Details"],
    ...["Discount Amount", "Shipping Discount", "Order Shipping", "Order Sales Tax", "Item Total"],
    ...["Currency", "Transaction ID", "Listing ID", "Date Paid", "Ship Name", "Order ID"],
    ...["InPerson Discount", "InPerson Location", "SKU"],
  ],
  woocommerce: [
    ...["order_id", "order_number", "order_number_formatted", "date", "status", "shipping_total"],
    ...["fee_total", "tax_total", "order_total", "refunded_total", "order_currency", "customer_id"],
    ...["billing_first_name", "billing_email", "item_name", "item_sku", "item_quantity"],
    ...["item_total", "item_refunded", "item_refunded_qty", "item_meta", "refunds"],
  ],
  square: [
    ...["Order", "Order Date", "Currency", "Order Subtotal", "Order Shipping Price"],
    ...["Order Tax Total", "Order Total", "Order Refunded Amount", "Fulfillment Status"],
    ...["Recipient Name", "Item Quantity", "Item Name", "Item SKU", "Item Total Price"],
  ],
  shopify: [
    ...["Name", "Email", "Financial Status", "Currency", "Shipping", "Taxes", "Total"],
    ...["Discount Amount", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price"],
    ...["Billing Name", "Notes", "Cancelled at", "Refunded Amount", "Id"],
  ],
  magento: [
    ...["increment_id", "created_at", "status", "order_currency_code", "customer_firstname"],
    ...["grand_total", "total_refunded", "qty_refunded", "sku", "name", "qty_ordered", "row_total"],
  ],
  odoo: [
    ...["Order Reference", "Order Date", "Customer", "Currency", "Order Lines/Product"],
    ...["Order Lines/Quantity", "Order Lines/Subtotal", "Taxes", "Total", "Status"],
  ],
  ebay: [
    ...["Sales Record Number", "Order Number", "Buyer Username", "Item Title", "Item Number"],
    ...["Quantity", "Sold For", "Total Price", "Sale Date", "Paid On Date"],
  ],
};

/** Without any of these, orders would be booked at other amounts, or as whole that were given back. */
const needed: Record<string, string[]> = {
  amazon: [
    ...["order-item-id", "item-tax", "shipping-price", "shipping-tax", "gift-wrap-price"],
    ...["gift-wrap-tax", "item-promotion-discount", "ship-promotion-discount"],
  ],
  etsy: [
    ...["Transaction ID", "Discount Amount", "Shipping Discount", "Order Shipping"],
    ...["Order Sales Tax", "InPerson Discount"],
  ],
  woocommerce: ["order_total", "refunded_total"],
  square: ["Order Total", "Order Refunded Amount"],
  shopify: ["Total", "Cancelled at", "Refunded Amount"],
  magento: ["grand_total", "total_refunded"],
  odoo: ["Total"],
  ebay: ["Total Price"],
};

function problemsOf(name: string, header: string[], profile = shippedProfiles.get(name)!) {
  const plan = planFile(profile, header);
  return Array.isArray(plan) ? plan : [];
}

for (const [name, header] of Object.entries(headers)) {
  Deno.test(`planFile() refuses a file of ${name} that has lost a column, with the remedy`, () => {
    assert.deepEqual(problemsOf(name, header), []);
    for (const column of needed[name]!) {
      const left = header.filter((one) => one !== column);
      const problems = problemsOf(name, left);
      assert.equal(problems.length, 1, column);
      assert.ok(problems[0]!.includes(JSON.stringify(column)), String(problems[0]));
      assert.match(problems[0]!, /export the file again with it, or take it out of a profile/);
    }
  });
}

Deno.test("planFile() takes each column of amounts for one that a file without totals may not lack", () => {
  for (const name of ["amazon", "etsy"]) {
    const { adjustments = [], status } = shippedProfiles.get(name)!;
    const columns = [...adjustments.flatMap(({ columns }) => columns), ...status!.skipFilled ?? []];
    const demanded = shippedDemands.get(name)!.flatMap(({ columns }) => columns);
    for (const column of columns) assert.ok(demanded.includes(column), `${name}: ${column}`);
  }
  assert.deepEqual([...shippedDemands.keys()].sort(), [...shippedProfiles.keys()].sort());
});

Deno.test("planFile() holds a profile that was made of a shipped one to what it still reads", () => {
  const header = headers.etsy!.filter((one) => one !== "Discount Amount");
  const etsy = shippedProfiles.get("etsy")!;
  const saved: ImportProfile = { ...etsy, time: { order: "mdy", zone: "UTC" } };
  assert.equal(problemsOf("etsy", header, saved).length, 1);
  const without = etsy.adjustments!.filter(({ columns }) => !columns.includes("Discount Amount"));
  assert.deepEqual(problemsOf("etsy", header, { ...saved, adjustments: without }), []);
});

Deno.test("planFile() takes a file whose shop has renamed a column for a profile that says so", () => {
  const header = headers.etsy!.map((name) => name.replace("Discount Amount", "Rabatt"));
  const etsy = shippedProfiles.get("etsy")!;
  assert.equal(problemsOf("etsy", header).length, 1);
  const adjustments = etsy.adjustments!.map((one) =>
    one.columns.includes("Discount Amount") ? { ...one, columns: [...one.columns, "Rabatt"] } : one
  );
  assert.deepEqual(problemsOf("etsy", header, { ...etsy, adjustments }), []);
});

Deno.test("planFile() takes Etsy's file in English of Great Britain, which has deliveries", () => {
  const british = headers.etsy!.map((name) =>
    name.replace("Order Shipping", "Order Delivery").replace(
      "Shipping Discount",
      "Delivery Discount",
    )
      .replace("Ship Name", "Delivery Name")
  );
  assert.deepEqual(problemsOf("etsy", british), []);
  assert.equal(problemsOf("etsy", british.filter((name) => name !== "Order Delivery")).length, 1);
});

Deno.test("absentColumns() tells of what only some versions of a format have", () => {
  const header = headers.amazon!.filter((name) => !/gift|promotion/.test(name));
  assert.deepEqual(problemsOf("amazon", header), []);
  assert.deepEqual(absentColumns(shippedProfiles.get("amazon")!, header), [
    'the file has no column "gift-wrap-price" (gift_wrap)',
    'the file has no column "gift-wrap-tax" (tax)',
    'the file has no column "item-promotion-discount" (discount)',
    'the file has no column "ship-promotion-discount" (discount)',
  ]);
});
