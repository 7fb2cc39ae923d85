import assert from "node:assert/strict";
import { openDatabase } from "../../../../db/connection/database.ts";
import { addOrderEvents } from "../../../../db/orders/timelines.ts";
import { eraseCustomer } from "../../../../services/customers/erase_customer.ts";
import { tokenHash } from "../../../../domain/operation/api_token.ts";
import { streamEvents } from "../../../../routes/api/events/stream_events.ts";
import { feedStart } from "../../../../domain/feed/feed_position.ts";
import { anOperator } from "../../../operator.ts";
import { feedQuery } from "../../../../routes/api/description/queries.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf, storeOrder } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("events");
});
Deno.test.afterAll(() => api.close());

/** What happened counts at once: its time is put back. */
async function age(seconds = 10): Promise<void> {
  for (const table of ["order_events", "stock_movements"]) {
    await api.deps.db.run(
      `update ${table} set created_at = created_at - interval ? second`,
      [seconds],
    );
  }
}

interface Told {
  id: string;
  type: string;
  sequence: number;
  // deno-lint-ignore no-explicit-any
  data: any;
}

async function events(query = ""): Promise<{ data: Told[]; cursor: string }> {
  const { status, body } = await ask(api, "GET", `/events?${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return { data: body.data, cursor: body.next_cursor };
}

async function toEnd(): Promise<string> {
  await age();
  for (let cursor = "";;) {
    const page = await events(cursor === "" ? "limit=200" : `limit=200&cursor=${cursor}`);
    if (page.data.length === 0) return page.cursor;
    ({ cursor } = page);
  }
}

const types = (told: readonly Told[]) => told.map(({ type }) => type);

Deno.test("GET /events tells of orders, payments, refunds and stock, each with what it is about", async () => {
  const start = await toEnd();
  const sku = `S-${crypto.randomUUID()}`;
  const product = { sku, name: "Bowl", price_cents: 5, stock_qty: 9 };
  assert.equal((await ask(api, "POST", "/products", product)).status, 201);
  const { body: { id, external_order_id } } = await ask(
    api,
    "POST",
    "/orders",
    orderBodyOf({
      items: [{ sku, name: "Bowl", unit_price_cents: 450, qty: 2 }],
    }),
  );
  const { db } = api.deps;
  await db.run(
    "update orders set status = 'RESERVED', reserved_time = current_timestamp(6) where id = ?",
    [id],
  );
  await db.run("update products set stock_qty = stock_qty - 2 where sku = ?", [sku]);
  await addOrderEvents(db, [{ orderId: id, event: "reserved" }], "test");
  assert.equal((await ask(api, "POST", `/orders/${id}/cancel`)).status, 200);
  const paid = await storeOrder(db, { status: "PAID", totalCents: 1_000 });
  const refund = await ask(api, "POST", `/orders/${paid}/refunds`, { amount_cents: 400 });
  assert.equal(refund.status, 202);
  await ask(api, "PUT", `/products/${sku}/stock`, { add: 5 });
  await age();

  const { data } = await events(`cursor=${start}&limit=200`);
  assert.deepEqual(types(data), [
    "stock.received",
    "order.created",
    "stock.reserved",
    "order.reserved",
    "stock.released",
    "order.cancelled",
    "order.settled",
    "refund.requested",
    "stock.received",
  ]);
  const of = (type: string) => data.find((one) => one.type === type)!;
  assert.deepEqual(of("order.created").data, {
    order_id: id,
    external_order_id,
    customer_id: "C-1",
    refund_id: null,
    failure_reason: null,
    currency: "EUR",
    amount_cents: 900,
    total_cents: 900,
  });
  const units = { order_id: id, refund_id: null, item_count: 1 };
  assert.deepEqual(of("stock.reserved").data, {
    ...units,
    items: [{ sku, qty: -2, stock_qty: null }],
  });
  assert.deepEqual(of("stock.released").data, {
    ...units,
    items: [{ sku, qty: 2, stock_qty: null }],
  });
  assert.deepEqual(data.at(-1)!.data, {
    order_id: null,
    refund_id: null,
    item_count: 1,
    items: [{ sku, qty: 5, stock_qty: 14 }],
  });
  assert.equal(of("refund.requested").data.refund_id, refund.body.id);
  assert.equal(of("refund.requested").data.amount_cents, 400);
  assert.equal(of("refund.requested").data.total_cents, 1_000);
  const own = data.filter((one) => one.data.order_id === id).map(({ sequence }) => sequence);
  assert.deepEqual(own, own.toSorted((a, b) => a - b));
});

Deno.test("an order that failed says why, and gave back only what it had", async () => {
  const start = await toEnd();
  const { db } = api.deps;
  const short = await storeOrder(db, { status: "FAILED" });
  await addOrderEvents(
    db,
    [{ orderId: short, event: "failed", detail: "insufficient_stock" }],
    "t",
  );
  const declined = await storeOrder(db, { status: "FAILED" });
  await addOrderEvents(
    db,
    [{ orderId: declined, event: "failed", detail: "payment_declined" }],
    "t",
  );
  await age();
  const { data } = await events(`cursor=${start}`);
  const told = data.map(({ type, data }) => [type, data.order_id, data.failure_reason ?? null]);
  assert.deepEqual(told, [
    ["order.short", short, "insufficient_stock"],
    ["order.failed", short, "insufficient_stock"],
    ["order.settled", short, "insufficient_stock"],
    ["payment.declined", declined, "payment_declined"],
    ["stock.released", declined, null],
    ["order.failed", declined, "payment_declined"],
    ["order.settled", declined, "payment_declined"],
  ]);
});

Deno.test("pages of every size give the same events in the same order, each once, also within a step", async () => {
  const { db } = api.deps;
  for (let n = 0; n < 3; n++) {
    const id = await storeOrder(db, { status: "PAID" });
    await addOrderEvents(
      db,
      [{ orderId: id, event: "reserved" }, { orderId: id, event: "paid" }],
      "t",
    );
    await ask(api, "POST", "/products", {
      sku: `P-${crypto.randomUUID()}`,
      name: "P",
      price_cents: 1,
      stock_qty: 3,
    });
  }
  await toEnd();
  const walk = async (limit: number, more = "") => {
    const ids: string[] = [];
    for (let cursor = "";;) {
      const page = await events(`limit=${limit}${more}${cursor === "" ? "" : `&cursor=${cursor}`}`);
      if (page.data.length === 0) return ids;
      assert.ok(page.data.length <= limit);
      ids.push(...page.data.map(({ id }) => id));
      ({ cursor } = page);
    }
  };
  const whole = await walk(200);
  assert.ok(whole.length > 20);
  assert.equal(new Set(whole).size, whole.length);
  for (const limit of [1, 2, 3, 7]) assert.deepEqual(await walk(limit), whole);
  const some = await walk(2, "&type=stock.*,order.paid");
  assert.deepEqual(some, whole.filter((id) => /-(stock-|order-paid)/.test(id)));
});

Deno.test("an event that was begun before others and committed after them is not missed", async () => {
  const start = await toEnd();
  const { deps: { db } } = api;
  const [slow, quick] = [await storeOrder(db), await storeOrder(db)];
  const other = await openDatabase(api.deps.config.databaseUrl);
  try {
    const isWritten = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const writing = other.transaction(async (tx) => {
      await addOrderEvents(tx, [{ orderId: slow, event: "updated" }], "slow");
      await tx.run(
        "update order_events set created_at = created_at - interval 1 hour where order_id = ?",
        [slow],
      );
      isWritten.resolve();
      await mayCommit.promise;
    });
    await isWritten.promise;
    await addOrderEvents(db, [{ orderId: quick, event: "updated" }], "quick");
    await db.run(
      "update order_events set created_at = created_at - interval 1 minute where order_id = ?",
      [quick],
    );
    // It waits for the transaction, which ends meanwhile.
    const reading = events(`cursor=${start}`);
    await new Promise(setImmediate);
    mayCommit.resolve();
    await writing;
    const { data } = await reading;
    assert.deepEqual(data.map(({ data }) => data.order_id), [slow, quick]);
  } finally {
    await other.close();
  }
});

Deno.test("what is younger than two seconds is told later, in its place", async () => {
  const start = await toEnd();
  const id = await storeOrder(api.deps.db);
  await addOrderEvents(api.deps.db, [{ orderId: id, event: "updated" }], "t");
  assert.deepEqual(await events(`cursor=${start}`), { data: [], cursor: start });
  await age();
  assert.deepEqual(types((await events(`cursor=${start}`)).data), ["order.changed"]);
});

Deno.test("since= begins at a time", async () => {
  await toEnd();
  const id = await storeOrder(api.deps.db);
  await addOrderEvents(api.deps.db, [{ orderId: id, event: "updated" }], "t");
  await api.deps.db.run(
    "update order_events set created_at = '2021-03-04 05:06:07.5' where order_id = ?",
    [id],
  );
  const at = async (since: string) =>
    (await events(`since=${since}&limit=200`)).data.filter(({ data }) => data.order_id === id)
      .length;
  assert.equal(await at("2021-03-04T05:06:07.4Z"), 1);
  assert.equal(await at("2021-03-04T05:06:07.6Z"), 0);
  assert.equal(await at("2021-03-04"), 1);
});

Deno.test("after an erasure no event of the person's orders names them, and one tells of it", async () => {
  const start = await toEnd();
  const gone = { external_id: "Gone-7", email: "gone7@example.com", name: "Gone Berg" };
  const { body: { id } } = await ask(api, "POST", "/orders", orderBodyOf({ customer: gone }));
  await ask(api, "POST", `/orders/${id}/cancel`);
  await age();
  assert.ok(JSON.stringify(await events(`cursor=${start}`)).includes("Gone-7"));
  await eraseCustomer(api.deps, { externalId: "Gone-7" }, anOperator("desk"));
  await age();
  const { data } = await events(`cursor=${start}`);
  assert.equal(data.at(-1)!.type, "customer.erased");
  assert.equal(data.at(-1)!.data.customer_id, null);
  assert.doesNotMatch(JSON.stringify(data), /gone|erased:/i);
});

Deno.test("faults of the query are named, and a cursor of another list is none", async () => {
  for (
    const query of [
      "type=order.payed",
      "type=orders.*",
      "cursor=b3JkZXJzOjQy",
      "since=x",
      "limit=0",
    ]
  ) {
    const answer = await ask(api, "GET", `/events?${query}`);
    assertProblem(answer, 400, "bad-request");
    assert.equal(answer.body.errors[0].parameter, query.split("=")[0]);
  }
  const headers = { accept: "text/event-stream", "last-event-id": "nothing" };
  const refused = await ask(api, "GET", "/events", undefined, headers);
  assertProblem(refused, 400, "bad-request");
  assert.equal(refused.body.errors[0].parameter, "last-event-id");
});

interface Sent {
  id: string;
  event?: string;
  data?: Told;
}

/** Reads server-sent events. */
function reader(response: Response) {
  const body = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async next(): Promise<Sent> {
      while (!text.includes("\n\n")) {
        const { value, done } = await body.read();
        if (done) throw new Error("the stream is over");
        text += value;
      }
      const [block = ""] = text.split("\n\n", 1);
      text = text.slice(block.length + 2);
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const data = field("data");
      return {
        id: field("id")!,
        event: field("event"),
        data: data === undefined ? undefined : JSON.parse(data),
      };
    },
    close: () => body.cancel(),
  };
}

const streamed = (query = "", headers: Record<string, string> = {}) =>
  api.app.request(`/events?${query}`, { headers: { accept: "text/event-stream", ...headers } });

Deno.test("as a stream it goes on where Last-Event-ID says, exactly, also within a step", async () => {
  const start = await toEnd();
  const id = await storeOrder(api.deps.db);
  await addOrderEvents(api.deps.db, [{ orderId: id, event: "paid" }], "t");
  await age();
  const response = await streamed(`cursor=${start}`);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("cache-control"), "no-cache");
  const first = reader(response);
  const one = await first.next();
  assert.deepEqual([one.event, one.data!.type], ["payment.succeeded", "payment.succeeded"]);
  await first.close();
  const second = reader(await streamed(`cursor=${start}`, { "last-event-id": one.id }));
  assert.deepEqual(
    [(await second.next()).event, (await second.next()).event],
    ["order.paid", "order.settled"],
  );
  await second.close();
});

Deno.test("as a stream it begins now, tells where it is, and what happens then", async () => {
  await toEnd();
  const read = reader(await streamed("type=order.*"));
  const alive = await read.next();
  assert.deepEqual([alive.event, alive.data], [undefined, undefined]);
  assert.match(alive.id, /^[\w+/]+$/);
  const id = await storeOrder(api.deps.db);
  await addOrderEvents(api.deps.db, [{ orderId: id, event: "cancelled" }], "t");
  const told = await read.next();
  assert.deepEqual([told.event, told.data!.data.order_id], ["order.cancelled", id]);
  await read.close();
});

Deno.test("a silent stream gives signs of life with its place, and ends when the process stops", async () => {
  await toEnd();
  const stopping = new AbortController();
  const { Hono } = await import("hono");
  const app = new Hono();
  app.get("/", (c) => {
    c.set("caller", { actor: "t", name: "t", scopes: [], by: "nothing", csrfToken: "" });
    const deps = { ...api.deps, stopping: stopping.signal };
    const begin = () => Promise.resolve({ after: feedStart, isWanted: () => false });
    return streamEvents(c, deps, begin, { lookEveryMs: 1, silenceMs: 5 });
  });
  const read = reader(await app.request("/"));
  const ids = [(await read.next()).id, (await read.next()).id, (await read.next()).id];
  assert.equal(ids[0], ids[2]);
  stopping.abort();
  await assert.rejects(async () => {
    for (;;) await read.next();
  }, /the stream is over/);
});

Deno.test("a token has so many streams at once, gives each back, and needs the scope read", async () => {
  const guarded = await openApi("events_tokens", {
    API_TOKENS: `one:${tokenHash("one")}:read,two:${tokenHash("two")}:read,shop:${
      tokenHash("shop")
    }:orders`,
  });
  const by = (token: string, method = "GET") =>
    guarded.app.request("/events", {
      method,
      headers: { accept: "text/event-stream", authorization: `Bearer ${token}` },
    });
  try {
    assert.equal((await by("shop")).status, 403);
    const open = await Promise.all(Array.from({ length: 10 }, () => by("one")));
    assert.ok(open.every(({ status }) => status === 200));
    const refused = await by("one");
    assert.equal(refused.status, 503);
    assert.ok(refused.headers.has("retry-after"));
    const other = await by("two");
    assert.equal(other.status, 200);
    await Promise.all([...open, other].map(({ body }) => body!.cancel()));
    await refused.body!.cancel();
    for (let n = 0; n < 20; n++) assert.equal((await by("two", "HEAD")).status, 200);
    const next = await by("one");
    assert.equal(next.status, 200);
    await next.body!.cancel();
  } finally {
    await guarded.close();
  }
});

Deno.test("a type of events that is named again and again is looked for once", () => {
  const type = Array(4_000).fill("refund.*, order.paid").join(",");
  assert.deepEqual(feedQuery.parse({ type }).type, ["refund.*", "order.paid"]);
});
