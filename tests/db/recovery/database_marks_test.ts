import assert from "node:assert/strict";
import { listNumberedTables, readDatabaseMarks } from "../../../db/recovery/database_marks.ts";
import {
  databaseNoter,
  lookAtDatabase,
  readHeard,
} from "../../../streams/recovery/database_age.ts";
import { ensureRecovered } from "../../../streams/recovery/recover.ts";
import { keepDatabase } from "../../../tools/chaos/harness/older_database.ts";
import { verifyNow, withSettled } from "../../settled_workflow.ts";
import { anOrder } from "../../workflow.ts";

const item = [{ sku: "a", qty: 1 }];

Deno.test("every table of ours with numbers is listed, and what others keep beside them is no matter of a loss", () =>
  withSettled("marks_strangers", async (flow) => {
    const ours = await listNumberedTables(flow.db);
    const numbered = await flow.rows(
      `select table_name as name from information_schema.columns
      where table_schema = database() and extra like '%auto_increment%'`,
    );
    assert.deepEqual([...ours.keys()].sort(), numbered.map(({ name }) => String(name)).sort());

    // A copy that somebody made, a word of SQL, a name of a field that Redis keeps, small numbers.
    await flow.rows("create table `orders-2026` like orders");
    await flow.rows(
      "create table `groups` (id bigint unsigned not null auto_increment primary key)",
    );
    await flow.rows("create table ticks (id bigint unsigned not null auto_increment primary key)");
    await flow.rows("insert into ticks (id) values (9000000)");
    await flow.rows("create table small (id smallint not null auto_increment primary key)");
    await flow.rows("insert into small (id) values (7)");

    await ensureRecovered(flow);
    await databaseNoter(flow)();
    assert.ok((await readHeard(flow)).ticks < 1_000);
    assert.equal((await lookAtDatabase(flow, flow.db)).kind, "current");
    const kept = await keepDatabase(flow.test.databaseUrl);
    const [lost] = await flow.add([anOrder("lost", item)]);
    await flow.drain();
    await kept.putBack();
    const report = await ensureRecovered({ ...flow, db: flow.db.unguarded });
    assert.ok(report?.kind === "recovered" && report.loss !== null);
    const [next] = await flow.add([anOrder("next", item)]);
    assert.ok(next!.orderId! > lost!.orderId! + 1_000);
    await flow.drain();
    await flow.rows("insert into small () values ()");
    const [small] = await flow.rows("select max(id) as id from small");
    assert.equal(Number(small!.id), 8);
    assert.ok((await verifyNow(flow)).ok);
  }));

Deno.test("Redis hears how far every table is, and no row of any of them gets the number of one that is gone", () =>
  withSettled("marks_every_table", async (flow) => {
    await ensureRecovered(flow);
    await databaseNoter(flow)();
    const kept = await keepDatabase(flow.test.databaseUrl);
    await flow.add([anOrder("lost", item)]);
    await flow.drain();
    const tables = await listNumberedTables(flow.db);
    const { numbers } = await readDatabaseMarks(flow.db, 0, tables);
    await databaseNoter(flow)();
    assert.deepEqual((await readHeard(flow)).numbers, numbers);
    await kept.putBack();
    await ensureRecovered({ ...flow, db: flow.db.unguarded });

    const before = await readDatabaseMarks(flow.db, 0, tables);
    await flow.add([anOrder("next", [{ sku: "new", qty: 1 }])]);
    await flow.drain();
    const after = await readDatabaseMarks(flow.db, 0, tables);
    const grown = [...tables.keys()].filter((table) =>
      after.numbers[table]! > before.numbers[table]!
    );
    for (const table of ["orders", "order_items", "payments", "notification_logs", "products"]) {
      assert.ok(grown.includes(table), table);
    }
    for (const table of grown) {
      assert.ok(after.numbers[table]! > numbers[table]! + 1_000, table);
    }
  }));
