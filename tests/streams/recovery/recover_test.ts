import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { entryOf, type Group, groups, messageOfEntry } from "../../../domain/messages/messages.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { lanes } from "../../../domain/messages/lane.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { ensureRecovered, recover, sweepOrphans } from "../../../streams/recovery/recover.ts";
import { nothingRepublished } from "../../../streams/recovery/republish.ts";
import {
  askRefund,
  dumpFigures,
  loseRedis,
  openSettled,
  type SettledWorkflow,
  verifyNow,
  withSettled,
} from "../../settled_workflow.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { aDeadLetter } from "../../dead_letter.ts";

/** The messages of a group's streams, those of the live lane first: their types and orders, or refunds. */
async function messagesOf({ redis, keys }: Workflow, group: Group): Promise<string[]> {
  const live = await redis.xrange(keys.stream(group), "-", "+");
  const bulk = await redis.xrange(keys.stream(group, "bulk"), "-", "+");
  return [...live, ...bulk].map(([, fields]) => {
    const message = messageOfEntry(fields);
    assert.ok(typeof message !== "string" && "orderId" in message, String(message));
    const refund = "refundId" in message ? ` refund ${message.refundId}` : "";
    return `${message.type} ${message.orderId}${refund} ${message.amountCents} ${message.currency}`;
  });
}

/** An unfinished thing of every kind in the database. */
async function addUnfinished(flow: SettledWorkflow) {
  const reservedId = (await flow.add([anOrder("r", [{ sku: "a", qty: 2 }])]))[0]!.orderId!;
  await flow.turn("orders");
  const pendingId =
    (await flow.add([anOrder("p", [{ sku: "a", qty: 3 }], { currency: "USD" })]))[0]!.orderId!;
  const refund = await askRefund(flow, flow.ids.dollars, 5);
  await flow.rows(
    `insert into payments (order_id, provider, provider_ref, amount_cents, status)
    values (?, 'simulated', 'late', 5100, 'REVERSING')`,
    [flow.ids.short],
  );
  await flow.rows("delete from notification_logs where order_id = ?", [flow.ids.declined]);
  await flow.rows("delete from notification_logs where refund_id = ?", [flow.ids.refund]);
  return { reservedId, pendingId, refund };
}

async function open(name: string) {
  const flow = await openSettled(name);
  return { flow, unfinished: await addUnfinished(flow) };
}

function report(result: Awaited<ReturnType<typeof recover>>) {
  assert.ok(result.kind === "recovered");
  return result.republished;
}

const none = nothingRepublished();

Deno.test("recover() republishes every kind of lost work and the figures after all of Redis is lost", async () => {
  const { flow, unfinished: { reservedId, pendingId, refund } } = await open("recover_all");
  try {
    const { ids } = flow;
    const before = await dumpFigures(flow);
    await loseRedis(flow);
    const result = await recover(flow);
    assert.deepEqual(report(result), { ...none, orders: 2, refunds: 1, reversals: 1, notices: 2 });
    assert.deepEqual(await messagesOf(flow, "orders"), [`order.reserve ${pendingId} 300 USD`]);
    assert.deepEqual(await messagesOf(flow, "payments"), [`payment.charge ${reservedId} 200 EUR`]);
    assert.deepEqual(await messagesOf(flow, "refunds"), [
      `refund.process ${ids.dollars} refund ${refund.refundId} 5 USD`,
      `payment.reverse ${ids.short} 5100 EUR`,
    ]);
    assert.deepEqual(await messagesOf(flow, "notifications"), [
      `notify.order ${ids.declined} 101 EUR`,
      `notify.refund ${ids.paid} refund ${ids.refund} 100 EUR`,
    ]);
    assert.deepEqual(await dumpFigures(flow), before);
    assert.equal(await flow.redis.exists(flow.keys.epoch), 1);
    assert.equal(await flow.redis.exists(flow.keys.recoveryLease), 0);
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
    assert.equal((await flow.order(pendingId)).status, "PAID");
    assert.equal((await flow.order(reservedId)).status, "PAID");
    const [{ status }] = await flow.rows("select status from payments where order_id = ?", [
      ids.short,
    ]) as [{ status: string }];
    assert.equal(status, "REVERSED");
  } finally {
    await flow.close();
  }
});

Deno.test("recover() counts the money of what it republishes", async () => {
  const { flow } = await open("recover_money");
  try {
    await loseRedis(flow);
    await recover(flow);
    assert.deepEqual(await flow.redis.hgetall(flow.keys.weights("orders", "bulk")), { USD: "300" });
    assert.deepEqual(await flow.redis.hgetall(flow.keys.weights("refunds", "bulk")), {
      USD: "5",
      EUR: "5100",
    });
  } finally {
    await flow.close();
  }
});

Deno.test("recover() publishes nothing that a stream, a schedule or a dead letter holds", () =>
  withSettled("recover_held", async (flow) => {
    await recover(flow);
    const [unread, pending, dead, scheduled] = (await flow.add(
      ["unread", "pending", "dead", "scheduled"].map((id) => anOrder(id, [{ sku: "a", qty: 1 }])),
    )).map(({ orderId }) => orderId!);
    const stream = flow.keys.stream("orders");
    await flow.redis.xreadgroup("GROUP", "orders", "gone", "COUNT", 2, "STREAMS", stream, ">");
    const entries = await flow.redis.xrange(stream, "-", "+");
    await flow.redis.xdel(stream, entries[2]![0], entries[3]![0]);
    const message = (orderId: number) =>
      ({ type: "order.reserve", orderId, amountCents: 100, currency: "EUR" }) as const;
    await deadLetterMessages(flow.db, [
      aDeadLetter({
        messageId: entries[2]![0],
        orderId: dead!,
        payload: JSON.stringify(entryOf(message(dead!))),
      }),
    ]);
    await publish(flow, [{ message: message(scheduled!), delayMs: 60_000 }]);
    assert.deepEqual(report(await recover(flow)), none);
    assert.deepEqual(report(await recover(flow)), none);
    assert.equal((await messagesOf(flow, "orders")).length, 2);
    assert.ok(unread !== pending);
    await flow.rows("update dead_letters set status = 'RETRIED'");
    assert.deepEqual(report(await recover(flow)), { ...none, orders: 1 });
    assert.equal((await messagesOf(flow, "orders")).at(-1), `order.reserve ${dead} 100 EUR`);
  }));

Deno.test("recover() marks what it publishes, so that an importer passes it over", async () => {
  const flow = await openWorkflow("recover_importer");
  try {
    const orders = [anOrder("x", [{ sku: "a", qty: 1 }])];
    const [order] = await flow.add(orders);
    await loseRedis(flow);
    await recover(flow);
    const message = {
      type: "order.reserve",
      orderId: order!.orderId!,
      amountCents: 100,
      currency: "EUR",
    } as const;
    assert.equal(await publish(flow, [{ message }], { oncePerOrder: true }), 0);
    await flow.drain();
    assert.equal(await flow.stock("a"), 49);
    // An order whose mark is set although its message is lost is published all the same.
    const [again] = await flow.add([anOrder("y", [{ sku: "a", qty: 1 }])]);
    await flow.redis.del(flow.keys.stream("orders"));
    assert.deepEqual(report(await recover(flow)), { ...none, orders: 1 });
    await flow.drain();
    assert.equal((await flow.order(again!.orderId!)).status, "PAID");
  } finally {
    await flow.close();
  }
});

Deno.test("recover() makes groups that read every message from the first on", async () => {
  const flow = await openWorkflow("recover_groups");
  try {
    await loseRedis(flow);
    await flow.add([anOrder("before the group", [{ sku: "a", qty: 1 }])]);
    await recover(flow);
    for (const group of groups) {
      for (const lane of lanes) {
        const stream = flow.keys.stream(group, lane);
        assert.equal((await flow.redis.xinfo("GROUPS", stream) as []).length, 1);
      }
    }
    await flow.drain();
    assert.equal(await flow.stock("a"), 49);
  } finally {
    await flow.close();
  }
});

Deno.test("recover() is done by one process at a time", async () => {
  const { flow } = await open("recover_twice");
  try {
    await loseRedis(flow);
    const results = await Promise.all([recover(flow), recover(flow), recover(flow)]);
    assert.deepEqual(results.map(({ kind }) => kind).sort(), ["busy", "busy", "recovered"]);
    const second = await recover(flow, { waitMs: 60_000 });
    assert.deepEqual(report(second), none);
    assert.equal((await messagesOf(flow, "orders")).length, 1);
  } finally {
    await flow.close();
  }
});

Deno.test("recover() begins again when Redis loses its data meanwhile", async () => {
  const { flow } = await open("recover_lost_again");
  try {
    await loseRedis(flow);
    let losses = 0;
    const rebuilt = {
      ...flow,
      db: {
        ...flow.db,
        query: async (...args: Parameters<typeof flow.db.query>) => {
          // Everything was published by the time in which processed refunds are read for the figures.
          if (/refunds\.status in \('PROCESSED'\)/.test(args[0]) && losses++ === 0) {
            await loseRedis(flow);
          }
          return await flow.db.query(...args);
        },
      },
    };
    const result = await recover(rebuilt);
    assert.ok(losses > 1);
    assert.deepEqual(report(result), { ...none, orders: 2, refunds: 1, reversals: 1, notices: 2 });
    assert.equal(await flow.redis.exists(flow.keys.epoch), 1);
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  } finally {
    await flow.close();
  }
});

Deno.test("ensureRecovered() recovers an empty Redis once, whoever asks", async () => {
  const { flow } = await open("recover_ensure");
  try {
    await loseRedis(flow);
    const logged: string[] = [];
    const log = { ...silentLog, info: (event: string) => logged.push(event) };
    const results = await Promise.all([1, 2, 3].map(() => ensureRecovered({ ...flow, log })));
    assert.equal(results.filter((result) => result !== null).length, 1);
    assert.deepEqual(logged, ["redis recovered"]);
    assert.equal(await ensureRecovered(flow), null);
    assert.equal((await messagesOf(flow, "orders")).length, 1);
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  } finally {
    await flow.close();
  }
});

Deno.test("ensureRecovered() ends at a stop, waiting or working, and leaves the rest to the next", async () => {
  const { flow } = await open("recover_stop");
  try {
    await loseRedis(flow);
    const before = AbortSignal.abort();
    assert.equal(await ensureRecovered({ ...flow, signal: before }), null);
    // In the middle of the database: the second page is not read any more.
    const stop = new AbortController();
    const db = {
      ...flow.db,
      query: (...args: Parameters<typeof flow.db.query>) => {
        stop.abort();
        return flow.db.query(...args);
      },
      execute: (...args: Parameters<typeof flow.db.execute>) => {
        stop.abort();
        return flow.db.execute(...args);
      },
    };
    assert.equal(await ensureRecovered({ ...flow, db, signal: stop.signal }), null);
    assert.equal(await flow.redis.exists(flow.keys.epoch), 0);
    // While another process holds the lock, a stop does not wait for it.
    await flow.redis.set(flow.keys.recoveryLease, "another", "PX", 60_000);
    const waiting = new AbortController();
    const asked = ensureRecovered({ ...flow, signal: waiting.signal });
    waiting.abort();
    assert.equal(await asked, null);
    await flow.redis.del(flow.keys.recoveryLease);

    assert.equal((await ensureRecovered(flow))?.kind, "recovered");
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  } finally {
    await flow.close();
  }
});

Deno.test("sweepOrphans() republishes old work that nothing holds and leaves young work alone", () =>
  withSettled("sweep_homes", async (flow) => {
    const [old, young, held] = (await flow.add(
      ["old", "young", "held"].map((id) => anOrder(id, [{ sku: "a", qty: 1 }])),
    )).map(({ orderId }) => orderId!);
    const refund = await askRefund(flow, flow.ids.dollars, 5);
    const stream = flow.keys.stream("orders");
    const entries = await flow.redis.xrange(stream, "-", "+");
    await flow.redis.xdel(stream, entries[0]![0], entries[1]![0]);
    const age = (table: string, id: number) =>
      flow.rows(
        `update ${table} set updated_at = current_timestamp(6) - interval 90 second where id = ?`,
        [id],
      );
    await age("orders", old!);
    await age("orders", held!);
    await age("refunds", refund.refundId);
    assert.deepEqual(await sweepOrphans(flow, { olderThanSeconds: 60 }), {
      ...none,
      orders: 1,
      refunds: 1,
    });
    assert.deepEqual(await messagesOf(flow, "orders"), [
      `order.reserve ${held} 100 EUR`,
      `order.reserve ${old} 100 EUR`,
    ]);
    assert.deepEqual(await sweepOrphans(flow, { olderThanSeconds: 60 }), none);
    await flow.drain();
    assert.equal((await flow.order(young!)).status, "PENDING");
    assert.equal((await flow.order(old!)).status, "PAID");
  }));

Deno.test("sweepOrphans() leaves dead letters to people", () =>
  withSettled("sweep_dead", async (flow) => {
    const [order] = await flow.add([anOrder("dead", [{ sku: "a", qty: 1 }])]);
    const stream = flow.keys.stream("orders");
    const [[messageId, fields]] = await flow.redis.xrange(stream, "-", "+") as [
      [string, string[]],
    ];
    await flow.redis.del(stream);
    await flow.rows("update orders set updated_at = '2020-01-01' where id = ?", [order!.orderId!]);
    await deadLetterMessages(flow.db, [{
      group: "orders",
      messageId,
      orderId: order!.orderId,
      refundId: null,
      amountCents: 100,
      currency: "EUR",
      payload: JSON.stringify(fields),
      error: "because",
      attempts: 5,
      firstSeenMs: 0,
    }]);
    assert.deepEqual(await sweepOrphans(flow, { olderThanSeconds: 60 }), none);
  }));

Deno.test("sweepOrphans() tells of a cancelled order whose message was lost, once", () =>
  withSettled("sweep_cancelled", async (flow) => {
    const [order] = await flow.add([anOrder("cancelled", [{ sku: "a", qty: 1 }])]);
    const orderId = order!.orderId!;
    await cancelOrder(flow.db, orderId, "test");
    await flow.redis.del(flow.keys.stream("orders"));
    assert.deepEqual(await sweepOrphans(flow, { olderThanSeconds: 60 }), none);
    await flow.rows(
      "update order_events set created_at = current_timestamp(6) - interval 90 second",
    );
    assert.deepEqual(await sweepOrphans(flow, { olderThanSeconds: 60 }), { ...none, notices: 1 });
    assert.deepEqual(await messagesOf(flow, "notifications"), [`notify.order ${orderId} 100 EUR`]);
    assert.deepEqual(await sweepOrphans(flow, { olderThanSeconds: 60 }), none);
    await recover(flow);
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("recover() brings back the reversal of an order that its reservation is published for once more", () =>
  withSettled("recover_reversal_beside", async (flow) => {
    await flow.rows(
      `insert into payments (order_id, provider, provider_ref, amount_cents, status)
      values (?, 'simulated', 'late', 5100, 'REVERSING')`,
      [flow.ids.short],
    );
    // As a cancel publishes it of an order that was taken up again, or a redelivery: it has nothing to reserve.
    const money = { orderId: flow.ids.short, amountCents: 5_100, currency: "EUR" };
    await publish(flow, [{ message: { type: "order.reserve", ...money } }]);
    await recover(flow);
    await flow.drain();
    const rows = await flow.rows("select status from payments where provider_ref = 'late'");
    assert.deepEqual(rows, [{ status: "REVERSED" }]);
  }));
