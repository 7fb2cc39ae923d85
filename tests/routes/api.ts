import assert from "node:assert/strict";
import type { Hono } from "hono";
import { type Config, parseConfig } from "../../config/config.ts";
import { kpiDayIn } from "../../domain/kpi/kpi.ts";
import { type Log, makeLog, silentLog } from "../../domain/operation/log.ts";
import type { OrderStatus } from "../../domain/order/order.ts";
import { type Database, openDatabase } from "../../db/connection/database.ts";
import { endOldKeys } from "../../db/payments/installation.ts";
import { maxAddresses } from "../../db/orders/order_search.ts";
import { makeApp } from "../../routes/app.ts";
import type { AppDeps } from "../../routes/deps.ts";
import { keysFor } from "../../streams/redis/keys.ts";
import { openRedis } from "../../streams/redis/redis.ts";
import { migrateTest } from "../migrated.ts";
import { type TestContext, testContext } from "../support.ts";

/** The API on a database and a key prefix of its own. */
export interface Api {
  test: TestContext;
  deps: AppDeps;
  app: Hono;
  /** Settings that a child process needs for the same engines and keys. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** Opens the API for one test file; `name` as in `testContext`. */
export async function openApi(
  name: string,
  settings: Record<string, string> = {},
  log: Log = silentLog,
): Promise<Api> {
  const test = await testContext(name);
  const env = {
    DATABASE_URL: test.databaseUrl,
    REDIS_URL: test.redisUrl,
    REDIS_PREFIX: test.redisPrefix,
    ...settings,
  };
  const config: Config = parseConfig(env);
  await migrateTest(config.databaseUrl);
  const db = await openDatabase(config.databaseUrl);
  await endOldKeys(db);
  const redis = await openRedis(config.redisUrl);
  const deps: AppDeps = {
    background: new Set(),
    config,
    db,
    redis,
    keys: keysFor(config.redisPrefix, config.baseCurrency, config.kpiTimezone),
    log,
    baseCurrency: config.baseCurrency,
    kpiDay: kpiDayIn(config.kpiTimezone),
  };
  return {
    test,
    deps,
    app: makeApp(deps),
    env,
    async close() {
      redis.disconnect();
      await db.close();
      await test.close();
    },
  };
}

/** Waits for the end of all imports that were begun; who follows their events looks twice a second. */
export async function importsEnded({ deps }: Pick<Api, "deps">): Promise<void> {
  await Promise.all(deps.background!);
}

/** A log that keeps its lines. */
export function recordedLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    log: makeLog({ level: "debug", format: "json", now: () => "" }, (line) => lines.push(line)),
  };
}

/** A status, the headers and the JSON body of an answer. */
export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** Asks the API; a body that is no string is sent as JSON. */
export async function ask(
  { app }: Pick<Api, "app">,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await app.request(path, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? null : JSON.parse(text),
  };
}

/** Asserts that an answer is a well-formed problem document of this status. */
export function assertProblem(answer: Answer, status: number, type?: string): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
  assert.equal(answer.body.status, status);
  for (const field of ["type", "title", "detail"]) {
    assert.equal(typeof answer.body[field], "string", `${field} of ${JSON.stringify(answer.body)}`);
  }
  if (type !== undefined) assert.equal(answer.body.type, `/problems/${type}`);
}

/** An order as a caller sends it; every one has another id. */
export function orderBodyOf(changes: Record<string, unknown> = {}) {
  return {
    external_order_id: `W-${crypto.randomUUID()}`,
    placed_at: "2024-05-06T07:08:09Z",
    currency: "EUR",
    customer: { external_id: "C-1", email: "ann@example.com", name: "Ann" },
    items: [{ sku: "TEA", name: "Tea", unit_price_cents: 450, qty: 2 }],
    ...changes,
  };
}

/** Orders like another one, each for an address of its own, one more than a search by an e-mail's beginning takes. */
export async function storeAddresses(db: Database, like: number, beginning: string): Promise<void> {
  const numbers = Array.from({ length: maxAddresses + 1 }, (_, n) => n);
  await db.run(
    `
    insert into orders
      (external_order_id, customer_id, status, currency, total_cents, content_hash, placed_at,
       settled_time, recipient_name, recipient_email)
    select concat(?, j.n), customer_id, status, currency, total_cents, content_hash, placed_at,
      settled_time, recipient_name, concat(?, '-', j.n, '@example.com')
    from json_table(?, '$[*]' columns (n int path '$')) j
    straight_join orders on orders.id = ?`,
    [`S-${crypto.randomUUID()}-`, beginning, JSON.stringify(numbers), like],
  );
  await db.run(
    `
    insert into order_addresses (order_id, email)
    select id, recipient_email
    from orders
    where recipient_email like concat(?, '-%')`,
    [beginning],
  );
}

/** An order to put into the database directly. */
export interface StoredOrder {
  status?: OrderStatus;
  totalCents?: number;
  currency?: string;
  placedAt?: string;
  customer?: string;
}

/**
 * Puts an order straight into the tables, with one item, and with a payment where it is `PAID`.
 *
 * @returns its id
 */
export async function storeOrder(db: Database, order: StoredOrder = {}): Promise<number> {
  const {
    status = "PAID",
    totalCents = 1_000,
    currency = "EUR",
    placedAt = "2024-05-06 07:08:09",
    customer = `C-${crypto.randomUUID()}`,
  } = order;
  const isOpen = status === "PENDING" || status === "RESERVED";
  const settled = isOpen ? "1000-01-01 00:00:00" : "2024-05-06 08:00:00";
  return await db.transaction(async (tx) => {
    await tx.run(
      `
      insert into customers (external_id, email, name)
      values (?, ?, ?)
      on duplicate key update name = name`,
      [customer, `${customer}@example.com`, `Name of ${customer}`],
    );
    await tx.run(
      `
      insert into products (sku, name, price_cents, stock_qty, received_qty)
      values ('TEA', 'Tea', 100, 100000, 100000)
      on duplicate key update name = name`,
    );
    const { insertId: orderId } = await tx.run(
      `
      insert into orders
        (external_order_id, customer_id, status, failure_reason, currency, total_cents, content_hash,
         placed_at, settled_time, recipient_name, recipient_email)
      select ?, id, ?, ?, ?, ?, ?, ?, ?, name, email
      from customers
      where external_id = ?`,
      [
        `S-${crypto.randomUUID()}`,
        status,
        status === "FAILED" ? "insufficient_stock" : null,
        currency,
        totalCents,
        new Uint8Array(16),
        placedAt,
        settled,
        customer,
      ],
    );
    await tx.run(
      `
      insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
      select ?, id, ?, 1, ?
      from products
      where sku = 'TEA'`,
      [orderId, totalCents, totalCents],
    );
    if (status === "RESERVED" || status === "PAID") {
      await tx.run("update products set stock_qty = stock_qty - 1 where sku = 'TEA'");
    }
    if (status === "PAID") {
      await tx.run(
        `
        insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
        values (?, 'simulated', ?, ?, 'SUCCEEDED', ?)`,
        [orderId, `ref-${orderId}`, totalCents, settled],
      );
    }
    return orderId;
  });
}
