import assert from "node:assert/strict";
import { openDatabase, toInteger } from "../../../db/connection/database.ts";
import { endOldKeys } from "../../../db/payments/installation.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import type { Message } from "../../../domain/messages/messages.ts";
import { groups, messageTypes } from "../../../domain/messages/work.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { isDrained } from "../../../streams/run_consumers.ts";
import { withPort } from "../../../tools/chaos/harness/proxy.ts";
import { replicatedPair, setReadOnly } from "../../replicated_pair.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { makeDue } from "../consistent.ts";

const isMysql = Deno.env.get("TEST_ENGINE") === "mysql";

/** Nothing that counts as a try is allowed. */
const options = { batchSize: 50, maxDeliveries: 1, retryBackoffMs: 0, takeoverMs: 10_000 };

const money = { amountCents: 100, currency: "EUR" };
const order = { orderId: 1, ...money };

/** One of each type that is about rows; what a product's queue lacks is asked for by its orders. */
const messages: Readonly<Record<Exclude<Message["type"], "stock.arrived">, Message>> = {
  "order.reserve": { type: "order.reserve", ...order },
  "payment.charge": { type: "payment.charge", ...order },
  "payment.callback": {
    type: "payment.callback",
    ...order,
    outcome: "succeeded",
    provider: "simulated",
    providerRef: "ref_1",
  },
  "payment.ask_again": { type: "payment.ask_again", ...order },
  "payment.time_out": { type: "payment.time_out", ...order },
  "payment.reverse": { type: "payment.reverse", ...order },
  "refund.process": { type: "refund.process", ...order, refundId: 1 },
  "notify.order": { type: "notify.order", ...order },
  "notify.refund": { type: "notify.refund", ...order, refundId: 1 },
};

/** Turns of all groups. */
async function turns(flow: Workflow) {
  const sum = { handled: 0, retried: 0, dead: 0, delayed: 0 };
  for (const group of groups) {
    const turn = await consumeOnce(flow.consumerOf(group, { ...options, takeoverMs: 10_000 }));
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += turn[key];
  }
  return sum;
}

Deno.test("no type of message is dead at its first try where its rows may still be on their way", async () => {
  const flow = await openWorkflow("overtaking_types", { missingRowMs: 600_000 });
  try {
    const all = Object.values(messages);
    assert.deepEqual(
      [...all.map(({ type }) => type), "stock.arrived"].sort(),
      messageTypes.toSorted(),
    );
    await publish(flow, all.map((message) => ({ message })));
    for (let turn = 0; turn < 3; turn++) {
      assert.deepEqual(await turns(flow), {
        handled: 0,
        retried: 0,
        dead: 0,
        delayed: all.length,
      });
      await makeDue(flow);
    }
    assert.deepEqual(await flow.rows("select id from dead_letters"), []);
  } finally {
    await flow.close();
  }
});

Deno.test("no message is dead for a state of its order that this server does not know yet", async () => {
  const flow = await openWorkflow("overtaking_states", { missingRowMs: 600_000 });
  try {
    const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 1, unitPriceCents: 100 }])]);
    assert.equal(taken!.orderId, 1);
    await flow.redis.xtrim(flow.keys.stream("orders"), "MAXLEN", 0);
    // The order stands as it was taken: whoever reserved, settled and edited it did so elsewhere.
    const early = [
      messages["payment.charge"],
      messages["payment.callback"],
      { ...messages["payment.callback"], key: "charge_of_an_edit" } as Message,
      messages["notify.order"],
    ];
    await publish(flow, early.map((message) => ({ message })));
    assert.deepEqual(await turns(flow), { handled: 0, retried: 0, dead: 0, delayed: 4 });
    assert.deepEqual(await flow.rows("select id from dead_letters"), []);
  } finally {
    await flow.close();
  }
});

Deno.test("messages that overtake a real server's replication are handled once it has caught up", async () => {
  await using pair = await replicatedPair();
  const { first, second } = pair;
  await migrate(first.url);
  const source = await openDatabase(first.url, { connections: 2 });
  await endOldKeys(source);
  const flow = await openWorkflow("overtaking_replication", { missingRowMs: 600_000 });
  await pair.caughtUp();
  // It follows and takes changes at once, as the nodes of a group do.
  await setReadOnly(second, false);
  const follower = await openDatabase(withPort(first.url, second.port), { connections: 4 });
  const consumers = groups.map((group) =>
    makeConsumer({ ...flow, db: follower }, { group, ...options })
  );
  const turn = async () => {
    let delayed = 0;
    for (const consumer of consumers) {
      const turn = await consumeOnce(consumer);
      assert.deepEqual([turn.retried, turn.dead], [0, 0]);
      delayed += turn.delayed;
    }
    return delayed;
  };
  try {
    await second.administer(isMysql ? "stop replica sql_thread" : "stop slave sql_thread");
    const taken = await takeOrders(
      source,
      Array.from({ length: 20 }, (_, n) => anOrder(`order ${n}`, [{ sku: "a", qty: 1 }])),
      { initialStock: 50, onPendingChange: "update", actor: "test" },
    );
    await publish(
      flow,
      taken.map(({ orderId, totalCents: amountCents }) => ({
        message: { type: "order.reserve", orderId: orderId!, amountCents, currency: "EUR" },
      })),
    );
    for (let tries = 0; tries < 3; tries++) {
      assert.equal(await turn(), 20);
      await makeDue(flow);
    }
    await second.administer(isMysql ? "start replica sql_thread" : "start slave sql_thread");
    await pair.caughtUp();
    while (!await isDrained(flow, groups)) {
      assert.equal(await turn(), 0);
      await makeDue(flow);
    }
    const [row] = await follower.query(
      "select sum(status = 'PAID') as paid, (select count(*) from dead_letters) as dead from orders",
    );
    assert.deepEqual([toInteger(row!.paid), toInteger(row!.dead)], [20, 0]);
  } finally {
    await follower.close();
    await source.close();
    await flow.close();
  }
});
