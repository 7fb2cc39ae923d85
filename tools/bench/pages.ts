/**
 * How long every page of the dashboard takes with a million orders in the tables.
 *
 * @module
 */

import { toInteger } from "../../db/connection/database.ts";
import { requestRefund } from "../../services/refunds/request_refunds.ts";
import { daysBefore } from "../../domain/kpi/day.ts";
import { freePort } from "../engines/free_port.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { copyOrders, readOriginals, takeStock } from "./copies.ts";
import { runDrain } from "./drain.ts";
import { type Figure, figure } from "./figures.ts";
import { untilAnswered } from "./http_load.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import {
  type Deployment,
  expectVerified,
  openDeployment,
  runTask,
  type Stage,
  startTask,
} from "./stage.ts";

/** Orders in the tables. */
const orders = 1_000_000;

/** Orders that went all the way through the product; the others are copies of them. */
const originals = 20_000;

/** Days between one copy and the next: what was settled is spread over a year. */
const daysApart = 7;

/** One in so many paid orders is refunded. */
const refundedEvery = 40;

/** Orders that were just imported and that nobody works on. */
const waiting = 500;

/** Dead letters that wait for a decision. */
const deadLetters = 10_000;

/** Requests to each page, of which the median counts, after one that does not. */
const requests = 5;

/**
 * Fills the database with a million orders, a fiftieth of them by import, drain and refunds and the others as
 * their copies, lets `verify` look at them, and asks a `serve` process for every page. Takes some minutes.
 */
export async function benchPages(stage: Stage): Promise<Figure[]> {
  const deployment = await openDeployment(stage);
  stage.log(`${originals} orders by import, drain and refunds`);
  await bringOriginals(stage, deployment);
  stage.log(`their copies, up to ${orders} orders`);
  const found = await readOriginals(deployment.db);
  const copies = orders / originals - 1;
  for (let copy = 1; copy <= copies; copy++) {
    await copyOrders(deployment.db, found, copy, copy * daysApart);
  }
  await takeStock(deployment.db, copies);
  stage.log("figures and proof");
  await finishOrders(stage, deployment);
  const figures = await timePages(stage, deployment, orders);
  await deployment.close();
  return figures;
}

/** Orders that went all the way: settled, some of them refunded. */
export async function bringOriginals(
  stage: Stage,
  deployment: Deployment,
  orders = originals,
): Promise<void> {
  await runImport(stage, deployment, await makeOrdersFile(stage, { orders }));
  await runDrain(stage, deployment);
  await refundSome(deployment);
  await runDrain(stage, deployment);
}

/** What stands beside settled orders: figures, dead letters, and orders that wait. */
async function finishOrders(stage: Stage, deployment: Deployment): Promise<void> {
  await runTask(deployment, "kpis", ["--rebuild", "--json"]);
  await expectVerified(deployment);
  await storeDeadLetters(deployment);
  await runImport(stage, deployment, await makeOrdersFile(stage, { orders: waiting, seed: 2 }));
}

/**
 * Asks for every page, one after the other.
 *
 * @param orders how many there are: one of the middle is asked for
 */
export async function timePages(
  stage: Stage,
  deployment: Deployment,
  orders: number,
): Promise<Figure[]> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...deployment.env, PORT: String(port), RATE_LIMIT: "0" };
  const server = await startTask({ ...deployment, env }, "serve", []);
  const figures: Figure[] = [];
  try {
    await untilAnswered(`${url}/livez`);
    for (const [name, path] of await pagesOf(deployment, orders)) {
      stage.log(path);
      const times: number[] = [];
      for (let request = 0; request <= requests; request++) {
        const start = performance.now();
        const response = await fetch(url + path, { redirect: "manual" });
        await response.arrayBuffer();
        if (request > 0) times.push(performance.now() - start);
        if (response.status >= 400) throw new Error(`GET ${path} was answered ${response.status}`);
      }
      figures.push(figure(name, "ms", times));
    }
  } finally {
    await server.stop();
  }
  return figures;
}

async function refundSome(deployment: Deployment): Promise<void> {
  const rows = await deployment.db.query(
    "select id, total_cents, currency from orders where status = 'PAID' and mod(id, ?) = 0",
    [refundedEvery],
  );
  for (const row of rows) {
    const orderId = toInteger(row.id);
    const { refund, currency } = await requestRefund(deployment.db, {
      orderId,
      amountCents: Math.ceil(toInteger(row.total_cents) / 2),
      reason: "broken on arrival",
      idempotencyKey: null,
    }, "bench");
    const { id: refundId, amountCents } = refund;
    await publish(deployment, [{
      message: { type: "refund.process", orderId, refundId, amountCents, currency },
    }]);
  }
}

export async function storeDeadLetters({ db }: Deployment): Promise<void> {
  await db.query(
    `
    insert into dead_letters
      (group_name, message_id, order_id, amount_cents, currency, payload, error, attempts,
       first_seen_at, created_at)
    select 'payments', concat('1-', id), id, total_cents, currency,
      concat('["message","payment.charge ', id, ' ', total_cents, ' ', currency, '"]'),
      if(mod(id, 3) = 0, 'the provider answered 502', 'the provider gave no answer'), 5,
      utc_timestamp(6) - interval mod(id, 300) hour, utc_timestamp(6) - interval mod(id, 299) hour
    from orders
    order by id desc
    limit ?`,
    [deadLetters],
  );
}

/** Every page, and every way to look for something, by name. */
async function pagesOf({ db }: Deployment, orders: number): Promise<[string, string][]> {
  const [order] = await db.query(
    `
    select orders.id, orders.external_order_id, customers.external_id,
      orders.recipient_email as email,
      date(orders.placed_at) as day
    from orders
    join customers on customers.id = orders.customer_id
    where orders.id = ?`,
    [Math.round(orders / 2)],
  );
  const [letter] = await db.query("select max(id) as id from dead_letters");
  const [oldest] = await db.query("select date(placed_at) as day from orders where id = 100");
  const today = new Date().toISOString().slice(0, 10);
  const year = new URLSearchParams({ from: daysBefore(today, 364), to: today });
  const list = (query: Record<string, unknown>) =>
    `/dashboard/orders?${new URLSearchParams(
      Object.entries(query).map(([name, value]) => [name, String(value)]),
    )}`;
  return [
    ["overview", "/dashboard"],
    ["streams", "/dashboard/streams"],
    ["a stream", "/dashboard/streams/orders"],
    ["dead letters", "/dashboard/dead-letters"],
    ["dead letters by error", "/dashboard/dead-letters?error=502"],
    [
      "dead letters by group, age, amount",
      "/dashboard/dead-letters?group=payments&older=24&least=50&most=90",
    ],
    ["a dead letter", `/dashboard/dead-letters/${letter!.id}`],
    ["all dead letters, asked before", "/dashboard/dead-letters/decide?verb=retry&all=1"],
    ["orders", list({})],
    ["orders by id", list({ q: order!.id })],
    ["orders by external id", list({ q: order!.external_order_id })],
    ["orders by customer", list({ q: order!.external_id })],
    ["orders by e-mail", list({ q: order!.email })],
    ["orders by SKU", list({ q: "SKU-000001" })],
    ["orders by SKU, failed", list({ q: "SKU-000001", status: "FAILED" })],
    ["orders by nothing known", list({ q: "nothing-like-it" })],
    ["orders pending", list({ status: "PENDING" })],
    ["orders reserved", list({ status: "RESERVED" })],
    ["orders paid", list({ status: "PAID" })],
    ["orders failed", list({ status: "FAILED" })],
    ["orders cancelled (none)", list({ status: "CANCELLED" })],
    ["orders of the middle day", list({ from: order!.day, to: order!.day })],
    ["orders of the first days", list({ to: oldest!.day })],
    ["orders of a rare currency", list({ currency: "USD" })],
    ["orders of a rare amount", list({ least: 90, most: 90 })],
    [
      "orders, all filters",
      list({ status: "PAID", currency: "EUR", least: 10, most: 20, from: order!.day }),
    ],
    ["an order", `/dashboard/orders/${order!.id}`],
    ["refunds", "/dashboard/refunds"],
    ["refunds failed (none)", "/dashboard/refunds?status=FAILED"],
    ["refunds requested (none)", "/dashboard/refunds?status=REQUESTED"],
    ["notifications not sent (none)", "/dashboard/notifications"],
    ["all notifications", "/dashboard/notifications?show=all"],
    ["imports", "/dashboard/imports"],
    ["an import", "/dashboard/imports/1"],
    ["customers", "/dashboard/customers"],
    ["products", "/dashboard/products"],
    ["products by name", "/dashboard/products?q=lantern"],
    ["products with little stock (none)", "/dashboard/products?stock=low"],
    ["KPIs, 30 days", "/dashboard/kpis"],
    ["KPIs, a year", `/dashboard/kpis?${year}`],
    ["KPIs of a year as CSV", `/kpis.csv?${year}`],
  ];
}
