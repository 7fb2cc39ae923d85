/**
 * A file as a shop system exports it, through its profile: read, settled, mapped and taken.
 *
 * @module
 */

import { join } from "node:path";
import { type Figure, figure, perOrder } from "./figures.ts";
import { type ImportRun, type OrdersFile, runImport } from "./import.ts";
import { openDeployment, type Stage } from "./stage.ts";

/** Rows to an order: what is said of it as a whole stands on the first. */
const rowsToAnOrder = 3;

/** Imports of a Shopify file whose profile is named. */
export async function benchProfiles(stage: Stage): Promise<Figure[]> {
  const file = await makeShopifyFile(stage);
  const runs: ImportRun[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`import by a profile, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    runs.push(await runImport(stage, deployment, file, ["--profile=shopify", "--yes"]));
    await deployment.close();
  }
  const name = "import, Shopify's export";
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

/** Writes the file, outside of what is timed: orders that are to be charged, so that each is published. */
async function makeShopifyFile({ dir, orders }: Stage): Promise<OrdersFile> {
  const path = join(dir, "shopify.csv");
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  const step = 1_000;
  await writer.write(encoder.encode(`${columns.join(",")}\n`));
  for (let from = 0; from < orders; from += step) {
    const count = Math.min(step, orders - from);
    const texts = Array.from({ length: count }, (_, at) => orderLines(from + at));
    await writer.write(encoder.encode(texts.join("")));
  }
  await writer.close();
  return { path, orders, rows: orders * rowsToAnOrder };
}

const columns = [
  ...["Name", "Email", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes", "Total"],
  ...["Discount Code", "Discount Amount", "Shipping Method", "Created at", "Lineitem quantity"],
  ...["Lineitem name", "Lineitem price", "Lineitem sku", "Billing Name", "Cancelled at", "Notes"],
];

function orderLines(order: number): string {
  const items = Array.from({ length: rowsToAnOrder }, (_, at) => {
    const place = order * 7 + at * 311;
    return { sku: place % 1_000, qty: 1 + place % 3, cents: 100 + place * 37 % 9_900 };
  });
  const sum = items.reduce((all, { qty, cents }) => all + qty * cents, 0);
  const time = new Date(Date.UTC(2026, 0, 1) + order % 500_000 * 60_000).toISOString().slice(0, 19)
    .replace("T", " ");
  return items.map(({ sku, qty, cents }, at) => {
    const [whole, rest] = at > 0 ? [Array(4).fill(""), ["", "", ""]] : [
      [units(sum), "4.90", "0.00", units(sum + 490)],
      ["", "0.00", "Standard"],
    ];
    return [
      ...[`#${order}`, `k${order}@shop.example`, at > 0 ? "" : "pending", at > 0 ? "" : "EUR"],
      ...[...whole, ...rest, `${time} -0500`, qty, `Thing ${sku}`, units(cents), `SKU-${sku}`],
      ...[at > 0 ? "" : `Kim ${order}`, "", ""],
    ].join(",") + "\n";
  }).join("");
}

function units(cents: number): string {
  return (cents / 100).toFixed(2);
}
