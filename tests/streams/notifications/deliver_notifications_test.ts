import assert from "node:assert/strict";
import {
  enableEndpoint,
  readDisabledEndpoint,
} from "../../../db/notifications/disabled_endpoints.ts";
import {
  claimDeliveries,
  replayDelivery,
} from "../../../db/notifications/notification_deliveries.ts";
import { parseConfig } from "../../../config/config.ts";
import { deliveryWaitsMs } from "../../../domain/notification/delivery.ts";
import {
  deliverNotifications,
  deliverOnce,
} from "../../../streams/notifications/deliver_notifications.ts";
import type { NotificationSender } from "../../../streams/notifications/notification_sender.ts";
import { runConsumers } from "../../../streams/run_consumers.ts";
import { webhookSender } from "../../../streams/notifications/webhook_sender.ts";
import { receiveMails, receiveWebhooks } from "../../receivers.ts";
import { anOrder, openWorkflow } from "../../workflow.ts";
import {
  assertVerified,
  attempts,
  backdate,
  deliveries,
  logs,
  settle,
  withWebhooks,
} from "./webhook_scene.ts";

Deno.test("deliverOnce() tries again with growing waits and the same id, and gives up after a day", () =>
  withWebhooks("deliver_retries", async ({ flow, receiver, sender }) => {
    await settle(flow, 100);
    receiver.answer = () => new Response("out of order\r\n\x07", { status: 503 });
    for (const [index, wait] of deliveryWaitsMs.entries()) {
      assert.deepEqual(await deliverOnce(flow, sender), { claimed: 1, sent: 0, failed: 1 });
      assert.equal((await deliverOnce(flow, sender)).claimed, 0, "not before its time");
      const [row] = await flow.rows(`
        select timestampdiff(microsecond, current_timestamp(6), due_at) / 1000 as wait_ms, attempts, claim
        from notification_deliveries`);
      assert.equal(row!.attempts, index + 1);
      assert.equal(row!.claim, null);
      const waitMs = Number(row!.wait_ms);
      assert.ok(waitMs > wait * 0.8 - 2_000 && waitMs <= wait * 1.2, `${waitMs} of ${wait}`);
      await backdate(flow);
    }
    await deliverOnce(flow, sender);
    assert.equal((await deliveries(flow))[0]!.due_at, null, "given up");
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0);
    const tries = deliveryWaitsMs.length + 1;
    assert.equal(receiver.received.length, tries);
    assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 1);
    assert.equal(new Set(receiver.received.map(({ text }) => text)).size, 1);
    const [log] = await logs(flow);
    assert.equal(log!.success, 0);
    assert.equal(log!.error, "the endpoint answered 503");
    assert.equal(log!.sent_at, null);
    const kept = await attempts(flow);
    assert.equal(kept.length, tries);
    assert.equal(kept[0]!.reply, "out of order");
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() leaves a receiver alone for as long as it asks", () =>
  withWebhooks("deliver_retry_after", async ({ flow, receiver, sender }) => {
    await settle(flow, 100);
    receiver.answer = () => new Response(null, { status: 429, headers: { "retry-after": "600" } });
    await deliverOnce(flow, sender);
    const [row] = await flow.rows(`
      select timestampdiff(second, current_timestamp(6), due_at) as seconds from notification_deliveries`);
    assert.ok(Number(row!.seconds) >= 595 && Number(row!.seconds) <= 600, String(row!.seconds));
  }));

Deno.test("deliverOnce() follows no redirect", () =>
  withWebhooks("deliver_redirect", async ({ flow, receiver, sender }) => {
    let followed = 0;
    const other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      followed++;
      return new Response();
    });
    try {
      await settle(flow, 100);
      receiver.answer = () =>
        Response.redirect(`http://127.0.0.1:${other.addr.port}/latest/meta-data`, 307);
      assert.equal((await deliverOnce(flow, sender)).failed, 1);
      assert.equal(followed, 0);
      const [log] = await logs(flow);
      assert.match(String(log!.error), /answered 307; redirects are not followed/);
    } finally {
      await other.shutdown();
    }
  }));

Deno.test("deliverOnce() switches an endpoint off that is gone, until a person switches it on", () =>
  withWebhooks("deliver_gone", async ({ flow, receiver, sender }) => {
    await settle(flow, 100, 102);
    receiver.answer = () => new Response("moved away", { status: 410 });
    await deliverOnce(flow, { ...sender, concurrency: 1 });
    assert.equal(receiver.received.length, 1, "the other one was not tried any more");
    const disabled = await readDisabledEndpoint(flow.db, receiver.url);
    assert.equal(disabled!.origin, new URL(receiver.url).origin);
    assert.equal(disabled!.reason, "the endpoint answered 410");
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0);
    await assertVerified(flow);

    const moved = receiveWebhooks(receiver.secret);
    try {
      const { url, secret } = moved;
      assert.equal(
        (await deliverOnce(flow, webhookSender({ url, secrets: [secret], timeoutMs: 5_000 }))).sent,
        2,
        "another address is not switched off",
      );
    } finally {
      await moved.close();
    }
    await settle(flow, 104);
    await enableEndpoint(flow.db, receiver.url);
    receiver.answer = () => new Response();
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    await assertVerified(flow);
  }));

Deno.test("deliverNotifications() lets a receiver that never answers hold up nothing else", () =>
  withWebhooks("deliver_slow", async ({ flow, receiver, sender }) => {
    const never = Promise.withResolvers<Response>();
    const dead: NotificationSender = {
      ...sender,
      channel: "email",
      endpoint: null,
      close: () => {},
    };
    const stop = new AbortController();
    const sent = Promise.withResolvers<void>();
    dead.send = async () => {
      await never.promise;
      return { statusCode: null, reply: null, error: "late" };
    };
    receiver.answer = () => {
      if (receiver.received.length === 40) sent.resolve();
      return new Response();
    };
    const delivering = deliverNotifications(flow, [dead, sender], stop.signal);
    try {
      // The groups go on as well while every lane of that channel waits.
      await settle(flow, ...Array.from({ length: 40 }, (_, index) => 100 + 2 * index));
      await sent.promise;
      assert.equal((await logs(flow, "log")).length, 40);
    } finally {
      stop.abort();
      never.resolve(new Response());
      await delivering;
    }
    assert.ok((await logs(flow, "webhook")).every(({ success }) => success === 1));
    assert.ok((await logs(flow, "email")).every(({ success }) => success === 0));
    await assertVerified(flow);
  }, ["log", "email", "webhook"]));

Deno.test("deliverOnce() gives back at a stop what it has not begun", () =>
  withWebhooks("deliver_stop", async ({ flow, receiver, sender }) => {
    await settle(flow, 100, 102, 104);
    const stop = new AbortController();
    receiver.answer = () => {
      stop.abort();
      return new Response();
    };
    const turn = await deliverOnce(flow, { ...sender, concurrency: 1 }, { signal: stop.signal });
    assert.deepEqual(turn, { claimed: 3, sent: 1, failed: 0 });
    assert.equal((await deliverOnce(flow, sender)).sent, 2, "due again at once");
  }));

Deno.test("deliverOnce() says without its address why an endpoint that is not there fails", () =>
  withWebhooks("deliver_refused", async ({ flow, receiver }) => {
    await settle(flow, 100, 102);
    const { secret } = receiver;
    const closed = receiveWebhooks();
    await closed.close();
    const { url } = closed;
    await deliverOnce(flow, webhookSender({ url, secrets: [secret], timeoutMs: 2_000 }));
    for (const { error } of await logs(flow)) {
      assert.match(String(error), /^the endpoint cannot be reached: .*refused/i);
      assert.doesNotMatch(String(error), /token-in-the-path/);
    }
    await backdate(flow);
    const hanging = Promise.withResolvers<Response>();
    receiver.answer = () => hanging.promise;
    await deliverOnce(
      flow,
      webhookSender({ url: receiver.url, secrets: [secret], timeoutMs: 150 }),
    );
    for (const { error } of await logs(flow)) {
      assert.equal(error, "the endpoint did not answer within 150 ms");
    }
    hanging.resolve(new Response());
  }));

Deno.test("webhookSender() signs with both secrets while they are rotated", () =>
  withWebhooks("deliver_rotation", async ({ flow, receiver }) => {
    await settle(flow, 100);
    const other = receiveWebhooks();
    try {
      const { url, secret } = receiver;
      const secrets = [other.secret, secret];
      assert.equal(
        (await deliverOnce(flow, webhookSender({ url, secrets, timeoutMs: 5_000 }))).sent,
        1,
      );
      assert.equal(receiver.received[0]!.signature.split(" ").length, 2);
      assert.equal(receiver.refused, 0);
    } finally {
      await other.close();
    }
  }));

Deno.test("replayDelivery() sends again what was sent or given up, and says who wanted it", () =>
  withWebhooks("deliver_replay", async ({ flow, receiver, sender }) => {
    const [orderId] = await settle(flow, 100);
    await deliverOnce(flow, sender);
    const [{ id }] = await logs(flow) as [{ id: number }];
    const replay = () => flow.db.transaction((tx) => replayDelivery(tx, id, "api:ann"));
    assert.deepEqual(await replay(), { kind: "queued" });
    await assertVerified(flow);
    receiver.answer = () => new Response(null, { status: 500 });
    await deliverOnce(flow, sender);
    let [log] = await logs(flow);
    assert.equal(log!.success, 1, "it was sent once and stays so");
    await flow.rows("update notification_deliveries set attempts = 100");
    await backdate(flow);
    await deliverOnce(flow, sender);
    assert.deepEqual(await deliveries(flow), [], "a replay that was given up leaves nothing");
    await assertVerified(flow);

    assert.deepEqual(await replay(), { kind: "queued" });
    receiver.answer = () => new Response();
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    [log] = await logs(flow);
    assert.equal(log!.error, null);
    assert.equal(new Set(receiver.received.map((received) => received.id)).size, 1);
    const steps = await flow.rows(
      "select detail, actor from order_events where order_id = ? and event = 'notification_replayed'",
      [orderId!],
    );
    assert.deepEqual(
      steps.map((step) => ({ ...step })),
      Array(2).fill({
        detail: "webhook: order.paid",
        actor: "api:ann",
      }),
    );
    const [{ id: logged }] = await logs(flow, "log") as [{ id: number }];
    const replayOf = (id: number) => flow.db.transaction((tx) => replayDelivery(tx, id, "x"));
    assert.deepEqual(await replayOf(logged), { kind: "only_logged" });
    assert.deepEqual(await replayOf(999_999), { kind: "not_found" });
    await replay();
    const claim = "cd".repeat(16);
    await claimDeliveries(flow.db, "webhook", { claim, limit: 1, leaseMs: 60_000 });
    assert.deepEqual(await replay(), { kind: "being_sent" });
  }));

Deno.test("runConsumers() has sent what is due when it has drained", async () => {
  const flow = await openWorkflow("deliver_drain");
  const receiver = receiveWebhooks();
  const mails = await receiveMails();
  try {
    await flow.add(
      Array.from(
        { length: 50 },
        (_, index) => anOrder(`d-${index}`, [{ sku: "a", qty: 1, unitPriceCents: 100 + index }]),
      ),
    );
    const config = parseConfig({
      DATABASE_URL: flow.test.databaseUrl,
      REDIS_URL: flow.test.redisUrl,
      REDIS_PREFIX: flow.test.redisPrefix,
      GATEWAY_DELAY_MS: "0",
      NOTIFY_CHANNELS: "log,email,webhook",
      NOTIFY_FROM: "Shop <orders@shop.example>",
      SMTP_URL: mails.url,
      NOTIFY_WEBHOOK_URL: receiver.url,
      NOTIFY_WEBHOOK_SECRETS: receiver.secret,
    });
    const options = { groups: [], batchSize: 100, drain: true };
    await runConsumers({ ...flow, config }, options, new AbortController().signal);
    assert.equal(receiver.received.length, 50);
    assert.equal(mails.mails.length, 50);
    assert.deepEqual(await deliveries(flow), []);
    await assertVerified(flow);
  } finally {
    await mails.close();
    await receiver.close();
    await flow.close();
  }
});
