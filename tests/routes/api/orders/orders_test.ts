import assert from "node:assert/strict";
import { lanes } from "../../../../domain/messages/lane.ts";
import { messageOfEntry, type OrderMessage } from "../../../../domain/messages/messages.ts";
import {
  type Api,
  ask,
  assertProblem,
  openApi,
  orderBodyOf,
  storeAddresses,
  storeOrder,
} from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("orders_routes");
});
Deno.test.afterAll(() => api.close());

/** Every message in a stream. */
async function messages(stream: "orders" | "notifications"): Promise<OrderMessage[]> {
  const { redis, keys } = api.deps;
  // A crowd of orders goes by both lanes.
  const streams = lanes.map((lane) => redis.xrange(keys.stream(stream, lane), "-", "+"));
  const entries = (await Promise.all(streams)).flat();
  return entries.map(([, fields]) => messageOfEntry(fields) as OrderMessage);
}

async function messagesOf(stream: "orders" | "notifications", id: number): Promise<OrderMessage[]> {
  return (await messages(stream)).filter(({ orderId }) => orderId === id);
}

async function count(table: string): Promise<number> {
  const [row] = await api.deps.db.query(`select count(*) as n from ${table}`);
  return Number(row!.n);
}

Deno.test("of orders that come twice in a crowd, by transactions that run beside each other, each is taken once", async () => {
  const numbers = Array.from({ length: 120 }, (_, number) => number);
  const bodies = numbers.map((number) =>
    orderBodyOf({
      external_order_id: `twice-${number}`,
      customer: { external_id: `T-${number}`, email: "twice@example.com", name: "Two" },
    })
  );
  // The second time the other way round, so that both of one are in different transactions.
  const sent = [...bodies, ...bodies.toReversed()];
  const answers = await Promise.all(sent.map((body) => ask(api, "POST", "/orders", body)));
  const ids = new Set<number>();
  for (const number of numbers) {
    const both = [answers[number]!, answers[239 - number]!];
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 202]);
    assert.equal(both[0]!.body.id, both[1]!.body.id);
    ids.add(both[0]!.body.id);
  }
  assert.equal(ids.size, 120);
  const reserved = (await messages("orders")).filter(({ orderId }) => ids.has(orderId));
  assert.equal(reserved.length, 120);
  const [steps] = await api.deps.db.query(
    "select count(*) as n from order_events where event = 'created' and order_id in (?)",
    [[...ids]],
  );
  assert.equal(Number(steps!.n), 120);
});

Deno.test("POST /orders takes an order, says where it is, and publishes it once", async () => {
  const body = orderBodyOf({
    placed_at: "2024-05-06T09:08:09+02:00",
    currency: "eur",
    items: [
      { sku: "TEA", name: "Tea", unit_price_cents: 450, qty: 2 },
      { sku: "MUG", name: "Mug", unit_price_cents: 1_299, qty: 1 },
    ],
  });
  const answer = await ask(api, "POST", "/orders", body);
  assert.equal(answer.status, 202);
  const { id } = answer.body;
  assert.equal(answer.headers.get("location"), `/orders/${id}`);
  assert.equal(answer.body.external_order_id, body.external_order_id);
  assert.equal(answer.body.status, "PENDING");
  assert.equal(answer.body.currency, "EUR");
  assert.equal(answer.body.total_cents, 2_199);
  assert.equal(answer.body.refunded_cents, 0);
  assert.equal(answer.body.placed_at, "2024-05-06T07:08:09.000000Z");
  assert.equal(answer.body.settled_at, null);
  assert.deepEqual(
    { ...answer.body.customer, id: 0 },
    { id: 0, external_id: "C-1", email: "ann@example.com", name: "Ann", guest: false },
  );
  assert.deepEqual([answer.body.recipient_name, answer.body.recipient_email], [
    "Ann",
    "ann@example.com",
  ]);
  assert.deepEqual(await messagesOf("orders", id), [
    { type: "order.reserve", orderId: id, amountCents: 2_199, currency: "EUR" },
  ]);

  const { body: detail } = await ask(api, "GET", `/orders/${id}`);
  const { event, actor } = detail.timeline[0];
  assert.deepEqual([event, actor], ["created", "api"]);
  assert.deepEqual(detail.payment, null);
  assert.deepEqual(
    detail.items.map((item: { sku: string; subtotal_cents: number }) => [
      item.sku,
      item.subtotal_cents,
    ]),
    [["TEA", 900], ["MUG", 1_299]],
  );

  const again = await ask(api, "POST", "/orders", body);
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, answer.body);
  assert.equal((await messagesOf("orders", id)).length, 1);
});

Deno.test("POST /orders refuses another content under a known id and changes nothing", async () => {
  const body = orderBodyOf();
  const { body: { id } } = await ask(api, "POST", "/orders", body);
  const changes: Record<string, unknown>[] = [
    { currency: "USD" },
    { placed_at: "2024-05-06T07:08:10Z" },
    { customer: { ...body.customer, external_id: "C-2" } },
    { items: [{ ...body.items[0]!, qty: 3 }] },
    { items: [...body.items, { sku: "MUG", name: "Mug", unit_price_cents: 1, qty: 1 }] },
  ];
  for (const change of changes) {
    const answer = await ask(api, "POST", "/orders", { ...body, ...change });
    assertProblem(answer, 409, "order-conflict");
  }
  const { body: order } = await ask(api, "GET", `/orders/${id}`);
  assert.equal(order.total_cents, 900);
  assert.equal(order.currency, "EUR");
  assert.equal(order.customer.external_id, "C-1");
  assert.equal((await messagesOf("orders", id)).length, 1);
});

Deno.test("an order keeps the name and address it was placed with, whoever names its customer later", async () => {
  const guest = (name: string, placed_at: string) =>
    orderBodyOf({
      placed_at,
      customer: { external_id: "G-0", email: `${name}@guest.example`, name },
    });
  const first = guest("Ida", "2024-05-06T07:08:09Z");
  const { body: { id } } = await ask(api, "POST", "/orders", first);
  await ask(api, "POST", "/orders", guest("Ben", "2024-05-06T08:08:09Z"));
  const other = { ...first, customer: { ...first.customer, email: "thief@example.com" } };
  const again = await ask(api, "POST", "/orders", other);
  assert.equal(again.status, 200);
  const { body: shown } = await ask(api, "GET", `/orders/${id}`);
  assert.deepEqual([shown.recipient_name, shown.recipient_email], ["Ida", "Ida@guest.example"]);
  assert.equal(again.body.recipient_email, "Ida@guest.example");
  const { body: { data } } = await ask(api, "GET", "/orders?q=ida@guest");
  assert.deepEqual(data.map((order: { id: number }) => order.id), [id]);
});

Deno.test("POST /orders refuses a time more than a day ahead", async () => {
  const before = await count("orders");
  const ahead = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
  for (const placed_at of [ahead(25), "9999-12-31T23:59:59Z"]) {
    const answer = await ask(api, "POST", "/orders", orderBodyOf({ placed_at }));
    assertProblem(answer, 422, "invalid");
    assert.deepEqual(answer.body.errors, [
      { pointer: "#/placed_at", detail: "must not be more than a day ahead" },
    ]);
  }
  assert.equal(await count("orders"), before);
  const taken = await ask(api, "POST", "/orders", orderBodyOf({ placed_at: ahead(23) }));
  assert.equal(taken.status, 202);
});

Deno.test("POST /orders publishes an order that was committed and never published", async () => {
  const body = orderBodyOf();
  const { body: { id } } = await ask(api, "POST", "/orders", body);
  const { redis, keys } = api.deps;
  await redis.del(keys.stream("orders"), keys.weights("orders"), `${keys.publishedOnce}0`);
  const again = await ask(api, "POST", "/orders", body);
  assert.equal(again.status, 200);
  assert.equal((await messagesOf("orders", id)).length, 1);
});

Deno.test("POST /orders takes a crowd of orders in sets, each exactly once", async () => {
  const bodies = Array.from({ length: 300 }, (_, n) =>
    orderBodyOf({
      customer: { external_id: `crowd-${n % 7}`, email: "crowd@example.com", name: "Crowd" },
      items: [{ sku: `CROWD-${n % 5}`, name: "Thing", unit_price_cents: n, qty: 1 }],
    }));
  const before = new Set((await messages("orders")).map(({ orderId }) => orderId));
  const answers = await Promise.all(
    [...bodies, ...bodies].map((body) => ask(api, "POST", "/orders", body)),
  );
  const byStatus = Map.groupBy(answers, ({ status }) => status);
  assert.equal(byStatus.get(202)?.length, 300);
  assert.equal(byStatus.get(200)?.length, 300);
  const ids = new Set(answers.map(({ body }) => body.id));
  assert.equal(ids.size, 300);
  answers.forEach(({ body }, index) => {
    assert.equal(body.external_order_id, bodies[index % 300]!.external_order_id);
    assert.equal(body.total_cents, index % 300);
  });
  const published = (await messages("orders")).filter(({ orderId }) => !before.has(orderId));
  assert.deepEqual(new Set(published.map(({ orderId }) => orderId)), ids);
  assert.equal(published.length, 300);
});

Deno.test("POST /orders lets one of two different orders under one id win", async () => {
  const body = orderBodyOf();
  const other = { ...body, currency: "USD" };
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => ask(api, "POST", "/orders", n % 2 === 0 ? body : other)),
  );
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, 200, 200, 200, 202, 409, 409, 409, 409, 409]);
  const ids = new Set(answers.flatMap(({ body: { id } }) => id ?? []));
  assert.equal(ids.size, 1);
});

Deno.test("POST /orders names every faulty field and leaves nothing behind", async () => {
  const tables = ["orders", "order_items", "customers", "products"];
  const before = await Promise.all(tables.map(count));
  const answer = await ask(api, "POST", "/orders", {
    external_order_id: " ",
    placed_at: "2024-02-30T00:00:00Z",
    currency: "EURO",
    customer: { external_id: "x".repeat(65), email: 5, name: "ok" },
    items: [
      { sku: "NEVER", name: "Never", unit_price_cents: 1, qty: 1 },
      { sku: "a\u0007", name: "", unit_price_cents: -1, qty: 0 },
      { name: "\ud800", unit_price_cents: 1.5, qty: 1_000_001 },
    ],
  });
  assertProblem(answer, 422, "invalid");
  assert.deepEqual(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer), [
    "#/external_order_id",
    "#/placed_at",
    "#/currency",
    "#/customer/external_id",
    "#/customer/email",
    "#/items/1/sku",
    "#/items/1/name",
    "#/items/1/unit_price_cents",
    "#/items/1/qty",
    "#/items/2/sku",
    "#/items/2/name",
    "#/items/2/unit_price_cents",
    "#/items/2/qty",
  ]);
  assert.deepEqual(await Promise.all(tables.map(count)), before);
});

Deno.test("POST /orders takes registered currencies alone, in any case", async () => {
  for (const currency of ["XQZ", "ABC", "E1R"]) {
    const refused = await ask(api, "POST", "/orders", { ...orderBodyOf(), currency });
    assertProblem(refused, 422, "invalid");
    assert.deepEqual(refused.body.errors, [{
      pointer: "#/currency",
      detail: "must be a currency of ISO 4217 such as EUR",
    }]);
  }
  const taken = await ask(api, "POST", "/orders", { ...orderBodyOf(), currency: "jpy" });
  assert.equal(taken.status, 202);
  assert.equal(taken.body.currency, "JPY");
  assertProblem(await ask(api, "GET", "/orders?currency=XQZ"), 400, "bad-request");
  assertProblem(await ask(api, "GET", "/leaderboard?currency=XQZ"), 400, "bad-request");
});

Deno.test("POST /orders refuses what is worth more than an order may be, with its sum", async () => {
  const item = { sku: "GOLD", name: "Gold", unit_price_cents: 2_147_483_647, qty: 1_000_000 };
  const items = [item, item, item, item];
  const refused = await ask(api, "POST", "/orders", { ...orderBodyOf(), items });
  assertProblem(refused, 422, "invalid");
  assert.deepEqual(refused.body.errors, [{
    pointer: "#/items",
    detail: "come to 85,899,345,880,000.00 EUR, and an order may be worth " +
      "21,474,836,470,000.00 EUR at most",
  }]);
});

Deno.test("POST /orders names all faults of a large order", async () => {
  const items = Array.from({ length: 1_000 }, () => ({}));
  const refused = await ask(api, "POST", "/orders", { ...orderBodyOf(), items });
  assertProblem(refused, 422, "invalid");
  assert.equal(refused.body.errors.length, 4_000);
  assert.equal(refused.body.errors.at(-1).pointer, "#/items/999/qty");
});

Deno.test("POST /orders takes every field at its limit", async () => {
  const answer = await ask(api, "POST", "/orders", {
    external_order_id: ` ${crypto.randomUUID()}${"😀".repeat(28)} `,
    placed_at: "1000-01-01 00:00:00",
    currency: "jpy",
    customer: { external_id: "é".repeat(64), email: "e".repeat(255), name: "😀".repeat(255) },
    items: [
      { sku: "😀".repeat(64), name: "n".repeat(255), unit_price_cents: 2_147_483_647, qty: 1e6 },
      { sku: "free", name: "Free", unit_price_cents: 0, qty: 1 },
    ],
    more: { to: ["pass", "over"] },
  });
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  assert.equal(answer.body.total_cents, 2_147_483_647_000_000);
  assert.equal(answer.body.customer.name, "😀".repeat(255));
});

Deno.test("GET /orders/{id} shows the order with everything that belongs to it", async () => {
  const { db } = api.deps;
  const id = await storeOrder(db, { status: "PAID", totalCents: 1_000, customer: "C-detail" });
  await ask(api, "POST", `/orders/${id}/refunds`, { amount_cents: 250, reason: "broken" });
  await db.run(
    `
    insert into notification_logs
      (order_id, customer_id, event, channel, status, total_cents, payload, success, sent_at)
    select id, customer_id, 'order.paid', 'log', 'PAID', total_cents, '{"to":["a@b"]}', 1, settled_at
    from orders
    where id = ?`,
    [id],
  );
  await db.run(
    `
    insert into order_events (order_id, event, detail, actor, attempt)
    values (?, 'paid', null, 'test', 2)`,
    [id],
  );
  const { status, body } = await ask(api, "GET", `/orders/${id}`);
  assert.equal(status, 200);
  assert.equal(body.id, id);
  assert.equal(body.settled_at, "2024-05-06T08:00:00.000000Z");
  const [{ id: itemId }] = body.items;
  assert.ok(Number.isSafeInteger(itemId));
  assert.deepEqual(body.items, [
    { id: itemId, sku: "TEA", name: "Tea", unit_price_cents: 1_000, qty: 1, subtotal_cents: 1_000 },
  ]);
  assert.equal(body.payment.status, "SUCCEEDED");
  assert.equal(body.payment.amount_cents, 1_000);
  assert.equal(body.payment.paid_at, "2024-05-06T08:00:00.000000Z");
  assert.equal(body.refunds.length, 1);
  assert.equal(body.refunds[0].amount_cents, 250);
  assert.equal(body.refunds[0].reason, "broken");
  assert.equal(body.refunds[0].currency, "EUR");
  assert.deepEqual(body.notifications[0].payload, { to: ["a@b"] });
  assert.equal(body.notifications[0].success, true);
  assert.equal(body.notifications[0].event, "order.paid");
  const steps = body.timeline.map(({ event }: { event: string }) => event);
  assert.deepEqual(steps, ["refund_requested", "paid"]);
  assert.equal(body.timeline[1].attempt, 2);
  assert.match(body.timeline[1].at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

Deno.test("GET /orders/{id} knows no order that does not exist", async () => {
  for (const id of ["0", "999999999", String(Number.MAX_SAFE_INTEGER)]) {
    assertProblem(await ask(api, "GET", `/orders/${id}`), 404, "not-found");
  }
});

Deno.test("GET /orders pages through all orders once, newest first", async () => {
  const { db } = api.deps;
  const customer = `C-${crypto.randomUUID()}`;
  const ids: number[] = [];
  for (let n = 0; n < 7; n++) ids.unshift(await storeOrder(db, { customer }));
  const seen: number[] = [];
  let cursor = "";
  for (let pages = 1;; pages++) {
    const path = `/orders?customer=${customer}&limit=3&cursor=${cursor}`;
    const { status, body } = await ask(api, "GET", path);
    assert.equal(status, 200);
    seen.push(...body.data.map(({ id }: { id: number }) => id));
    await storeOrder(db, { customer });
    if (body.next_cursor === null) {
      assert.equal(pages, 3);
      break;
    }
    cursor = body.next_cursor;
  }
  assert.deepEqual(seen, ids);
});

Deno.test("GET /orders filters by status, customer and time of placing, together", async () => {
  const { db } = api.deps;
  const customer = `C-${crypto.randomUUID()}`;
  const store = (status: "PAID" | "PENDING" | "FAILED", placedAt: string) =>
    storeOrder(db, { customer, status, placedAt });
  const first = await store("PAID", "2024-01-31 23:59:59.999999");
  const second = await store("PENDING", "2024-02-01 00:00:00");
  const third = await store("FAILED", "2024-02-02 23:59:59.999");
  const fourth = await store("PENDING", "2024-02-03 00:00:00");
  const ids = async (query: string) => {
    const { status, body } = await ask(api, "GET", `/orders?customer=${customer}${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body.data.map(({ id }: { id: number }) => id);
  };
  assert.deepEqual(await ids(""), [fourth, third, second, first]);
  assert.deepEqual(await ids("&status=&from=&to=&limit=&cursor="), [fourth, third, second, first]);
  assert.deepEqual(await ids("&status=PENDING"), [fourth, second]);
  assert.deepEqual(await ids("&status=FAILED"), [third]);
  assert.deepEqual(await ids("&status=RESERVED"), []);
  assert.deepEqual(await ids("&from=2024-02-01"), [fourth, third, second]);
  assert.deepEqual(await ids("&to=2024-02-02"), [third, second, first]);
  assert.deepEqual(await ids("&from=2024-02-01&to=2024-02-01"), [second]);
  assert.deepEqual(await ids("&from=2024-02-01T00:00:00.001Z&to=2024-02-03T00:00:00Z"), [
    fourth,
    third,
  ]);
  assert.deepEqual(await ids("&from=2024-02-03T01:00:00%2B01:00"), [fourth]);
  assert.deepEqual(await ids("&status=PENDING&to=2024-02-02"), [second]);
});

Deno.test("GET /orders finds a customer by the shop's id first, then by the database's", async () => {
  const { db } = api.deps;
  const own = await storeOrder(db);
  const { body: { customer: { id: customerId } } } = await ask(api, "GET", `/orders/${own}`);
  const listed = async (customer: string | number) => {
    const { body } = await ask(api, "GET", `/orders?customer=${customer}`);
    return body.data.map(({ id }: { id: number }) => id);
  };
  assert.deepEqual(await listed(customerId), [own]);
  const namesake = await storeOrder(db, { customer: String(customerId) });
  assert.deepEqual(await listed(customerId), [namesake]);
  assert.deepEqual(await listed("nobody"), []);
  assert.deepEqual(await listed("99999999999999999999"), []);
});

Deno.test("GET /orders and its file refuse a beginning that means more addresses than they look through", async () => {
  const { db } = api.deps;
  const id = await storeOrder(db, { customer: "swarm" });
  const found = await ask(api, "GET", "/orders?q=swarm");
  assert.deepEqual(found.body.data.map((order: { id: number }) => order.id), [id]);
  await storeAddresses(db, id, "swarm");
  for (const path of ["/orders?q=swarm", "/orders.csv?q=swarm"]) {
    const refused = await ask(api, "GET", path);
    assertProblem(refused, 400, "bad-request");
    assert.equal(refused.body.errors[0].parameter, "q");
  }
  assert.equal((await ask(api, "GET", "/orders?q=swarm&customer=swarm")).status, 400);
  assert.equal((await ask(api, "GET", "/orders?customer=swarm")).status, 200);
});

Deno.test("POST /orders/{id}/cancel cancels an open order and tells the customer", async () => {
  for (const status of ["PENDING", "RESERVED"] as const) {
    const id = await storeOrder(api.deps.db, { status });
    for (let time = 1; time <= 2; time++) {
      const answer = await ask(api, "POST", `/orders/${id}/cancel`);
      assert.equal(answer.status, 200);
      assert.equal(answer.body.id, id);
      assert.equal(answer.body.status, "CANCELLED");
      assert.match(answer.body.settled_at, /Z$/);
    }
    const [notification] = await messagesOf("notifications", id);
    assert.equal(notification?.type, "notify.order");
    const { body } = await ask(api, "GET", `/orders/${id}`);
    assert.deepEqual(body.timeline.map(({ event }: { event: string }) => event), ["cancelled"]);
  }
});

Deno.test("POST /orders/{id}/cancel refuses a settled order", async () => {
  for (const status of ["PAID", "FAILED"] as const) {
    const id = await storeOrder(api.deps.db, { status });
    assertProblem(
      await ask(api, "POST", `/orders/${id}/cancel`),
      409,
      "order-not-cancellable",
    );
    assert.equal((await ask(api, "GET", `/orders/${id}`)).body.status, status);
    assert.deepEqual(await messagesOf("notifications", id), []);
  }
  assertProblem(await ask(api, "POST", "/orders/999999999/cancel"), 404, "not-found");
});

Deno.test("a body that is no JSON is a bad-request, as the guide says", async () => {
  for (const path of ["/orders", "/orders/1/refunds"]) {
    const response = await api.app.request(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{",
    });
    assert.equal(response.status, 400);
    const { type } = await response.json();
    assert.equal(type, "/problems/bad-request");
  }
});
