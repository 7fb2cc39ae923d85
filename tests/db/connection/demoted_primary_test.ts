import assert from "node:assert/strict";
import { startProxy, withPort } from "../../../tools/chaos/harness/proxy.ts";
import { type Database, openDatabase, toInteger } from "../../../db/connection/database.ts";
import { isWrongServer } from "../../../db/connection/faults.ts";
import { canWrite } from "../../../db/connection/ping.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { makeApp } from "../../../routes/app.ts";
import { type OwnDatabase, ownDatabase } from "../../own_engines.ts";
import { ask, assertProblem, openApi, orderBodyOf } from "../../routes/api.ts";
import { until } from "../../provider.ts";

/** Has a server refuse changes, as one that was demoted and lives on. */
const demote = (server: OwnDatabase) =>
  server.administer(
    `set global ${server.engine === "mysql" ? "super_read_only" : "read_only"} = 1`,
  );
const promote = (server: OwnDatabase) =>
  server.administer(
    ...(server.engine === "mysql" ? ["set global super_read_only = 0"] : []),
    "set global read_only = 0",
  );

const clients = async (server: OwnDatabase): Promise<number> => {
  const rows = await server.administer(
    "select count(*) as clients from information_schema.processlist where user = 'orders'",
  );
  return Number(rows[0]!.clients);
};

/** Two servers with the schema behind one address that leads to the first. */
async function twoServers() {
  const [first, second] = await Promise.all([ownDatabase(), ownDatabase()]);
  // One password for both, as behind one address.
  const password = new URL(first.url).password;
  await second.administer(`alter user 'orders'@'%' identified by '${password}'`);
  const urls = [first.url, withPort(first.url, second.port)];
  for (const url of urls) await migrate(url);
  const proxy = startProxy(first.port);
  return {
    first,
    second,
    proxy,
    url: withPort(first.url, proxy.port),
    async [Symbol.asyncDispose]() {
      proxy.end();
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
}

/** Has as many connections opened as the pool may have. */
const openAll = (db: Database, count: number) =>
  Promise.all(Array.from({ length: count }, () => db.query("select sleep(0.05)")));

Deno.test("a connection to a primary that was demoted is thrown away, and those beside it", async () => {
  await using servers = await twoServers();
  const { first, second, proxy, url } = servers;
  const db = await openDatabase(url, { connections: 4 });
  const insert = (id: number) =>
    db.run("insert into schema_migrations (version, name) values (?, 'x')", [id]);
  const serverId = async () => toInteger((await db.query("select @@port as port"))[0]!.port);
  try {
    await openAll(db, 4);
    assert.equal(await clients(first), 4);
    assert.equal(await canWrite(db), true);
    await demote(first);
    proxy.redirect(second.port);

    // A transaction meets the refusal and goes on at the successor by itself.
    let tries = 0;
    await db.transaction(async (tx) => {
      tries++;
      await tx.run("insert into schema_migrations (version, name) values (9001, 'x')");
    });
    assert.equal(tries, 2);
    assert.equal(await serverId(), second.port);
    await openAll(db, 4);
    assert.equal(await clients(second), 4);
    assert.equal(await clients(first), 0, "no idle connection to the old primary is left");
    assert.equal(await canWrite(db), true);

    // Statements alone fail, so soon after the first change for each connection once, and not twice.
    await demote(second);
    await promote(first);
    proxy.redirect(first.port);
    let failed = 0;
    for (const id of [9002, 9003, 9004, 9005, 9006]) {
      await insert(id).catch((error) => {
        assert.ok(isWrongServer(error), String(error));
        failed++;
      });
    }
    assert.ok(failed >= 1 && failed <= 4, String(failed));
    assert.equal(await serverId(), first.port);

    // A server that has no successor is asked, and not opened anew for every question.
    await demote(first);
    assert.equal(await canWrite(db), false);
    const [before] = await first.administer("show global status like 'Connections'");
    for (let i = 0; i < 20; i++) await assert.rejects(insert(9004), isWrongServer);
    assert.equal(db.connections().inUse, 0);
    const [after] = await first.administer("show global status like 'Connections'");
    assert.ok(Number(after!.Value) - Number(before!.Value) <= 45);
    await promote(first);
    assert.equal(await canWrite(db), true);
  } finally {
    await db.close();
  }
});

Deno.test("POST /orders and /readyz follow a planned change of primaries", async () => {
  await using servers = await twoServers();
  const { first, second, proxy, url } = servers;
  const api = await openApi("demoted_primary");
  const db = await openDatabase(url, { connections: 4 });
  const config = { ...api.deps.config, databaseUrl: url };
  const deps = { ...api.deps, config, db };
  const own = { ...api, deps, app: makeApp(deps) };
  try {
    await openAll(db, 4);
    assert.equal((await ask(own, "POST", "/orders", orderBodyOf())).status, 202);
    assert.equal((await ask(own, "GET", "/readyz")).status, 200);

    // Nothing else stands behind the address yet.
    await demote(first);
    const refused = { ...orderBodyOf(), external_order_id: "refused" };
    assertProblem(await ask(own, "POST", "/orders", refused), 503, "unavailable");
    const unready = await ask(own, "GET", "/readyz");
    assert.equal(unready.status, 503);
    assert.equal(unready.body.checks.database, "read-only");

    const before = performance.now();
    proxy.redirect(second.port);
    const taken = { ...orderBodyOf(), external_order_id: "taken" };
    for (let tries = 1;; tries++) {
      const { status } = await ask(own, "POST", "/orders", taken);
      if (status === 202) break;
      assert.equal(status, 503);
      assert.ok(tries < 10);
    }
    assert.ok(performance.now() - before < 15_000);
    assert.equal((await ask(own, "GET", "/readyz")).status, 200);
    const names = await second.administer("select external_order_id as name from orders.orders");
    assert.deepEqual(names.map(({ name }) => name), ["taken"]);
    await until("nothing is left at the old primary", async () => await clients(first) === 0);
  } finally {
    await db.close();
    await api.close();
  }
});
