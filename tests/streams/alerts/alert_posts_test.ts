import { typed } from "../../../runtime/typed.ts";
import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { silentLog } from "../../../domain/operation/log.ts";
import { keepPosting, maxTries, postOnce } from "../../../streams/alerts/alert_posts.ts";
import { lookOnce } from "../../../streams/alerts/alerts.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { alertSettings } from "../../alert_settings.ts";

const secrets = [1, 2].map((n) => `whsec_${btoa(String(n).repeat(24))}`);

/** A post as the receiver got it, with its signature checked. */
interface Got {
  id: string;
  type: string;
  data: Record<string, unknown>;
}

/** Someone who wants to be told; answers with `statuses` in turn, and then with 204. */
function openReceiver(statuses: number[] = []) {
  const got: Got[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.text();
      const headers = Object.fromEntries(request.headers);
      for (const secret of secrets) new Webhook(secret).verify(body, headers);
      got.push({ id: headers["webhook-id"]!, ...JSON.parse(body) });
      return new Response(null, { status: statuses.shift() ?? 204 });
    },
  );
  return {
    got,
    url: `http://127.0.0.1:${server.addr.port}/alerts`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const start = Date.parse("2025-03-01T12:00:00.000Z");

/** Deps of a process, and an order that nobody works on: after `start + 40 s` that is an alert. */
async function withAlert(
  url: string,
  work: (
    deps: Parameters<typeof lookOnce>[0] & Parameters<typeof postOnce>[0],
    flow: Workflow,
  ) => Promise<void>,
): Promise<void> {
  const flow = await openWorkflow("alert_posts");
  try {
    const config = {
      ...alertSettings,
      alertWebhookUrl: url,
      alertWebhookSecrets: secrets,
    };
    await flow.add([anOrder("A", [{ sku: "x", qty: 1 }])]);
    const deps = { ...flow, log: silentLog, config };
    await lookOnce(deps, start);
    await work(deps, flow);
  } finally {
    await flow.close();
  }
}

/** Takes the reason of the alert away. */
async function repair(flow: Workflow): Promise<void> {
  await flow.turn("orders");
  await flow.drain();
}

Deno.test("an alert is posted, signed, when it is raised and when it is resolved, once each", async () => {
  await using receiver = openReceiver();
  await withAlert(receiver.url, async (deps, flow) => {
    assert.equal(await postOnce(deps, start), 0, "nothing was raised");
    await lookOnce(deps, start + 40_000);
    const posted = await Promise.all([1, 2, 3].map(() => postOnce(deps, start + 41_000)));
    assert.equal(posted.reduce((sum, count) => sum + count), 1, "of three processes one");
    assert.equal(await postOnce(deps, start + 42_000), 0);
    await repair(flow);
    await lookOnce(deps, start + 50_000);
    assert.equal(await postOnce(deps, start + 51_000), 0, "it may come back");
    await lookOnce(deps, start + 120_000);
    assert.equal(await postOnce(deps, start + 121_000), 1);
    assert.equal(await postOnce(deps, start + 122_000), 0);
  });
  const [raised, resolved] = receiver.got;
  assert.equal(receiver.got.length, 2);
  assert.equal(raised!.type, "alert.raised");
  assert.deepEqual(raised!.data, {
    name: "no_consumer:orders",
    severity: "critical",
    title: "orders: nobody is working",
    detail: `1 message waits and no consumer is alive: 1.00 EUR; run ${typed("start")}`,
    since: "2025-03-01T12:00:00.000Z",
    raised_at: "2025-03-01T12:00:40.000Z",
    resolved_at: null,
  });
  assert.equal(resolved!.type, "alert.resolved");
  assert.equal(resolved!.data.resolved_at, "2025-03-01T12:02:00.000Z");
  assert.notEqual(raised!.id, resolved!.id);
});

Deno.test("processes that look at the same moment tell the same news", async () => {
  await using receiver = openReceiver();
  await withAlert(receiver.url, async (deps) => {
    await lookOnce(deps, start + 40_000);
    const before = await deps.redis.hgetall(deps.keys.alertPosts);
    assert.equal(await postOnce(deps, start + 41_000), 1);
    // The slower one notes it when it was posted already.
    await deps.redis.hset(deps.keys.alertPosts, before);
    assert.equal(await postOnce(deps, start + 42_000), 0);
    assert.equal(await deps.redis.exists(deps.keys.alertPosts), 0);
  });
  assert.equal(receiver.got.length, 1);
});

Deno.test("a post that fails is tried again later under the same id, the beginning before the end", async () => {
  await using receiver = openReceiver([503, 500]);
  await withAlert(receiver.url, async (deps, flow) => {
    await lookOnce(deps, start + 40_000);
    assert.equal(await postOnce(deps, start + 40_000), 0);
    await repair(flow);
    await lookOnce(deps, start + 41_000);
    await lookOnce(deps, start + 102_000);
    await postOnce(deps, start + 44_000);
    assert.equal(receiver.got.length, 1, "not before its time");
    assert.equal(await postOnce(deps, start + 46_000), 0);
    assert.equal(await postOnce(deps, start + 120_000), 1);
    assert.equal(await postOnce(deps, start + 120_000), 1);
  });
  const { got } = receiver;
  assert.deepEqual(got.map(({ type }) => type), [
    "alert.raised",
    "alert.raised",
    "alert.raised",
    "alert.resolved",
  ]);
  assert.equal(new Set(got.map(({ id }) => id)).size, 2);
});

Deno.test("a receiver that never answers well is given up after some tries", async () => {
  await using receiver = openReceiver(Array(maxTries + 5).fill(500));
  await withAlert(receiver.url, async (deps) => {
    await lookOnce(deps, start + 40_000);
    for (let n = 1; n <= maxTries + 3; n++) await postOnce(deps, start + n * 10_000_000);
    assert.equal(await deps.redis.exists(deps.keys.alertPosts), 0);
  });
  assert.equal(receiver.got.length, maxTries);
});

Deno.test("without a receiver nothing is noted, and keepPosting() ends at once", async () => {
  await withAlert("", async (deps) => {
    await lookOnce(deps, start + 40_000);
    assert.equal(await deps.redis.exists(deps.keys.alertPosts), 0);
    await keepPosting(deps, new AbortController().signal);
  });
});

Deno.test("keepPosting() posts until it is told to stop, in the middle of a post as well", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  await using receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => {
      asked.resolve();
      return answer.promise;
    },
  );
  await withAlert(`http://127.0.0.1:${receiver.addr.port}`, async (deps) => {
    await lookOnce(deps, start + 40_000);
    const stop = new AbortController();
    const posting = keepPosting(deps, stop.signal);
    await asked.promise;
    stop.abort();
    await posting;
    const [post] = await deps.redis.hvals(deps.keys.alertPosts);
    assert.equal(JSON.parse(post!).tries, 0, "a stop is no failed try");
  });
  answer.resolve(new Response());
});
