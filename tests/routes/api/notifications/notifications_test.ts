import assert from "node:assert/strict";
import { disableEndpoint } from "../../../../db/notifications/disabled_endpoints.ts";
import { claimDeliveries } from "../../../../db/notifications/notification_deliveries.ts";
import { type Api, ask, assertProblem, openApi } from "../../api.ts";
import { allChannels, endpointUrl, fail, told } from "../../notified.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("notifications_routes", allChannels);
});
Deno.test.afterAll(() => api.close());

Deno.test("GET /notifications lists by order, channel and success, page by page", async () => {
  const { orderId, ids } = await told(api.deps.db);
  const other = await told(api.deps.db);
  const list = async (query: string) => {
    const { status, body } = await ask(api, "GET", `/notifications?${query}`);
    assert.equal(status, 200);
    return body;
  };
  // deno-lint-ignore no-explicit-any
  const idsOf = (body: any) => body.data.map(({ id }: { id: number }) => id);
  const all = Object.values(ids).sort((a, b) => b - a);
  assert.deepEqual(idsOf(await list(`order=${orderId}`)), all);
  const first = await list(`order=${orderId}&limit=2`);
  assert.deepEqual(idsOf(first), all.slice(0, 2));
  const second = await list(`order=${orderId}&limit=2&cursor=${first.next_cursor}`);
  assert.deepEqual([idsOf(second), second.next_cursor], [all.slice(2), null]);
  assert.deepEqual(idsOf(await list(`order=${orderId}&channel=email`)), [ids.email]);
  assert.deepEqual(idsOf(await list(`order=${orderId}&success=true`)), [ids.log]);
  const unsent = idsOf(await list("success=false"));
  for (const one of [ids, other.ids]) {
    assert.ok(unsent.includes(one.email) && unsent.includes(one.webhook));
    assert.ok(!unsent.includes(one.log));
  }
  const [row] = (await list(`order=${orderId}&channel=log`)).data;
  assert.equal(row.state, "logged");
  assert.equal(row.payload.event, "order.paid");
  for (const bad of ["order=x", "channel=sms", "success=maybe", "cursor=x", "order=0"]) {
    assertProblem(await ask(api, "GET", `/notifications?${bad}`), 400, "bad-request");
  }
});

Deno.test("GET /notifications/{id} shows every try and what comes next", async () => {
  const { ids, orderId } = await told(api.deps.db);
  const show = async () => (await ask(api, "GET", `/notifications/${ids.webhook}`)).body;
  assert.deepEqual((await show()).attempts, []);
  await fail(api.deps.db, ids.webhook!, "webhook", 60_000);
  let shown = await show();
  assert.equal(shown.state, "waiting");
  assert.ok(Date.parse(shown.next_try_at) > Date.now() + 30_000);
  assert.equal(shown.error, "the endpoint answered 500");
  const { at, ...attempt } = shown.attempts[0];
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
  assert.deepEqual(attempt, {
    duration_ms: 20,
    success: false,
    status_code: 500,
    reply: "oh",
    error: "the endpoint answered 500",
  });
  await api.deps.db.run("update notification_deliveries set due_at = current_timestamp(6)");
  await fail(api.deps.db, ids.webhook!, "webhook", null);
  shown = await show();
  assert.deepEqual([shown.state, shown.next_try_at, shown.attempts.length], ["given_up", null, 2]);
  assertProblem(await ask(api, "GET", "/notifications/999999"), 404, "not-found");
  const order = (await ask(api, "GET", `/orders/${orderId}`)).body;
  assert.deepEqual(
    order.notifications.map(({ channel, success, error }: Record<string, unknown>) => [
      channel,
      success,
      error,
    ]).toSorted(),
    [["email", false, null], ["log", true, null], ["webhook", false, "the endpoint answered 500"]],
  );
});

Deno.test("POST /notifications/{id}/replay puts it on the list again, once a key", async () => {
  const { ids, orderId } = await told(api.deps.db);
  await fail(api.deps.db, ids.email!, "email", null);
  const path = `/notifications/${ids.email}/replay`;
  const key = { "idempotency-key": "again-1" };
  const taken = await ask(api, "POST", path, undefined, key);
  assert.equal(taken.status, 202);
  assert.equal(taken.headers.get("location"), `/notifications/${ids.email}`);
  assert.equal(taken.body.state, "waiting");
  const replayed = await ask(api, "POST", path, undefined, key);
  assert.equal(replayed.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(replayed.body, taken.body);
  const { timeline } = (await ask(api, "GET", `/orders/${orderId}`)).body;
  assert.equal(
    timeline.filter(({ event }: { event: string }) => event === "notification_replayed").length,
    1,
  );
  assertProblem(
    await ask(api, "POST", `/notifications/${ids.log}/replay`),
    409,
    "notification-not-replayable",
  );
  await claimDeliveries(api.deps.db, "email", {
    claim: "ab".repeat(16),
    limit: 1_000,
    leaseMs: 60_000,
  });
  assertProblem(await ask(api, "POST", path), 409, "notification-not-replayable");
  assertProblem(await ask(api, "POST", "/notifications/999999/replay"), 404, "not-found");
});

Deno.test("GET /notifications/channels tells of an endpoint that is gone, and enable brings it back", async () => {
  await told(api.deps.db);
  const channels = async () => (await ask(api, "GET", "/notifications/channels")).body.channels;
  const [log, email, webhook] = await channels();
  assert.deepEqual([log.channel, log.configured, log.waiting], ["log", true, 0]);
  assert.ok(email.waiting > 0 && email.oldest_due_at !== null);
  assert.equal(webhook.disabled_at, null);
  await disableEndpoint(api.deps.db, endpointUrl, "the endpoint answered 410");
  const off = (await channels())[2];
  assert.ok(Math.abs(Date.parse(off.disabled_at) - Date.now()) < 60_000);
  assert.equal(off.disabled_reason, "the endpoint answered 410");
  assert.doesNotMatch(JSON.stringify(off), /secret/);
  const enable = () =>
    ask(api, "POST", "/notifications/channels/webhook/enable", undefined, {
      "idempotency-key": "enable",
    });
  const enabled = await enable();
  assert.equal(enabled.status, 200);
  assert.equal(enabled.body.disabled_at, null);
  await disableEndpoint(api.deps.db, endpointUrl, "the endpoint answered 410");
  assert.deepEqual((await enable()).body, enabled.body, "the first answer, again");
  assert.notEqual((await channels())[2].disabled_at, null, "and nothing was changed again");
  assertProblem(await ask(api, "POST", "/notifications/channels/email/enable"), 400);
});
