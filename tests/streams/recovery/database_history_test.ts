import assert from "node:assert/strict";
import { endOldKeys } from "../../../db/payments/installation.ts";
import { listLost, listOpenLosses } from "../../../db/recovery/database_losses.ts";
import { tickDatabase } from "../../../db/recovery/database_marks.ts";
import { listDeadLetters } from "../../../db/dead_letters/dead_letters.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { LeftDatabaseError } from "../../../domain/operation/left_database.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { databaseNoter, lookAtDatabase } from "../../../streams/recovery/database_age.ts";
import { guardDatabase } from "../../../streams/recovery/database_guard.ts";
import { ensureRecovered, recover } from "../../../streams/recovery/recover.ts";
import { takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { aChargeback, aReversedPayment, tell } from "../../chargebacks.ts";
import { type ReplicatedPair, replicatedPair } from "../../replicated_pair.ts";
import {
  askRefund,
  dumpFigures,
  flushRedis,
  loseRedis,
  verifyNow,
} from "../../settled_workflow.ts";
import { type TestContext, testContext } from "../../support.ts";
import { anOrder, openWorkflow, type Workflow, type WorkflowOptions } from "../../workflow.ts";

/** Two servers, and the workflow as processes have it that are connected to the one or the other. */
interface Sides {
  pair: ReplicatedPair;
  /** Connected to the primary that is left behind. */
  old: Workflow;
  /** Connected to the replica that takes over, which is not written to yet. */
  next: Workflow;
  /** Another one, connected to either. */
  open(url: string): Promise<Workflow>;
}

async function withSides(
  name: string,
  work: (sides: Sides) => Promise<void>,
  options: WorkflowOptions = {},
): Promise<void> {
  const place = await testContext(name);
  await using pair = await replicatedPair();
  const opened: Workflow[] = [];
  const open = async (databaseUrl: string) => {
    const own: TestContext = { ...place, databaseUrl, close: () => Promise.resolve() };
    const flow = await openWorkflow(name, { ...options, place: own });
    opened.push(flow);
    return flow;
  };
  try {
    await migrate(pair.first.url);
    const old = await open(pair.first.url);
    await endOldKeys(old.db);
    await ensureRecovered(old);
    await old.add([anOrder("known", item(500))]);
    await old.drain();
    await databaseNoter(old)();
    await pair.caughtUp();
    await work({ pair, old, next: await open(urlOf(pair)), open });
  } finally {
    for (const flow of opened) await flow.close();
    await place.close();
  }
}

/** The second by the password of both. */
function urlOf({ first, second }: ReplicatedPair): string {
  return first.url.replace(/:\d+\/orders/, `:${second.port}/orders`);
}

const item = (unitPriceCents: number) => [{ sku: "a", qty: 1, unitPriceCents }];

/** An order that is not settled, with what it costs. */
const added = async (flow: Workflow, name: string, cents: number) =>
  (await flow.add([anOrder(name, item(cents))]))[0]!.orderId!;

async function proven(flow: Workflow): Promise<void> {
  const report = await verifyNow(flow);
  assert.ok(report.ok, JSON.stringify(report.checks.filter(({ ok }) => !ok)));
  assert.deepEqual(await listDeadLetters(flow.db, {}, 0, 10), []);
}

const kindOf = async (flow: Workflow) => (await lookAtDatabase(flow, flow.db.unguarded)).kind;

Deno.test("a replica that lacks the last commits takes over: none is misapplied, and each is named", () =>
  withSides("history_promoted", async ({ pair, old, next }) => {
    await pair.stopFollowing();
    // One is paid and one waits for an answer that declines, scheduled under a number that is to come again.
    const paid = await added(old, "paid", 200);
    await old.turn("orders");
    await old.turn("payments");
    const declined = await added(old, "declined", 101);
    const plain = await added(old, "plain", 400);
    await old.turn("orders");
    await old.turn("payments");
    const refund = await askRefund(old, 1, 100);
    await publish(old, [{ message: refund }], { committed: true });
    await pair.promote();

    await guardDatabase(next);
    const ids = [await added(next, "new 1", 100), await added(next, "new 2", 300)];
    assert.ok(Math.min(...ids) > plain + 1_000, ids.join());
    const again = await askRefund(next, 1, 40);
    assert.ok(again.refundId > refund.refundId + 1_000);
    await publish(next, [{ message: again }], { committed: true });
    await next.drain();
    for (const id of ids) assert.equal((await next.order(id)).status, "PAID");
    const [sums] = await next.rows("select refunded_cents from orders where id = 1");
    assert.equal(Number(sums!.refunded_cents), 40);
    await proven(next);
    const [loss, ...others] = await listOpenLosses(next.db, 10);
    assert.deepEqual(others, []);
    assert.deepEqual([loss!.ordersLost, loss!.refundsLost], [3, 1]);
    assert.deepEqual(await listLost(next.db, loss!.id, "order", 10), [paid, declined, plain]);
    assert.deepEqual(await listLost(next.db, loss!.id, "refund", 10), [refund.refundId]);
    assert.ok(loss!.lostFrom <= loss!.lostUntil!);
  }, { gateway: simulatedGateway({ delayMs: 1 }) }));

Deno.test("a chargeback that nobody here knows the charge of is missed and named where it is all that was lost", () =>
  withSides("history_chargeback", async ({ pair, old, next }) => {
    await pair.stopFollowing();
    const stranger = { providerRef: "dp_9", chargeRefs: ["sim_of_9"] };
    const { id, orderId } = await tell(old, aChargeback("needs_response", 0, stranger));
    assert.equal(orderId, null);
    await pair.promote();

    await guardDatabase(next);
    const again = await tell(next, aChargeback("needs_response", 0, stranger));
    assert.ok(again.id > id + 1_000, String(again.id));
    const [loss, ...others] = await listOpenLosses(next.db, 10);
    assert.deepEqual(others, []);
    assert.deepEqual([loss!.ordersLost, loss!.refundsLost, loss!.chargebacksLost], [0, 0, 1]);
    assert.deepEqual(await listLost(next.db, loss!.id, "chargeback", 10), [id]);
    await proven(next);
    const stray = aChargeback("needs_response", 0, { ...stranger, providerRef: "dp_8" });
    await assert.rejects(tell(old, stray), LeftDatabaseError, "it would be told nowhere else");
  }));

Deno.test("what a provider says of money that came back to it is missed where it is all that was lost", () =>
  withSides("history_came_back", async ({ pair, old, next }) => {
    await aReversedPayment(old, 1, 500);
    await databaseNoter(old)();
    await pair.caughtUp();
    await pair.stopFollowing();
    const news = {
      provider: "simulated",
      refund: { ref: "re_1", state: "refused", reason: null, chargeRefs: ["second"] },
      happenedAt: new Date(),
    } as const;
    assert.equal(await takeRefundNews(old, news), "return");
    await pair.promote();

    assert.equal(await kindOf(next), "older");
    await guardDatabase(next);
    assert.equal((await listOpenLosses(next.db, 10)).length, 1);
    assert.equal(await takeRefundNews(next, news), "return");
    await next.drain();
    await proven(next);
  }));

Deno.test("a promoted replica that is noted before anybody has looked at it is older, and no other history", async (t) => {
  // As where the primary is lost between the look of a sweep and its note, which goes on at the other host.
  for (const lost of ["after the look", "after the tick was read"]) {
    await t.step(lost, () =>
      withSides("history_noted", async ({ pair, old, next }) => {
        await pair.stopFollowing();
        const gone = await added(old, "lost", 200);
        if (lost === "after the look") await databaseNoter(old)();
        await pair.promote();
        const db = lost === "after the look" ? next.db : {
          ...old.db,
          transaction: next.db.transaction,
        };
        const other = { ...next, db };
        await databaseNoter(other)();
        // The primary ticked once more, and was heard of it, before it was lost.
        if (lost !== "after the look") await databaseNoter(old)();

        assert.equal(await kindOf(next), "older");
        await guardDatabase(next);
        const [loss, ...others] = await listOpenLosses(next.db, 10);
        assert.deepEqual(others, []);
        assert.deepEqual(await listLost(next.db, loss!.id, "order", 10), [gone]);
        await added(next, "new", 100);
        await next.drain();
        await proven(next);
      }));
  }
});

Deno.test("what a process commits to the primary that is left behind is neither published nor acknowledged", () =>
  withSides("history_fenced", async ({ pair, old, next }) => {
    await pair.stopFollowing();
    await added(old, "lost", 200);
    await pair.promote();
    await guardDatabase(next);
    await next.db.query("select 1");

    // This process has not noticed: its connections live on.
    await assert.rejects(added(old, "stray", 300), LeftDatabaseError);
    assert.equal(await old.redis.xlen(old.keys.stream("orders")), 0);
    await assert.rejects(
      databaseNoter(old)().then(() => old.db.query("select 1")).then(() => guardDatabase(old)),
      /no part of the history/,
    );
    assert.equal(await kindOf(next), "current");
    await added(next, "new", 400);
    await next.drain();
    await proven(next);
  }));

Deno.test("what is settled on the primary that is left behind is in no figure", () =>
  withSides("history_figures", async ({ pair, old, next }) => {
    await added(old, "both", 200);
    await old.turn("orders");
    await databaseNoter(old)();
    await pair.caughtUp();
    await pair.stopFollowing();
    await added(old, "lost", 300);
    await pair.promote();
    await guardDatabase(next);
    await next.db.query("select 1");
    const before = await dumpFigures(next);

    // A consumer that has not noticed takes what is published again.
    for (let turn = 0; turn < 3; turn++) await old.turn("payments").catch(() => {});
    const [there] = await pair.first.administer(
      "select sum(status = 'PAID') as n from orders.orders",
    );
    assert.equal(Number(there!.n), 2, "it has settled one");
    assert.deepEqual(await dumpFigures(next), before);
    await next.drain();
    await proven(next);
  }));

Deno.test("a primary that is back with commits of its own is refused, until somebody says that it counts", () =>
  withSides("history_back", async ({ pair, old, next, open }) => {
    await pair.stopFollowing();
    const lost = await added(old, "lost", 200);
    await databaseNoter(old)();
    await pair.promote();
    await guardDatabase(next);
    const since = await added(next, "since", 400);
    await next.drain();
    await databaseNoter(next)();

    // A process that is still connected to it goes on.
    for (let tick = 0; tick < 2; tick++) await databaseNoter(old)();
    assert.equal(await kindOf(next), "current", "it could not have Redis believe it");
    const back = await open(pair.first.url);
    await assert.rejects(guardDatabase(back), /no part of the history/);
    await assert.rejects(added(back, "refused", 500), /no part of the history/);
    await assert.rejects(ensureRecovered({ ...back, db: back.db.unguarded }), /no part/);
    const [row] = await pair.first.administer("select count(*) as n from orders.orders");
    assert.equal(Number(row!.n), 2);

    const report = await recover({ ...back, db: back.db.unguarded }, { accept: true });
    assert.ok(report.kind === "recovered" && report.loss !== null);
    await guardDatabase(back);
    await back.drain();
    assert.equal(
      (await back.order(lost)).status,
      "PAID",
      "what it had is published and worked on again",
    );
    const after = await added(back, "after", 600);
    assert.ok(after > since + 1_000);
    await back.drain();
    await proven(back);
    const [loss] = await listOpenLosses(back.db, 10);
    assert.deepEqual(await listLost(back.db, loss!.id, "order", 10), [since]);
    await assert.rejects(guardDatabase(next), /no part of the history/, "and now the other one");
  }));

Deno.test("a primary that was left between two ticks, and has nothing but commits of its own, is refused as well", () =>
  withSides("history_no_tick", async ({ pair, old, next }) => {
    await pair.stopFollowing();
    await added(old, "lost", 200);
    await pair.promote();
    await guardDatabase(next);
    await added(next, "since", 400);
    await next.drain();
    await databaseNoter(next)();

    // A process that stood still, or has an address of its own, is still connected to it.
    await assert.rejects(ensureRecovered({ ...old, db: old.db.unguarded }), /no part of the hist/);
    assert.deepEqual([await kindOf(old), await kindOf(next)], ["other", "current"]);
    await proven(next);
  }));

Deno.test("a Redis that was lost after commits were knows again which primary was left behind", () =>
  withSides("history_flushed", async ({ pair, old, next, open }) => {
    await pair.stopFollowing();
    await added(old, "lost", 200);
    await databaseNoter(old)();
    await pair.promote();
    await guardDatabase(next);
    const note = databaseNoter(next);
    await note();
    await loseRedis(next);
    await ensureRecovered(next);
    await added(next, "since", 400);
    await note();

    const back = await open(pair.first.url);
    await assert.rejects(
      ensureRecovered({ ...back, db: back.db.unguarded }),
      /no part of the hist/,
    );
    assert.deepEqual([await kindOf(back), await kindOf(next)], ["other", "current"]);
    await assert.rejects(added(old, "stray", 300), LeftDatabaseError);
    await next.drain();
    await proven(next);
  }));

Deno.test("what was lost is noticed by the processes that live on, though Redis is lost at the same moment", () =>
  withSides("history_both", async ({ pair, old, next, open }) => {
    await pair.stopFollowing();
    const lost = await added(old, "lost", 200);
    // A process that has heard of it, and comes to the one that takes over by its next connection.
    await lookAtDatabase(next, next.db.unguarded);
    await pair.promote();
    await flushRedis(next);

    await guardDatabase(next);
    const since = await added(next, "since", 400);
    assert.ok(since > lost + 1_000, String(since));
    const started = await open(urlOf(pair));
    await guardDatabase(started);
    await started.drain();
    await proven(started);
    const [loss, ...others] = await listOpenLosses(next.db, 10);
    assert.deepEqual(others, []);
    assert.deepEqual([loss!.numbersLost, loss!.stepsLost > 0], [1, true]);
    const back = await open(pair.first.url);
    await assert.rejects(guardDatabase(back), /no part of the history/);
  }));

Deno.test("two servers that went different ways from one moment are told apart, though none is behind", () =>
  withSides("history_split", async ({ pair, old, next }) => {
    await pair.stopFollowing();
    await pair.promote();
    await guardDatabase(old);
    await guardDatabase(next);
    // Both count the same tick at the same moment, and one of them is heard of.
    for (const flow of [old, next]) {
      await flow.rows("update products set price_cents = price_cents + 1");
    }
    assert.ok(await tickDatabase(next.db, () => Promise.resolve(true)));
    await databaseNoter(old)();
    assert.deepEqual([await kindOf(old), await kindOf(next)], ["current", "other"]);
    await databaseNoter(old)();
    assert.equal(await kindOf(next), "other");
    next.db.lookAgain();
    await assert.rejects(added(next, "stray", 100), /no part of the history/);
    await added(old, "fine", 100);
    await old.drain();
    await proven(old);
  }));

Deno.test("an order that is missing among later ones is named as lost, and no dead letter", () =>
  withSides("history_between", async ({ pair, old, next }) => {
    const [gone, kept] = [await added(old, "gone", 200), await added(old, "kept", 400)];
    await old.turn("orders");
    await pair.caughtUp();
    // As where the later of two commits got across, and the earlier one did not.
    await pair.stopFollowing();
    await pair.promote();
    await next.rows("set foreign_key_checks = 0");
    for (const table of ["order_items", "order_events", "stock_movements"]) {
      await next.rows(`delete from ${table} where order_id = ?`, [gone]).catch(() => {});
    }
    await next.rows("update products set stock_qty = stock_qty + 1 where sku = 'a'");
    await next.rows("delete from orders where id = ?", [gone]);
    assert.equal(await kindOf(next), "current");
    await next.drain();
    assert.equal((await next.order(kept)).status, "PAID");
    const [loss] = await listOpenLosses(next.db, 10);
    assert.deepEqual(await listLost(next.db, loss!.id, "order", 10), [gone]);
    assert.deepEqual(await listDeadLetters(next.db, {}, 0, 10), []);
  }));

Deno.test("Redis that went back behind a loss is made good with the database, and no loss is told twice", () =>
  withSides("history_redis_back", async ({ pair, old, next }) => {
    await pair.stopFollowing();
    await added(old, "lost", 200);
    await databaseNoter(old)();
    const keys = [old.keys.databaseMarks, old.keys.databaseTicks, old.keys.stream("orders")];
    const before = await Promise.all(keys.map((key) => old.redis.dumpBuffer(key)));
    await pair.promote();
    await guardDatabase(next);
    await next.drain();
    for (const [index, key] of keys.entries()) {
      await old.redis.restore(key, 0, before[index]!, "REPLACE");
    }
    assert.equal(await kindOf(next), "older");
    await ensureRecovered({ ...next, db: next.db.unguarded });
    assert.equal(await kindOf(next), "current");
    assert.equal(await next.redis.xlen(next.keys.stream("orders")), 0);
    assert.equal((await listOpenLosses(next.db, 10)).length, 1);
    await proven(next);
  }));

Deno.test("another installation's database is refused beside a Redis that knows one, and nothing of Redis goes", () =>
  withSides("history_other", async ({ old, open }) => {
    await added(old, "waits", 200);
    const other = await testContext("history_fresh");
    try {
      await migrate(other.databaseUrl);
      const stranger = await open(other.databaseUrl);
      await assert.rejects(guardDatabase(stranger), /another installation/);
      await assert.rejects(added(stranger, "stray", 300), /another installation/);
      await assert.rejects(
        ensureRecovered({ ...stranger, db: stranger.db.unguarded }),
        /another inst/,
      );
      assert.equal(await old.redis.xlen(old.keys.stream("orders")), 1);
      assert.equal(await kindOf(old), "current");

      await recover({ ...stranger, db: stranger.db.unguarded }, { accept: true });
      await guardDatabase(stranger);
      assert.ok(await added(stranger, "first", 300) > 1_000);
      await stranger.drain();
      await proven(stranger);
      // It goes by the name of before, so that what is sent again is charged under the keys that it had.
      await assert.rejects(guardDatabase(old), /no part of the history/);
      await stranger.close();
    } finally {
      await other.close();
    }
  }));

Deno.test("a Redis that knows nothing takes the database as it is", () =>
  withSides("history_fresh_redis", async ({ old }) => {
    await added(old, "waits", 200);
    await loseRedis(old);
    assert.equal(await kindOf(old), "current");
    await ensureRecovered(old);
    await old.drain();
    await proven(old);
  }));

/** Makes what is called fail at its nth call, whichever engine that goes to. */
function stopAtCall(flow: Workflow, at: number): { stopping: Workflow; calls(): number } {
  let calls = 0;
  // What may fail without an end of the whole is no place to stop at.
  const mayFail = /wsrep|replication_group_members|^scan$|^xinfo$/;
  const count = (name: string, first: unknown) => {
    if (mayFail.test(name) || mayFail.test(String(first))) return;
    if (++calls === at) throw new Error("stopped");
  };
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value = Reflect.get(object, name);
        if (
          typeof value !== "function" ||
          ["lastStep", "lookAgain", "defineCommand"].includes(String(name))
        ) {
          return typeof value === "function" ? value.bind(object) : value;
        }
        return (...args: unknown[]) => {
          try {
            count(String(name), args[0]);
          } catch (error) {
            return Promise.reject(error);
          }
          if (typeof args[0] !== "function") return value.apply(object, args);
          const work = args[0] as (tx: object) => unknown;
          return value.call(object, (tx: object) => work(wrap(tx)), ...args.slice(1));
        };
      },
    });
  const db = wrap(flow.db.unguarded);
  return { stopping: { ...flow, db, redis: wrap(flow.redis) }, calls: () => calls };
}

Deno.test("a stop at any call of making a database good leaves the rest to the next, and one loss", () =>
  withSides("history_stops", async ({ pair, old, next }) => {
    await pair.stopFollowing();
    const lost = [await added(old, "lost 1", 200), await added(old, "lost 2", 101)];
    await old.turn("orders");
    await pair.promote();
    let stops = 0;
    // Every third call: each stop begins where the one before has left it, so that most places are met.
    for (let at = 1;; at += 3) {
      const { stopping, calls } = stopAtCall(next, at);
      const ended = await ensureRecovered(stopping).then(() => true, (error) => {
        assert.match(String(error), /stopped/);
        return false;
      });
      // A lease of one that stopped ends by itself, in seconds.
      await next.redis.del(next.keys.recoveryLease);
      if (calls() < at) break;
      stops++;
      assert.ok(!ended || await kindOf(next) === "current");
    }
    assert.ok(stops > 5, String(stops));
    await guardDatabase(next);
    assert.ok(await added(next, "new", 300) > lost[1]! + 1_000);
    await next.drain();
    await proven(next);
    const losses = await listOpenLosses(next.db, 10);
    assert.equal(losses.length, 1);
    assert.deepEqual(await listLost(next.db, losses[0]!.id, "order", 10), lost);
  }, { gateway: simulatedGateway({ delayMs: 1 }) }));
