import assert from "node:assert/strict";
import { addOrderEvents } from "../../../db/orders/timelines.ts";
import { claimWebhooks, settleWebhook } from "../../../db/webhooks/deliveries.ts";
import type { FeedEvent } from "../../../domain/feed/feed_event.ts";
import { verifyWebhook } from "../../../routes/verify_webhook.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import {
  addEndpoint,
  changeEndpoint,
  retryEndpoint,
  rotateSecret,
  testEndpoint,
} from "../../../services/notifications/manage_webhooks.ts";
import {
  deliverWebhooks,
  deliverWebhooksOnce,
} from "../../../streams/webhooks/deliver_webhooks.ts";
import { fanOutOnce } from "../../../streams/webhooks/fan_out.ts";
import { purgeOld } from "../../../streams/upkeep/upkeep.ts";
import { observeDatabase } from "../../db/connection/observed_database.ts";
import { anOperator } from "../../operator.ts";
import { receiveWebhooks, type WebhookReceiver } from "../../receivers.ts";
import { type Api, openApi, recordedLog, storeOrder } from "../../routes/api.ts";

let api: Api;
const lines = recordedLog();
Deno.test.beforeAll(async () => {
  api = await openApi(
    "webhooks",
    { WEBHOOK_PRIVATE_ADDRESSES: "1", NOTIFY_TIMEOUT_MS: "5000" },
    lines.log,
  );
});
Deno.test.afterAll(() => api.close());

const operator = anOperator("desk");

interface Scene {
  id: number;
  secret: string;
  receiver: WebhookReceiver;
}

/** Some endpoints, each with a receiver that knows its secret; gone afterwards. */
async function withEndpoints(
  choices: string[][],
  work: (...scenes: Scene[]) => Promise<void>,
): Promise<void> {
  const receivers: WebhookReceiver[] = [];
  const scenes: Scene[] = [];
  try {
    for (const types of choices) {
      // The secret is known once the endpoint is there, and the endpoint's URL once the receiver is.
      const place = receiveWebhooks();
      const { url } = place;
      await place.close();
      const { endpoint: { id }, secret } = await addEndpoint(
        api.deps,
        { url, types, description: "", enabled: true },
        operator,
      );
      const receiver = receiveWebhooks(secret);
      receivers.push(receiver);
      await api.deps.db.run("update webhook_endpoints set url = ? where id = ?", [
        receiver.url,
        id,
      ]);
      scenes.push({ id, secret, receiver });
    }
    await work(...scenes);
  } finally {
    await Promise.all(receivers.map((receiver) => receiver.close()));
    await api.deps.db.run("delete from webhook_endpoints");
  }
}

/** Steps of orders that are old enough to be told. */
async function happen(
  ...steps: [orderId: number, event: "created" | "reserved" | "paid" | "cancelled"][]
) {
  await addOrderEvents(api.deps.db, steps.map(([orderId, event]) => ({ orderId, event })), "test");
  await api.deps.db.run(
    "update order_events set created_at = created_at - interval 10 second where created_at > current_timestamp(6) - interval 10 second",
  );
}

const deliver = () => deliverWebhooksOnce(api.deps);

const rows = (what = "*") =>
  api.deps.db.query(`select ${what} from webhook_deliveries order by id`);

/** As if all the time had passed. */
const backdate = () =>
  api.deps.db.run(
    "update webhook_deliveries set due_at = current_timestamp(6) - interval 1 second where status = 'WAITING'",
  );

const typesOf = ({ received }: WebhookReceiver) => received.map(({ body }) => body.type);

Deno.test("each endpoint is posted the events that it has chosen, signed with its own secret, once", async () => {
  await withEndpoints([["order.paid", "stock.*"], ["*"]], async (some, all) => {
    const orderId = await storeOrder(api.deps.db);
    await happen([orderId, "reserved"], [orderId, "paid"]);
    assert.deepEqual(await deliver(), { queued: 7, sent: 7, failed: 0 });
    assert.deepEqual(typesOf(some.receiver), ["stock.reserved", "order.paid"]);
    assert.deepEqual(typesOf(all.receiver), [
      "stock.reserved",
      "order.reserved",
      "payment.succeeded",
      "order.paid",
      "order.settled",
    ]);
    assert.deepEqual(await deliver(), { queued: 0, sent: 0, failed: 0 });
    const [first] = some.receiver.received;
    assert.equal(first!.id, first!.body.id);
    const { id, event } = await verifyWebhook<FeedEvent>(first!.text, first!.headers, some.secret);
    assert.equal(id, event.id);
    assert.equal(event.data.order_id, orderId);
    await assert.rejects(verifyWebhook(first!.text, first!.headers, all.secret));
    assert.ok(lines.lines.every((line) => !line.includes("whsec_") && !line.includes("token-in")));
  });
});

Deno.test("nothing is read or written for orders where there is no endpoint, or none is switched on", async () => {
  const { db, sent } = observeDatabase(api.deps.db);
  await happen([await storeOrder(api.deps.db), "paid"]);
  assert.deepEqual(await deliverWebhooksOnce({ ...api.deps, db }), {
    queued: 0,
    sent: 0,
    failed: 0,
  });
  assert.equal(sent.length, 2);
  assert.ok(sent.every(({ sql }) => /^\s*select/.test(sql) && !/order_events/.test(sql)));
  await withEndpoints([["*"]], async ({ id, receiver }) => {
    await changeEndpoint(api.deps, id, { enabled: false }, operator);
    await happen([await storeOrder(api.deps.db), "paid"]);
    assert.equal((await deliver()).queued, 0);
    await changeEndpoint(api.deps, id, { enabled: true }, operator);
    assert.equal((await deliver()).queued, 0, "what happened meanwhile is not posted");
    await happen([await storeOrder(api.deps.db), "cancelled"]);
    await deliver();
    assert.deepEqual(
      typesOf(receiver),
      ["order.cancelled", "order.settled"],
    );
  });
});

Deno.test("of processes that read the same part of the feed one wins, and a crash before the commit leaves it to the next", async () => {
  await withEndpoints([["order.paid"]], async ({ receiver }) => {
    const orderId = await storeOrder(api.deps.db);
    await happen([orderId, "paid"]);
    const dying = {
      ...api.deps,
      db: { ...api.deps.db, transaction: () => Promise.reject(new Error("killed")) } as never,
    };
    await assert.rejects(fanOutOnce(dying), /killed/);
    assert.deepEqual(await rows(), []);
    const turns = await Promise.all(Array.from({ length: 4 }, () => fanOutOnce(api.deps)));
    assert.equal(turns.reduce((sum, { queued }) => sum + queued, 0), 1);
    assert.equal((await rows()).length, 1);
    // Told again from an older place, as after a restored database, it is there already.
    await api.deps.db.run("update webhook_position set step_id = step_id - 1");
    await fanOutOnce(api.deps);
    assert.equal((await rows()).length, 1);
    await deliver();
    assert.deepEqual(typesOf(receiver), ["order.paid"]);
  });
});

Deno.test("events of an order come in their order, each with a higher sequence", async () => {
  await withEndpoints([["order.*"]], async ({ receiver }) => {
    const ids = [await storeOrder(api.deps.db), await storeOrder(api.deps.db)];
    for (const event of ["created", "reserved", "paid"] as const) {
      await happen(...ids.map((id): [number, typeof event] => [id, event]));
    }
    receiver.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      return new Response(null, { status: 204 });
    };
    await deliver();
    for (const id of ids) {
      const own = receiver.received.filter(({ body }) => body.data.order_id === id);
      assert.deepEqual(own.map(({ body }) => body.type), [
        "order.created",
        "order.reserved",
        "order.paid",
        "order.settled",
      ]);
      const sequences = own.map(({ body }) => body.sequence);
      assert.deepEqual(sequences, sequences.toSorted((a, b) => a - b));
    }
  });
});

Deno.test("what is not taken is tried again under the same id and body, and given up in the end", async () => {
  await withEndpoints([["order.paid"]], async ({ id, receiver }) => {
    await happen([await storeOrder(api.deps.db), "paid"]);
    receiver.answer = () => new Response("no", { status: 500 });
    for (let tries = 1; tries <= 11; tries++) {
      const { failed } = await deliver();
      assert.equal(failed, 1, `try ${tries}`);
      assert.equal((await deliver()).failed, 0, "not before its time");
      await backdate();
    }
    assert.equal((await deliver()).failed, 0);
    const [row] = await rows("status, attempts, error, status_code");
    assert.deepEqual({ ...row }, {
      status: "GIVEN_UP",
      attempts: 11,
      error: "the endpoint answered 500",
      status_code: 500,
    });
    const bodies = new Set(receiver.received.map(({ id, text }) => id + text));
    assert.equal(bodies.size, 1);
    receiver.answer = () => new Response(null, { status: 200 });
    assert.equal(await retryEndpoint(api.deps, id, operator), 1);
    assert.equal(await retryEndpoint(api.deps, id, operator), 0);
    assert.equal((await deliver()).sent, 1);
  });
});

Deno.test("a consumer that died while it posted is followed by another, and one that woke up late changes nothing", async () => {
  await withEndpoints([["order.paid"]], async ({ id, receiver }) => {
    const { db } = api.deps;
    await happen([await storeOrder(db), "paid"]);
    await fanOutOnce(api.deps);
    const claim = "a".repeat(32);
    const [taken] = await claimWebhooks(db, id, { claim, limit: 10, leaseMs: 60_000 });
    assert.equal((await deliver()).sent, 0, "it is still being posted");
    await backdate();
    assert.equal((await deliver()).sent, 1, "its lease is over");
    await settleWebhook(db, claim, {
      id: taken!.id,
      durationMs: 1,
      statusCode: 500,
      error: "late",
      nextMs: 1_000,
    });
    const [row] = await rows("status, error");
    assert.deepEqual({ ...row }, { status: "SENT", error: null });
    assert.equal(receiver.received.length, 1);
  });
});

Deno.test("an endpoint that answers nothing holds up itself alone, among a hundred", async () => {
  const receivers = [receiveWebhooks(), receiveWebhooks()] as const;
  const [slow, quick] = receivers;
  const hanging = Promise.withResolvers<Response>();
  slow.answer = () => hanging.promise;
  const stop = new AbortController();
  const { db } = api.deps;
  try {
    for (let n = 0; n < 100; n++) {
      const { url, secret } = n === 99 ? quick : slow;
      await db.run(
        `insert into webhook_endpoints (url, types, secret, from_step, from_movement)
        select ?, '["order.paid"]', ?, coalesce(max(id), 0), 0 from order_events`,
        [`${url}?${n}`, secret],
      );
    }
    await happen([await storeOrder(db), "paid"]);
    const isPosted = Promise.withResolvers<void>();
    quick.answer = () => {
      isPosted.resolve();
      return new Response(null, { status: 204 });
    };
    const running = deliverWebhooks(api.deps, stop.signal);
    await isPosted.promise;
    assert.equal(quick.received.length, 1);
    hanging.resolve(new Response(null, { status: 204 }));
    stop.abort();
    await running;
  } finally {
    stop.abort();
    hanging.resolve(new Response(null, { status: 204 }));
    await Promise.all(receivers.map((receiver) => receiver.close()));
    await db.run("delete from webhook_endpoints");
  }
});

Deno.test("an endpoint that answers 410 is switched off, and posted what waited when it is switched on again", async () => {
  await withEndpoints([["order.paid"]], async ({ id, receiver }) => {
    const { db } = api.deps;
    await happen([await storeOrder(db), "paid"], [await storeOrder(db), "paid"]);
    receiver.answer = () => new Response(null, { status: 410 });
    await deliver();
    const [row] = await db.query("select enabled, disabled_reason from webhook_endpoints");
    assert.deepEqual({ ...row }, { enabled: 0, disabled_reason: "it answered 410 Gone" });
    const before = receiver.received.length;
    assert.deepEqual(await deliver(), { queued: 0, sent: 0, failed: 0 });
    assert.equal(receiver.received.length, before);
    receiver.answer = () => new Response(null, { status: 204 });
    const after = await changeEndpoint(api.deps, id, { enabled: true }, operator);
    assert.deepEqual([after.enabled, after.disabledReason], [true, null]);
    assert.equal((await deliver()).sent, 2);
  });
});

Deno.test("a secret that was replaced signs as well until its time is over", async () => {
  await withEndpoints([["order.paid"]], async ({ id, secret, receiver }) => {
    const { secret: next } = await rotateSecret(api.deps, id, operator, 60);
    await assert.rejects(rotateSecret(api.deps, id, operator, 60), {
      code: "webhook_endpoint_conflict",
    });
    await happen([await storeOrder(api.deps.db), "paid"]);
    assert.equal((await deliver()).sent, 1);
    const [webhook] = receiver.received;
    for (const one of [secret, next]) {
      await verifyWebhook(webhook!.text, webhook!.headers, one);
    }
    await api.deps.db.run(
      "update webhook_endpoints set previous_until = current_timestamp(6) - interval 1 second",
    );
    await happen([await storeOrder(api.deps.db), "paid"]);
    await deliver();
    assert.equal(receiver.refused, 1, "the receiver knows only the first");
    await rotateSecret(api.deps, id, operator, 0);
  });
});

Deno.test("what was decided about an endpoint counts for what was taken for it as well, a second later", async () => {
  await withEndpoints([["order.paid"], ["order.paid"]], async (off, renewed) => {
    for (const { id, receiver } of [off, renewed]) {
      receiver.answer = async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        return new Response(null, { status: 204 });
      };
      for (let n = 0; n < 12; n++) await testEndpoint(api.deps, id, operator);
    }
    const delivering = deliver();
    while (off.receiver.received.length * renewed.receiver.received.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await changeEndpoint(api.deps, off.id, { enabled: false }, operator);
    await rotateSecret(api.deps, renewed.id, operator, 0);
    await delivering;
    for (const { receiver: { received } } of [off, renewed]) {
      assert.ok(received.length < 10, `${received.length} posted`);
    }
    assert.ok(renewed.receiver.refused > 0);
    const waiting = (await rows()).filter(({ endpoint_id }) => endpoint_id === off.id)
      .filter(({ status, claim }) => status === "WAITING" && claim === null);
    assert.equal(waiting.length, 12 - off.receiver.received.length);
  });
});

Deno.test("a test event is posted to the endpoint alone, whatever it has chosen", async () => {
  await withEndpoints([["refund.failed"], ["*"]], async ({ id, receiver }, other) => {
    const eventId = await testEndpoint(api.deps, id, operator);
    assert.equal((await deliver()).sent, 1);
    const [{ id: sent, body }] = receiver.received as [WebhookReceiver["received"][0]];
    assert.equal(sent, eventId);
    assert.deepEqual({ ...body, timestamp: "" }, {
      id: eventId,
      type: "webhook.test",
      timestamp: "",
      sequence: 0,
      data: { endpoint_id: id },
    });
    assert.deepEqual(other.receiver.received, []);
  });
});

Deno.test("what waits for an erased person's order is posted without them", async () => {
  await withEndpoints([["order.paid"]], async ({ receiver }) => {
    const orderId = await storeOrder(api.deps.db, { customer: "Gone-9" });
    await happen([orderId, "paid"]);
    await fanOutOnce(api.deps);
    assert.doesNotMatch(JSON.stringify(await rows()), /Gone/);
    await eraseCustomer(api.deps, { externalId: "Gone-9" }, operator);
    await deliver();
    assert.equal(receiver.received.length, 1);
    assert.doesNotMatch(receiver.received[0]!.text, /gone|erased:/i);
  });
});

Deno.test("what was taken for a slow endpoint is posted without who is erased meanwhile, a second later", async () => {
  await withEndpoints([["order.created"]], async ({ receiver }) => {
    const orderId = await storeOrder(api.deps.db, { customer: "Gone-10" });
    await happen(...Array.from({ length: 10 }, () => [orderId, "created"] as [number, "created"]));
    receiver.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return new Response(null, { status: 204 });
    };
    const delivering = deliver();
    while (receiver.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await eraseCustomer(api.deps, { externalId: "Gone-10" }, operator);
    await delivering;
    assert.match(receiver.received[0]!.text, /Gone-10/);
    assert.equal(receiver.received.length, 10);
    assert.doesNotMatch(receiver.received.at(-1)!.text, /gone|erased:/i);
  });
});

Deno.test("what is old and over is deleted, and what waits is not", async () => {
  await withEndpoints([["order.paid"]], async ({ receiver }) => {
    await happen([await storeOrder(api.deps.db), "paid"]);
    await deliver();
    receiver.answer = () => new Response(null, { status: 500 });
    await happen([await storeOrder(api.deps.db), "paid"]);
    await deliver();
    await purgeOld(api.deps);
    assert.equal((await rows()).length, 2);
    await api.deps.db.run("update webhook_deliveries set created_at = '2020-01-01'");
    await purgeOld(api.deps);
    assert.deepEqual((await rows("status")).map(({ status }) => status), ["WAITING"]);
  });
});

Deno.test("secrets are sealed in the database where there is a key, and nothing is posted by another one", async () => {
  const deps = { ...api.deps, config: { ...api.deps.config, webhookSecretsKey: "k".repeat(32) } };
  await withEndpoints([["order.paid"]], async ({ id, receiver }) => {
    const { secret } = await rotateSecret(deps, id, operator, 0);
    const [row] = await api.deps.db.query("select secret from webhook_endpoints");
    assert.ok(!String(row!.secret).includes(secret.slice(6)));
    await happen([await storeOrder(api.deps.db), "paid"]);
    assert.deepEqual(await deliver(), { queued: 1, sent: 0, failed: 1 });
    assert.equal(receiver.received.length + receiver.refused, 0);
    assert.match(String((await rows("error"))[0]!.error), /sealed by another/);
    await backdate();
    await deliverWebhooksOnce(deps);
    assert.equal(
      receiver.refused,
      1,
      "it is signed by the new secret, which the receiver does not know",
    );
  });
});
