import assert from "node:assert/strict";
import { tokenHash } from "../../../../domain/operation/api_token.ts";
import { deliverWebhooksOnce } from "../../../../streams/webhooks/deliver_webhooks.ts";
import { receiveWebhooks } from "../../../receivers.ts";
import { type Answer, type Api, ask, assertProblem, openApi, recordedLog } from "../../api.ts";

let api: Api;
const lines = recordedLog();
Deno.test.beforeAll(async () => {
  api = await openApi("webhook_endpoints", {
    WEBHOOK_PRIVATE_ADDRESSES: "1",
    API_TOKENS: `boss:${tokenHash("boss")}:admin,desk:${tokenHash("desk")}:read`,
  }, lines.log);
});
Deno.test.afterAll(() => api.close());

const asBoss = { authorization: "Bearer boss" };

const send = (
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  ask(api, method, `/webhook-endpoints${path}`, body, { ...asBoss, ...headers });

const aUrl = () => `https://shop.example/hooks/${crypto.randomUUID()}`;

async function add(changes: Record<string, unknown> = {}): Promise<Answer["body"]> {
  const answer = await send("POST", "", { url: aUrl(), types: ["order.*"], ...changes });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  assert.equal(answer.headers.get("location"), `/webhook-endpoints/${answer.body.id}`);
  return answer.body;
}

Deno.test("a secret is shown when it is made and never again, in no answer, log or audit entry", async () => {
  const { id, secret, url } = await add({ description: "Warehouse" });
  assert.match(secret, /^whsec_[\w+/]{43}=$/);
  const rotated = await send("POST", `/${id}/secret`, { overlap_seconds: 60 });
  assert.equal(rotated.status, 200);
  assert.notEqual(rotated.body.secret, secret);
  assert.ok(rotated.body.previous_secret_until);
  await send("PATCH", `/${id}`, { description: "Store" });
  await send("POST", `/${id}/test`);
  const shown = [
    await send("GET", ""),
    await send("GET", `/${id}`),
    await send("GET", `/${id}/deliveries`),
    await send("POST", `/${id}/retry`),
    await ask(api, "GET", "/audit?limit=200", undefined, asBoss),
    await send("DELETE", `/${id}`),
  ];
  const text = JSON.stringify(shown.map(({ body }) => body)) + lines.lines.join("");
  assert.doesNotMatch(text, /whsec_/);
  for (const one of [secret, rotated.body.secret]) assert.ok(!text.includes(one.slice(6)));
  const audit = JSON.stringify(shown[4]!.body);
  assert.ok(!audit.includes(url), "a URL may hold a secret");
  const stored = await api.deps.db.query("select answer from idempotency_keys");
  assert.deepEqual(stored, []);
});

Deno.test("what operators do about endpoints stands in the audit log", async () => {
  const { id } = await add();
  await send("PATCH", `/${id}`, { enabled: false, types: ["refund.*"] });
  await send("PATCH", `/${id}`, { enabled: false });
  await send("POST", `/${id}/secret`);
  await send("POST", `/${id}/test`);
  await send("DELETE", `/${id}`);
  await send("DELETE", `/${id}`);
  const entries = await ask(
    api,
    "GET",
    `/audit?subject=webhook_endpoint:${id}`,
    undefined,
    asBoss,
  );
  const told = entries.body.data.map((
    { action, outcome, detail }: Record<string, string>,
  ) => [action, outcome, detail]);
  assert.deepEqual(told.reverse(), [
    ["webhook_endpoint.change", "done", "types, switched off"],
    ["webhook_endpoint.change", "unchanged", null],
    ["webhook_endpoint.rotate", "done", "the one before signs for 86400 seconds"],
    ["webhook_endpoint.test", "refused", "webhook_endpoint_conflict"],
    ["webhook_endpoint.remove", "done", null],
    ["webhook_endpoint.remove", "refused", "not_found"],
  ]);
});

Deno.test("an endpoint is listed, shown, changed and removed", async () => {
  const one = await add({ types: ["order.paid", "stock.*"], description: "One" });
  const { secret: _, ...shown } = one;
  const list = await send("GET", "");
  assert.deepEqual(list.body.data.find(({ id }: { id: number }) => id === one.id), shown);
  const detail = await send("GET", `/${one.id}`);
  assert.deepEqual(detail.body, { ...shown, waiting: 0, given_up: 0 });
  const url = aUrl();
  const changed = await send("PATCH", `/${one.id}`, { url, enabled: false });
  assert.deepEqual(
    { ...changed.body, updated_at: "" },
    { ...shown, url, enabled: false, updated_at: "" },
  );
  assert.equal((await send("DELETE", `/${one.id}`)).status, 200);
  assertProblem(await send("GET", `/${one.id}`), 404, "not-found");
  assertProblem(await send("PATCH", `/${one.id}`, {}), 404, "not-found");
});

Deno.test("two endpoints can't have the same URL, and there are a hundred at most", async () => {
  const { id, url } = await add();
  const again = await send("POST", "", { url, types: ["*"] });
  assertProblem(again, 409, "webhook-endpoint-conflict");
  assert.match(again.body.detail, new RegExp(`endpoint ${id} has this URL`));
  const other = await add();
  assertProblem(await send("PATCH", `/${other.id}`, { url }), 409, "webhook-endpoint-conflict");
  const { body: { data } } = await send("GET", "?limit=200");
  for (let n = data.length; n < 100; n++) await add();
  const full = await send("POST", "", { url: aUrl(), types: ["*"] });
  assertProblem(full, 409, "webhook-endpoint-conflict");
  let pages = 0;
  for (let cursor = ""; cursor !== null; pages++) {
    const page: Answer = await send("GET", `?limit=40${cursor === "" ? "" : `&cursor=${cursor}`}`);
    cursor = page.body.next_cursor;
  }
  assert.equal(pages, 3);
  await api.deps.db.run("delete from webhook_endpoints");
});

Deno.test("every fault of an endpoint is named, and nothing is added then", async () => {
  const faults = async (body: unknown) => {
    const answer = await send("POST", "", body);
    assertProblem(answer, 422, "invalid");
    return answer.body.errors.map(({ pointer }: { pointer: string }) => pointer);
  };
  assert.deepEqual(await faults({}), ["#/url", "#/types"]);
  assert.deepEqual(await faults({ url: aUrl(), types: ["order.payed", "order.*"] }), ["#/types/0"]);
  assert.deepEqual(await faults({ url: aUrl(), types: [] }), ["#/types"]);
  assert.deepEqual(await faults({ url: "shop.example", types: ["*"] }), ["#/url"]);
  assert.deepEqual(await faults({ url: aUrl(), types: ["*"], secret: "x" }), ["#/secret"]);
  assert.deepEqual(await faults([]), ["#"]);
  const { id } = await add();
  assertProblem(await send("POST", `/${id}/secret`, { overlap_seconds: -1 }), 422, "invalid");
  assertProblem(await send("PATCH", `/${id}`, { url: "ftp://x/" }), 422, "invalid");
});

Deno.test("without leave an endpoint can't lead into a private network", async () => {
  const strict = await openApi("webhook_private");
  try {
    for (const url of ["http://shop.example/", "https://127.0.0.1/", "https://169.254.169.254/"]) {
      const answer = await ask(strict, "POST", "/webhook-endpoints", { url, types: ["*"] });
      assertProblem(answer, 422, "invalid");
      assert.equal(answer.body.errors[0].pointer, "#/url");
    }
    // One that got in otherwise, or whose name leads inside by now, is not posted to.
    const receiver = receiveWebhooks();
    try {
      await strict.deps.db.run(
        `insert into webhook_endpoints (id, url, types, secret, from_step, from_movement)
        values (1, ?, '["*"]', ?, 0, 0)`,
        [receiver.url, receiver.secret],
      );
      assert.equal((await ask(strict, "POST", "/webhook-endpoints/1/test")).status, 202);
      assert.deepEqual(await deliverWebhooksOnce(strict.deps), { queued: 0, sent: 0, failed: 1 });
      assert.deepEqual(receiver.received, []);
      const { body } = await ask(strict, "GET", "/webhook-endpoints/1/deliveries?status=WAITING");
      assert.match(body.data[0].error, /private/);
    } finally {
      await receiver.close();
    }
  } finally {
    await strict.close();
  }
});

Deno.test("a test is sent once a key, and its delivery is told", async () => {
  const { id } = await add();
  const key = { "idempotency-key": crypto.randomUUID() };
  const first = await send("POST", `/${id}/test`, undefined, key);
  const again = await send("POST", `/${id}/test`, undefined, key);
  assert.deepEqual([first.status, again.status], [202, 202]);
  assert.deepEqual(again.body, first.body);
  const { body } = await send("GET", `/${id}/deliveries`);
  assert.equal(body.data.length, 1);
  assert.equal(body.data[0].event_id, first.body.event_id);
  assert.equal(body.data[0].status, "WAITING");
  assert.equal((await send("GET", `/${id}`)).body.waiting, 1);
});

Deno.test("endpoints are for admin alone", async () => {
  for (const [method, path] of [["GET", ""], ["POST", ""], ["GET", "/1"], ["DELETE", "/1"]]) {
    const answer = await send(method!, path!, undefined, { authorization: "Bearer desk" });
    assertProblem(answer, 403);
  }
});
