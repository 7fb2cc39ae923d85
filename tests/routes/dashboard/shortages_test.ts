import assert from "node:assert/strict";
import { reserveOrders } from "../../../streams/handlers/order_reserve.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { type Api, ask, openApi, orderBodyOf } from "../api.ts";
import { fieldOf, openPage, sendForm } from "./pages.ts";

async function withApi(name: string, work: (api: Api) => Promise<void>): Promise<void> {
  const api = await openApi(name, { INITIAL_STOCK: "1" });
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

/** Orders of two units each, of products that there is one of; they ran short, or wait. */
async function shortOrders(
  { deps, app }: Api,
  skus: string[],
  onShortage: "fail" | "wait" = "fail",
  more: Record<string, unknown> = {},
): Promise<number[]> {
  const ids: number[] = [];
  for (const sku of skus) {
    const items = [{ sku, name: sku, unit_price_cents: 625, qty: 2 }];
    ids.push((await ask({ app }, "POST", "/orders", orderBodyOf({ items, ...more }))).body.id);
  }
  await reserveOrders(
    {
      ...deps,
      gateway: simulatedGateway({ delayMs: 0 }),
      consumer: "t",
      lane: "live",
      reservationTtlSeconds: 9,
      missingRowMs: 0,
      onShortage,
    },
    ids.map((orderId) => ({
      id: `${orderId}-0`,
      message: { type: "order.reserve", orderId, amountCents: 1, currency: "EUR" },
      attempt: 1,
    })),
  );
  return ids;
}

const statusOf = async (api: Api, id: number) =>
  (await ask(api, "GET", `/orders/${id}`)).body.status;

Deno.test("the page of an order that ran short says of what, and takes it up after a question", () =>
  withApi("dashboard_retry", async (api) => {
    const [id] = await shortOrders(api, ["MUG"]) as [number];
    const page = await openPage(api, `/dashboard/orders/${id}`);
    assert.match(page.text, /Ran short of MUG 1 missing/);
    assert.match(page.text, /Take up again…/);
    const question = await sendForm(api, `/dashboard/orders/${id}/retry`, {});
    assert.match(question.text, /it lacked 1 of MUG/);
    assert.match(question.text, /€12.50 are charged/);
    assert.equal(await statusOf(api, id), "FAILED");
    const confirmed = fieldOf(question, "confirmed");
    const sent = await sendForm(api, `/dashboard/orders/${id}/retry`, { confirmed });
    assert.equal(sent.headers.get("location"), `/dashboard/orders/${id}?done=retry`);
    assert.equal(await statusOf(api, id), "PENDING");
    const after = await openPage(api, `/dashboard/orders/${id}?done=retry`);
    assert.match(after.text, /The order was taken up again/);
    assert.doesNotMatch(after.text, /Take up again…/);
  }));

Deno.test("orders that ran short are listed, and those that are meant are named before they are taken up", () =>
  withApi("dashboard_short", async (api) => {
    const ids = await shortOrders(api, ["MUG", "CUP", "CUP"]);
    await shortOrders(api, ["TEA"], "wait");
    const list = await openPage(api, "/dashboard/shortages");
    assert.match(list.text, /3 orders of €37.50 failed for want of stock/);
    assert.match(list.text, /1 order of €12.50 waits for stock/);
    assert.match(list.text, /1 × MUG/);
    const cups = await openPage(api, "/dashboard/shortages?sku=CUP");
    assert.match(cups.text, /Take up all 2 matching/);
    assert.doesNotMatch(cups.text, /MUG/);
    assert.match((await openPage(api, "/dashboard/shortages?sku=X")).text, /No order fits/);

    const selected = await openPage(api, `/dashboard/shortages/retry?ids=${ids[0]}`);
    assert.match(selected.text, /Take up 1 order again\? €12.50/);
    const all = await openPage(api, "/dashboard/shortages/retry?all=1&sku=CUP");
    assert.match(all.text, /Take up 2 orders again\? €25.00/);
    // What fails after the question is not part of the answer.
    const [later] = await shortOrders(api, ["CUP"]) as [number];
    const fields = Object.fromEntries(
      ["confirmed", "all", "sku", "upto"].map((name) => [name, fieldOf(all, name)]),
    );
    const sent = await sendForm(api, "/dashboard/shortages/retry", fields);
    assert.equal(sent.headers.get("location"), "/dashboard/shortages?done=2");
    const statuses = await Promise.all([...ids, later].map((id) => statusOf(api, id)));
    assert.deepEqual(statuses, ["FAILED", "PENDING", "PENDING", "FAILED"]);
    const done = await openPage(api, "/dashboard/shortages?done=2");
    assert.match(done.text, /2 orders were taken up again/);
    assert.match((await openPage(api, "/dashboard/shortages/retry")).text, /Nothing is selected/);
    assert.equal((await sendForm(api, "/dashboard/shortages/retry", { ids: "x" })).status, 400);
  }));

Deno.test("an order whose money goes back is none of those that can be taken up again", () =>
  withApi("dashboard_short_paid", async (api) => {
    await shortOrders(api, ["MUG"]);
    const payment = { status: "paid", provider: "paypal", reference: "PP-1" };
    const [paid] = await shortOrders(api, ["MUG"], "fail", { payment }) as [number];
    const list = await openPage(api, "/dashboard/shortages");
    assert.match(list.text, /1 order of €12.50 failed for want of stock/);
    const question = await openPage(api, "/dashboard/shortages/retry?all=1");
    assert.match(question.text, /Take up 1 order again\? €12.50/);
    const page = await openPage(api, `/dashboard/orders/${paid}`);
    assert.match(page.text, /Ran short of MUG 1 missing/);
    assert.doesNotMatch(page.text, /Take up again/);
  }));
