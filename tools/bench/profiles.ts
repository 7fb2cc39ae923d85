/**
 * A file as a shop system exports it, through its profile: read, settled, mapped and taken.
 *
 * @module
 */

import { join } from "node:path";
import { type Figure, figure, perOrder } from "./figures.ts";
import { type ImportRun, type OrdersFile, runImport } from "./import.ts";
import { openDeployment, type Stage } from "./stage.ts";

/** Rows to an order. */
const rowsToAnOrder = 3;

/** Forms of files, by their profiles. */
export const benchForms = ["shopify", "amazon", "woocommerce"] as const;

/** See {@linkcode benchForms}. */
export type BenchForm = typeof benchForms[number];

interface FileForm {
  name: string;
  delimiter: "," | "\t";
  columns: readonly string[];
  /** Fields of a row; of the order as a whole only where `first`, if the form has it so. */
  row(order: FileOrder, item: FileItem, first: boolean): (string | number)[];
}

interface FileItem {
  sku: number;
  qty: number;
  cents: number;
}

interface FileOrder {
  number: number;
  /** `2026-01-01 00:00:00` */
  time: string;
  itemsCents: number;
}

/** Imports of a shop's file whose profile is named. */
export async function benchProfiles(
  stage: Stage,
  { form }: { form: BenchForm },
): Promise<Figure[]> {
  const { name: shop } = forms[form];
  const file = await makeShopFile(stage, form);
  const runs: ImportRun[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`import by a profile, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    runs.push(await runImport(stage, deployment, file, [`--profile=${form}`, "--yes"]));
    await deployment.close();
  }
  const name = `import, ${shop}'s export`;
  return [
    figure(
      name,
      "rows/s",
      runs.map(({ seconds }) => file.rows / seconds),
      runs.map(({ cpu }) => perOrder(cpu, file.orders)),
    ),
    figure(name, "peak MB", runs.map(({ peakBytes }) => peakBytes / 1e6)),
  ];
}

/**
 * Writes the file, outside of what is timed: orders each of which is published.
 *
 * @param asOne all rows are of one order
 */
export async function makeShopFile(
  { dir, orders }: Stage,
  form: BenchForm,
  { asOne = false } = {},
): Promise<OrdersFile> {
  const path = join(dir, `${form}${asOne ? "_as_one" : ""}.csv`);
  const { columns, delimiter } = forms[form];
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  const step = 1_000;
  await writer.write(encoder.encode(`${columns.join(delimiter)}\n`));
  for (let from = 0; from < orders; from += step) {
    const count = Math.min(step, orders - from);
    const texts = Array.from(
      { length: count },
      (_, at) => orderLines(from + at, forms[form], asOne),
    );
    await writer.write(encoder.encode(texts.join("")));
  }
  await writer.close();
  return { path, orders, rows: orders * rowsToAnOrder };
}

function orderLines(place: number, { row, delimiter }: FileForm, asOne: boolean): string {
  const number = asOne ? 1 : place;
  const items = Array.from({ length: rowsToAnOrder }, (_, at): FileItem => {
    const item = place * 7 + at * 311;
    return { sku: item % 1_000, qty: 1 + item % 3, cents: 100 + item * 37 % 9_900 };
  });
  const itemsCents = items.reduce((all, { qty, cents }) => all + qty * cents, 0);
  const time = new Date(Date.UTC(2026, 0, 1) + number % 500_000 * 60_000).toISOString()
    .slice(0, 19).replace("T", " ");
  const order = { number, time, itemsCents };
  return items.map((item, at) =>
    `${row(order, item, at === 0 && !(asOne && place > 0)).join(delimiter)}\n`
  ).join("");
}

const forms: Readonly<Record<BenchForm, FileForm>> = {
  // Orders that are to be charged; what is said of one as a whole stands on its first row.
  shopify: {
    name: "Shopify",
    delimiter: ",",
    columns: [
      ...["Name", "Email", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes"],
      ...["Total", "Discount Code", "Discount Amount", "Shipping Method", "Created at"],
      ...["Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku", "Billing Name"],
      ...["Cancelled at", "Notes"],
    ],
    row({ number, time, itemsCents }, { sku, qty, cents }, first) {
      const [whole, rest] = first
        ? [
          [units(itemsCents), "4.90", "0.00", units(itemsCents + 490)],
          ["", "0.00", "Standard"],
        ]
        : [Array(4).fill(""), ["", "", ""]];
      return [
        ...[`#${number}`, `k${number}@shop.example`, first ? "pending" : "", first ? "EUR" : ""],
        ...[...whole, ...rest, `${time} -0500`, qty, `Thing ${sku}`, units(cents), `SKU-${sku}`],
        ...[first ? `Kim ${number}` : "", "", ""],
      ];
    },
  },
  // Amounts of whole lines, separated by tabs; all orders are paid.
  amazon: {
    name: "Amazon",
    delimiter: "\t",
    columns: [
      ...["order-id", "order-item-id", "purchase-date", "payments-date", "buyer-email"],
      ...["buyer-name", "sku", "product-name", "quantity-purchased", "currency", "item-price"],
      ...["item-tax", "shipping-price", "shipping-tax", "ship-service-level"],
      "item-promotion-discount",
    ],
    row: ({ number, time }, { sku, qty, cents }) => [
      ...[`302-${number}`, `${number}000${sku}`, `${time.replace(" ", "T")}+00:00`],
      ...[`${time.replace(" ", "T")}+00:00`, `k${number}@shop.example`, `Kim ${number}`],
      ...[`SKU-${sku}`, `Thing ${sku}`, qty, "EUR", units(cents * qty), "0.00", "1.90", "0.00"],
      ...["Standard", "0.00"],
    ],
  },
  // Orders that are to be charged; each row says all of its order.
  woocommerce: {
    name: "WooCommerce",
    delimiter: ",",
    columns: [
      ...["order_id", "order_number", "date", "status", "shipping_total", "fee_total"],
      ...["tax_total", "order_total", "order_currency", "customer_id", "billing_first_name"],
      ...["billing_last_name", "billing_email", "item_sku", "item_name", "item_quantity"],
      "item_total",
    ],
    row: ({ number, time, itemsCents }, { sku, qty, cents }) => [
      ...[number, `W-${number}`, `${time.replace(" ", "T")}-05:00`, "pending", "4.90", "0.00"],
      ...["0.00", units(itemsCents + 490), "EUR", "0", `Kim ${number}`, "Shopper"],
      ...[`k${number}@shop.example`, `SKU-${sku}`, `Thing ${sku}`, qty, units(cents * qty)],
    ],
  },
};

function units(cents: number): string {
  return (cents / 100).toFixed(2);
}
