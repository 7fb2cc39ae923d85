import assert from "node:assert/strict";
import { WorkflowError } from "../../../domain/errors.ts";
import { groups, type Message, orderIdOf } from "../../../domain/messages/messages.ts";
import { backoffMs, deliveriesBeforeIsolation } from "../../../domain/messages/retry.ts";
import { consume, consumeOnce, ensureGroup } from "../../../streams/queue/consumer.ts";
import type { ConsumerOptions } from "../../../streams/workflow/consumer.ts";
import { releaseInHand } from "../../../streams/queue/release.ts";
import { helperOf } from "../../../streams/queue/claim.ts";
import type { Delivery, Handler } from "../../../streams/workflow/handler.ts";
import { shareOut } from "./share_out.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { readStreams } from "../../../streams/workflow/queue_status.ts";
import { reclaim } from "../../../streams/queue/claim.ts";
import { beat } from "../../../streams/queue/heartbeat.ts";
import { anOrder, openWorkflow, withWorkflow, type Workflow } from "../../workflow.ts";
import { failingFor } from "../failing_database.ts";
import { assertConsistent, makeDue, orphan, pendingOf } from "../consistent.ts";

const nothing = { handled: 0, retried: 0, dead: 0, delayed: 0 };

/** Calls the right handler after a look at the batch, which may throw. */
function watching(
  look: (batch: Delivery<Message>[]) => void | Promise<void>,
): ConsumerOptions["share"] {
  return (deliveries) =>
    shareOut(deliveries).map(({ handle, deliveries }) => ({
      deliveries,
      handle: async (deps, batch): ReturnType<Handler> => {
        await look(batch);
        return await handle(deps, batch);
      },
    }));
}

/** Fails whatever batch holds the order. */
function failing(orderId: number, error: unknown): ConsumerOptions["share"] {
  return watching((batch) => {
    if (batch.some(({ message }) => orderIdOf(message) === orderId)) throw error;
  });
}

function reserve(orderId: number, amountCents = 0) {
  return { message: { type: "order.reserve", orderId, amountCents, currency: "EUR" } as const };
}

/** Orders of one unit each of a product of their own supply. */
async function addMany(flow: Workflow, count: number, name: string): Promise<number[]> {
  const orders = Array.from(
    { length: count },
    (_, n) => anOrder(`${name} ${n}`, [{ sku: name, qty: 1 }]),
  );
  return (await flow.add(orders, count)).map(({ orderId }) => orderId!);
}

async function statusesOf(flow: Workflow, ids: number[]): Promise<Record<string, number>> {
  const rows = await flow.db.query(
    "select status, count(*) as orders from orders where id in (?) group by status",
    [ids],
  );
  return Object.fromEntries(rows.map(({ status, orders }) => [String(status), Number(orders)]));
}

/** Milliseconds until a delayed message is due, by Redis' clock. */
async function dueInMs(flow: Workflow, id: string): Promise<number> {
  const [seconds, micros] = await flow.redis.time() as unknown as [string, string];
  const score = await flow.redis.zscore(flow.keys.retries("orders"), id);
  return Number(score) - Number(seconds) * 1_000 - Number(micros) / 1_000;
}

Deno.test("consumeOnce() waits, at the cost of no try, for a row that its server does not know yet", async () => {
  const flow = await openWorkflow("consumer_early", { missingRowMs: 600_000 });
  try {
    await publish(flow, [reserve(1, 100)]);
    for (let turn = 0; turn < 7; turn++) {
      assert.deepEqual(await flow.turn("orders"), { handled: 0, retried: 0, dead: 0, delayed: 1 });
      await makeDue(flow);
    }
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    assert.equal(order!.orderId, 1);
    await flow.drain();
    assert.equal((await flow.order(1)).status, "PAID");
    assert.deepEqual(await flow.rows("select id from dead_letters"), []);
    await assertConsistent(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("consumeOnce() dead-letters what nobody can understand and handles its 499 neighbours", () =>
  withWorkflow("consumer_poison", async (flow) => {
    const ids = await addMany(flow, 497, "neighbour");
    const stream = flow.keys.stream("orders");
    const garbage = ["note", 'é"\u0000\n€', "message", "order explode 1 é 4"];
    const started = Date.now();
    await flow.redis.xadd(stream, "*", ...garbage);
    await flow.redis.xadd(stream, "*", "just", "words");
    await publish(flow, [reserve(999_999, 123)]);
    assert.deepEqual(await flow.turn("orders"), { handled: 497, retried: 0, dead: 3, delayed: 0 });
    assert.deepEqual(await statusesOf(flow, ids), { RESERVED: 497 });

    const letters = await flow.rows("select * from dead_letters order by id");
    assert.deepEqual(letters.map(({ error }) => error), [
      'unknown message type "order"',
      'there is no field "message"',
      "order 999999 does not exist",
    ]);
    assert.deepEqual(JSON.parse(String(letters[0]!.payload)), garbage);
    for (const letter of letters) {
      assert.deepEqual(
        [letter.group_name, letter.attempts, letter.status],
        ["orders", 1, "DEAD"],
      );
      const seen = Date.parse(`${String(letter.first_seen_at).replace(" ", "T")}Z`);
      assert.ok(Math.abs(seen - started) < 60_000, "first seen when it was published");
      assert.match(String(letter.message_id), /^\d+-\d+$/);
    }
    const { order_id, amount_cents, currency } = letters[2]!;
    assert.deepEqual([order_id, amount_cents, currency], [999_999, 123, "EUR"]);
    assert.equal(await flow.redis.hget(flow.keys.stats("orders"), "dead"), "3");
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() halves a failing batch until the culprit stands alone", () =>
  withWorkflow("consumer_halving", async (flow) => {
    const ids = await addMany(flow, 300, "sku");
    const culprit = ids[137]!;
    const consumer = flow.consumerOf("orders", { maxDeliveries: 4 });
    consumer.deps.db = failingFor(flow.db, new Set([culprit]), new Error("it explodes"));
    assert.deepEqual(await consumeOnce(consumer), {
      handled: 299,
      retried: 1,
      dead: 0,
      delayed: 0,
    });
    assert.deepEqual(await statusesOf(flow, ids), { RESERVED: 299, PENDING: 1 });
    const [id] = [...(await pendingOf(flow, "orders")).keys()] as [string];

    // Delayed, it is nobody's business until it is due: the waits double with every error.
    for (let errors = 1; errors < 4; errors++) {
      assert.equal(await flow.redis.hget(flow.keys.errors("orders"), id), String(errors));
      assert.equal(await flow.redis.hget(flow.keys.errorTexts("orders"), id), "it explodes");
      const wait = await dueInMs(flow, id);
      const expected = backoffMs(errors, 5_000);
      assert.ok(wait <= expected && wait > expected / 2, `${wait} ms after ${errors} errors`);
      await orphan(flow, "orders", 3_600_000);
      consumer.reclaimAt = -Infinity;
      assert.deepEqual(await consumeOnce(consumer), nothing, "a parked message is not taken over");
      await makeDue(flow);
      const turn = await consumeOnce(consumer);
      assert.deepEqual(turn, errors < 3 ? { ...nothing, retried: 1 } : { ...nothing, dead: 1 });
    }
    const [letter] = await flow.rows("select * from dead_letters");
    assert.deepEqual(
      [letter?.order_id, letter?.error, letter?.attempts, letter?.message_id],
      [culprit, "it explodes", 4, id],
    );
    assert.equal((await flow.order(culprit)).status, "PENDING", "nobody failed the order");
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() forgets the errors of a message that succeeds after all", () =>
  withWorkflow("consumer_recovers", async (flow) => {
    const [id] = await addMany(flow, 1, "sku") as [number];
    const share = failing(id, new Error("not yet"));
    assert.equal((await consumeOnce(flow.consumerOf("orders", { share }))).retried, 1);
    await makeDue(flow);
    assert.equal((await flow.turn("orders")).handled, 1);
    const steps = await flow.rows(
      "select attempt from order_events where order_id = ? and event = 'reserved'",
      [id],
    );
    assert.deepEqual(steps, [{ attempt: 2 }], "the timeline tells the second delivery");
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() counts no try while an engine is away, however long that takes", () =>
  withWorkflow("consumer_outage", async (flow) => {
    const ids = await addMany(flow, 20, "sku");
    const outages: unknown[] = [
      Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
      Object.assign(new Error("getaddrinfo ENOTFOUND db"), { code: "ENOTFOUND" }),
      Object.assign(new Error("Connection lost"), { code: "PROTOCOL_CONNECTION_LOST" }),
      Object.assign(new Error("closed"), { fatal: true }),
      Object.assign(new Error("Deadlock"), { errno: 1213, code: "ER_LOCK", sqlState: "40001" }),
      Object.assign(new Error("Too many connections"), { errno: 1040, sqlState: "08004" }),
      Object.assign(new Error("read-only"), { errno: 1290, sqlState: "HY000" }),
      Object.assign(new Error("disk full"), { errno: 1114, sqlState: "HY000" }),
      new Error("Connection is closed."),
      new WorkflowError("unavailable", "Cannot reach the database"),
    ];
    for (const outage of [...outages, ...outages]) {
      const share = watching(() => {
        throw outage;
      });
      const consumer = flow.consumerOf("orders", { share });
      assert.deepEqual(await consumeOnce(consumer), { ...nothing, delayed: 20 }, String(outage));
      const wait = await dueInMs(flow, [...(await pendingOf(flow, "orders")).keys()][0]!);
      assert.ok(wait <= 1_000, "an outage is looked at again soon");
      await makeDue(flow);
    }
    assert.equal(await flow.redis.hlen(flow.keys.errors("orders")), 0);
    assert.equal((await readStreams(flow))[0]!.retried, 0, "no try has failed");
    for (const { deliveries } of (await pendingOf(flow, "orders")).values()) {
      assert.equal(deliveries, 0, "what ended in an outage was no delivery");
    }
    assert.deepEqual(await flow.turn("orders"), { ...nothing, handled: 20 });
    assert.deepEqual(await statusesOf(flow, ids), { RESERVED: 20 });
    await flow.drain();
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() reclaims what a dead consumer held, and nothing before", () =>
  withWorkflow("consumer_takeover", async (flow) => {
    const ids = await addMany(flow, 30, "sku");
    const stream = flow.keys.stream("orders");
    await flow.redis.xreadgroup("GROUP", "orders", "dead", "COUNT", 30, "STREAMS", stream, ">");
    const heir = flow.consumerOf("orders", { takeoverMs: 60_000 }, "heir");
    assert.deepEqual(await consumeOnce(heir), nothing, "a living consumer is left alone");
    await orphan(flow, "orders", 40_000);
    heir.reclaimAt = -Infinity;
    assert.deepEqual(await consumeOnce(heir), nothing, "40 of 60 seconds are not enough");
    await orphan(flow, "orders", 60_001);
    assert.deepEqual(await consumeOnce(heir), nothing, "it does not look all the time");
    heir.reclaimAt = -Infinity;
    assert.deepEqual(await consumeOnce(heir), { ...nothing, handled: 30 });
    assert.deepEqual(await statusesOf(flow, ids), { RESERVED: 30 });
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() tries a message that outlives its consumers alone, then dead-letters it", () =>
  withWorkflow("consumer_killer", async (flow) => {
    const ids = await addMany(flow, 10, "sku");
    const killer = ids[4]!;
    const stream = flow.keys.stream("orders");
    const batches: number[][] = [];
    const share = watching((batch) => {
      batches.push(batch.map(({ message }) => orderIdOf(message)!));
    });
    const heir = flow.consumerOf("orders", { share, maxDeliveries: 2 }, "heir");
    await flow.redis.xreadgroup("GROUP", "orders", "dead", "COUNT", 10, "STREAMS", stream, ">");
    const pending = [...(await pendingOf(flow, "orders")).keys()];
    /** As if so many consumers had died with the message. */
    const kill = (id: string, deliveries: number) =>
      flow.redis.call(
        "XCLAIM",
        stream,
        "orders",
        "dead",
        0,
        id,
        "IDLE",
        60_000,
        "RETRYCOUNT",
        deliveries,
        "JUSTID",
      );
    // Its neighbours died with it only the last time.
    for (const id of pending) await kill(id, 1);
    await kill(pending[4]!, deliveriesBeforeIsolation);
    assert.equal((await consumeOnce(heir)).handled, 10);
    assert.deepEqual(batches, [ids.filter((id) => id !== killer), [killer]]);

    const last = deliveriesBeforeIsolation + 2 * 2;
    const [second] = await addMany(flow, 1, "other") as [number];
    await flow.redis.xreadgroup("GROUP", "orders", "dead", "COUNT", 1, "STREAMS", stream, ">");
    const [id] = [...(await pendingOf(flow, "orders")).keys()] as [string];
    await kill(id, last - 1);
    batches.length = 0;
    // A crash once more: the message stays with the dead one.
    const dying = flow.consumerOf("orders", {
      maxDeliveries: 2,
      share: watching(() => {
        throw new Error("stop before anything is written");
      }),
    }, "dying");
    dying.deps = {
      ...dying.deps,
      redis: new Proxy(flow.redis, {
        get: (target, name) => {
          if (name === "script_delay") throw new Error("killed");
          const value = Reflect.get(target, name);
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
    };
    await assert.rejects(consumeOnce(dying), /killed/);
    assert.equal((await pendingOf(flow, "orders")).get(id)?.deliveries, last);
    await orphan(flow, "orders");
    heir.reclaimAt = -Infinity;
    assert.deepEqual(await consumeOnce(heir), { ...nothing, dead: 1 });
    assert.deepEqual(batches, [], "it was not run again");
    const [letter] = await flow.rows("select * from dead_letters");
    assert.deepEqual(
      [letter?.order_id, letter?.attempts, letter?.error],
      [second, last + 1, `${last} consumers stopped while handling it, without an error`],
    );
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("reclaim() goes on where its last look ended, past thousands that are delayed", () =>
  withWorkflow("consumer_scan", async (flow) => {
    const stream = flow.keys.stream("orders");
    await publish(flow, Array.from({ length: 250 }, (_, n) => reserve(n + 1)));
    await flow.redis.xreadgroup("GROUP", "orders", "dead", "COUNT", 250, "STREAMS", stream, ">");
    const ids = [...(await pendingOf(flow, "orders")).keys()];
    const parked = ids.slice(0, 249).flatMap((id) => [Number.MAX_SAFE_INTEGER, id]);
    await flow.redis.zadd(flow.keys.retries("orders"), ...parked);
    await orphan(flow, "orders");
    const look = (from: string) =>
      reclaim(
        { ...flow, consumer: "heir" },
        { group: "orders", takeoverMs: 10_000 },
        { count: 10, from, scan: 100 },
      );
    const found: string[] = [];
    const steps: string[] = ["-"];
    for (let looks = 0; looks < 4; looks++) {
      const [next, ...entries] = await look(steps.at(-1)!);
      steps.push(next);
      found.push(...entries.map(([id]) => id));
    }
    assert.deepEqual(found, [ids[249]], "the orphan behind the parked ones is found");
    assert.deepEqual(steps, ["-", `(${ids[99]}`, `(${ids[199]}`, "-", `(${ids[99]}`]);
  }));

Deno.test("heartbeat keeps what is one's own and never takes a message back", () =>
  withWorkflow("consumer_heartbeat", async (flow) => {
    await addMany(flow, 3, "sku");
    const stream = flow.keys.stream("orders");
    await flow.redis.xreadgroup("GROUP", "orders", "slow", "COUNT", 3, "STREAMS", stream, ">");
    const ids = [...(await pendingOf(flow, "orders")).keys()] as [string, string, string];
    await orphan(flow, "orders", 60_000);
    await flow.redis.call("XCLAIM", stream, "orders", "heir", 0, ids[1]);
    await flow.redis.xack(stream, "orders", ids[2]);
    const before = await pendingOf(flow, "orders");

    const lost = await beat({ ...flow, consumer: "slow" }, "orders", ids);
    assert.deepEqual(lost, [ids[1], ids[2]]);
    const after = await pendingOf(flow, "orders");
    assert.equal(after.get(ids[0])!.owner, "slow");
    assert.ok(after.get(ids[0])!.idleMs < 10_000, "idle no more");
    assert.equal(after.get(ids[0])!.deliveries, before.get(ids[0])!.deliveries);
    assert.equal(after.get(ids[1])!.owner, "heir");
    assert.equal(after.get(ids[1])!.deliveries, before.get(ids[1])!.deliveries);
    assert.equal(after.has(ids[2]), false);
  }));

Deno.test("consumeOnce() leaves to its new owner what was reclaimed while it worked", () =>
  withWorkflow("consumer_lost", async (flow) => {
    const ids = await addMany(flow, 2, "sku");
    const heir = flow.consumerOf("orders", {}, "heir");
    let heirTurn;
    const slow = flow.consumerOf("orders", {
      share: watching(async () => {
        await orphan(flow, "orders");
        heirTurn = await consumeOnce(heir);
      }),
    }, "slow");
    assert.deepEqual(await consumeOnce(slow), nothing);
    assert.deepEqual(heirTurn, { ...nothing, handled: 2 });
    assert.equal(await flow.redis.xlen(flow.keys.stream("payments")), 2, "charged once");

    // One that fails after it lost its messages must not delay what the new owner is working on.
    const [id] = await addMany(flow, 1, "other") as [number];
    const failing = flow.consumerOf("orders", {
      share: watching(async () => {
        const [message] = [...(await pendingOf(flow, "orders")).keys()] as [string];
        await flow.redis.call("XCLAIM", flow.keys.stream("orders"), "orders", "heir", 0, message);
        throw new Error("too late");
      }),
    }, "slow");
    assert.deepEqual(await consumeOnce(failing), nothing);
    assert.equal(await flow.redis.zcard(flow.keys.retries("orders")), 0);
    assert.equal(await flow.redis.hlen(flow.keys.errors("orders")), 0);
    await orphan(flow, "orders");
    heir.reclaimAt = -Infinity;
    assert.equal((await consumeOnce(heir)).handled, 1);
    await flow.drain();
    assert.deepEqual(await statusesOf(flow, [...ids, id]), { PAID: 3 });
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() keeps what can't be dead-lettered and handles the neighbours", () =>
  withWorkflow("consumer_unburied", async (flow) => {
    const ids = await addMany(flow, 5, "sku");
    await flow.redis.xadd(flow.keys.stream("orders"), "*", "message", "order-explode");
    await flow.rows("rename table dead_letters to dead_letters_away");
    assert.deepEqual(await flow.turn("orders"), { ...nothing, handled: 5, delayed: 1 });
    assert.deepEqual(await statusesOf(flow, ids), { RESERVED: 5 });
    await flow.rows("rename table dead_letters_away to dead_letters");
    await makeDue(flow);
    assert.deepEqual(await flow.turn("orders"), { ...nothing, dead: 1 });
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("buried twice, because the dead-lettering was not acknowledged, is one dead letter", () =>
  withWorkflow("consumer_buried_twice", async (flow) => {
    const fields = ["message", "order-explode"];
    const stream = flow.keys.stream("orders");
    const id = await flow.redis.xadd(stream, "*", ...fields) as string;
    await flow.turn("orders");
    await flow.redis.del(stream);
    await ensureGroup(flow, "orders");
    await flow.redis.xadd(stream, id, ...fields);
    await flow.turn("orders");
    assert.equal((await flow.rows("select * from dead_letters")).length, 1);
  }));

Deno.test("consume() makes a lost group anew and reads the stream from its beginning", () =>
  withWorkflow("consumer_lost_group", async (flow) => {
    const ids = await addMany(flow, 3, "sku");
    const keys = await flow.redis.keys(`${flow.keys.prefix}*`);
    await flow.redis.del(...keys);
    await assert.rejects(flow.turn("orders"), /NOGROUP/);
    // What a recovery would publish, before any group is there again.
    await publish(flow, ids.map((id) => reserve(id, 100)));
    let handled = 0;
    const stop = new AbortController();
    await consume(flow.consumerOf("orders"), stop.signal, (turn) => {
      handled += turn.handled;
      return handled < 3;
    }, 1_000);
    assert.equal(handled, 3);
    for (const group of groups) await ensureGroup(flow, group);

    // The same while a read is blocked.
    const [late] = await addMany(flow, 1, "late") as [number];
    assert.equal((await flow.turn("orders")).handled, 1);
    const reader = await flow.blocking.client("ID");
    const losing = (async () => {
      const isBlocked = async () => {
        const clients = String(await flow.redis.client("LIST", "ID", reader));
        return /flags=\w*b/.test(clients);
      };
      while (!await isBlocked());
      await flow.redis.del(flow.keys.stream("orders"));
      await publish(flow, [reserve(late, 100)]);
    })();
    let again = 0;
    await consume(flow.consumerOf("orders"), stop.signal, (turn) => (again += turn.handled) < 1);
    await losing;
    assert.equal(again, 1);
    await flow.drain();
    assert.deepEqual(await statusesOf(flow, [...ids, late]), { PAID: 4 });
  }));

Deno.test("consume() ends with its batch when it is stopped, and takes its name along", () =>
  withWorkflow("consumer_stop", async (flow) => {
    const ids = await addMany(flow, 20, "sku");
    const stop = new AbortController();
    const consumer = flow.consumerOf(
      "orders",
      { batchSize: 10, share: watching(() => stop.abort()) },
      "leaving",
    );
    const turns: number[] = [];
    await consume(consumer, stop.signal, (turn) => {
      turns.push(turn.handled);
      return true;
    });
    assert.deepEqual(turns, [10], "the batch in hand was finished, no other begun");
    assert.deepEqual(await statusesOf(flow, ids), { RESERVED: 10, PENDING: 10 });
    assert.equal((await pendingOf(flow, "orders")).size, 0);
    const names = async () => {
      const rows = await flow.redis.xinfo("CONSUMERS", flow.keys.stream("orders"), "orders");
      return (rows as unknown[][]).map((row) => row[row.indexOf("name") + 1]);
    };
    assert.deepEqual(await names(), []);

    // One that still holds something stays, or its messages would be lost.
    const holding = flow.consumerOf("orders", {
      share: watching((batch) => {
        throw new Error(`fails all ${batch.length}`);
      }),
    }, "holding");
    await consume(holding, new AbortController().signal, () => false);
    assert.deepEqual(await names(), ["holding"]);
    assert.equal((await pendingOf(flow, "orders")).size, 10);
  }));

Deno.test("releaseInHand() lets others claim at once what is in hand, without counting the delivery", () =>
  withWorkflow("consumer_give_back", async (flow) => {
    const ids = await addMany(flow, 4, "sku");
    const heir = flow.consumerOf("orders", {}, "heir");
    const share = watching(async () => {
      assert.equal(await releaseInHand(leaving), 4);
      for (const { deliveries } of (await pendingOf(flow, "orders")).values()) {
        assert.equal(deliveries, 0);
      }
      assert.deepEqual(await consumeOnce(heir), { ...nothing, handled: 4 });
    });
    const leaving = flow.consumerOf("orders", { share }, "leaving");
    assert.deepEqual(await consumeOnce(leaving), nothing, "what it did late has no second effect");
    assert.equal(await releaseInHand(leaving), 0, "nothing is in hand any more");
    await flow.drain();
    assert.deepEqual(await statusesOf(flow, ids), { PAID: 4 });
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() takes no more than its batch, whatever waits", () =>
  withWorkflow("consumer_batch", async (flow) => {
    await addMany(flow, 12, "sku");
    const consumer = flow.consumerOf("orders", { batchSize: 5 });
    const sizes = [];
    for (let turn = 0; turn < 4; turn++) sizes.push((await consumeOnce(consumer)).handled);
    assert.deepEqual(sizes, [5, 5, 2, 0]);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("consumeOnce() of one that helps takes work only while the helped one's batches are full", () =>
  withWorkflow("consumer_helper", async (flow) => {
    const ids = await addMany(flow, 7, "shared");
    const first = flow.consumerOf("orders", { batchSize: 3 });
    const helper = flow.consumerOf("orders", { batchSize: 3, helps: first }, helperOf("test"));
    assert.equal((await consumeOnce(helper)).handled, 0, "nobody has called yet");
    assert.equal((await consumeOnce(first)).handled, 3);
    assert.equal((await consumeOnce(helper)).handled, 3);
    assert.equal((await consumeOnce(first)).handled, 1);
    await addMany(flow, 3, "later");
    assert.equal((await consumeOnce(helper)).handled, 0, "the latest batch was not full");

    // It waits as long as it may, and a full batch wakes it.
    const waiting = consumeOnce(helper, 600_000);
    assert.equal((await consumeOnce(first)).handled, 3);
    assert.deepEqual(await waiting, nothing);
    assert.deepEqual(await statusesOf(flow, ids), { RESERVED: 7 });
  }));

Deno.test("consumeOnce() calls for no help where another process serves the group", () =>
  withWorkflow("consumer_helper_others", async (flow) => {
    await addMany(flow, 9, "shared");
    const first = flow.consumerOf("orders", { batchSize: 3 });
    const helper = flow.consumerOf("orders", { batchSize: 3, helps: first }, helperOf("test"));
    const other = flow.consumerOf("orders", { batchSize: 3 }, "other");
    await consumeOnce(other);
    await consumeOnce(first);
    assert.equal(first.needsHelp, false);
    assert.equal((await consumeOnce(helper)).handled, 0);

    // It gave no sign for long enough.
    await flow.redis.zadd(flow.keys.alive("orders"), 1, "other");
    await consumeOnce(first);
    assert.equal(first.needsHelp, true);
  }));

Deno.test("consume() ends while one waits that helps nobody any more", () =>
  withWorkflow("consumer_helper_ends", async (flow) => {
    const stop = new AbortController();
    const first = flow.consumerOf("orders");
    const helper = flow.consumerOf("orders", { helps: first }, helperOf("test"));
    const both = [consume(helper, stop.signal, () => true, 600_000)];
    both.push(consume(first, stop.signal, () => {
      stop.abort();
      return true;
    }, 0));
    await Promise.all(both);
  }));

Deno.test("consume() forgets the starts of consumers that are gone, and of none that helps", () =>
  withWorkflow("consumer_starts", async (flow) => {
    const starts = flow.keys.consumerStarts("orders");
    const since = "2026-01-01T00:00:00.000Z";
    await flow.redis.hset(starts, { gone: since, living: since, [helperOf("living")]: since });
    await flow.redis.zadd(flow.keys.alive("orders"), Date.now(), "living");
    await consume(flow.consumerOf("orders"), new AbortController().signal, () => false, 0);
    assert.deepEqual((await flow.redis.hkeys(starts)).sort(), [
      "living",
      helperOf("living"),
      "test",
    ]);
  }));
