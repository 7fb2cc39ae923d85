import assert from "node:assert/strict";
import fc from "fast-check";
import { formatApiToken, type Scope, tokenHash } from "../../../domain/operation/api_token.ts";
import { parseConfig } from "../../../config/config.ts";
import { entryOf, groups } from "../../../domain/messages/messages.ts";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { neededScopes } from "../../../routes/middleware/access.ts";
import { makeApp } from "../../../routes/app.ts";
import { resumeGroup } from "../../../streams/queue/pause_group.ts";
import { openSettled, type SettledWorkflow, verifyNow } from "../../settled_workflow.ts";
import { anOrder, askedKey } from "../../workflow.ts";
import { recordedLog } from "../api.ts";
import { providerSecret, signatureOf } from "../api/payments/callbacks.ts";
import { assertHarmless, send, show } from "./harmless.ts";
import { type Attack, attacksOn, attacksOnPage, type Vocabulary } from "./hostile_requests.ts";
import { type Document, operationsOf } from "../api/description/schema_values.ts";

/** Another number makes other requests. */
const seed = 20_260_105;

/** Requests to each operation, and to each page. */
const runs = { operation: 100, page: 50 } as const;

const entry = (name: string, scopes: Scope[]) =>
  formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });

const recorded = recordedLog();
let flow: SettledWorkflow;
let app: ReturnType<typeof makeApp>;
const background = new Set<Promise<void>>();

Deno.test.beforeAll(async () => {
  flow = await openSettled("fuzz_routes");
  const config = parseConfig({
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    API_TOKENS: [entry("boss", ["admin"]), entry("reader", ["read"])].join(),
    RATE_LIMIT: "0",
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: providerSecret,
  });
  app = makeApp({ ...flow, config, log: recorded.log, background });
});
Deno.test.afterAll(() => flow.close());

/** What was changed by requests that were answered with success. */
const done = {
  orders: new Set<number>(),
  refunds: new Set<number>(),
  keys: new Set<string>(),
  callbacks: 0,
};
const cancelled = new Set<string>();

function note({ method, target, body }: Attack, response: Response, text: string): void {
  const path = target.split("?")[0]!;
  if (method !== "POST") return;
  if (response.status === 202 && path === "/payments/callback") done.callbacks++;
  if (response.status === 202 && path === "/orders") done.orders.add(JSON.parse(text).id);
  if (response.status === 200 && path === "/orders/batch") {
    const isArray = text.trimStart().startsWith("[");
    const lines = isArray
      ? JSON.parse(text)
      : text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    for (const { status, order } of lines) if (status === 202) done.orders.add(order.id);
  }
  if (response.status === 202 && path.endsWith("/refunds")) done.refunds.add(JSON.parse(text).id);
  if (response.status === 200 && path.endsWith("/cancel")) cancelled.add(path.split("/")[2]!);
  if (response.status !== 303) return;
  if (path.endsWith("/cancel")) cancelled.add(path.split("/")[3]!);
  const form = new URLSearchParams(new TextDecoder().decode(body));
  if (path.endsWith("/refund")) done.keys.add(form.getAll("key").at(-1)!.trim());
}

const as = (name: string): [string, string] => ["authorization", `Bearer ${name}-secret`];

/** Sends an attack as somebody who may do everything, and now and then as somebody who may not. */
async function strike(attack: Attack, who: number): Promise<void> {
  const weak = who === 0 ? [as("reader")] : who === 1 ? [] : undefined;
  const mine = who % 2 === 0 && attack.target.startsWith("/payments/callback")
    ? await signed(attack, who)
    : attack;
  const sent = { ...mine, headers: [...weak ?? [as("boss")], ...mine.headers] };
  const { response, text } = await send(app, sent);
  assertHarmless(sent, response, text, flow.test);
  const needed = neededScopes(attack.method, new URL(attack.target, "http://localhost").pathname);
  const open = needed === "nothing" || (who === 0 && needed.includes("read"));
  if (weak !== undefined && !open) {
    assert.ok(response.status >= 303, `${show(sent)} was let in with ${response.status}`);
  } else {
    note(attack, response, text);
  }
}

/** The attack as the payment provider would make it: under its signature, and about an order that is there. */
async function signed(attack: Attack, orderId: number): Promise<Attack> {
  const isThere = (await flow.rows("select 1 from orders where id = ?", [orderId])).length > 0;
  const key = isThere ? await askedKey(flow.db, orderId) : `order-${orderId}`;
  const body = new TextDecoder().decode(attack.body)
    .replace(/("idempotency_key":)"[^"]*"/, `$1"${key}"`)
    .replace(/("currency":)"[A-Z]{3}"/, '$1"EUR"');
  return {
    ...attack,
    body: new TextEncoder().encode(body),
    headers: [
      ...attack.headers.filter(([name]) => !name.startsWith("webhook-")),
      ...Object.entries(signatureOf(body)),
    ],
  };
}

const who = fc.nat(19);

async function fuzz(arbitrary: fc.Arbitrary<Attack>, numRuns: number): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, who, strike), { seed, numRuns, endOnFailure: true });
}

/** Letters about orders, each under a message of its own. */
async function storeDeadLetters(orderIds: readonly number[]): Promise<void> {
  await deadLetterMessages(
    flow.db,
    orderIds.map((orderId) => ({
      group: "notifications",
      messageId: `${lastMessage += 1}-${orderId}`,
      orderId,
      refundId: null,
      amountCents: 100,
      currency: "EUR",
      payload: JSON.stringify(
        entryOf({ type: "notify.order", orderId, amountCents: 100, currency: "EUR" }),
      ),
      error: "it failed",
      attempts: 5,
      firstSeenMs: Date.now(),
    })),
  );
}

let lastMessage = 0;

Deno.test("hostile requests to every operation and page do no harm and change only what they are told", async () => {
  const { rows } = flow;
  const open = await flow.add(
    Array.from({ length: 40 }, (_, n) => anOrder(`open-${n}`, [{ sku: "a", qty: 1 }])),
  );
  const { paid, declined, dollars, refund } = flow.ids;
  const letters = () => storeDeadLetters([paid, declined]);
  await letters();
  const counts = async () => {
    const [row] = await rows(`
      select
        (select count(*) from orders) as orders,
        (select coalesce(sum(orders_new), 0) from imports where dry_run = 0) as imported,
        (select max(id) from refunds) as last_refund`);
    return { orders: Number(row!.orders), imported: Number(row!.imported) };
  };
  const before = await counts();

  const ids = fc.oneof(
    fc.constantFrom(paid, declined, dollars, refund, ...open.map(({ orderId }) => orderId!)),
    fc.constantFrom(0, 1, 2, 3, 999_999, Number.MAX_SAFE_INTEGER),
  ).map(String);
  const document = await (await app.request("/openapi.json")).json() as Document;
  for (const described of operationsOf(document)) {
    await fuzz(attacksOn(described, ids), runs.operation);
  }
  const pages = [
    ...new Map(
      app.routes
        .filter(({ method, path }) =>
          method !== "ALL" && document.paths[
              path.replace(/:(\w+)/g, "{$1}")
            ] === undefined
        )
        .map(({ method, path }) => [`${method} ${path}`, { method, path }]),
    ).values(),
  ];
  assert.ok(pages.length > 25);
  // The API has decided about the first ones, and the page shows its form for open ones alone.
  await letters();
  const vocabulary = await vocabularyOf(pages, String(paid));
  assert.ok(vocabulary.has("amount") && vocabulary.has("verb"), [...vocabulary.keys()].join());
  for (const page of pages) await fuzz(attacksOnPage(page, ids, vocabulary), runs.page);

  await Promise.all(background);
  for (const group of groups) await resumeGroup(flow, group);
  await flow.drain();
  const report = await verifyNow(flow);
  assert.ok(report.ok, JSON.stringify(report));

  const after = await counts();
  const good = [
    ...[done.orders.size, done.refunds.size, cancelled.size, after.imported],
    done.callbacks,
  ];
  assert.ok(good.every((count) => count > 0), `some requests are good: ${good}`);
  assert.equal(after.orders - before.orders, done.orders.size + after.imported - before.imported);
  for (
    const { id, idempotency_key: key } of await rows("select id, idempotency_key from refunds")
  ) {
    const told = Number(id) === refund || done.refunds.has(Number(id)) ||
      done.keys.has(String(key));
    assert.ok(told, `refund ${id} came from nowhere`);
  }
  for (const { id } of await rows("select id from orders where status = 'CANCELLED'")) {
    assert.ok(cancelled.has(String(id)), `order ${id} was cancelled by nobody`);
  }
  // A signed answer about an unknown order or charge is one that somebody has to look at.
  const expected = ["callback fits no order", "callback of an unknown charge"];
  const errors = recorded.lines.map((line) => JSON.parse(line))
    .filter(({ level, event }) => level === "error" && !expected.includes(event));
  assert.deepEqual(errors, []);
});

/** Names of all fields on the pages, with the values that stand in them. */
async function vocabularyOf(
  pages: readonly { method: string; path: string }[],
  id: string,
): Promise<Vocabulary> {
  const words = new Map<string, Set<string>>();
  for (const { method, path } of pages) {
    if (method !== "GET" || path.endsWith("/live")) continue;
    const real = path.replace(/:group\{(\w+).*?\}/, "$1").replace(/:\w+(\{[^}]+\}\})?/, id);
    const response = await app.request(`${real}?ids=1&verb=retry`, {
      headers: Object.fromEntries([as("boss")]),
    });
    if (!response.headers.get("content-type")?.startsWith("text/html")) continue;
    const html = await response.text();
    for (const [field] of html.matchAll(/<(?:input|select|option|button)\b[^>]*>/g)) {
      const name = / name="([^"]+)"/.exec(field)?.[1];
      if (name === undefined) continue;
      const values = words.get(name) ?? new Set([""]);
      values.add(/ value="([^"]*)"/.exec(field)?.[1] ?? "1");
      words.set(name, values);
    }
  }
  words.set("amount", new Set(["0.01", "1"]));
  words.set("which", new Set(["part", "all"]));
  // They stand on the question after a form alone.
  words.set("confirmed", new Set(["yes"]));
  words.set("cents", new Set(["1", "100"]));
  words.set("key", new Set(["fuzz-1", "fuzz-2", "fuzz-3"]));
  return new Map([...words].map(([name, values]) => [name, [...values]]));
}
