import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { openDatabase } from "../../../db/connection/database.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { listNumberedTables } from "../../../db/recovery/database_marks.ts";
import { raiseCounters } from "../../../db/recovery/table_counters.ts";
import { migrateTest } from "../../migrated.ts";
import { until } from "../../../tools/chaos/harness/until.ts";
import { type OwnDatabase, ownDatabase } from "../../own_engines.ts";
import { askRefund } from "../../settled_workflow.ts";
import { anOrder, openWorkflow } from "../../workflow.ts";
import { testContext } from "../../support.ts";

/** A user who may read and write rows, and nothing else. */
async function rowsOnly(server: OwnDatabase): Promise<string> {
  const password = crypto.randomUUID();
  await server.administer(
    `create user 'rows'@'%' identified by '${password}'`,
    "grant select, insert, update, delete on orders.* to 'rows'@'%'",
  );
  const url = new URL(server.url);
  url.username = "rows";
  url.password = password;
  return url.href;
}

async function countersOf(server: OwnDatabase): Promise<Map<string, number>> {
  const rows = await server.administer(
    "flush tables",
    `select table_name as name, auto_increment as next
    from information_schema.tables
    where table_schema = 'orders' and auto_increment is not null`,
  );
  return new Map(rows.map(({ name, next }) => [String(name), Number(next)]));
}

Deno.test("raiseCounters() leaves no row behind where the user may not alter tables", async () => {
  const place = await testContext("counters");
  await using server = await ownDatabase(["--log-bin=bin", "--server-id=7"]);
  await migrate(server.url);
  const own = { ...place, databaseUrl: server.url, close: () => Promise.resolve() };
  const flow = await openWorkflow("counters", { place: own });
  const db = await openDatabase(await rowsOnly(server));
  try {
    await flow.add([
      anOrder("paid", [{ sku: "a", qty: 1, unitPriceCents: 200 }]),
      anOrder("short", [{ sku: "c", qty: 51 }]),
    ]);
    await flow.drain();
    await askRefund(flow, 1, 100);
    // What is unique in these two is made of other columns.
    await flow.rows(`
      insert into webhook_endpoints (url, types, secret, from_step, from_movement)
      values ('https://shop.example/hooks', '["*"]', 'whsec_c2VjcmV0', 0, 0)`);
    await flow.rows(`
      insert into dead_letters (group_name, message_id, payload, error, attempts, first_seen_at, cause)
      values ('orders', '1-0', '{}', 'broken', 5, utc_timestamp(6), unhex(repeat('ab', 16)))`);
    // Of these two columns one alone may be set, and each is unique.
    await flow.rows(`
      insert into refunds_by_hand (order_id, refund_id, provider, amount_cents, currency)
      values (1, 1, 'bank', 100, 'EUR')`);
    await flow.rows(`
      insert into money_given_twice (order_id, refund_id, amount_cents, currency)
      values (1, 1, 100, 'EUR')`);
    await flow.rows(`
      insert into chargebacks (provider, provider_ref, charge_ref, order_id, state, amount_cents, currency, opened_at, told_at,
        lowers_revenue)
      values ('bank', 'dp_1', 'ch_1', 1, 'lost', 100, 'EUR', now(6), now(6), 'opened')`);
    await flow.rows(`
      insert into chargeback_movements (chargeback_id, change_number, move_number, order_id, kind, amount_cents, currency,
        happened_at, counts)
      values (1, 1, 0, 1, 'lost', 100, 'EUR', now(6), 1)`);
    const tables = await listNumberedTables(flow.db);
    const floors = new Map([...tables.keys()].map((table) => [table, 1_000_500]));
    const counts = async () => {
      const rows = [];
      for (const table of tables.keys()) {
        rows.push([table, (await flow.rows(`select count(*) as n from ${table}`))[0]!.n]);
      }
      return rows;
    };
    const before = await counts();
    await raiseCounters(db, floors);
    assert.deepEqual(await counts(), before);
    const next = await countersOf(server);
    const raised = [...next].filter(([, number]) => number > 1_000_500).map(([name]) => name);
    const used = before.flatMap(([table, n]) => Number(n) > 0 ? [String(table)] : []);
    assert.deepEqual(used.filter((table) => !raised.includes(table)), []);
    for (
      const table of [
        "orders",
        "refunds",
        "order_events",
        "payments",
        "notification_logs",
        "webhook_endpoints",
        "dead_letters",
        "refunds_by_hand",
        "money_given_twice",
        "chargebacks",
        "chargeback_movements",
      ]
    ) {
      assert.ok(raised.includes(table), table);
    }
    const [taken] = await flow.add([anOrder("next", [{ sku: "a", qty: 1 }])]);
    assert.ok(taken!.orderId! > 1_000_500);
  } finally {
    await db.close();
    await flow.close();
    await place.close();
  }
});

Deno.test("tables that never had a row hold up nobody who may not alter them, however much was lost", async () => {
  await using server = await ownDatabase();
  await migrate(server.url);
  const db = await openDatabase(await rowsOnly(server));
  try {
    const tables = await listNumberedTables(db);
    const floors = new Map([...tables.keys()].map((table) => [table, 9_000_000]));
    await raiseCounters(db, floors, { unused: new Set(tables.keys()) });
    for (const table of tables.keys()) {
      assert.deepEqual(await db.query(`select 1 from ${table} limit 1`), [], table);
    }
    const raised = [...await countersOf(server)].filter(([, next]) => next > 9_000_000);
    assert.ok(raised.some(([name]) => name === "order_events"), raised.join());
    // What its transaction was spared holds for others.
    const rules = db.engine === "mysql"
      ? "@@foreign_key_checks"
      : "@@foreign_key_checks and @@check_constraint_checks";
    const told = await Promise.all(
      Array.from({ length: 10 }, () => db.query(`select ${rules} as strict, sleep(0.05)`)),
    );
    assert.ok(told.every(([row]) => Number(row!.strict) === 1));
  } finally {
    await db.close();
  }
});

Deno.test("raiseCounters() lets others use a table that it waits for, and comes again", async () => {
  const test = await testContext("counters_busy");
  await migrateTest(test.databaseUrl);
  const db = await openDatabase(test.databaseUrl, { connections: 3 });
  const holder = await mysql.createConnection(test.databaseUrl);
  try {
    await holder.query("start transaction");
    await holder.query("select count(*) from orders");
    const raised = raiseCounters(db, new Map([["orders", 1_000_000]]));
    await until("it waits", 10_000, async () => {
      const rows = await db.query(
        "select 1 from information_schema.processlist where db = database() and state like '%metadata lock%'",
      );
      return rows.length > 0 || "it does not";
    });
    const late = setTimeout(() => holder.destroy(), 30_000);
    await db.query("select count(*) from orders");
    clearTimeout(late);
    await holder.query("commit");
    await raised;
    const told = await Promise.all(
      [1, 2, 3].map(() =>
        db.query("select @@lock_wait_timeout > 60 as is_usual, sleep(0.05) as slept")
      ),
    );
    assert.ok(told.every(([row]) => Number(row!.is_usual) === 1));
  } finally {
    await holder.end();
    await db.close();
    await test.close();
  }
});

Deno.test("every unique key of a numbered table has a column that may have another value in a copy of its row", async () => {
  const test = await testContext("counters_keys");
  await migrateTest(test.databaseUrl);
  const db = await openDatabase(test.databaseUrl, { connections: 1 });
  try {
    const tables = await listNumberedTables(db);
    const keys = await db.query(
      `select statistics.table_name as name, index_name as unique_key,
        max(data_type in ('bigint', 'char', 'varchar', 'binary', 'varbinary') or is_nullable = 'YES'
          or coalesce(generation_expression, '') <> '') as is_free
      from information_schema.statistics
      join information_schema.columns using (table_schema, table_name, column_name)
      where table_schema = database() and non_unique = 0 and index_name <> 'PRIMARY'
      group by statistics.table_name, index_name`,
    );
    const ours = keys.filter(({ name }) => tables.has(String(name)));
    assert.ok(ours.length > 10);
    assert.deepEqual(ours.filter(({ is_free }) => Number(is_free) !== 1), []);
  } finally {
    await db.close();
    await test.close();
  }
});
