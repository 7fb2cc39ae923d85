import assert from "node:assert/strict";
import { migrate } from "../../../db/connection/migrate.ts";
import { listLosses } from "../../../db/recovery/database_losses.ts";
import { readGaps } from "../../../db/recovery/database_marks.ts";
import { databaseNoter, lookAtDatabase } from "../../../streams/recovery/database_age.ts";
import { guardDatabase } from "../../../streams/recovery/database_guard.ts";
import { ensureRecovered } from "../../../streams/recovery/recover.ts";
import { type Proxy, startProxy, withPort } from "../../../tools/chaos/harness/proxy.ts";
import { type ReplicatedPair, replicatedPair, setReadOnly } from "../../replicated_pair.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { type TestContext, testContext } from "../../support.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";

const item = [{ sku: "a", qty: 1, unitPriceCents: 500 }];

/** A primary, what follows it and lacks an order, and a process whose new connections a proxy leads to the latter. */
interface Behind {
  pair: ReplicatedPair;
  primary: Workflow;
  proxy: Proxy;
  proxied: Workflow;
  lacking: number;
}

async function whileBehind(name: string, work: (behind: Behind) => Promise<void>): Promise<void> {
  const place = await testContext(name);
  await using pair = await replicatedPair();
  const proxy = startProxy(pair.first.port);
  const opened: Workflow[] = [];
  const open = async (databaseUrl: string) => {
    const own: TestContext = { ...place, databaseUrl, close: () => Promise.resolve() };
    const flow = await openWorkflow(name, { place: own });
    opened.push(flow);
    return flow;
  };
  try {
    await migrate(pair.first.url);
    const primary = await open(pair.first.url);
    await ensureRecovered(primary);
    await primary.add([anOrder("known", item)]);
    await primary.drain();
    await databaseNoter(primary)();
    await pair.caughtUp();
    await pair.stopFollowing();
    const [order] = await primary.add([anOrder("new", item)]);
    await databaseNoter(primary)();
    proxy.redirect(pair.second.port);
    const proxied = await open(withPort(pair.first.url, proxy.port));
    await work({ pair, primary, proxy, proxied, lacking: order!.orderId! });
    const [next] = await primary.add([anOrder("next", item)]);
    assert.ok(next!.orderId! < 1_000, "no number was left out");
    await primary.drain();
    assert.deepEqual(await listLosses(primary.db, 10), []);
    assert.deepEqual(await readGaps(primary.db), {});
    assert.ok((await verifyNow(primary)).ok);
  } finally {
    for (const flow of opened) await flow.close();
    proxy.end();
    await place.close();
  }
}

Deno.test("a replica that is behind is not used and not made good, and is no loss once it is left", () =>
  whileBehind("replica_left", async ({ primary, proxy, proxied, lacking }) => {
    await assert.rejects(guardDatabase(proxied), /older/);
    await assert.rejects(proxied.add([anOrder("stray", item)]), /older/);
    assert.equal(
      await primary.redis.xlen(primary.keys.stream("orders")),
      1,
      "nothing is forgotten",
    );
    proxy.redirect(Number(new URL(primary.test.databaseUrl).port));
    await guardDatabase(proxied);
    assert.equal((await proxied.order(lacking)).status, "PENDING");
  }));

Deno.test("a replica that only reads is not made good by somebody whom it would let write either", () =>
  whileBehind("replica_administrator", async ({ pair, primary }) => {
    const { port, administratorPassword } = pair.second;
    const databaseUrl = `mysql://administrator:${administratorPassword}@127.0.0.1:${port}/orders`;
    const place = { ...primary.test, databaseUrl, close: () => Promise.resolve() };
    const flow = await openWorkflow("replica_administrator", { place });
    try {
      await assert.rejects(ensureRecovered({ ...flow, db: flow.db.unguarded }), /read-only/);
      assert.deepEqual(await readGaps(flow.db.unguarded), {});
      assert.deepEqual(await listLosses(flow.db.unguarded, 10), []);
      assert.equal(await primary.redis.xlen(primary.keys.stream("orders")), 1);
    } finally {
      await flow.close();
    }
  }));

Deno.test("a replica that is behind is waited for while it comes nearer", () =>
  whileBehind("replica_follows", async ({ pair, proxied, lacking }) => {
    const patient = { ...proxied, catchUpMs: 20_000 };
    const waits = Promise.withResolvers<void>();
    const log = { ...patient.log, warn: () => waits.resolve() };
    const guarded = guardDatabase({ ...patient, log });
    await Promise.race([waits.promise, guarded]);
    await pair.followOn();
    await guarded;
    assert.equal((await proxied.order(lacking)).status, "PENDING");
  }));

Deno.test("where looks met a replica that is behind, and the change goes to the primary, nothing is changed", () =>
  whileBehind("replica_mixed", async ({ pair, primary, proxy, proxied, lacking }) => {
    // A proxy that does not see who takes changes, and a user whom the replica would let.
    await setReadOnly(pair.second, false);
    const { db } = proxied;
    const transaction: typeof db.transaction = (work, options) => {
      proxy.redirect(pair.first.port);
      proxy.cut();
      return db.unguarded.transaction(work, options);
    };
    const unguarded = { ...db.unguarded, transaction };
    assert.equal((await lookAtDatabase(proxied, unguarded)).kind, "older");
    await ensureRecovered({ ...proxied, db: unguarded });
    assert.equal((await lookAtDatabase(proxied, unguarded)).kind, "current");
    assert.equal(
      await primary.redis.xlen(primary.keys.stream("orders")),
      1,
      "nothing is forgotten",
    );
    await guardDatabase(proxied);
    assert.equal((await proxied.order(lacking)).status, "PENDING");
  }));
