import assert from "node:assert/strict";
import { changeStock } from "../../../services/catalog/change_stock.ts";
import { retryAllAndPublish, retryAndPublish } from "../../../services/orders/retry_orders.ts";
import { cancelAndPublish } from "../../../services/orders/cancel_order.ts";
import { sumShortOrders } from "../../../db/orders/shortages.ts";
import { claimDeliveries } from "../../../db/notifications/notification_deliveries.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { notificationWebhook } from "../../../domain/notification/webhook.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { sweepOrphans } from "../../../streams/recovery/recover.ts";
import type { Message } from "../../../domain/messages/messages.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { assertConsistent, messagesOf } from "../../streams/consistent.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

/** Orders of some units each, of products that there is one unit of; drained. */
async function addShort(flow: Workflow, ...items: Record<string, number>[]): Promise<number[]> {
  const orders = items.map((one, index) =>
    anOrder(
      `${crypto.randomUUID()}-${index}`,
      Object.entries(one).map(([sku, qty]) => ({ sku, qty })),
    )
  );
  const taken = await flow.add(orders, 1);
  await flow.drain();
  return taken.map(({ orderId }) => orderId!);
}

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof WorkflowError && error.code === "order_not_retryable" &&
  message.test(error.message);

Deno.test("an order that ran short says of what, is taken up again and is paid", () =>
  withWorkflow("retry_paid", async (flow) => {
    const [id] = await addShort(flow, { a: 3, b: 1, c: 2 }) as [number];
    const rows = () =>
      flow.rows(`
        select sku, missing_qty as missing, waiting from order_shortages
        join products on products.id = order_shortages.product_id order by sku`);
    assert.deepEqual(await rows(), [
      { sku: "a", missing: 2, waiting: 0 },
      { sku: "c", missing: 1, waiting: 0 },
    ]);
    const [told] = await flow.rows(
      "select cast(payload as char) as payload from notification_logs",
    );
    const { shortages } = JSON.parse(String(told!.payload));
    assert.deepEqual(
      shortages.toSorted((x: { sku: string }, y: { sku: string }) => x.sku < y.sku ? -1 : 1),
      [{ sku: "a", missing_qty: 2 }, { sku: "c", missing_qty: 1 }],
    );
    await changeStock(flow, "a", { add: 2 }, { operator: anOperator("cli") });
    await changeStock(flow, "c", { add: 1 }, { operator: anOperator("cli") });
    assert.deepEqual(await retryAndPublish(flow, id, anOperator("anna")), { changed: true });
    assert.deepEqual(await retryAndPublish(flow, id, anOperator("ben")), { changed: false });
    assert.equal((await flow.order(id)).status, "PENDING");
    assert.deepEqual(await rows(), []);
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID");
    assert.deepEqual(await retryAndPublish(flow, id, anOperator("ben")), { changed: false });
    const steps = await flow.rows("select event, actor from order_events order by id");
    assert.deepEqual(
      steps.map(({ event }) => event),
      ["created", "failed", "retried", "reserved", "paid"],
    );
    assert.equal(steps[2]!.actor, "anna");
    const events = await flow.rows("select event from notification_logs order by id");
    assert.deepEqual(events, [{ event: "order.failed" }, { event: "order.paid" }]);
    await assertConsistent(flow);
  }));

Deno.test("the webhook of an order that ran short says of what, the same at every try", () =>
  withWorkflow("retry_webhook", async (flow) => {
    const [id] = await addShort(flow, { b: 3, a: 2, c: 1 }) as [number];
    const claim = () =>
      claimDeliveries(flow.db, "webhook", {
        claim: crypto.randomUUID().replaceAll("-", ""),
        limit: 9,
        leaseMs: 60_000,
      });
    const [first] = await claim();
    const body = JSON.parse(notificationWebhook(first!));
    assert.equal(body.type, "order.failed");
    assert.deepEqual(body.data.shortages, [
      { sku: "a", missing_qty: 1 },
      { sku: "b", missing_qty: 2 },
    ]);
    // What it lacks the next time is told by another one.
    await changeStock(flow, "b", { set: 3 }, { operator: anOperator("cli") });
    await retryAndPublish(flow, id, anOperator("test"));
    await flow.drain();
    await flow.rows("update notification_deliveries set due_at = '2025-01-01'");
    const [same, next] = await claim();
    assert.equal(notificationWebhook(same!), notificationWebhook(first!));
    assert.deepEqual(next!.shortages, [{ sku: "a", missingQty: 1 }]);
    assert.equal(next!.type, "order.failed");
    await assertWebhooks(flow);
  }, { notifyChannels: ["log", "webhook"] }));

/** Every end has a row on both channels. */
async function assertWebhooks(flow: Workflow): Promise<void> {
  const report = await verify(flow, { settleMs: 0 });
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

Deno.test("an order that fails again is told again, and may be taken up again", () =>
  withWorkflow("retry_again", async (flow) => {
    const [id] = await addShort(flow, { a: 3 }) as [number];
    for (let time = 0; time < 2; time++) {
      await retryAndPublish(flow, id, anOperator("test"));
      await flow.drain();
      assert.equal((await flow.order(id)).failureReason, "insufficient_stock");
    }
    const events = await flow.rows("select event, status from notification_logs order by id");
    assert.deepEqual(events.map(({ event }) => event), [
      "order.failed",
      "order.failed:1",
      "order.failed:2",
    ]);
    await assertConsistent(flow);
    await changeStock(flow, "a", { set: 3 }, { operator: anOperator("cli") });
    await retryAndPublish(flow, id, anOperator("test"));
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID");
    await assertConsistent(flow);
  }));

Deno.test("a notice that comes after its order was taken up again tells nothing, and is no error", () =>
  withWorkflow("retry_overtakes", async (flow) => {
    const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 2 }])], 1);
    await flow.turn("orders");
    await retryAndPublish(flow, taken!.orderId!, anOperator("test"));
    await flow.turn("notifications");
    assert.deepEqual(await flow.rows("select event from notification_logs"), []);
    await flow.drain();
    assert.deepEqual(await flow.rows("select event from notification_logs"), [
      { event: "order.failed:1" },
    ]);
    await assertConsistent(flow);
  }));

Deno.test("retryAndPublish() refuses what did not run short, and says why", () =>
  withWorkflow("retry_refused", async (flow) => {
    const taken = await flow.add([
      anOrder("paid", [{ sku: "a", qty: 1 }]),
      anOrder("declined", [{ sku: "a", qty: 1, unitPriceCents: 101 }]),
    ]);
    await flow.drain();
    const [paid, declined] = taken.map(({ orderId }) => orderId!) as [number, number];
    const [open] = (await flow.add([anOrder("open", [{ sku: "a", qty: 1 }])]))
      .map(({ orderId }) => orderId!) as [number];
    await assert.rejects(
      retryAndPublish(flow, paid, anOperator("test")),
      refused(/order \d+: it is PAID/),
    );
    await assert.rejects(retryAndPublish(flow, open, anOperator("test")), refused(/it is PENDING/));
    await assert.rejects(
      retryAndPublish(flow, declined, anOperator("test")),
      refused(/payment was declined/),
    );
    await assert.rejects(retryAndPublish(flow, 999_999, anOperator("test")), { code: "not_found" });
    await cancelAndPublish(flow, open, anOperator("test"));
    await assert.rejects(
      retryAndPublish(flow, open, anOperator("test")),
      refused(/it is CANCELLED/),
    );
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("retryAndPublish() refuses an order whose money goes back", () =>
  withWorkflow("retry_money", async (flow) => {
    const [id] = await addShort(flow, { a: 2 }) as [number];
    await flow.rows(
      "insert into payments (order_id, provider, provider_ref, amount_cents, status) " +
        "values (?, 'shop', 'x', 200, 'REVERSING')",
      [id],
    );
    await assert.rejects(
      retryAndPublish(flow, id, anOperator("test")),
      refused(/money .* goes back/),
    );
    assert.equal((await flow.order(id)).status, "FAILED");
  }));

Deno.test("two who take up the same orders at once take up each once", () =>
  withWorkflow("retry_race", async (flow) => {
    const ids = await addShort(flow, { a: 2 }, { a: 3 }, { a: 4 });
    const results = await Promise.all(
      Array.from(
        { length: 4 },
        () => retryAllAndPublish(flow, { kind: "ids", ids }, anOperator("test")),
      ),
    );
    assert.equal(results.reduce((sum, { orders }) => sum + orders.length, 0), 3);
    await flow.drain();
    const [row] = await flow.rows("select max(retries) as times from orders");
    assert.equal(row!.times, 1);
    await assertConsistent(flow);
  }));

Deno.test("all that ran short of a product are taken up, and what was lost by a crash is found", () =>
  withWorkflow("retry_all", async (flow) => {
    const ids = await addShort(flow, { a: 2 }, { b: 2 }, { a: 2, b: 3 });
    const [b] = await flow.rows("select id from products where sku = 'b'");
    const filter = { productId: Number(b!.id) };
    assert.deepEqual(
      (await sumShortOrders(flow.db, filter)).map(({ orders, cents }) => [orders, cents]),
      [[2, 700n]],
    );
    await changeStock(flow, "b", { set: 2 }, { operator: anOperator("cli") });
    const { orders } = await retryAllAndPublish(
      flow,
      { kind: "short", ...filter },
      anOperator("test"),
    );
    assert.deepEqual(orders.map(({ id }) => id), ids.slice(1));
    // The messages never came: it ended between its commit and publishing.
    await flow.redis.xtrim(flow.keys.stream("orders"), "MAXLEN", 0);
    await flow.redis.del(flow.keys.weights("orders"));
    await flow.rows("update orders set updated_at = '2025-01-01'");
    await sweepOrphans(flow, { olderThanSeconds: 60 });
    assert.equal((await messagesOf(flow)).length, 2);
    await flow.drain();
    const statuses = await Promise.all(ids.map(async (id) => (await flow.order(id)).status));
    assert.deepEqual(statuses, ["FAILED", "PAID", "FAILED"]);
    await assertConsistent(flow);
    const all = await retryAllAndPublish(flow, { kind: "all" }, anOperator("test"));
    assert.deepEqual(all.orders.map(({ id }) => id), [ids[0], ids[2]]);
    await flow.drain();
    await assertConsistent(flow);
  }));

for (const isTold of [false, true]) {
  const what = isTold ? "the messages of a retry and" : "all messages of a retry and of";
  Deno.test(`${what} a cancel that two crashes lost are found: the order leaves the figures`, () =>
    withWorkflow("retry_cancelled_lost", async (flow) => {
      const [id] = await addShort(flow, { a: 2 }) as [number];
      const redis = new Proxy(flow.redis, {
        get() {
          throw new Error("it died");
        },
      });
      const dying = { ...flow, redis, stopping: AbortSignal.abort() };
      await retryAndPublish(dying, id, anOperator("test"));
      await cancelAndPublish(dying, id, anOperator("test"));
      assert.deepEqual(await messagesOf(flow), []);
      if (isTold) {
        const message = { type: "notify.order", orderId: id, amountCents: 200, currency: "EUR" };
        await publish(flow, [{ message: message as Message }]);
        await flow.drain();
      }
      await flow.rows("update order_events set created_at = '2025-01-01'");
      await sweepOrphans(flow, { olderThanSeconds: 60 });
      await flow.drain();
      await assertConsistent(flow);
      await sweepOrphans(flow, { olderThanSeconds: 60 });
      assert.deepEqual(await messagesOf(flow), [], "that it was seen to is known");
    }));
}

Deno.test("an order that is cancelled before the message of its retry was published leaves the figures", () =>
  withWorkflow("retry_cancelled", async (flow) => {
    const [id] = await addShort(flow, { a: 2 }) as [number];
    // A process that dies right after its commit.
    const redis = new Proxy(flow.redis, {
      get() {
        throw new Error("it died");
      },
    });
    await retryAndPublish(
      { ...flow, redis, stopping: AbortSignal.abort() },
      id,
      anOperator("test"),
    );
    assert.deepEqual(await messagesOf(flow), []);
    assert.equal((await flow.order(id)).status, "PENDING");
    await cancelAndPublish(flow, id, anOperator("test"));
    await flow.drain();
    assert.equal((await flow.order(id)).status, "CANCELLED");
    await assertConsistent(flow);
  }));
