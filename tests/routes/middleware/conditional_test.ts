import assert from "node:assert/strict";
import { isConditional } from "../../../routes/middleware/conditional.ts";
import { type Api, ask, openApi, orderBodyOf, storeOrder } from "../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("conditional");
});
Deno.test.afterAll(() => api.close());

const get = (path: string, tag?: string, method = "GET") =>
  ask(api, method, path, undefined, tag === undefined ? {} : { "if-none-match": tag });

Deno.test("an answer that is as it was is 304 without a body, and another one when anything changed", async () => {
  const { body: { id } } = await ask(api, "POST", "/orders", orderBodyOf());
  for (
    const path of [`/orders/${id}`, "/orders", "/products/TEA", "/products", "/kpis", "/events"]
  ) {
    const first = await get(path);
    const tag = first.headers.get("etag")!;
    assert.match(tag, /^"[\x21\x23-\x7e]+"$/, "it is a strong one");
    assert.equal(first.headers.get("cache-control"), "private, no-cache");
    assert.match(first.headers.get("vary")!, /Authorization/);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await get(path, known);
      assert.deepEqual([again.status, again.body], [304, null], `${path} ${known}`);
      assert.equal(again.headers.get("etag"), tag);
      assert.equal(again.headers.get("cache-control"), "private, no-cache");
      assert.equal(again.headers.get("content-type"), null);
    }
    assert.equal((await get(path, tag, "HEAD")).status, 304);
    assert.equal((await get(path, '"other"')).status, 200);
  }
  const order = await get(`/orders/${id}`);
  const list = await get("/orders");
  await ask(api, "POST", `/orders/${id}/cancel`);
  for (const [path, before] of [[`/orders/${id}`, order], ["/orders", list]] as const) {
    const after = await get(path, before.headers.get("etag")!);
    assert.equal(after.status, 200, path);
    assert.match(JSON.stringify(after.body), /CANCELLED/);
  }
});

Deno.test("the ETag of an order goes into If-Match as it stands, and so does that of its change", async () => {
  const body = orderBodyOf();
  const { body: { id }, headers } = await ask(api, "POST", "/orders", body);
  const own = headers.get("etag")!;
  const whole = (await get(`/orders/${id}`)).headers.get("etag")!;
  assert.ok(whole.startsWith(`${own.slice(0, -1)}.`));
  const put = (tag: string, qty: number) =>
    ask(api, "PUT", `/orders/${id}`, {
      ...body,
      items: [{ sku: "TEA", name: "Tea", unit_price_cents: 450, qty }],
    }, { "if-match": tag });
  const changed = await put(whole, 3);
  assert.equal(changed.status, 200);
  assert.equal((await put(whole, 4)).status, 412);
  assert.equal((await put(changed.headers.get("etag")!, 5)).status, 200);
  const stock = await get("/products/TEA");
  const set = (tag: string) =>
    ask(api, "PUT", "/products/TEA/stock", { set: 77 }, { "if-match": tag });
  assert.equal((await set(stock.headers.get("etag")!)).status, 200);
  assert.equal((await set(stock.headers.get("etag")!)).status, 412);
});

Deno.test("what is a problem, a file, a stream or a person's has none", async () => {
  await storeOrder(api.deps.db, { customer: "C-77" });
  for (
    const path of ["/orders/999999", "/orders.csv", "/customers/C-77", "/livez", "/orders?limit=0"]
  ) {
    const response = await api.app.request(path, { headers: { "if-none-match": "*" } });
    assert.notEqual(response.status, 304, path);
    assert.equal(response.headers.get("etag"), null, path);
    assert.equal(response.headers.get("cache-control"), "no-store", path);
    await response.body?.cancel();
  }
  assert.ok(!isConditional("/customers/1") && isConditional("/orders/1/"));
});
