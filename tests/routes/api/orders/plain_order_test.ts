import assert from "node:assert/strict";
import { tokenHash } from "../../../../domain/operation/api_token.ts";
import { plainOrders } from "../../../../routes/api/orders/plain_order.ts";
import { type Api, openApi, orderBodyOf, recordedLog } from "../../api.ts";

const secrets = { seller: "s".repeat(32), busy: "b".repeat(32), reader: "r".repeat(32) };
const entry = (name: keyof typeof secrets, scope: string) =>
  `${name}:${tokenHash(secrets[name])}:${scope}`;

const { log, lines } = recordedLog();
let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("plain_order", {
    API_TOKENS: [entry("seller", "orders+read"), entry("busy", "orders"), entry("reader", "read")]
      .join(),
    ALLOWED_HOSTS: "shop.test",
    UNKNOWN_SKU: "create",
    RATE_LIMIT: "20",
  }, log);
});
Deno.test.afterAll(() => api.close());

/** Forgets the requests that were counted. */
async function countAnew(): Promise<void> {
  const { redis, keys } = api.deps;
  const counted = await redis.keys(`${keys.rateLimit}*`);
  if (counted.length > 0) await redis.del(...counted);
}

const facts = { remoteAddr: { hostname: "192.0.2.7" } };

/** A request as a server hands it over; without a declared length it goes through the layers. */
function posting(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  { isDeclared = true, token = "seller" as keyof typeof secrets, url = "http://shop.test/orders" } =
    {},
): Request {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return new Request(url, {
    method: "POST",
    body: bytes,
    headers: {
      host: "shop.test",
      authorization: `Bearer ${secrets[token]}`,
      "content-type": "application/json",
      ...(isDeclared ? { "content-length": String(bytes.length) } : {}),
      ...headers,
    },
  });
}

/** What of an answer, and of what is logged of it, does not depend on the order or on the moment. */
async function answerOf(request: Request) {
  const logged = lines.length;
  const response = await api.app.fetch(request, facts);
  const text = await response.text();
  const own = new Set(["x-request-id", "location", "etag", "ratelimit"]);
  return {
    status: response.status,
    headers: [...response.headers].map(([name, value]) => [
      name,
      own.has(name) ? value.replaceAll(/[0-9a-f-]{3,}|\d+/g, "…") : value,
    ]),
    text: text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|"id":\d+|\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…"),
    lines: lines.slice(logged).map((line) => {
      const { request_id: _id, ms: _ms, ...fields } = JSON.parse(line);
      return fields;
    }),
  };
}

const isPlain = (request: Request) => {
  const parts = {
    countRate: () => undefined,
    takeOrder: () => Promise.reject(new Error("nothing is taken here")),
    recordRequest: () => {},
  };
  const answer = plainOrders(api.deps, parts)(request, facts);
  return answer?.then(() => true) ?? false;
};

const known = orderBodyOf();
const keyed = orderBodyOf();
const cases: Record<string, () => Parameters<typeof posting>> = {
  "a new order": () => [JSON.stringify(orderBodyOf())],
  "a known order": () => [JSON.stringify(known)],
  "another content": () => [JSON.stringify({ ...known, placed_at: "2020-01-01T00:00:00Z" })],
  "a new order under a key": () => [JSON.stringify(orderBodyOf()), {
    "idempotency-key": crypto.randomUUID(),
  }],
  "a repeated request": () => [JSON.stringify(keyed), { "idempotency-key": "repeated" }],
  "a key of another request": () => [JSON.stringify(known), { "idempotency-key": "repeated" }],
  "a key that can be none": () => ["not looked at", { "idempotency-key": "ä b" }],
  "faulty fields": () => [JSON.stringify({ ...known, items: [{}], currency: 7 })],
  "no JSON": () => ["{"],
  "no UTF-8": () => [new Uint8Array([0x22, 0xff, 0x22])],
  "a byte order mark": () => [`\uFEFF${JSON.stringify(known)}`],
  "another JSON type": () => [JSON.stringify(known), {
    "content-type": "application/vnd.shop+json; charset=utf-8",
  }],
  "an id of its own": () => [JSON.stringify(known), { "x-request-id": "from-a-proxy_1=" }],
  "an id that can be none": () => [JSON.stringify(known), { "x-request-id": "<script>" }],
  "a token without read": () => [JSON.stringify(orderBodyOf()), {}, { token: "busy" }],
};

Deno.test("plainOrders() answers as the layers do, and logs the same", async () => {
  await answerOf(posting(JSON.stringify(known)));
  await answerOf(posting(JSON.stringify(keyed), { "idempotency-key": "repeated" }));
  for (const [name, request] of Object.entries(cases)) {
    await countAnew();
    const layered = await answerOf(posting(...withoutLength(request())));
    const [body, headers, options] = request();
    const plain = posting(body, headers, options);
    assert.equal(await isPlain(plain.clone()), true, name);
    assert.deepEqual(await answerOf(plain), layered, name);
  }
});

Deno.test("plainOrders() counts against the same limit, and says so", async () => {
  const invalid = (isDeclared: boolean) => posting("{", {}, { token: "busy", isDeclared });
  await countAnew();
  for (let number = 0; number < 20; number++) {
    assert.equal((await answerOf(invalid(number % 2 === 0))).status, 400);
  }
  const refused = await answerOf(invalid(true));
  assert.equal(refused.status, 429);
  assert.deepEqual(refused, await answerOf(invalid(false)));
});

Deno.test("plainOrders() is counted by the same metrics", async () => {
  const metrics = async () => {
    const answer = await api.app.request("/metrics", {
      headers: { authorization: `Bearer ${secrets.reader}` },
    });
    const text = await answer.text();
    return text.split("\n").filter((line) => /^orders_http_requests_total.*"\/orders"/.test(line));
  };
  await countAnew();
  const earlier = await metrics();
  await answerOf(posting(JSON.stringify(known), {}, { isDeclared: false }));
  const between = await metrics();
  await answerOf(posting(JSON.stringify(known)));
  const later = await metrics();
  const changed = (from: string[], to: string[]) =>
    to.filter((line) => !from.includes(line)).map((line) => line.replace(/ \d+$/, ""));
  assert.equal(changed(earlier, between).length, 1);
  assert.deepEqual(changed(between, later), changed(earlier, between));
});

Deno.test("plainOrders() leaves everything else to the layers", async () => {
  const body = JSON.stringify(known);
  const others: Record<string, Request> = {
    "another method": new Request("http://shop.test/orders", { headers: { host: "shop.test" } }),
    "another path": posting(body, {}, { url: "http://shop.test/orders/" }),
    "a query": posting(body, {}, { url: "http://shop.test/orders?x=1" }),
    "another host": posting(body, { host: "evil.test" }, { url: "http://evil.test/orders" }),
    "a host that is not the address": posting(body, { host: "evil.test" }),
    "a web page": posting(body, { origin: "http://shop.test" }),
    "no length": posting(body, {}, { isDeclared: false }),
    "chunks": posting(body, { "transfer-encoding": "chunked" }),
    "a large body": posting(body, { "content-length": "8193" }),
    "a length that is none": posting(body, { "content-length": "many" }),
    "no body": posting("", { "content-length": "0" }),
    "a form": posting(body, { "content-type": "application/x-www-form-urlencoded" }),
    "no token": posting(body, { authorization: "" }),
    "a token that nobody has": posting(body, { authorization: "Bearer unknown" }),
    "a token for something else": posting(body, {}, { token: "reader" }),
  };
  for (const [name, request] of Object.entries(others)) {
    assert.equal(await isPlain(request), false, name);
  }
});

function withoutLength(
  [body, headers, options]: Parameters<typeof posting>,
): Parameters<typeof posting> {
  return [body, headers, { ...options, isDeclared: false }];
}
