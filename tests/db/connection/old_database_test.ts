import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { connectionOptions } from "../../../db/connection/connection.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { requestAndPublish } from "../../../services/refunds/request_refunds.ts";
import { retryAllAndPublish } from "../../../services/orders/retry_orders.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { type Dump, takeDump } from "../../dump.ts";
import { askRefund, verifyNow } from "../../settled_workflow.ts";
import { testContext } from "../../support.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

/** The last migration of the version before. */
const lastBefore = 20;

type Query = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

async function withConnection<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const connection = await mysql.createConnection(connectionOptions(url));
  try {
    return await work(async (sql, values) =>
      (await connection.query(sql, values))[0] as Record<string, unknown>[]
    );
  } finally {
    await connection.end();
  }
}

async function filesAfter(version: number): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(new URL("../../../migrations/", import.meta.url))) {
    if (Number(name.slice(0, 4)) > version) names.push(name);
  }
  return names.sort();
}

/** Makes the schema of the version before in an empty database. */
async function makeOldSchema(url: string): Promise<void> {
  const later = (await filesAfter(lastBefore)).map((name) => Number(name.slice(0, 4)));
  await withConnection(url, async (query) => {
    await query(`create table schema_migrations (
      version int not null primary key,
      name varchar(128) not null,
      created_at datetime(6) not null default current_timestamp(6),
      updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6)
    ) engine = innodb default charset = utf8mb4`);
    await query("insert into schema_migrations (version, name) values ?", [
      later.map((version) => [version, "not yet"]),
    ]);
    await migrate(url);
    await query("delete from schema_migrations where version > ?", [lastBefore]);
  });
}

/** Takes a database back to the schema of the version before, and writes its rows as that version did. */
async function takeBack(url: string, dump: Dump): Promise<void> {
  await withConnection(url, async (query) => {
    await query("set foreign_key_checks = 0, time_zone = '+00:00'");
    for (const table of dump.keys()) await query(`drop table \`${table}\``);
  });
  await makeOldSchema(url);
  const old = await takeDump(url);
  await withConnection(url, async (query) => {
    await query("set foreign_key_checks = 0, time_zone = '+00:00'");
    for (const [table, { columns }] of old) {
      if (table.startsWith("schema_")) continue;
      await query(`delete from \`${table}\``);
      const { columns: now, rows } = dump.get(table)!;
      const places = columns.map((name) => now.indexOf(name));
      if (rows.length === 0) continue;
      await query(`insert into \`${table}\` (${columns.join(", ")}) values ?`, [
        rows.map((row) => places.map((place) => row[place])),
      ]);
    }
    // Of most orders it kept no recipient.
    await query(`
      update orders
      join customers on customers.id = orders.customer_id
        and binary customers.first_email = binary orders.recipient_email
        and binary customers.first_name = binary orders.recipient_name
      set recipient_name = null, recipient_email = null, orders.updated_at = orders.updated_at`);
  });
}

/** Orders in every state, with refunds and accepted differences; some orders and refunds are not finished. */
async function fill(flow: Workflow): Promise<void> {
  const orders = Array.from({ length: 200 }, (_, n) =>
    anOrder(`o${n}`, [
      { sku: `s${n % 7}`, qty: 1 + n % 3, unitPriceCents: 100 + n },
      { sku: n % 20 === 0 ? "short" : `s${7 + n % 4}`, qty: n % 20 === 0 ? 51 : 2 },
    ], {
      customer: { externalId: `c${n % 9}`, email: `c${n % 9}@x.example`, name: `C ${n % 9}` },
    }));
  await flow.add(orders.slice(0, 150), 50);
  await flow.rows("update products set stock_qty = 1000, received_qty = 1000 where sku <> 'short'");
  await flow.drain();
  const differing = "from orders where status = 'PAID' and id % 10 = 0";
  await flow.rows(`
    insert into order_adjustments (order_id, kind, label, amount_cents)
    select id, 'payment_difference', 'Accepted difference of the payment', 10 ${differing}`);
  for (
    const [table, column, of] of [
      ["payments", "amount_cents", "order_id"],
      ["notification_logs", "total_cents", "order_id"],
      ["orders", "total_cents", "id"],
    ]
  ) {
    await flow.rows(`
      update ${table}
      join order_adjustments on order_adjustments.order_id = ${table}.${of}
      set ${table}.${column} = ${table}.${column} + 10`);
  }
  // There was no ledger yet.
  await flow.rows("delete from ledger_entries");
  await flow.rows("update ledger_marks set is_complete = 0, orders_upto = 0");
  await rebuildKpis(flow);
  const paid = await paidIds(flow);
  for (const id of paid.slice(0, 10)) {
    await publish(flow, [{ message: await askRefund(flow, id, 50) }]);
  }
  await flow.drain();
  for (const id of paid.slice(5, 15)) {
    await publish(flow, [{ message: await askRefund(flow, id, 40) }]);
  }
  await flow.add(orders.slice(150, 180), 50);
  await flow.turn("orders");
  await flow.add(orders.slice(180), 50);
}

async function paidIds(flow: Workflow): Promise<number[]> {
  const rows = await flow.rows(
    "select id from orders where status = 'PAID' and total_cents - refunded_cents > 200 order by id",
  );
  return rows.map(({ id }) => Number(id));
}

async function assertVerified(flow: Workflow, when: string): Promise<void> {
  const { checks } = await verifyNow(flow);
  assert.deepEqual(checks.filter(({ ok }) => !ok), [], when);
}

Deno.test("a database of the version before is migrated with everything in it, and goes on", () =>
  withWorkflow("old_database", async (flow) => {
    await fill(flow);
    await assertVerified(flow, "before");
    const url = flow.test.databaseUrl;
    const before = await takeDump(url);
    await takeBack(url, before);
    const old = await takeDump(url);
    assert.deepEqual(
      (await migrate(url)).applied.map((name) => `${name}.sql`),
      await filesAfter(lastBefore),
    );
    const after = await takeDump(url);
    for (const [table, { columns, rows }] of old) {
      if (table.startsWith("schema_")) continue;
      const now = after.get(table)!;
      const kept = columns.filter((name) => !name.startsWith("recipient_"));
      const told = (of: { columns: string[]; rows: unknown[][] }) =>
        of.rows.map((row) => kept.map((name) => row[of.columns.indexOf(name)]));
      assert.deepEqual(told(now), told({ columns, rows }), table);
    }
    assert.deepEqual(
      after.get("orders"),
      before.get("orders"),
      "what is new in an order says nothing",
    );
    await assertVerified(flow, "after");
    await flow.drain();
    await assertVerified(flow, "drained");

    const [byLine, full, ...others] = (await paidIds(flow)).reverse();
    const item = await flow.rows("select id from order_items where order_id = ?", [byLine!]);
    const lines = [{ sku: null, itemId: Number(item[0]!.id), qty: 1, restock: true }];
    const asked = { amountCents: null, reason: null, idempotencyKey: null };
    await requestAndPublish(
      flow,
      { ...asked, orderId: byLine!, items: { lines, adjustments: [], restock: false } },
      anOperator("test"),
    );
    await requestAndPublish(
      flow,
      { ...asked, orderId: full!, items: { lines: [], adjustments: [], restock: true } },
      anOperator("test"),
    );
    const accepted = others.find((id) => id % 10 === 0)!;
    await requestAndPublish(flow, { ...asked, orderId: accepted }, anOperator("test"));
    await flow.rows(
      "update products set stock_qty = 10000, received_qty = 10000 where sku = 'short'",
    );
    const { orders: retried } = await retryAllAndPublish(flow, { kind: "all" }, anOperator("test"));
    assert.ok(retried.length >= 8);
    await flow.drain();
    await assertVerified(flow, "refunded and taken up again");
    const [{ refunds, short }] = await flow.rows(`
      select (select count(*) from refunds where status = 'PROCESSED') as refunds,
        (select count(*) from orders where failure_reason = 'insufficient_stock') as short`) as [
      { refunds: number; short: number },
    ];
    assert.deepEqual([refunds, short], [23, 0]);
  }));

/** The statements of the migrations of this version, each step for all rows. */
async function newStatements(): Promise<string[]> {
  const statements: string[] = ["set @step_first = 0, @step_last = 1000000"];
  for (const name of await filesAfter(lastBefore)) {
    const source = await Deno.readTextFile(
      new URL(`../../../migrations/${name}`, import.meta.url),
    );
    const lines = source.split("\n").filter((line) => !line.startsWith("--")).join("\n");
    statements.push(...lines.split(/;\s*$/m).filter((text) => text.trim() !== ""));
  }
  return statements;
}

for (
  const mode of ["", "ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO"]
) {
  Deno.test(`migrations of this version are interrupted after any statement, and brought to their end (sql_mode ${mode || "empty"})`, async () => {
    const test = await testContext("old_interrupted");
    const fresh = await testContext("old_fresh");
    try {
      await migrate(fresh.databaseUrl);
      await makeOldSchema(test.databaseUrl);
      const statements = await newStatements();
      for (let done = 1; done <= statements.length; done++) {
        await withConnection(test.databaseUrl, async (query) => {
          await query("set sql_mode = ?", [mode]);
          for (const statement of statements.slice(0, done)) await query(statement);
        });
      }
      await migrate(test.databaseUrl);
      assert.deepEqual(await schemaOf(test.databaseUrl), await schemaOf(fresh.databaseUrl));
    } finally {
      await test.close();
      await fresh.close();
    }
  });
}

/** How every table would be made anew. */
function schemaOf(url: string): Promise<Record<string, unknown>[]> {
  return withConnection(url, async (query) => {
    const tables = await query("show tables");
    const made: Record<string, unknown>[] = [];
    for (const row of tables) {
      const [table] = await query(`show create table \`${Object.values(row)[0]}\``);
      const text = String(table!["Create Table"]);
      made.push({ text: text.replace(/ AUTO_INCREMENT=\d+/, "") });
    }
    return made;
  });
}
