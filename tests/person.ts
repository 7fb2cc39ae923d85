/**
 * A person who stands in every place where one can, and the search for what is left of them.
 *
 * @module
 */

import { makeApp } from "../routes/app.ts";
import { parseConfig } from "../config/config.ts";
import { addRejects, createImport, finishImport } from "../db/imports/imports.ts";
import { noCounts } from "../domain/import/import_counts.ts";
import { rejectsCsv } from "../domain/import/rejects_csv.ts";
import { guestOf } from "../domain/order/guest.ts";
import { unpackText } from "../db/clients/packed_text.ts";
import type { RedisClient } from "../streams/redis/redis.ts";
import { deliverOnce } from "../streams/notifications/deliver_notifications.ts";
import { publish } from "../streams/workflow/publish.ts";
import { takeDump } from "./dump.ts";
import { askRefund } from "./settled_workflow.ts";
import type { NotificationSender } from "../streams/notifications/notification_sender.ts";
import { anOrder, type Workflow } from "./workflow.ts";

/** Who is to be erased, by their own word in each place. */
export const mara = {
  externalId: "C-Mara7001",
  email: "Mara.Zweig@example.com",
  name: 'Mara "Mary" Zweig-Öl',
};

/** Whom an order of hers is for. */
const jonas = { externalId: mara.externalId, email: "jonas.lind@example.org", name: "Jonas Lind" };

/** What must not be left anywhere, in upper or lower case. */
export const namesOfMara = [
  mara.externalId,
  mara.email,
  mara.name,
  "Zweig",
  jonas.email,
  jonas.name,
];

const columns = [
  "external_order_id",
  "customer_id",
  "customer_email",
  "customer_name",
  "product_sku",
];

/** Has the person in every place there is, all of it over. */
export async function spread(flow: Workflow): Promise<void> {
  await flow.add([anOrder("O-1", [{ sku: "a", qty: 1 }], {
    customer: { externalId: "C-8", email: "otto@example.net", name: "Otto Berg" },
  })]);
  await flow.add([
    anOrder("M-1", [{ sku: "a", qty: 2 }], {
      customer: mara,
      language: "de-AT",
      adjustments: [{
        kind: "shipping",
        label: `To ${mara.name}`,
        amountCents: 200,
        included: false,
      }],
    }),
    anOrder("M-2", [{ sku: "a", qty: 1_000 }], { customer: mara }),
    anOrder("M-3", [{ sku: "a", qty: 1, unitPriceCents: 101 }], { customer: jonas }),
    anOrder("M-4", [{ sku: "a", qty: 1 }], { customer: guestOf(mara.email, mara.name, "M-4") }),
    anOrder("O-2", [{ sku: "a", qty: 1 }], { customer: { ...mara, externalId: "C-8" } }),
  ]);
  await placeUnderKeys(flow, "k-1");
  await flow.drain();
  await failDeliveries(flow);
  const [paid] = await flow.rows("select id from orders where external_order_id = 'M-1'");
  const orderId = Number(paid!.id);
  const message = await askRefund(flow, orderId, 50);
  await publish(flow, [{ message }]);
  await flow.rows("update refunds set reason = ? where order_id = ?", [
    `${mara.name} rang`,
    orderId,
  ]);
  await flow.rows(
    "update order_events set detail = ? where order_id = ? and event = 'refund_requested'",
    [`${mara.name} rang`, orderId],
  );
  await flow.drain();
  await leaveDeadLetters(flow, orderId);
  await leaveRejects(flow);
  await leaveReconciled(flow, orderId);
  await leaveBesideOrders(flow);
}

/** What people called files and wrote about units that came back, and how a gift was to be paid. */
async function leaveBesideOrders({ rows }: Workflow): Promise<void> {
  const said = `sent back by ${mara.name}`;
  await rows("insert into imports (source, status) values (?, 'DONE')", [
    `orders of ${mara.name}.csv`,
  ]);
  await rows(
    "insert into stock_files (digest, round, name, actor) values (repeat('s', 32), 1, ?, 'test')",
    [`${mara.email}.csv`],
  );
  await rows(
    `
    insert into stock_movements (product_id, kind, qty, stock_qty, actor, detail)
    select id, 'received', 1, stock_qty, 'test', ? from products where sku = 'a'`,
    [said],
  );
  await rows(
    `
    insert into payment_instructions (order_id, method, description)
    select id, 'pm_gift', ? from orders where external_order_id = 'O-2'`,
    [`A gift for ${mara.name}`],
  );
}

/** What people and a provider wrote about money that did not agree. */
async function leaveReconciled({ rows }: Workflow, orderId: number): Promise<void> {
  const said = `${mara.name} rang`;
  await rows(
    `
    insert into reconciliations (provider, source, name, digest, period_from, period_to, state, actor, error)
    values ('simulated', 'report', ?, repeat('d', 32), '2026-01-05', '2026-01-06', 'DONE', 'test', ?)`,
    [`report of ${mara.email}.csv`, said],
  );
  for (const [identity, of] of [["i".repeat(16), orderId], ["j".repeat(16), 0]] as const) {
    await rows(
      `
      insert into discrepancies (reconciliation_id, provider, kind, identity, state, day, movement, order_id, action,
        note, answer, ended_at)
      values (1, 'simulated', 'late', ?, 'EXPLAINED', '2026-01-05', 'charge', nullif(?, 0), 'explain', ?, ?, '2026-01-07')`,
      [identity, of, said, said],
    );
  }
  await rows(
    `
    insert into chargebacks (provider, provider_ref, charge_ref, state, amount_cents, currency, reason, opened_at, told_at,
      lowers_revenue)
    values ('simulated', 'dp_told', 'ch_told', 'won', 100, 'EUR', ?, '2026-01-05', '2026-01-05', 'opened')`,
    [said],
  );
}

/** An order over HTTP, alone and in batches, whose answers are kept. */
export async function placeUnderKeys(
  { test, ...flow }: Workflow,
  key: string,
): Promise<void> {
  const config = parseConfig({
    DATABASE_URL: test.databaseUrl,
    REDIS_URL: test.redisUrl,
    REDIS_PREFIX: test.redisPrefix,
  });
  const body = {
    external_order_id: "M-5",
    placed_at: "2025-03-01T12:00:00Z",
    currency: "EUR",
    customer: { external_id: mara.externalId, email: mara.email, name: mara.name },
    items: [{ sku: "a", name: "A", unit_price_cents: 100, qty: 1 }],
  };
  const app = makeApp({ ...flow, config, background: new Set() });
  const answer = await app.request("/orders", {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", "idempotency-key": key },
  });
  if (!answer.ok) throw new Error(await answer.text());
  for (const type of ["application/x-ndjson", "application/json"]) {
    const batch = await app.request("/orders/batch", {
      method: "POST",
      body: JSON.stringify(type === "application/json" ? [body, body] : body),
      headers: { "content-type": type, "idempotency-key": `${key}-${type}` },
    });
    if (!(await batch.text()).includes(mara.email)) throw new Error("The batch names nobody");
  }
}

/** Receivers that refuse by name; their answers are kept, and all of it waits to be sent again. */
async function failDeliveries(flow: Workflow): Promise<void> {
  for (const channel of ["email", "webhook"] as const) {
    const sender: NotificationSender = {
      channel,
      endpoint: null,
      concurrency: 10,
      maxMs: 1_000,
      send: ({ customer: { email, name } }) =>
        Promise.resolve({
          statusCode: 550,
          reply: `550 ${email} has moved`,
          error: `${name} refused`,
        }),
      close: () => {},
    };
    await deliverOnce(flow, sender);
  }
}

async function leaveDeadLetters(flow: Workflow, orderId: number): Promise<void> {
  await flow.rows(
    `
    insert into dead_letters (group_name, message_id, order_id, payload, error, attempts, status, first_seen_at)
    values ('refunds', '1-1', ?, 'refund.process 1', ?, 5, 'DISCARDED', current_timestamp(6)),
      ('orders', '1-2', null, ?, 'not readable', 1, 'DEAD', current_timestamp(6))`,
    [orderId, `the provider says: ${mara.name} has no account`, `["x", "to ${mara.email}"]`],
  );
}

async function leaveRejects({ db }: Workflow): Promise<void> {
  const id = await createImport(db, `orders of ${mara.email}.csv`);
  const text = rejectsCsv({ header: columns });
  const row = (line: number, ...fields: string[]) =>
    text.lineOf({ line, fields, reason: "qty: must be an integer" });
  await addRejects(db, id, 0, text.header);
  await addRejects(
    db,
    id,
    1,
    row(2, "R-1", "C-8", "otto@example.net", "Otto Berg", "a") +
      row(3, "R-2", mara.externalId, "", "", "a") +
      row(4, "R-3", "", mara.email.toUpperCase(), "M.", "=a") +
      row(5, "R-4", "C-9", "nine@example.com", "Nina, the\nninth", "a"),
  );
  await finishImport(db, id, noCounts(), {
    status: "DONE",
    reasons: [
      { reason: `customer_email: ${mara.email} has moved`, rows: 1 },
      { reason: "qty: must be an integer", rows: 3 },
    ] as never,
  });
}

/** Where the person is still named: tables with columns, and keys of Redis. */
export async function placesNaming(
  { test, redis }: Pick<Workflow, "test" | "redis">,
  names: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  const forms = names.flatMap((name) => [name, JSON.stringify(name).slice(1, -1)])
    .map((name) => name.toLowerCase());
  const look = (place: string, value: unknown) => {
    const text = value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
    const said = text.toLowerCase();
    if (forms.some((form) => said.includes(form))) found.push(`${place}: ${text.slice(0, 200)}`);
  };
  for (const [table, { columns, rows }] of await takeDump(test.databaseUrl)) {
    for (const row of rows) {
      row.forEach((value, at) => {
        look(`${table}.${columns[at]}`, value);
        const packed = /^"(H4sI[^"]*)"$/.exec(String(value))?.[1];
        if (packed !== undefined) look(`${table}.${columns[at]} packed`, unpackText(packed));
      });
    }
  }
  for (const key of await redis.keys(`${test.redisPrefix}*`)) {
    look(`redis ${key}`, [key, ...await valuesOf(redis, key)].join("\n"));
  }
  return found;
}

async function valuesOf(redis: RedisClient, key: string): Promise<unknown[]> {
  switch (await redis.type(key)) {
    case "string":
      return [(await redis.getBuffer(key))?.toString("latin1"), await redis.get(key)];
    case "hash":
      return Object.entries(await redis.hgetall(key));
    case "zset":
      return await redis.zrange(key, 0, -1);
    case "set":
      return await redis.smembers(key);
    case "list":
      return await redis.lrange(key, 0, -1);
    case "stream":
      return (await redis.xrange(key, "-", "+")).flat(3);
    default:
      throw new Error(`${key} is of a type that nobody looks into`);
  }
}
