/**
 * How long each migration takes on full tables, and how long others wait meanwhile.
 *
 * @module
 */

import { type Database, openDatabase } from "../../db/connection/database.ts";
import { migrate, type Migration, migrationStatus } from "../../db/connection/migrate.ts";
import { type Figure, figure } from "./figures.ts";
import type { Stage } from "./stage.ts";

/** The first migration that found full tables anywhere; those before it made them. */
const firstOnFull = 8;

/** Rows to a statement that fills a table. */
const rowsPerFill = 100_000;

/** The tables that grow with the orders, and a change of one row that is right before and after every migration. */
const changes: Readonly<Record<string, string>> = {
  customers: "update customers set name = name where id = ?",
  orders: "update orders set refunded_cents = refunded_cents where id = ?",
  order_items: "update order_items set qty = qty where id = ?",
  order_events: "update order_events set attempt = attempt where id = ?",
  payments: "update payments set amount_cents = amount_cents where id = ?",
  refunds: "update refunds set amount_cents = amount_cents where id = ?",
  notification_logs: "update notification_logs set success = success where id = ?",
};

/** Between two changes of one table, in milliseconds. */
const pauseMs = 5;

/** Waits below this are those of a machine that has something else to do, in milliseconds. */
const noiseMs = 50;

/**
 * Fills the tables as they were before the first migration that anybody's orders have met, applies one after the other,
 * and changes a row of each large table all the time.
 */
export async function benchMigrations(stage: Stage): Promise<Figure[]> {
  const { database } = stage.engines;
  const databaseUrl = database.adminUrl("orders_bench_migrations");
  await migrate(databaseUrl);
  const db = await openDatabase(databaseUrl, { connections: 12 });
  try {
    const later = await takeBack(db, databaseUrl);
    await fill(db, stage);
    const figures: Figure[] = [];
    for (const { version, name } of later) {
      await db.run("delete from schema_migrations where version = ?", [version]);
      const load = changeRows(db, stage.orders);
      const startedAt = performance.now();
      await migrate(databaseUrl);
      const ms = performance.now() - startedAt;
      const waits = await load.stop();
      stage.log(`${name}: ${(ms / 1_000).toFixed(2)} s ${JSON.stringify(waits)}`);
      figures.push(figure(`migration ${name}`, "s", [ms / 1_000]));
      for (const [table, waitMs] of Object.entries(waits)) {
        figures.push(figure(`migration ${name}: longest wait for ${table}`, "ms", [waitMs]));
      }
    }
    return figures;
  } finally {
    await db.runText(`drop database ${new URL(databaseUrl).pathname.slice(1)}`);
    await db.close();
  }
}

/** Makes the schema anew as it was then. @returns what is still to be applied; for now it is noted as if it was */
async function takeBack(db: Database, databaseUrl: string): Promise<Migration[]> {
  const later = (await migrationStatus(databaseUrl)).filter(({ version }) =>
    version >= firstOnFull
  );
  await db.transaction(async (connection) => {
    await connection.runText("set foreign_key_checks = 0");
    const tables = await connection.query(`
      select table_name as name
      from information_schema.tables
      where table_schema = database() and table_name <> 'schema_migrations'`);
    for (const { name } of tables) await connection.runText(`drop table \`${name}\``);
    await connection.runText("set foreign_key_checks = 1");
  });
  await db.run("delete from schema_migrations where version < ?", [firstOnFull]);
  await migrate(databaseUrl);
  return later;
}

/** Two items, four steps, a payment and a notification an order; one in twenty is refunded. */
async function fill(db: Database, { orders, log }: Stage): Promise<void> {
  await db.runText(`
    insert into products (id, sku, name, price_cents, stock_qty, received_qty)
    select n, concat('S', n), 'Tea towel', 250, 1000000, 2000000
    from (${numbers(1_000)}) numbers`);
  const one = "2026-01-05 10:00:00";
  for (let from = 0; from < orders; from += rowsPerFill) {
    const rows = `(${numbers(Math.min(rowsPerFill, orders - from), from)}) numbers`;
    const statements = [
      `insert into customers (id, external_id, email, name)
      select n, concat('C', n), concat('c', n, '@example.com'), 'Ann Example' from ${rows}`,
      `insert into orders (id, external_order_id, customer_id, status, currency, total_cents, content_hash,
        placed_at, reserved_at, settled_at)
      select n, concat('O', n), n, 'PAID', 'EUR', 1000, repeat('x', 16), '${one}', '${one}', '${one}' from ${rows}`,
      ...[0, 1].map((item) =>
        `insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
        select n, 1 + (n * 7 + ${item}) % 1000, 250, 2, 500 from ${rows}`
      ),
      ...["created", "reserved", "charged", "paid"].map((event) =>
        `insert into order_events (order_id, event, actor)
        select n, '${event}', 'shop.example:7:0123456789ab' from ${rows}`
      ),
      `insert into payments (id, order_id, provider, provider_ref, amount_cents, status, paid_at)
      select n, n, 'simulated', concat('ch_', n), 1000, 'SUCCEEDED', '${one}' from ${rows}`,
      `insert into notification_logs (id, order_id, customer_id, event, channel, status, total_cents, payload, success,
        sent_at)
      select n, n, n, 'order.paid', 'log', 'PAID', 1000, '{"order":{"total":"10.00 EUR"}}', 1, '${one}' from ${rows}`,
      `insert into refunds (order_id, amount_cents, status, idempotency_key, processed_at)
      select n, 100, 'PROCESSED', concat('k', n), '${one}' from ${rows} where n % 20 = 0`,
    ];
    for (const statement of statements) await db.runText(statement);
    log(`${Math.min(orders, from + rowsPerFill)} orders`);
  }
}

/** A query of the numbers after one, in their order. */
function numbers(count: number, after = 0): string {
  const digits = "(" +
    Array.from({ length: 10 }, (_, digit) => `select ${digit} as d`).join(" union all ") + ")";
  return `select n from (
    select 1 + ${after} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d as n
    from ${digits} a, ${digits} b, ${digits} c, ${digits} e, ${digits} f) every
  where n <= ${after + count} order by n`;
}

/** Changes a row of each large table again and again. */
function changeRows(db: Database, orders: number) {
  const longest: Record<string, number> = {};
  let stopped = false;
  const working = Promise.all(
    Object.entries(changes).map(async ([table, sql]) => {
      for (let n = 1; !stopped; n = n % orders + 1) {
        const startedAt = performance.now();
        // Who waits for a lock too long is sent away, and comes again.
        while (!await db.runText(sql, [n]).then(() => true, () => stopped));
        longest[table] = Math.max(longest[table] ?? 0, performance.now() - startedAt);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }),
  );
  return {
    /** @returns the longest wait for each table in ms, of those that are more than noise */
    stop: async (): Promise<Record<string, number>> => {
      stopped = true;
      await working;
      return Object.fromEntries(
        Object.entries(longest)
          .filter(([, ms]) => ms >= noiseMs)
          .map(([table, ms]) => [table, Math.round(ms)]),
      );
    },
  };
}
