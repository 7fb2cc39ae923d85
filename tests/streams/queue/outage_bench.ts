import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { endOldKeys } from "../../../db/payments/installation.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { makeApp } from "../../../routes/app.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { consumeOnce, ensureGroup } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { type OwnDatabase, ownDatabase } from "../../own_engines.ts";
import { type Answer, ask, openApi, orderBodyOf } from "../../routes/api.ts";
import { anOrder } from "../../workflow.ts";
import { makeDue } from "../consistent.ts";

/** The API and a consumer on a database, whose messages are dead after one try that counts. */
export async function onDatabase(name: string, db: Database, databaseUrl: string) {
  const api = await openApi(name);
  const deps = { ...api.deps, config: { ...api.deps.config, databaseUrl }, db };
  const own = { ...api, deps, app: makeApp(deps) };
  await ensureGroup(deps, "orders");
  const consumerDeps = {
    ...deps,
    blocking: deps.redis,
    lane: "live" as const,
    gateway: simulatedGateway({ delayMs: 0 }),
    reservationTtlSeconds: 900,
    missingRowMs: -1_000,
    consumer: "test",
  };
  const consumer = makeConsumer(consumerDeps, {
    group: "orders",
    batchSize: 10,
    maxDeliveries: 1,
    retryBackoffMs: 0,
    takeoverMs: 10_000,
  });
  let orders = 0;
  return {
    deps,
    async publishOne(orderId: number) {
      const amountCents = 100;
      await publish(deps, [{
        message: { type: "order.reserve", orderId, amountCents, currency: "EUR" },
      }]);
    },
    turn: () => consumeOnce(consumer),
    due: () => makeDue(consumerDeps),
    post: (): Promise<Answer> =>
      ask(own, "POST", "/orders", { ...orderBodyOf(), external_order_id: `posted ${++orders}` }),
    ready: (): Promise<Answer> => ask(own, "GET", "/readyz"),
    close: api.close,
  };
}

/** See {@linkcode onDatabase}. */
export type Bench = Awaited<ReturnType<typeof onDatabase>>;

/** An outage: no try is lost, requests are told to come again, and all goes on once it is over. */
export async function assertOutage(bench: Bench, what: string): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    const done = await bench.turn();
    assert.deepEqual(done, { handled: 0, retried: 0, dead: 0, delayed: 1 }, `${what} ${turn}`);
    await bench.due();
  }
  const refused = await bench.post();
  assert.equal(refused.status, 503, `${what}: ${JSON.stringify(refused.body)}`);
  assert.equal(refused.headers.get("retry-after"), "1", what);
}

/** A server of its own, and an order on it that is to be reserved. */
export async function withServer(
  name: string,
  extra: string[],
  work: (bench: Bench, server: OwnDatabase, db: Database) => Promise<void>,
): Promise<void> {
  await using server = await ownDatabase(extra);
  await migrate(server.url);
  const db = await openDatabase(server.url, { connections: 3 });
  const bench = await onDatabase(name, db, server.url);
  try {
    await endOldKeys(db);
    const [taken] = await takeOrders(db, [anOrder("1", [{ sku: "a", qty: 1 }])], {
      initialStock: 50,
      onPendingChange: "update",
      actor: "test",
    });
    await bench.publishOne(taken!.orderId!);
    await work(bench, server, db);
    assert.deepEqual(await bench.turn(), { handled: 1, retried: 0, dead: 0, delayed: 0 });
    assert.equal((await bench.ready()).status, 200);
    assert.equal((await bench.post()).status, 202);
  } finally {
    await bench.close();
    await db.close();
  }
}

/** What the server says to a change. */
export const refusalOf = async (db: Database) =>
  await db.runText("update orders set updated_at = updated_at where id = 0").then(
    () => undefined,
    (error) => (error as { errno?: number }).errno,
  );
