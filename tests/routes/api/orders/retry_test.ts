import assert from "node:assert/strict";
import { reserveOrders } from "../../../../streams/handlers/order_reserve.ts";
import { simulatedGateway } from "../../../../streams/payments/providers/simulated.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf } from "../../api.ts";
import { openPage } from "../../dashboard/pages.ts";

async function withApi(name: string, work: (api: Api) => Promise<void>): Promise<void> {
  const api = await openApi(name, { INITIAL_STOCK: "1" });
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

/** Handles the reservations of orders as the consumers do. */
async function reserve({ deps }: Api, ...ids: number[]): Promise<void> {
  await reserveOrders(
    {
      ...deps,
      gateway: simulatedGateway({ delayMs: 0 }),
      consumer: "t",
      lane: "live",
      reservationTtlSeconds: 9,
      missingRowMs: 0,
    },
    ids.map((orderId) => ({
      id: `${orderId}-0`,
      message: { type: "order.reserve", orderId, amountCents: 1, currency: "EUR" },
      attempt: 1,
    })),
  );
}

/** An order that ran short of one unit of each product that it names. */
async function shortOrder(api: Api, ...skus: string[]): Promise<number> {
  const items = skus.map((sku) => ({ sku, name: sku, unit_price_cents: 100, qty: 2 }));
  const { body } = await ask(api, "POST", "/orders", orderBodyOf({ items }));
  await reserve(api, body.id);
  return body.id;
}

Deno.test("POST /orders/{id}/retry takes up what ran short, once, and says why it does not", () =>
  withApi("api_retry", async (api) => {
    const id = await shortOrder(api, "MUG", "CUP");
    const failed = (await ask(api, "GET", `/orders/${id}`)).body;
    assert.deepEqual(failed.shortages, [
      { sku: "CUP", missing_qty: 1 },
      { sku: "MUG", missing_qty: 1 },
    ]);
    assert.deepEqual([failed.status, failed.backordered], ["FAILED", false]);

    const answer = await ask(api, "POST", `/orders/${id}/retry`);
    assert.deepEqual([answer.status, answer.body.status], [202, "PENDING"]);
    assert.equal((await ask(api, "POST", `/orders/${id}/retry`)).status, 202);
    const [row] = await api.deps.db.query("select retries from orders where id = ?", [id]);
    assert.equal(Number(row!.retries), 1);
    const pending = (await ask(api, "GET", `/orders/${id}`)).body;
    assert.deepEqual([pending.shortages, pending.failure_reason], [[], null]);

    await api.deps.db.run("update products set stock_qty = 2, received_qty = 2");
    await reserve(api, id);
    assert.equal((await ask(api, "GET", `/orders/${id}`)).body.status, "RESERVED");
    const { body: fresh } = await ask(api, "POST", "/orders", orderBodyOf());
    const refusal = await ask(api, "POST", `/orders/${fresh.id}/retry`);
    assertProblem(refusal, 409, "order-not-retryable");
    assert.equal(
      refusal.body.detail,
      `Cannot retry order ${fresh.id}: it is PENDING, and only what ran short of stock can be`,
    );
    assertProblem(await ask(api, "POST", "/orders/999999/retry"), 404, "not-found");
  }));

Deno.test("POST /orders/{id}/retry with a key gives its first answer again", () =>
  withApi("api_retry_key", async (api) => {
    const id = await shortOrder(api, "MUG");
    const key = { "idempotency-key": "again" };
    const first = await ask(api, "POST", `/orders/${id}/retry`, undefined, key);
    await reserve(api, id);
    const again = await ask(api, "POST", `/orders/${id}/retry`, undefined, key);
    assert.deepEqual(again.body, first.body);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.equal((await ask(api, "GET", `/orders/${id}`)).body.status, "FAILED");
  }));

Deno.test("GET /orders finds what ran short, and of what", () =>
  withApi("api_short_list", async (api) => {
    const mug = await shortOrder(api, "MUG");
    const both = await shortOrder(api, "MUG", "CUP");
    const cup = await shortOrder(api, "CUP");
    const { body: plenty } = await ask(api, "POST", "/orders", orderBodyOf());
    await ask(api, "POST", `/orders/${mug}/retry`);
    const found = async (query: string) =>
      (await ask(api, "GET", `/orders?${query}`)).body.data.map(({ id }: { id: number }) => id);
    assert.deepEqual(await found("failure_reason=insufficient_stock"), [cup, both]);
    assert.deepEqual(await found("failure_reason=insufficient_stock&sku=MUG"), [both]);
    assert.deepEqual(await found("sku=CUP"), [cup, both]);
    assert.deepEqual(await found("sku=CUP&q=MUG"), [both]);
    assert.deepEqual(await found("sku=TEA"), []);
    assert.deepEqual(await found("sku=NOTHING"), []);
    assert.deepEqual(await found("failure_reason=payment_declined"), []);
    assert.ok((await found("status=PENDING")).includes(plenty.id));
    assertProblem(await ask(api, "GET", "/orders?failure_reason=bad"), 400, "bad-request");
    const first = await ask(api, "GET", "/orders?sku=CUP&limit=1");
    assert.deepEqual(first.body.data.map(({ id }: { id: number }) => id), [cup]);
    assert.deepEqual(await found(`sku=CUP&limit=1&cursor=${first.body.next_cursor}`), [both]);
  }));

Deno.test("an order that waits for stock says so, and GET /streams counts it", () =>
  withApi("api_backordered", async (api) => {
    const items = [{ sku: "MUG", name: "Mug", unit_price_cents: 100, qty: 3 }];
    const { body: { id } } = await ask(api, "POST", "/orders", orderBodyOf({ items }));
    const deps = { ...api.deps, gateway: simulatedGateway({ delayMs: 0 }), consumer: "t" };
    await reserveOrders(
      { ...deps, lane: "live", reservationTtlSeconds: 9, missingRowMs: 0, onShortage: "wait" },
      [{
        id: "1-0",
        message: { type: "order.reserve", orderId: id, amountCents: 1, currency: "EUR" },
        attempt: 1,
      }],
    );
    const order = (await ask(api, "GET", `/orders/${id}`)).body;
    assert.deepEqual([order.status, order.backordered], ["PENDING", true]);
    assert.deepEqual(order.shortages, [{ sku: "MUG", missing_qty: 2 }]);
    const other = (await ask(api, "POST", "/orders", orderBodyOf())).body.id;
    const idsOf = async (query: string) =>
      (await ask(api, "GET", `/orders?${query}`)).body.data.map(({ id }: { id: number }) => id);
    assert.deepEqual(await idsOf("backordered=true"), [id]);
    assert.deepEqual(await idsOf("backordered=true&status=PENDING&sku=MUG"), [id]);
    assert.deepEqual(await idsOf("backordered=true&status=PAID"), []);
    assert.deepEqual(await idsOf("backordered=false"), [other]);
    assert.deepEqual(await idsOf("backordered="), [other, id]);
    assertProblem(await ask(api, "GET", "/orders?backordered=yes"), 400, "bad-request");
    const file = await (await api.app.request("/orders.csv?backordered=true")).text();
    assert.equal(file.trim().split("\r\n").length, 2, file);
    const page = await openPage(api, "/dashboard/orders?backordered=true");
    assert.match(page.html, new RegExp(`/dashboard/orders/${id}"`));
    assert.doesNotMatch(page.html, new RegExp(`/dashboard/orders/${other}"`));
    assert.match(page.html, /href="\/orders\.csv\?backordered=true"/);
    assert.deepEqual((await ask(api, "GET", "/streams")).body.backordered, [
      { currency: "EUR", orders: 1, amount_cents: 300 },
    ]);
    const retry = await ask(api, "POST", `/orders/${id}/retry`);
    assertProblem(retry, 409, "order-not-retryable");
    assert.match(retry.body.detail, /: it waits for stock, and goes on by itself/);
    assert.equal((await ask(api, "POST", `/orders/${id}/cancel`)).status, 200);
    const cancelled = (await ask(api, "GET", `/orders/${id}`)).body;
    assert.deepEqual([cancelled.backordered, cancelled.shortages], [false, []]);
  }));
