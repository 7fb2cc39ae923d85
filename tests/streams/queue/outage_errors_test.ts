import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { isRetryable, isWrongServer } from "../../../db/connection/faults.ts";
import type { OwnDatabase } from "../../own_engines.ts";
import { setReadOnly } from "../../replicated_pair.ts";
import { assertOutage, type Bench, refusalOf, withServer } from "./outage_bench.ts";

const isMysql = Deno.env.get("TEST_ENGINE") === "mysql";

/** Ends all connections of the product. */
async function cut(server: OwnDatabase): Promise<void> {
  const rows = await server.administer(
    "select id from information_schema.processlist where user = 'orders'",
  );
  await server.administer(...rows.map(({ id }) => `kill ${id}`));
}

/** A server that was demoted, or only reads. */
async function readsOnly(bench: Bench, server: OwnDatabase, db: Database): Promise<void> {
  await setReadOnly(server, true);
  assert.equal(await refusalOf(db), 1290);
  await assertOutage(bench, "read_only");
  assert.equal((await bench.ready()).body.checks.database, "read-only");
  await setReadOnly(server, false);

  // Of sessions: every new connection only reads.
  const variable = isMysql ? "transaction_read_only" : "tx_read_only";
  await server.administer(`set global ${variable} = 1`);
  const fresh = await openDatabase(server.url, { connections: 1 });
  assert.equal(await refusalOf(fresh), 1792);
  await fresh.close();
  // Those that were opened before do not know yet.
  await cut(server);
  await assertOutage(bench, variable);
  assert.equal((await bench.ready()).body.checks.database, "read-only");
  await server.administer(`set global ${variable} = 0`);
  await cut(server);
}

/** One that takes nobody, or ends. */
async function isGone(bench: Bench, server: OwnDatabase): Promise<void> {
  if (isMysql) {
    await server.administer("set global offline_mode = 1");
    await assertOutage(bench, "offline_mode");
    await server.administer("set global offline_mode = 0");
  }
  server.kill("SIGKILL");
  await server.exited;
  assert.deepEqual(await bench.turn(), { handled: 0, retried: 0, dead: 0, delayed: 1 });
  assert.equal((await bench.post()).status, 503);
  await server.restart();
  await bench.due();
}

/** One that can't serve: locks, tables, rights. */
async function cannotServe(bench: Bench, server: OwnDatabase, db: Database): Promise<void> {
  // Rows that somebody else holds.
  await db.transaction(async (tx) => {
    await tx.query("select id from orders where id = 1 for update");
    const other = await openDatabase(server.url, { connections: 1 });
    const error = await other.query("select id from orders where id = 1 for update nowait")
      .catch((error) => error);
    await other.close();
    assert.equal(error.errno, isMysql ? 3572 : 1205);
    assert.ok(isRetryable(error) && !isWrongServer(error));
  });
  // A table that is not there, as while somebody restores it.
  await server.administer("rename table orders.order_items to orders.away");
  await assertOutage(bench, "no such table");
  await server.administer("rename table orders.away to orders.order_items");
  // A right that somebody took.
  await server.administer("revoke all privileges on `orders%`.* from 'orders'@'%'");
  await server.administer("grant select on `orders%`.* to 'orders'@'%'");
  await cut(server);
  await assertOutage(bench, "no right");
  await server.administer("grant all privileges on `orders%`.* to 'orders'@'%'");
  await cut(server);
}

Deno.test("what a real server says while it is demoted, away or can't serve is an outage until it is over", () =>
  withServer("outage_errors", [], async (bench, server, db) => {
    await cannotServe(bench, server, db);
    await readsOnly(bench, server, db);
    await isGone(bench, server);
  }));
