import assert from "node:assert/strict";
import { claimDeliveries } from "../../../db/notifications/notification_deliveries.ts";
import { deliverOnce } from "../../../streams/notifications/deliver_notifications.ts";
import type { NotificationSender } from "../../../streams/notifications/notification_sender.ts";
import {
  assertVerified,
  attempts,
  backdate,
  deliveries,
  refunded,
  settle,
  withWebhooks,
} from "./webhook_scene.ts";

Deno.test("deliverOnce() sends again under the same id what a process that died was sending", () =>
  withWebhooks("deliver_crash", async ({ flow, receiver, sender }) => {
    await settle(flow, 100, 102);
    const dying: NotificationSender = {
      ...sender,
      // It gets through, and then the process dies before it can write that down.
      send: async (notification) => {
        await sender.send(notification);
        throw new Error("killed");
      },
    };
    await assert.rejects(deliverOnce(flow, dying), /killed/);
    assert.equal(receiver.received.length, 2);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0, "leased");
    const left = await deliveries(flow);
    assert.ok(left.length === 2 && left.every(({ claim }) => claim !== null));
    await assertVerified(flow);
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).sent, 2);
    const ids = receiver.received.map(({ id }) => id);
    assert.equal(ids.length, 4);
    assert.equal(new Set(ids).size, 2, "which a receiver can tell by the id");
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() in two processes sends nothing twice", () =>
  withWebhooks("deliver_two", async ({ flow, receiver, sender }) => {
    await settle(flow, ...Array.from({ length: 90 }, (_, index) => 100 + 2 * index));
    let turns = 0;
    const drain = async () => {
      while ((await deliverOnce(flow, sender)).claimed > 0) turns++;
    };
    await Promise.all([drain(), drain(), drain()]);
    assert.ok(turns >= 3, `${turns} turns`);
    assert.equal(receiver.received.length, 90);
    assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 90);
    assert.deepEqual(await deliveries(flow), []);
    await assertVerified(flow);
  }));

Deno.test("settleDeliveries() leaves to the new owner what became of a lease that ended", () =>
  withWebhooks("deliver_late", async ({ flow, receiver, sender }) => {
    await settle(flow, 100);
    const slow: NotificationSender = {
      ...sender,
      send: async () => {
        await backdate(flow);
        await claimDeliveries(flow.db, "webhook", {
          claim: "ab".repeat(16),
          limit: 10,
          leaseMs: 60_000,
        });
        return { statusCode: 500, reply: null, error: "too slow" };
      },
    };
    await deliverOnce(flow, slow);
    const [row] = await flow.rows(
      "select attempts, lower(hex(claim)) as claim from notification_deliveries",
    );
    assert.deepEqual({ ...row }, { attempts: 0, claim: "ab".repeat(16) });
    assert.equal((await attempts(flow)).length, 1, "the try is written down even so");
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    assert.equal(receiver.received.length, 1);
  }));

Deno.test("claimDeliveries() passes over what another process is just taking", () =>
  withWebhooks("deliver_skip", async ({ flow, sender }) => {
    await settle(flow, 100, 102, 104);
    let turn;
    await flow.db.transaction(async (tx) => {
      await tx.query(`
        select notification_log_id
        from notification_deliveries
        where channel = 'webhook'
        order by due_at
        limit 1
        for update`);
      turn = await deliverOnce(flow, sender);
    });
    assert.deepEqual(turn, { claimed: 2, sent: 2, failed: 0 });
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
  }));

Deno.test("claimDeliveries() takes nothing of an order of which something before is locked", () =>
  withWebhooks("deliver_skip_order", async ({ flow, receiver, sender }) => {
    const [first, second] = await refunded(flow);
    const told = () => receiver.received.map(({ body: { type, data } }) => [data.order_id, type]);
    await flow.db.transaction(async (tx) => {
      await tx.query(`
        select notification_log_id from notification_deliveries order by notification_log_id limit 1
        for update`);
      assert.equal((await deliverOnce(flow, sender)).sent, 2);
    });
    const paid = "order.paid", back = "refund.processed";
    assert.deepEqual(told(), [[second, paid], [second, back]]);
    await deliverOnce(flow, sender);
    assert.deepEqual(told().slice(2), [[first, paid], [first, back]]);
  }));

Deno.test("deliverOnce() sends those of one order one after the other, however long each takes", () =>
  withWebhooks("deliver_one_order", async ({ flow, sender }) => {
    const ids = await refunded(flow);
    const sent: string[] = [];
    const begun = Promise.withResolvers<void>();
    let waiting = 0;
    const slow: NotificationSender = {
      ...sender,
      send: async ({ orderId, type }) => {
        if (type === "order.paid") {
          if (++waiting === ids.length) begun.resolve();
          // Both orders at once, and neither's refund before.
          await begun.promise;
        }
        sent.push(`${orderId} ${type}`);
        return { statusCode: 200, reply: null, error: null };
      },
    };
    assert.equal((await deliverOnce(flow, slow)).sent, 4);
    for (const id of ids) {
      assert.deepEqual(sent.filter((one) => one.startsWith(`${id} `)), [
        `${id} order.paid`,
        `${id} refund.processed`,
      ]);
    }
    assert.match(sent.slice(0, 2).join(), /order.paid,.*order.paid/);
  }));
