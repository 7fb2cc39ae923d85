import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { connectionOptions } from "../../../db/connection/connection.ts";
import { migrate, migrationStatus } from "../../../db/connection/migrate.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { testContext } from "../../support.ts";

type Rows = Record<string, unknown>[];

async function withConnection<T>(
  url: string,
  work: (query: (sql: string) => Promise<Rows>) => Promise<T>,
): Promise<T> {
  const connection = await mysql.createConnection({
    ...connectionOptions(url),
    database: undefined,
  });
  try {
    const database = connectionOptions(url).database!;
    return await work(async (sql) => {
      await connection.query("use ??", [database]);
      return (await connection.query(sql))[0] as Rows;
    });
  } finally {
    await connection.end();
  }
}

/** Every column, key and constraint. */
function schemaOf(url: string): Promise<Rows[]> {
  return withConnection(url, (query) =>
    Promise.all([
      query(`select table_name, column_name, column_type, is_nullable, collation_name
        from information_schema.columns where table_schema = database() order by 1, 2`),
      query(`select table_name, index_name, column_name, non_unique
        from information_schema.statistics where table_schema = database() order by 1, 2, 3`),
      query(`select table_name, constraint_name, constraint_type
        from information_schema.table_constraints where table_schema = database() order by 1, 2, 3`),
    ]));
}

async function names(): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(new URL("../../../migrations/", import.meta.url))) {
    found.push(name.replace(/\.sql$/, ""));
  }
  return found.sort();
}

Deno.test("migrate() applies every file once, in order, and tells what it did", async () => {
  const test = await testContext("migrate");
  try {
    const all = await names();
    assert.equal(new Set(all.map((name) => name.slice(0, 4))).size, all.length, "one number each");
    const before = await migrationStatus(test.databaseUrl);
    assert.deepEqual(
      before.map(({ name, applied }) => [name, applied]),
      all.map((name) => [name, false]),
    );
    assert.deepEqual((await migrate(test.databaseUrl)).applied, all);
    const again = await migrate(test.databaseUrl);
    assert.deepEqual(again.applied, []);
    assert.ok(again.all.every(({ applied }) => applied));
    assert.deepEqual(await migrationStatus(test.databaseUrl), again.all);
  } finally {
    await test.close();
  }
});

Deno.test("migrate() brings a migration to its end that a crash left half done", async () => {
  const test = await testContext("migrate_crash");
  try {
    await migrate(test.databaseUrl);
    const schema = await schemaOf(test.databaseUrl);
    // As if the process had died after any of the statements: they ran, and nobody wrote it down.
    await withConnection(test.databaseUrl, (query) => query("delete from schema_migrations"));
    assert.deepEqual((await migrate(test.databaseUrl)).applied, await names());
    assert.deepEqual(await schemaOf(test.databaseUrl), schema);
    await withConnection(test.databaseUrl, async (query) => {
      await query("delete from schema_migrations where version >= 3");
      // Other tables refer to it.
      await query("set foreign_key_checks = 0");
      await query("drop table refunds");
    });
    await migrate(test.databaseUrl);
    assert.deepEqual(await schemaOf(test.databaseUrl), schema);
  } finally {
    await test.close();
  }
});

Deno.test("migrate() gives every known order the recipient that its customer is, whatever that is called later", async () => {
  const test = await testContext("migrate_recipients");
  try {
    await migrate(test.databaseUrl);
    await withConnection(test.databaseUrl, async (query) => {
      // As it was before: no columns, and what orders from afar have said of their customers and products.
      await query(
        "alter table orders drop column recipient_name, drop column recipient_email",
      );
      await query(
        "alter table customers drop key customers_first_email, drop column first_name, " +
          "drop column first_email",
      );
      await query("create index customers_email on customers (email)");
      await query("alter table imports drop column money");
      await query("delete from schema_migrations where version in (17, 21)");
      await query(
        "insert into customers (id, external_id, email, name, described_by) values " +
          "(1, 'c1', 'one@shop.example', 'One', '2026-01-05 10:00:00.000 a'), " +
          "(2, 'c2', 'two@shop.example', 'Two', '9999-12-31 23:59:59.000 b')",
      );
      await query(
        "insert into orders (id, external_order_id, customer_id, currency, total_cents, " +
          "content_hash, placed_at) values (1, 'o1', 1, 'EUR', 1, repeat('x', 16), '2025-03-01')",
      );
      for (let time = 1; time <= 2; time++) {
        await migrate(test.databaseUrl);
        const [order] = await query(
          "select recipient_name as name, recipient_email as email from orders",
        );
        assert.deepEqual(order, { name: "One", email: "one@shop.example" });
        await query("update customers set name = 'Now', email = 'now@shop.example' where id = 1");
        await query("delete from schema_migrations where version in (17, 21)");
      }
      const described = await query("select described_by from customers order by id");
      assert.deepEqual(
        described.map((row) => row.described_by),
        ["2026-01-05 10:00:00.000 a", ""],
      );
    });
  } finally {
    await test.close();
  }
});

Deno.test("migrate() fills in recipients that were left to their customers, and finds the other addresses", async () => {
  const test = await testContext("migrate_own_recipients");
  try {
    await migrate(test.databaseUrl);
    await withConnection(test.databaseUrl, async (query) => {
      await query("drop table order_addresses");
      await query("create index orders_recipient_email on orders (recipient_email)");
      await query("delete from schema_migrations where version = 21");
      await query(
        "insert into customers (id, external_id, email, name) values " +
          "(1, 'c1', 'one@shop.example', 'One')",
      );
      await query("update customers set name = 'Now', email = 'now@shop.example' where id = 1");
      await query(
        "insert into orders (id, external_order_id, customer_id, currency, total_cents, " +
          "content_hash, placed_at, recipient_name, recipient_email) values " +
          "(1, 'o1', 1, 'EUR', 1, repeat('x', 16), '2025-03-01', null, null), " +
          "(2, 'o2', 1, 'EUR', 1, repeat('x', 16), '2025-03-01', 'Ida', null), " +
          "(3, 'o3', 1, 'EUR', 1, repeat('x', 16), '2025-03-01', null, 'One@shop.example')",
      );
      await migrate(test.databaseUrl);
      const orders = await query(
        "select recipient_name as name, recipient_email as email from orders order by id",
      );
      assert.deepEqual(orders, [
        { name: "One", email: "one@shop.example" },
        { name: "Ida", email: "one@shop.example" },
        { name: "One", email: "One@shop.example" },
      ]);
      const others = await query("select order_id, email from order_addresses");
      assert.deepEqual(others.map((row) => ({ ...row, order_id: Number(row.order_id) })), [
        { order_id: 3, email: "One@shop.example" },
      ]);
    });
  } finally {
    await test.close();
  }
});

Deno.test("migrate() is done by one of several processes that start at once", async () => {
  const test = await testContext("migrate_at_once");
  try {
    const results = await Promise.all([0, 1, 2, 3].map(() => migrate(test.databaseUrl)));
    const counts = results.map(({ applied }) => applied.length).sort((a, b) => a - b);
    assert.deepEqual(counts, [0, 0, 0, (await names()).length]);
  } finally {
    await test.close();
  }
});

Deno.test("migrate() creates a database that is missing, however long and odd its name", async () => {
  const test = await testContext("migrate_create");
  const url = new URL(test.databaseUrl);
  const slug = url.pathname.slice(1);
  const database = `${slug}-`.padEnd(64, "x");
  url.pathname = `/${database}`;
  try {
    assert.deepEqual((await migrate(url.href)).applied, await names());
    await withConnection(url.href, async (query) => {
      const [row] = await query(
        "select default_character_set_name as charset from information_schema.schemata " +
          "where schema_name = database()",
      );
      assert.equal(row!.charset, "utf8mb4");
      await query(`drop database \`${database}\``);
    });
  } finally {
    await test.close();
  }
});

Deno.test("migrate() and migrationStatus() say what they can't reach, and no password", async () => {
  const url = "mysql://user:very-secret@127.0.0.1:1/orders";
  for (const work of [migrate, migrationStatus]) {
    await assert.rejects(work(url), (error) => {
      assert.ok(error instanceof WorkflowError && error.code === "unavailable");
      assert.match(error.message, /^Cannot reach the database at mysql:\/\/user:\*\*\*@127/);
      return true;
    });
  }
});

Deno.test("the schema refuses what must never be, whoever writes it", async () => {
  const test = await testContext("migrate_checks");
  try {
    await migrate(test.databaseUrl);
    await withConnection(test.databaseUrl, async (query) => {
      await query("insert into customers (id, external_id, email, name) values (1, 'c', 'e', 'n')");
      await query(
        "insert into products (id, sku, name, price_cents, stock_qty, received_qty) " +
          "values (1, 's', 'n', 1, 5, 5)",
      );
      const order = (id: number, rest: string) =>
        query(
          `insert into orders set id = ${id}, external_order_id = '${id}', customer_id = 1, ` +
            `currency = 'EUR', total_cents = 100, content_hash = repeat('x', 16), ` +
            `placed_at = '2025-03-01', ${rest}`,
        );
      await order(1, "status = 'PAID', settled_time = now(6)");
      await query(
        "insert into payments (order_id, provider, provider_ref, amount_cents, status) " +
          "values (1, 'p', 'r', 100, 'SUCCEEDED')",
      );
      const refused: Record<string, () => Promise<unknown>> = {
        "stock below zero": () => query("update products set stock_qty = -1"),
        "more stock than was received": () => query("update products set stock_qty = 6"),
        "an unknown status": () => order(2, "status = 'LOST'"),
        "a failure without a reason": () => order(2, "status = 'FAILED', settled_time = now(6)"),
        "a reason without a failure": () => order(2, "failure_reason = 'payment_declined'"),
        "an open order that is settled": () => order(2, "settled_time = now(6)"),
        "a paid order that is not settled": () => order(2, "status = 'PAID'"),
        "more refunded than paid": () => query("update orders set refunded_cents = 101"),
        "refunded without being paid": () => order(2, "refunded_cents = 1"),
        "a second payment": () =>
          query(
            "insert into payments (order_id, provider, provider_ref, amount_cents, status) " +
              "values (1, 'p', 'other', 100, 'SUCCEEDED')",
          ),
        "a refund of nothing": () =>
          query("insert into refunds (order_id, amount_cents) values (1, 0)"),
        "a processed refund without a time": () =>
          query("insert into refunds (order_id, amount_cents, status) values (1, 1, 'PROCESSED')"),
        "an item of nothing": () =>
          query(
            "insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents) " +
              "values (1, 1, 1, 0, 0)",
          ),
        "a subtotal that does not add up": () =>
          query(
            "insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents) " +
              "values (1, 1, 2, 3, 5)",
          ),
      };
      for (const [what, write] of Object.entries(refused)) {
        await assert.rejects(write(), (error) => {
          // A broken check (MariaDB, MySQL) or a duplicate key.
          assert.ok([4025, 3819, 1062, 1265].includes((error as { errno: number }).errno), what);
          return true;
        }, what);
      }
    });
  } finally {
    await test.close();
  }
});

Deno.test("migrate() gives the keys of the last day's refunds to whoever has sent them", async () => {
  const test = await testContext("migrate_owners");
  try {
    await migrate(test.databaseUrl);
    await withConnection(test.databaseUrl, async (query) => {
      await query(
        "insert into customers (id, external_id, email, name) values (1, 'c', 'c@x.y', 'C')",
      );
      await query(`insert into orders
        (id, external_order_id, customer_id, currency, total_cents, content_hash, placed_at)
        values (1, 'o', 1, 'EUR', 100, repeat('x', 16), '2026-01-01')`);
      // As the version before has left it.
      await query(`alter table refunds drop key refunds_key_of_owner, drop column key_owner,
        add unique key refunds_idempotency_key (idempotency_key)`);
      await query(
        `insert into refunds (id, order_id, amount_cents, idempotency_key, created_at) values
        (1, 1, 1, 'new', current_timestamp(6)),
        (2, 1, 1, 'old', current_timestamp(6) - interval 25 hour)`,
      );
      await query(`insert into order_events (order_id, refund_id, event, actor) values
        (1, 1, 'refund_requested', 'api:shop'), (1, 1, 'refund_failed', 'worker'),
        (1, 2, 'refund_requested', 'api:shop')`);
      await query("delete from schema_migrations where version = 18");
    });
    assert.deepEqual((await migrate(test.databaseUrl)).applied, ["0018_owners"]);
    await withConnection(test.databaseUrl, async (query) => {
      assert.deepEqual(
        (await query("select idempotency_key, key_owner from refunds order by id"))
          .map((row) => Object.values(row)),
        [["new", "api:shop"], ["old", null]],
      );
    });
  } finally {
    await test.close();
  }
});
