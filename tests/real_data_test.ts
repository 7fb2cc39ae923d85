import assert from "node:assert/strict";
import { readKpis, readLeaderboard } from "../streams/kpis/kpis.ts";
import { importOrders } from "../streams/imports/orders_import.ts";
import { verify } from "../streams/verification/verify.ts";
import { withinOneDay } from "./one_day.ts";
import { openWorkflow } from "./workflow.ts";

const samples = new URL("../tools/samples/", import.meta.url);
const file = "online-retail-2010-12.csv.gz";

/** What an independent program computed for the file with ample stock, see tools/samples/README.md. */
interface Expected {
  rows: number;
  rows_bad: number;
  orders: number;
  orders_accepted: number;
  orders_rejected: number;
  rows_in_accepted_orders: number;
  customers: number;
  products: number;
  total_cents: number;
  units: number;
  largest_product_units: [string, number];
  largest_order_cents: number;
  zero_total_orders: number;
  with_ample_stock_and_even_totals_paid: {
    paid_orders: number;
    failed_orders: number;
    revenue_cents: number;
    avg_order_value_cents: number;
    leaderboard: [string, number][];
  };
}

Deno.test("a month of real orders from the file to the proof has the expected figures", async () => {
  const expected = JSON.parse(
    await Deno.readTextFile(new URL("online-retail-2010-12.expected.json", samples)),
  ) as Expected;
  const flow = await openWorkflow("real_data", { baseCurrency: "GBP" });
  try {
    const source = await Deno.open(new URL(file, samples));
    const report = await importOrders(flow, source.readable, {
      name: file,
      initialStock: 1_000_000,
    });
    assert.equal(report.rows, expected.rows);
    assert.equal(report.rows_rejected, expected.rows_bad);
    assert.equal(report.orders, expected.orders);
    assert.equal(report.orders_new, expected.orders_accepted);
    assert.equal(report.orders_rejected, expected.orders_rejected);
    assert.equal(report.published, expected.orders_accepted);

    const one = async (sql: string) => Object.values((await flow.rows(sql))[0]!).map(Number);
    assert.deepEqual(
      await one("select count(*), sum(qty), sum(subtotal_cents) from order_items"),
      [expected.rows_in_accepted_orders, expected.units, expected.total_cents],
    );
    assert.deepEqual(await one("select count(*) from customers"), [expected.customers]);
    assert.deepEqual(await one("select count(*) from products"), [expected.products]);
    assert.deepEqual(
      await one("select sum(total_cents), max(total_cents), sum(total_cents = 0) from orders"),
      [expected.total_cents, expected.largest_order_cents, expected.zero_total_orders],
    );
    const [largest] = await flow.rows(`
      select products.sku, sum(order_items.qty) as units
      from order_items join products on products.id = order_items.product_id
      group by products.sku
      order by units desc
      limit 1`);
    assert.deepEqual([largest!.sku, Number(largest!.units)], expected.largest_product_units);

    const today = await withinOneDay();
    await flow.drain();
    const settled = expected.with_ample_stock_and_even_totals_paid;
    assert.deepEqual(
      await one("select sum(status = 'PAID'), sum(status = 'FAILED'), count(*) from orders"),
      [settled.paid_orders, settled.failed_orders, expected.orders_accepted],
    );
    const [kpis] = await readKpis(flow, today, today);
    assert.deepEqual(kpis, {
      date: today,
      currency: "GBP",
      revenue_cents: settled.revenue_cents,
      order_count: settled.paid_orders,
      avg_order_value_cents: settled.avg_order_value_cents,
      failed_order_count: settled.failed_orders,
      refund_count: 0,
      refund_amount_cents: 0,
      chargeback_count: 0,
      chargeback_amount_cents: 0,
    });
    const places = await readLeaderboard(flow, "GBP", settled.leaderboard.length);
    const customers = await flow.rows("select id, external_id from customers");
    const externalId = new Map(customers.map((row) => [Number(row.id), String(row.external_id)]));
    assert.deepEqual(
      places.map(({ customerId, revenueCents }) => [externalId.get(customerId), revenueCents]),
      settled.leaderboard,
    );

    const proof = await verify(flow);
    assert.ok(proof.ok, JSON.stringify(proof.checks));
  } finally {
    await flow.close();
  }
});
