import assert from "node:assert/strict";
import { type Database, openDatabase, toInteger } from "../../../db/connection/database.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { importProgressLine } from "../../../commands/import_progress.ts";
import {
  type ImportOptions,
  importOrders,
  type ImportProgress,
} from "../../../streams/imports/orders_import.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { startProxy, withPort } from "../../../tools/chaos/harness/proxy.ts";
import { until } from "../../../tools/chaos/harness/until.ts";
import { csvOf, manyRows, sourceOf } from "../../csv_orders.ts";
import { ownDatabase, ownRedis } from "../../own_engines.ts";
import { setReadOnly } from "../../replicated_pair.ts";
import { recordedLog } from "../../routes/api.ts";

const orders = 400;

/** Orders to a transaction: enough transactions that an engine goes in the middle. */
const batch = { orders: 20, items: 1_000, rows: 1_000 };

/** Engines of a test's own, with the schema. */
async function bench() {
  const [server, store] = await Promise.all([ownDatabase(), ownRedis()]);
  await migrate(server.url);
  const db = await openDatabase(server.url, { connections: 5 });
  const proxy = startProxy(store.port);
  const redis = await openRedis(withPort(store.url, proxy.port));
  return {
    server,
    proxy,
    db,
    redis,
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      proxy.end();
      await db.close();
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Imports a file of {@linkcode orders}, and does something once the first of them are there. */
async function importDuring(
  { db, redis }: { db: Database; redis: RedisClient },
  fault: () => Promise<unknown>,
  options: Partial<ImportOptions> = {},
) {
  const { log, lines } = recordedLog();
  const seen: ImportProgress[] = [];
  const begun = Promise.withResolvers<void>();
  const report = importOrders(
    { db, redis, keys: keysFor("", "EUR"), log },
    sourceOf(csvOf(manyRows(orders))),
    {
      name: "orders.csv",
      initialStock: 50,
      waitMs: 60_000,
      limits: { batch },
      onProgress: (progress) => {
        seen.push({ ...progress });
        if (progress.ordersDone > 0) begun.resolve();
      },
      ...options,
    },
  );
  report.catch(() => {});
  await Promise.race([begun.promise, report]);
  await fault();
  return { report, lines, seen, waits: (engine: string) => waitsFor(lines, engine) };
}

/** Until the log says what the import waits for. */
const waitsFor = (lines: string[], engine: string) =>
  until(
    `it waits for ${engine}`,
    20_000,
    () => lines.some((line) => line.includes(`import waits for ${engine}`)) || lines.join(),
  );

async function assertWhole({ db, redis }: { db: Database; redis: RedisClient }): Promise<void> {
  const [row] = await db.query(
    "select count(*) as orders, count(distinct external_order_id) as ids from orders",
  );
  assert.deepEqual([toInteger(row!.orders), toInteger(row!.ids)], [orders, orders]);
  const stream = keysFor("", "EUR").stream("orders", "bulk");
  const published = (await redis.xrange(stream, "-", "+")).map(([, fields]) => fields.join(" "));
  assert.ok(new Set(published).size >= orders, String(published.length));
  const runs = await db.query("select status, orders from imports");
  assert.deepEqual(runs.map(({ status, orders }) => [status, orders]), [["DONE", orders]]);
}

/** Ends a wait that was seen to have begun. */
async function throughOutage(
  made: { db: Database; redis: RedisClient },
  engine: string,
  away: () => Promise<unknown>,
  back: () => Promise<unknown>,
): Promise<void> {
  const { report, lines, seen, waits } = await importDuring(made, away);
  await waits(engine);
  await back();
  const { orders: done, orders_new, orders_unchanged } = await report;
  assert.deepEqual([done, orders_new + orders_unchanged], [orders, orders]);
  await assertWhole(made);
  assert.ok(lines.some((line) => /"import goes on".*"waited_seconds":\d/.test(line)), lines.join());
  const told = seen.find(({ waitingFor }) => waitingFor !== undefined)!;
  assert.equal(told.waitingFor, engine);
  assert.match(
    importProgressLine(told, undefined, 1_000),
    new RegExp(`^Waiting for ${engine}  \\d+% done  [\\d,]+ rows$`),
  );
  assert.equal(seen.at(-1)!.waitingFor, undefined);
}

Deno.test("an import goes on by itself after its database was read-only, as while primaries change", async () => {
  await using made = await bench();
  const { server } = made;
  await throughOutage(
    made,
    "the database",
    () => setReadOnly(server, true),
    () => setReadOnly(server, false),
  );
});

Deno.test("an import goes on by itself after its database was killed and came back", async () => {
  await using made = await bench();
  const { server } = made;
  await throughOutage(made, "the database", async () => {
    server.kill("SIGKILL");
    await server.exited;
  }, () => server.restart());
});

Deno.test("an import goes on by itself after Redis was away", async () => {
  await using made = await bench();
  const { proxy } = made;
  await throughOutage(
    made,
    "Redis",
    () => Promise.resolve(proxy.close()),
    () => Promise.resolve(proxy.open()),
  );
});

Deno.test("an import waits no longer than it was told, and says for what", async () => {
  await using made = await bench();
  const { server, db } = made;
  const { report } = await importDuring(made, () => setReadOnly(server, true), { waitMs: 1_500 });
  const started = performance.now();
  const error = await report.catch((error) => error);
  assert.ok(error instanceof WorkflowError, String(error));
  assert.equal(error.code, "unavailable");
  assert.match(
    error.message,
    /^Waited 2 s \(IMPORT_WAIT_SECONDS\) for the database, which is away \(.*read.only.*\): import the file again/,
  );
  assert.ok(performance.now() - started < 20_000);
  // Whoever wants nothing of it waits for nothing.
  const none = await importOrders(
    { ...made, keys: keysFor("", "EUR"), log: recordedLog().log },
    sourceOf(csvOf(manyRows(3))),
    { name: "few.csv", initialStock: 50 },
  ).catch((error) => error);
  assert.match(String(none.message), /read.only/);
  await setReadOnly(server, false);

  // The same file again takes the rest.
  const again = await importDuring(made, () => Promise.resolve());
  const counts = await again.report;
  assert.ok(counts.orders_new > 0 && counts.orders_unchanged > 0, JSON.stringify(counts));
  assert.equal(counts.orders_new + counts.orders_unchanged, orders);
  const [row] = await db.query("select count(*) as orders from orders");
  assert.equal(toInteger(row!.orders), orders);
});

Deno.test("an import that waits is ended by whoever cancels it", async () => {
  await using made = await bench();
  const { server } = made;
  const stop = new AbortController();
  const { report, waits } = await importDuring(made, () => setReadOnly(server, true), {
    signal: stop.signal,
  });
  await waits("the database");
  stop.abort();
  await assert.rejects(report, { name: "AbortError" });
});
