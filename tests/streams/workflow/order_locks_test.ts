import assert from "node:assert/strict";
import { type Database, openDatabase, type Queryable } from "../../../db/connection/database.ts";
import { isLockTimeout } from "../../../db/connection/faults.ts";
import type { Group, Message } from "../../../domain/messages/messages.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { type Consumer, makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue } from "../consistent.ts";

/** Waits for locks as short as can be, and counts how often it waited in vain. */
function impatient(db: Database): Database & { timeouts: () => number } {
  const timeouts = new Set<unknown>();
  const counted = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      // What is asked for at once fails with the statement that waited, by one error.
      if (isLockTimeout(error)) timeouts.add(error);
      throw error;
    }
  };
  const counting = (tx: Queryable): Queryable => ({
    ...tx,
    query: (...args) => counted(tx.query(...args)),
    run: (...args) => counted(tx.run(...args)),
    runText: (...args) => counted(tx.runText(...args)),
  });
  return {
    ...db,
    transaction: (work, options) =>
      db.transaction(async (tx) => {
        await tx.query("set session innodb_lock_wait_timeout = 1");
        return await work(counting(tx));
      }, options),
    timeouts: () => timeouts.size,
  };
}

/** Somebody's transaction that has an order, or what belongs to one, until it is told to end. */
async function hold(
  flow: Workflow,
  orderId: number,
  sql = "select id from orders where id = ? for update",
): Promise<() => Promise<void>> {
  const db = await openDatabase(flow.test.databaseUrl);
  const holding = Promise.withResolvers<void>(), released = Promise.withResolvers<void>();
  const held = db.transaction(async (tx) => {
    await tx.query(sql, [orderId]);
    holding.resolve();
    await released.promise;
  });
  await holding.promise;
  return async () => {
    released.resolve();
    await held;
    await db.close();
  };
}

interface Held {
  flow: Workflow;
  /** Of the orders, the one that is held; others work on. */
  heldId: number;
  consumer: Consumer;
}

/**
 * A turn of a group with one of its orders held: of all messages but that one's something becomes at once, that one comes
 * again without having lost a try, and is not waited for a second time. Then everything ends as if nothing had been.
 */
async function turnBeside(
  flow: Workflow,
  { group, heldId, holdBy, others, prove = assertConsistent }: {
    group: Group;
    heldId: number;
    /** Locks the order unless it says otherwise. */
    holdBy?: string;
    others: number;
    prove?: (flow: Workflow) => Promise<void>;
  },
  look: (held: Held) => Promise<void>,
): Promise<void> {
  const release = await hold(flow, heldId, holdBy);
  const db = impatient(flow.db);
  const consumer = makeConsumer({ ...flow, db }, flow.consumerOf(group).options);
  try {
    const { handled, retried, delayed, dead } = await consumeOnce(consumer);
    assert.deepEqual({ handled, retried, delayed, dead }, {
      handled: others,
      retried: 1,
      delayed: 0,
      dead: 0,
    });
    assert.equal(db.timeouts(), 1);
    await look({ flow, heldId, consumer });
    await makeDue(flow);
    assert.equal((await consumeOnce(consumer)).retried, 1);
    assert.equal(db.timeouts(), 1, "it is not waited for again");
    assert.equal(await flow.redis.hlen(flow.keys.errors(group, "live")), 0, "no try is lost");
  } finally {
    await release();
  }
  await makeDue(flow);
  assert.equal((await consumeOnce(consumer)).handled, 1);
  await makeDue(flow);
  await flow.drain();
  await prove(flow);
}

const names = ["1", "2", "3", "4", "5"];

async function add(flow: Workflow, stock = 50): Promise<number[]> {
  const orders = names.map((name) => anOrder(name, [{ sku: "a", qty: 2 }]));
  return (await flow.add(orders, stock)).map(({ orderId }) => orderId!);
}

async function statuses({ rows }: Workflow): Promise<string[]> {
  return (await rows("select status from orders order by id")).map(({ status }) => String(status));
}

Deno.test("an order that somebody holds keeps no other from being reserved", () =>
  withWorkflow("held_reserve", async (flow) => {
    const ids = await add(flow);
    await turnBeside(flow, { group: "orders", heldId: ids[2]!, others: 4 }, async () => {
      const reserved = "RESERVED";
      assert.deepEqual(await statuses(flow), [reserved, reserved, "PENDING", reserved, reserved]);
    });
    assert.deepEqual(await statuses(flow), Array(5).fill("PAID"));
  }));

Deno.test("an order that somebody holds keeps its place: nobody behind it gets what may be its units", () =>
  withWorkflow("held_reserve_turn", async (flow) => {
    const [first, heldId, third, ...behind] = await add(flow, 6);
    const release = await hold(flow, heldId!);
    const db = impatient(flow.db);
    const consumer = makeConsumer({ ...flow, db }, flow.consumerOf("orders").options);
    try {
      const { handled, retried } = await consumeOnce(consumer);
      assert.deepEqual({ handled, retried }, { handled: 2, retried: 3 });
      const waiting = "PENDING";
      assert.deepEqual(await statuses(flow), ["RESERVED", waiting, "RESERVED", waiting, waiting]);
      // Who comes later meets its place as well.
      const [late] = await flow.add([anOrder("late", [{ sku: "a", qty: 2 }])]);
      await consumeOnce(consumer);
      assert.equal((await flow.order(late!.orderId!)).status, waiting);
    } finally {
      await release();
    }
    while (await flow.redis.xlen(flow.keys.stream("orders", "live")) > 0) {
      await makeDue(flow);
      await consumeOnce(consumer);
    }
    for (const id of [first, heldId, third]) {
      assert.equal((await flow.order(id!)).status, "RESERVED");
    }
    for (const id of behind) assert.equal((await flow.order(id)).status, "FAILED");
    await makeDue(flow);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("an order that somebody holds keeps no other from being paid, whose answers come at once or later", async (t) => {
  for (const [name, delayMs] of [["once", 0], ["later", 1_000]] as const) {
    await t.step(name, () =>
      withWorkflow(`held_payment_${name}`, async (flow) => {
        const ids = await add(flow);
        await flow.turn("orders");
        if (delayMs === 0) {
          // Its answer goes on as a message, so that nobody is asked a second time.
          const release = await hold(flow, ids[2]!);
          const db = impatient(flow.db);
          const consumer = makeConsumer({ ...flow, db }, flow.consumerOf("payments").options);
          try {
            assert.equal((await consumeOnce(consumer)).handled, 5);
            assert.deepEqual(await statuses(flow), ["PAID", "PAID", "RESERVED", "PAID", "PAID"]);
            assert.equal((await consumeOnce(consumer)).retried, 1);
            assert.equal(db.timeouts(), 1);
          } finally {
            await release();
          }
          await makeDue(flow);
          await flow.drain();
          await assertConsistent(flow);
        } else {
          await flow.turn("payments");
          await makeDue(flow);
          await turnBeside(flow, { group: "payments", heldId: ids[2]!, others: 4 }, async () => {
            assert.deepEqual(await statuses(flow), ["PAID", "PAID", "RESERVED", "PAID", "PAID"]);
          });
        }
        assert.deepEqual(await statuses(flow), Array(5).fill("PAID"));
      }, { gateway: simulatedGateway({ delayMs }) }));
  }
});

Deno.test("an order that somebody holds keeps no other from being timed out", () =>
  withWorkflow("held_time_out", async (flow) => {
    const ids = await add(flow);
    await flow.turn("orders");
    await flow.redis.del(flow.keys.stream("payments", "live"));
    await flow.redis.del(flow.keys.weights("payments", "live"));
    await flow.redis.xgroup("CREATE", flow.keys.stream("payments"), "payments", "0", "MKSTREAM");
    await publish(
      flow,
      ids.map((orderId) => ({
        message: { type: "payment.time_out", orderId, amountCents: 0, currency: "EUR" } as const,
      })),
    );
    await turnBeside(flow, { group: "payments", heldId: ids[2]!, others: 4 }, async () => {
      const failed = "FAILED";
      assert.deepEqual(await statuses(flow), [failed, failed, "RESERVED", failed, failed]);
    });
    assert.deepEqual(await statuses(flow), Array(5).fill("FAILED"));
  }));

for (
  const [what, holdBy] of [
    ["an order", "select id from orders where id = ? for update"],
    ["a refund", "select id from refunds where order_id = ? for update"],
  ] as const
) {
  Deno.test(`${what} that somebody holds keeps no other from being refunded`, () =>
    withWorkflow(`held_refund_${what.split(" ")[1]}`, async (flow) => {
      const ids = await add(flow);
      await flow.drain();
      const messages: Message[] = [];
      for (const orderId of ids) {
        const { refund } = await requestRefund(
          flow.db,
          { orderId, amountCents: null, reason: null, idempotencyKey: null },
          "test",
        );
        const { id: refundId, amountCents } = refund;
        messages.push({ type: "refund.process", orderId, refundId, amountCents, currency: "EUR" });
      }
      await publish(flow, messages.map((message) => ({ message })));
      const refunds = async () =>
        (await flow.rows("select status from refunds order by order_id"))
          .map(({ status }) => status);
      await turnBeside(
        flow,
        { group: "refunds", heldId: ids[2]!, holdBy, others: 4 },
        async () => {
          const done = "PROCESSED";
          assert.deepEqual(await refunds(), [done, done, "REQUESTED", done, done]);
        },
      );
      assert.deepEqual(await refunds(), Array(5).fill("PROCESSED"));
    }));
}

Deno.test("an order that somebody holds keeps no other's late payment from going back", () =>
  withWorkflow("held_reverse", async (flow) => {
    const ids = await add(flow, 0);
    await flow.drain();
    await publish(
      flow,
      ids.map((orderId) => ({
        message: {
          type: "payment.callback",
          orderId,
          amountCents: 200,
          currency: "EUR",
          outcome: "succeeded",
          provider: "simulated",
          providerRef: `late ${orderId}`,
        } as const,
      })),
    );
    await flow.turn("payments");
    const payments = async () =>
      (await flow.rows("select status from payments order by order_id")).map(({ status }) =>
        status
      );
    assert.deepEqual(await payments(), Array(5).fill("REVERSING"));
    await turnBeside(flow, { group: "refunds", heldId: ids[2]!, others: 4 }, async () => {
      const back = "REVERSED";
      assert.deepEqual(await payments(), [back, back, "REVERSING", back, back]);
    });
    assert.deepEqual(await payments(), Array(5).fill("REVERSED"));
  }));

Deno.test("an order that somebody holds keeps no other's customer from being told", async (t) => {
  for (const channel of ["log", "email"] as const) {
    await t.step(
      channel,
      () =>
        withWorkflow(`held_notify_${channel}`, async (flow) => {
          const ids = await add(flow);
          await flow.turn("orders");
          await flow.turn("payments");
          const told = async () =>
            (await flow.rows("select distinct order_id as id from notification_logs order by id"))
              .map(({ id }) => Number(id));
          const others = ids.filter((_, at) => at !== 2);
          await turnBeside(
            flow,
            {
              group: "notifications",
              heldId: ids[2]!,
              others: 4,
              // What was put on the list alone is not sent yet.
              prove: channel === "log" ? assertConsistent : () => Promise.resolve(),
            },
            async () => {
              assert.deepEqual(await told(), others);
            },
          );
          assert.deepEqual(await told(), ids);
        }, { notifyChannels: [channel] }),
    );
  }
});
