import assert from "node:assert/strict";
import type { OrderMessage } from "../../../domain/messages/messages.ts";
import { keepDatabase, type KeptDatabase } from "../../../tools/chaos/harness/older_database.ts";
import { addOrderEvents } from "../../../db/orders/timelines.ts";
import { listLost, listOpenLosses } from "../../../db/recovery/database_losses.ts";
import { listDeadLetters } from "../../../db/dead_letters/dead_letters.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { LeftDatabaseError } from "../../../domain/operation/left_database.ts";
import type { DatabaseLoss } from "../../../domain/operation/database_age.ts";
import {
  databaseNoter,
  lookAtDatabase,
  readHeard,
} from "../../../streams/recovery/database_age.ts";
import { guardDatabase } from "../../../streams/recovery/database_guard.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { shareOut } from "../queue/share_out.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { ensureRecovered } from "../../../streams/recovery/recover.ts";
import {
  askRefund,
  dumpFigures,
  loseRedis,
  type SettledWorkflow,
  verifyNow,
  withSettled,
} from "../../settled_workflow.ts";
import { anOrder } from "../../workflow.ts";

/** Recovered once, so that Redis is complete, with a mark of how far the books are. */
async function marked(flow: SettledWorkflow): Promise<KeptDatabase> {
  await ensureRecovered(flow);
  await databaseNoter(flow)();
  assert.equal((await lookAtDatabase(flow, flow.db)).kind, "current");
  return await keepDatabase(flow.test.databaseUrl);
}

/** What the database lacks right now. */
async function lossOf(flow: SettledWorkflow): Promise<DatabaseLoss> {
  const judged = await lookAtDatabase(flow, flow.db);
  assert.ok(judged.kind === "older", judged.kind);
  return judged.loss;
}

const item = [{ sku: "a", qty: 1 }];

/** As a process that is new, or whose connections were cut. */
async function newConnections(flow: SettledWorkflow): Promise<void> {
  await guardDatabase(flow);
}

async function proven(flow: SettledWorkflow): Promise<void> {
  const report = await verifyNow(flow);
  assert.ok(report.ok, JSON.stringify(report.checks.filter(({ ok }) => !ok)));
  assert.deepEqual(await listDeadLetters(flow.db, {}, 0, 10), []);
}

Deno.test("books that are as new as what was published are left alone", () =>
  withSettled("age_same", async (flow) => {
    await marked(flow);
    await flow.add([anOrder("next", item)]);
    await flow.drain();
    assert.equal((await lookAtDatabase(flow, flow.db)).kind, "current");
    assert.equal(await ensureRecovered(flow), null);
    const heard = await readHeard(flow);
    const [row] = await flow.rows("select max(id) as id from order_events");
    assert.ok(heard.numbers.order_events > 0 && heard.numbers.order_events <= Number(row!.id));
    await guardDatabase(flow);
    assert.deepEqual(await listOpenLosses(flow.db, 1), []);
  }));

Deno.test("a restored dump is noticed at the start, and nothing of it needs a hand", () =>
  withSettled("age_restored", async (flow) => {
    const kept = await marked(flow);
    const before = await dumpFigures(flow);
    const [paid, waiting] = await flow.add([anOrder("p", item), anOrder("w", item)]);
    await flow.turn("orders");
    await flow.turn("payments");
    await flow.turn("payments");
    assert.equal((await flow.order(paid!.orderId!)).status, "PAID");
    const refund = await askRefund(flow, paid!.orderId!, 50);
    assert.notDeepEqual(await dumpFigures(flow), before);
    await kept.putBack();

    const report = await ensureRecovered({ ...flow, db: flow.db.unguarded });
    assert.ok(report?.kind === "recovered");
    assert.ok(report.loss!.lost.orders >= 2 && report.loss!.lost.refunds === 0);
    assert.deepEqual(await dumpFigures(flow), before);
    await flow.drain();
    await proven(flow);
    assert.equal(await ensureRecovered(flow), null, "it is good for good");

    // The same orders sent again, and a new one: none gets a number that was in use.
    const again = await flow.add([anOrder("w", item), anOrder("p", item), anOrder("n", item)]);
    const highest = Math.max(paid!.orderId!, waiting!.orderId!);
    for (const { orderId, outcome } of again) {
      assert.equal(outcome, "new");
      assert.ok(orderId! > highest + 1_000, String(orderId));
    }
    await flow.drain();
    for (const { orderId } of again) assert.equal((await flow.order(orderId!)).status, "PAID");
    const newRefund = await askRefund(flow, again[1]!.orderId!, 50);
    assert.ok(newRefund.refundId > refund.refundId);
    await publish(flow, [{ message: newRefund }]);
    await flow.drain();
    await proven(flow);
    const [loss] = await listOpenLosses(flow.db, 10);
    assert.ok(loss!.lostUntil !== null && loss!.lostFrom <= loss!.lostUntil);
    assert.deepEqual(await listLost(flow.db, loss!.id, "order", 10), [
      paid!.orderId,
      waiting!.orderId,
    ]);
  }));

Deno.test("a database that is put back while it is noted gets no tick of its own, which would make another history of it", () =>
  withSettled("books_put_back", async (flow) => {
    const kept = await marked(flow);
    await flow.add([anOrder("after", item)]);
    const note = databaseNoter(flow);
    await note();
    await flow.add([anOrder("later", item)]);
    const transaction: typeof flow.db.transaction = async (work, options) => {
      await kept.putBack({ cut: false });
      return await flow.db.transaction(work, options);
    };
    const late = databaseNoter({ ...flow, db: { ...flow.db, transaction } });
    await late();
    assert.equal((await lookAtDatabase(flow, flow.db)).kind, "older");
    await ensureRecovered(flow);
    assert.equal((await lookAtDatabase(flow, flow.db)).kind, "current");
  }));

Deno.test("messages about lost orders never reach the orders that come after them", () =>
  withSettled("age_messages", async (flow) => {
    const kept = await marked(flow);
    // Reserved, and its answer is on its way.
    const [lost] = await flow.add([anOrder("lost", item)]);
    await flow.turn("orders");
    await flow.turn("payments");
    assert.equal((await flow.order(lost!.orderId!)).status, "RESERVED");
    await kept.putBack();

    await newConnections(flow);
    const [other] = await flow.add([anOrder("other", [{ sku: "a", qty: 1, unitPriceCents: 100 }])]);
    assert.notEqual(other!.orderId, lost!.orderId);
    assert.equal((await flow.order(other!.orderId!)).status, "PENDING");
    await flow.turn("payments");
    assert.equal((await flow.order(other!.orderId!)).status, "PENDING", "the answer is gone");
    await flow.drain();
    assert.equal((await flow.order(other!.orderId!)).status, "PAID");
    const [payment] = await flow.rows("select count(*) as n from payments where order_id = ?", [
      other!.orderId!,
    ]);
    assert.equal(Number(payment!.n), 1);
    await proven(flow);
  }, { gateway: simulatedGateway({ delayMs: 1 }) }));

Deno.test("a failover that lost updates only is noticed by the steps that were counted", () =>
  withSettled("age_updates", async (flow) => {
    const [order] = await flow.add([anOrder("o", item)]);
    await flow.turn("orders");
    const kept = await marked(flow);
    await flow.turn("payments");
    await flow.turn("payments");
    assert.equal((await flow.order(order!.orderId!)).status, "PAID");
    await kept.putBack();
    assert.equal((await flow.order(order!.orderId!)).status, "RESERVED");

    const loss = await lossOf(flow);
    assert.deepEqual([loss.lost.orders, loss.lost.order_events > 0], [0, true]);
    await ensureRecovered(flow);
    await flow.drain();
    assert.equal((await flow.order(order!.orderId!)).status, "PAID");
    await proven(flow);
  }));

Deno.test("a database that lost what Redis never heard of is noticed by its ticks", () =>
  withSettled("age_ticks", async (flow) => {
    const kept = await marked(flow);
    await flow.rows(
      "update products set stock_qty = stock_qty + 5, received_qty = received_qty + 5",
    );
    const note = databaseNoter(flow);
    await note();
    await kept.putBack();
    const loss = await lossOf(flow);
    assert.deepEqual(loss.lost, { orders: 0, refunds: 0, order_events: 0 });
    assert.ok(loss.lostUntil! > loss.lostFrom);
    await ensureRecovered(flow);
    assert.equal((await lookAtDatabase(flow, flow.db)).kind, "current");
    await proven(flow);
  }));

Deno.test("a database that is swapped below a running process is noticed by new connections", () =>
  withSettled("age_swapped", async (flow) => {
    const kept = await marked(flow);
    await guardDatabase(flow);
    const [lost] = await flow.add([anOrder("lost", item)]);
    await flow.drain();
    assert.equal((await flow.order(lost!.orderId!)).status, "PAID");
    await kept.putBack();
    // Many at once, more than there are connections: all wait until the books are good.
    const added = await Promise.all(
      Array.from(
        { length: 30 },
        (_, n) => flow.add([anOrder(`new ${n}`, [{ sku: `s${n}`, qty: 1 }])]),
      ),
    );
    const ids = added.map(([taken]) => taken!.orderId!);
    assert.ok(Math.min(...ids) > lost!.orderId!, ids.join());
    await ensureRecovered({ ...flow, db: flow.db.unguarded });
    await flow.drain();
    for (const id of ids) assert.equal((await flow.order(id)).status, "PAID");
    await proven(flow);
  }));

Deno.test("a Redis that was lost hears which numbers the database has left out", () =>
  withSettled("age_gaps_again", async (flow) => {
    const kept = await marked(flow);
    await flow.add([anOrder("lost", item)]);
    await kept.putBack();
    const whole = { ...flow, db: flow.db.unguarded };
    await ensureRecovered(whole);
    const { gaps } = await readHeard(flow);
    assert.ok(gaps.orders!.length === 1 && gaps.ticks!.length === 1);
    await loseRedis(flow);
    await ensureRecovered(whole);
    await databaseNoter(flow)();
    assert.deepEqual((await readHeard(flow)).gaps, gaps);
  }));

Deno.test("a callback that was taken before a loss is taken again, and who was asked about is asked about again", () =>
  withSettled("age_taken_once", async (flow) => {
    const kept = await marked(flow);
    await flow.add([anOrder("lost", item)]);
    const marks = [`${flow.keys.callback}stripe:evt_1`, `${flow.keys.expiryMark}1`];
    for (const mark of marks) await flow.redis.set(mark, "1", "EX", 900);
    await kept.putBack();
    await ensureRecovered({ ...flow, db: flow.db.unguarded });
    assert.equal(await flow.redis.exists(...marks), 0);
  }));

Deno.test("numbers that were used before a restore was noticed are told apart", () =>
  withSettled("age_reused", async (flow) => {
    const kept = await marked(flow);
    const lost = await flow.add([anOrder("lost", item), anOrder("lost 2", item)]);
    await flow.drain();
    await databaseNoter(flow)();
    // Connections live on, as behind a proxy, and a process without a look takes orders.
    await kept.putBack({ cut: false });
    const others: number[] = [];
    while (others.at(-1) !== lost[1]!.orderId) {
      const [taken] = await flow.add([anOrder(`other ${others.length}`, item)]);
      others.push(taken!.orderId!);
      assert.ok(others.length < 20);
    }
    await flow.turn("orders");
    assert.equal((await flow.order(others.at(-1)!)).status, "PENDING", "it seems to be published");

    await ensureRecovered(flow);
    await flow.drain();
    for (const id of others) assert.equal((await flow.order(id)).status, "PAID");
    await proven(flow);
    const [next] = await flow.add([anOrder("next", item)]);
    assert.ok(next!.orderId! > others.at(-1)! + 1_000);
  }));

Deno.test("a message that a consumer holds when its order is lost is not dead-lettered", () =>
  withSettled("age_in_hand", async (flow) => {
    const kept = await marked(flow);
    await guardDatabase(flow);
    await flow.add([anOrder("lost", item)]);
    const holding = flow.consumerOf("orders", {
      share: (deliveries) =>
        shareOut(deliveries).map(({ handle, deliveries }) => ({
          deliveries,
          handle: async (deps, batch) => {
            await kept.putBack();
            return await handle(deps, batch);
          },
        })),
    });
    const turn = await consumeOnce(holding);
    assert.deepEqual([turn.handled, turn.dead], [0, 0]);
    await ensureRecovered({ ...flow, db: flow.db.unguarded });
    await flow.drain();
    await proven(flow);
  }));

Deno.test("books that can't be made good take no orders", () =>
  withSettled("age_refused", async (flow) => {
    const kept = await marked(flow);
    await flow.add([anOrder("lost", item)]);
    await kept.putBack();
    const failing = {
      ...flow.db.unguarded,
      transaction: () => Promise.reject(new Error("ALTER command denied")),
    } as typeof flow.db;
    failing.unguarded = failing;
    const db = { ...flow.db, unguarded: failing };
    const refusal = await guardDatabase({ ...flow, db }).then(() => null, (error) => error);
    assert.ok(refusal instanceof WorkflowError && refusal.code === "unavailable");
    assert.match(refusal.message, /older.*ALTER command denied/);
    await assert.rejects(flow.add([anOrder("new", item)]), /older/);
    assert.equal(await flow.redis.xlen(flow.keys.stream("orders")), 1, "nothing was forgotten");
  }));

Deno.test("a stop at any moment of making books good leaves the rest to the next", () =>
  withSettled("age_stops", async (flow) => {
    const kept = await marked(flow);
    const [order] = await flow.add([anOrder("o", item)]);
    await flow.turn("orders");
    await kept.putBack();
    for (
      const stopAt of [
        "alter table",
        "insert into books_losses",
        "insert into books_gaps",
        "force index",
      ]
    ) {
      const stopping = (db: typeof flow.db): typeof flow.db => {
        const wrap = <T extends object>(target: T): T =>
          new Proxy(target, {
            get: (object, name) => {
              const value = Reflect.get(object, name);
              if (typeof value !== "function") return value;
              return (...args: unknown[]) => {
                if (typeof args[0] === "string" && args[0].includes(stopAt)) {
                  return Promise.reject(new Error("stopped"));
                }
                if (typeof args[0] !== "function") return value.apply(object, args);
                const work = args[0] as (tx: object) => unknown;
                return value.call(object, (tx: object) => work(wrap(tx)), ...args.slice(1));
              };
            },
          });
        return wrap(db);
      };
      await assert.rejects(ensureRecovered({ ...flow, db: stopping(flow.db) }), /stopped/, stopAt);
    }
    assert.equal((await ensureRecovered(flow))?.kind, "recovered");
    assert.equal(await ensureRecovered(flow), null);
    await flow.drain();
    await proven(flow);
    const [row] = await flow.rows("select count(*) as n from books_losses");
    assert.equal(Number(row!.n), 1);
    assert.equal(await flow.order(order!.orderId!), undefined);
  }));

Deno.test("an import that a restore falls into says so, and the same import again is whole", () =>
  withSettled("age_import", async (flow) => {
    const kept = await marked(flow);
    await guardDatabase(flow);
    const header = "external_order_id,order_placed_at,currency,customer_id,customer_email," +
      "customer_name,product_sku,product_name,unit_price_cents,qty\n";
    const lines = Array.from(
      { length: 60 },
      (_, n) => `i-${n},2025-03-01 12:00:00,EUR,k${n % 7},k@example.com,K,s${n % 5},S,100,1\n`,
    );
    const file = () => ReadableStream.from([new TextEncoder().encode(header + lines.join(""))]);
    const limits = { batch: { orders: 10, items: 1_000, rows: 1_000 } };
    let batches = 0;
    const failing = importOrders(flow, file(), {
      name: "file",
      initialStock: 50,
      limits,
      onProgress: ({ phase }) => {
        if (phase === "writing" && ++batches === 2) restoring = kept.putBack();
      },
    });
    let restoring: Promise<void> | undefined;
    await assert.rejects(failing, /replaced by an older one.*import the file again/s);
    await restoring;
    const again = await importOrders(flow, file(), { name: "file", initialStock: 50, limits });
    assert.equal(again.orders_new + again.orders_unchanged, 60);
    await ensureRecovered({ ...flow, db: flow.db.unguarded });
    await flow.drain();
    const [row] = await flow.rows("select count(*) as n from orders where status = 'PAID'");
    assert.equal(Number(row!.n), 62);
    await proven(flow);
  }));

Deno.test("a message about an order that was lost is dropped, one about an order that never was is dead-lettered", () =>
  withSettled("age_late", async (flow) => {
    const kept = await marked(flow);
    const [lost] = await flow.add([anOrder("lost", item)]);
    const refund = await askRefund(flow, flow.ids.paid, 10);
    await kept.putBack();
    await ensureRecovered(flow);
    // Whoever committed the order publishes it only now.
    const about = { orderId: lost!.orderId!, amountCents: 100, currency: "EUR" };
    const late = [
      { message: { type: "order.reserve" as const, ...about } },
      { message: { type: "payment.charge" as const, ...about } },
      { message: { type: "notify.order" as const, ...about } },
      { message: refund },
    ];
    await assert.rejects(publish(flow, late, { committed: true }), LeftDatabaseError);
    for (const group of groups) assert.equal(await flow.redis.xlen(flow.keys.stream(group)), 0);
    // A version before says nothing of what it has committed.
    await publish(flow, late);
    await flow.drain();
    await proven(flow);
    assert.equal((await lookAtDatabase(flow, flow.db)).kind, "current");
    assert.equal((await flow.redis.hgetall(flow.keys.weights("orders"))).EUR ?? "0", "0");

    const never = { orderId: 9_000_000, amountCents: 100, currency: "EUR" };
    await publish(flow, [{ message: { type: "order.reserve", ...never } }]);
    await flow.drain();
    const [letter, ...others] = await listDeadLetters(flow.db, {}, 0, 10);
    assert.deepEqual([letter!.error, others], ["order 9000000 does not exist", []]);
  }));

Deno.test("what is published for a message that another has claimed says how far the books are", () =>
  withSettled("age_lost", async (flow) => {
    const [taken] = await flow.add([anOrder("late", item)]);
    const orderId = taken!.orderId!;
    const [before] = await flow.rows("select max(id) as id from order_events");
    const consumer = flow.consumerOf("orders", {
      share: (deliveries) => [{
        deliveries: [...deliveries],
        handle: async (deps, [delivery]) => {
          const { id, message } = delivery!;
          await deps.db.transaction((tx) =>
            addOrderEvents(tx, [{ orderId, event: "payment_late" }], deps.consumer)
          );
          await flow.redis.xclaim(flow.keys.stream("orders"), "orders", "other", 0, id);
          assert.equal(await deps.stillOurs!([id]), false);
          const { amountCents, currency } = message as OrderMessage;
          const reversal = { type: "payment.reverse", orderId, amountCents, currency } as const;
          return [{
            kind: "done",
            followUps: [{ message: reversal, evenIfLost: true }],
            events: [],
          }];
        },
      }],
    });
    assert.equal((await consumeOnce(consumer)).handled, 0);
    assert.equal(await flow.redis.xlen(flow.keys.stream("refunds")), 1);
    const heard = await readHeard(flow);
    assert.ok(heard.numbers.order_events > Number(before!.id), JSON.stringify(heard.numbers));
  }));
