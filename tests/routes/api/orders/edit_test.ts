import { ownTagOf } from "../../../../routes/middleware/conditional.ts";
import assert from "node:assert/strict";
import { formatApiToken, type Scope, tokenHash } from "../../../../domain/operation/api_token.ts";
import { ordersClient } from "../../../../routes/client.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  const entry = (name: string, ...scopes: Scope[]) =>
    formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });
  api = await openApi("edit_routes", {
    API_TOKENS: [
      entry("shop", "orders"),
      entry("mall", "orders"),
      entry("care", "cancel", "read"),
    ].join(),
  });
});
Deno.test.afterAll(() => api.close());

const as = (name: string) => ({ authorization: `Bearer ${name}-secret` });

const put = (id: number, body: unknown, tag: string | undefined, name = "shop") =>
  ask(api, "PUT", `/orders/${id}`, body, {
    ...as(name),
    ...(tag === undefined ? {} : { "if-match": tag }),
  });

/** Places an order, and tells its id and its tag. */
async function place(changes: Record<string, unknown> = {}) {
  const body = orderBodyOf(changes);
  const answer = await ask(api, "POST", "/orders", body, as("shop"));
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  return { body, id: answer.body.id as number, tag: answer.headers.get("etag")! };
}

const two = { items: [{ sku: "TEA", name: "Tea", unit_price_cents: 450, qty: 3 }] };

Deno.test("PUT /orders/{id} changes an order that its sender has seen as it is", async () => {
  const { body, id, tag } = await place();
  assert.match(tag, /^"0-[0-9a-f]{16}"$/);
  const shown = await ask(api, "GET", `/orders/${id}`, undefined, as("care"));
  assert.equal(ownTagOf(shown.headers.get("etag")!), tag);
  const next = { ...body, ...two, adjustments: [{ kind: "shipping", amount_cents: 490 }] };
  const answer = await put(id, next, tag);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.deepEqual([answer.body.id, answer.body.total_cents], [id, 1_840]);
  const edited = answer.headers.get("etag")!;
  assert.match(edited, /^"1-/);
  const { body: detail, headers } = await ask(api, "GET", `/orders/${id}`, undefined, as("care"));
  assert.equal(ownTagOf(headers.get("etag")!), edited);
  const [, step] = detail.timeline;
  assert.deepEqual(
    [step.event, step.detail, step.actor],
    ["edited", "9.00 EUR → 18.40 EUR", "api:shop"],
  );
  // The same again, by whoever missed the answer.
  const again = await put(id, next, tag);
  assert.deepEqual([again.status, again.headers.get("etag")], [200, edited]);
  assert.deepEqual(again.body, answer.body);
  assert.equal((await put(id, body, `"x", ${edited}`)).headers.get("etag")!.slice(0, 3), '"2-');
  assert.equal((await put(id, next, "*")).status, 200);
});

Deno.test("PUT /orders/{id} changes nothing without the tag of what there is", async () => {
  const { body, id, tag } = await place();
  const next = { ...body, ...two };
  assertProblem(await put(id, next, undefined), 428, "precondition-required");
  assertProblem(await put(id, next, '"0-0000000000000000"'), 412, "precondition-failed");
  assertProblem(await put(id, next, `W/${tag}`), 412, "precondition-failed");
  assertProblem(await put(id, next, "0-1"), 400, "bad-request");
  const shown = await ask(api, "GET", `/orders/${id}`, undefined, as("care"));
  assert.equal(ownTagOf(shown.headers.get("etag")!), tag);
});

Deno.test("PUT /orders/{id} names every fault of the order", async () => {
  const { body, id, tag } = await place();
  const bad = await put(id, { ...body, currency: "XXQ", items: [] }, tag);
  assertProblem(bad, 422, "invalid");
  assert.deepEqual(bad.body.errors.map(({ pointer }: { pointer: string }) => pointer), [
    "#/currency",
    "#/items",
  ]);
  const other = await put(id, orderBodyOf(two), tag);
  assertProblem(other, 422, "invalid");
  assert.equal(other.body.errors[0].pointer, "#/external_order_id");
  assertProblem(await put(999_999, body, tag), 404, "not-found");
  const text = await ask(api, "PUT", `/orders/${id}`, "{}", {
    ...as("shop"),
    "content-type": "text/plain",
    "if-match": tag,
  });
  assertProblem(text, 415);
});

Deno.test("PUT /orders/{id} is for who has brought the order, or may cancel all", async () => {
  const { body, id, tag } = await place();
  const next = { ...body, ...two };
  assertProblem(await put(id, next, tag, "mall"), 404, "not-found");
  assert.equal((await put(id, next, tag, "care")).status, 200);
});

Deno.test("PUT /orders/{id} leaves a settled order alone, and tells the way out", async () => {
  const { body, id, tag } = await place();
  await api.deps.db.run(
    "update orders set status = 'PAID', settled_time = utc_timestamp(6) where id = ?",
    [
      id,
    ],
  );
  const answer = await put(id, { ...body, ...two }, tag);
  assertProblem(answer, 409, "order-not-editable");
  assert.match(answer.body.detail, new RegExp(`POST /orders/${id}/refunds.*an order of its own$`));
});

Deno.test("PUT /orders/{id} says of what there is too little for a reserved order", async () => {
  const sku = crypto.randomUUID();
  const item = { sku, name: "Rare", unit_price_cents: 100, qty: 1 };
  const { body, id, tag } = await place({ items: [item] });
  await api.deps.db.run("update products set stock_qty = 1 where sku = ?", [sku]);
  await api.deps.db.run(
    "update orders set status = 'RESERVED', reserved_time = utc_timestamp(6) where id = ?",
    [id],
  );
  const answer = await put(id, { ...body, items: [two.items[0], { ...item, qty: 3 }] }, tag);
  assertProblem(answer, 409, "stock-insufficient");
  assert.deepEqual(answer.body.errors, [
    { pointer: "#/items/1/qty", detail: `${sku} is short: 2 more are needed, and 1 is left` },
  ]);
});

Deno.test("an answer that is told again has the tag of the first time", async () => {
  const body = orderBodyOf();
  const headers = { ...as("shop"), "idempotency-key": crypto.randomUUID() };
  const first = await ask(api, "POST", "/orders", body, headers);
  const tag = first.headers.get("etag")!;
  await put(first.body.id, { ...body, ...two }, tag);
  const again = await ask(api, "POST", "/orders", body, headers);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.headers.get("etag"), tag, "of the content that the answer shows");
});

Deno.test("the client changes an order", async () => {
  const { body, id, tag } = await place();
  const { orders } = ordersClient("http://orders.test", "shop-secret", {
    fetch: (input, init) => Promise.resolve(api.app.request(input as string, init)),
  });
  const answer = await orders[":id"].$put({
    param: { id: String(id) },
    header: { "if-match": tag },
    json: { ...body, ...two },
  });
  assert.equal(answer.status, 200);
});
