import assert from "node:assert/strict";
import { formatApiToken, type Scope, tokenHash } from "../../../domain/operation/api_token.ts";
import { makeApp } from "../../../routes/app.ts";
import { signInLimits } from "../../../routes/middleware/limit_strangers.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { type Api, ask, openApi, recordedLog } from "../api.ts";
import { startServed } from "../served.ts";

const recorded = recordedLog();
let api: Api;
Deno.test.beforeAll(async () => {
  const entry = (name: string, scopes: Scope[]) =>
    formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });
  api = await openApi("strangers", {
    API_TOKENS: [entry("reader", ["read"]), entry("busy", ["read"]), entry("eager", ["read"])]
      .join(),
    TRUSTED_PROXIES: "10.0.0.0/8",
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: `whsec_${btoa("s".repeat(32))}`,
  }, recorded.log);
});
Deno.test.afterAll(() => api.close());

const peer = (hostname: string) => ({ remoteAddr: { transport: "tcp", hostname, port: 4711 } });

/** The statuses and waits of some tries to sign in, one after the other. */
async function tries(
  app: Api["app"],
  count: number,
  from: (n: number) => [peer: string, forwarded?: string],
) {
  const answers: { status: number; wait: string | null; text: string }[] = [];
  for (let n = 0; n < count; n++) {
    const [hostname, forwarded] = from(n);
    const response = await app.request("/sign-in", {
      method: "POST",
      body: new URLSearchParams({ token: `guess-${n}` }),
      headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded },
    }, peer(hostname));
    answers.push({
      status: response.status,
      wait: response.headers.get("retry-after"),
      text: await response.text(),
    });
  }
  return answers;
}

Deno.test("POST /sign-in turns an address away that tries too often, and says when to come again", async () => {
  const answers = await tries(api.app, signInLimits.address + 3, () => ["192.0.2.1"]);
  assert.ok(answers.slice(0, signInLimits.address).every(({ status }) => status === 401));
  const last = answers.at(-1)!;
  assert.equal(last.status, 429);
  assert.match(last.wait!, /^[1-9]\d?$/);
  assert.match(last.text, /Too many tries; try again in \d+ seconds/);
  const right = await api.app.request("/sign-in", {
    method: "POST",
    body: new URLSearchParams({ token: "reader-secret" }),
  }, peer("192.0.2.1"));
  assert.equal(
    right.status,
    429,
    "also with a token that is right: whether it is must not be told",
  );
  await right.body?.cancel();
  const [other] = await tries(api.app, 1, () => ["192.0.2.2"]);
  assert.equal(other!.status, 401, "others are let in");
});

Deno.test("POST /sign-in is limited for all addresses together, in whatever header they claim to come from", async () => {
  const answers = await tries(
    api.app,
    signInLimits.all + 20,
    (n) => [`198.51.100.${n % 250}`, `203.0.113.${n % 250}`],
  );
  assert.equal(answers.at(-1)!.status, 429);
});

Deno.test("POST /sign-in stays limited while Redis is away", async () => {
  const redis = await openRedis(api.deps.config.redisUrl);
  redis.disconnect();
  const app = makeApp({ ...api.deps, redis });
  const answers = await tries(app, signInLimits.address + 1, () => ["192.0.2.3"]);
  assert.deepEqual([answers.at(-2)!.status, answers.at(-1)!.status], [401, 429]);
});

Deno.test("whatever is answered to a token counts against its limit", async () => {
  const config = { ...api.deps.config, rateLimitPerMinute: 5 };
  const app = makeApp({ ...api.deps, config });
  const as = { authorization: "Bearer busy-secret" };
  const requests: [method: string, path: string, headers?: Record<string, string>][] = [
    ["POST", "/orders"],
    ["GET", "/orders/x"],
    ["GET", "/nothing"],
    ["DELETE", "/orders"],
    ["POST", "/orders", { origin: "https://evil.example" }],
    ["GET", "/kpis"],
  ];
  const statuses: number[] = [];
  for (const [method, path, headers] of requests) {
    statuses.push((await ask({ app }, method, path, undefined, { ...as, ...headers })).status);
  }
  assert.deepEqual(statuses, [403, 400, 404, 403, 403, 429]);
});

Deno.test("an address that shows no token that is known is turned away after as many requests", async () => {
  const config = { ...api.deps.config, rateLimitPerMinute: 3 };
  const app = makeApp({ ...api.deps, config });
  const statusOf = async (hostname: string, headers: Record<string, string> = {}) => {
    const response = await app.request("/orders", { headers }, peer(hostname));
    await response.body?.cancel();
    return response.status;
  };
  const statuses: number[] = [];
  for (let n = 0; n < 4; n++) {
    statuses.push(await statusOf("192.0.2.9", { authorization: `Bearer guess-${n}` }));
  }
  assert.deepEqual(statuses, [401, 401, 401, 429]);
  assert.equal(await statusOf("192.0.2.10"), 401);
  assert.equal(await statusOf("192.0.2.9", { authorization: "Bearer eager-secret" }), 200);
  const alive = await app.request("/livez", {}, peer("192.0.2.9"));
  assert.equal(alive.status, 200);
  await alive.body?.cancel();
});

Deno.test("the log tells the client's address of a refused sign-in and a refused callback", async () => {
  const lineOf = async (event: string, path: string, forwarded: string) => {
    recorded.lines.length = 0;
    const response = await api.app.request(path, {
      method: "POST",
      body: new URLSearchParams({ token: "x" }),
      headers: { "x-forwarded-for": forwarded },
    }, peer("10.0.0.1"));
    await response.body?.cancel();
    return recorded.lines.map((line) => JSON.parse(line)).find((line) => line.event === event);
  };
  const refused = await lineOf("callback refused", "/payments/callback", "6.6.6.6, 192.0.2.44");
  assert.equal(refused.address, "192.0.2.44");
  // Whoever sends thousands fills no log.
  assert.equal(await lineOf("callback refused", "/payments/callback", "192.0.2.44"), undefined);
  const from = "6.6.6.6, 192.0.2.1, 10.1.1.1";
  let tooMany: { address: string } | undefined;
  for (let tries = 0; tooMany === undefined && tries < 1_000; tries++) {
    tooMany = await lineOf("too many sign-ins", "/sign-in", from);
  }
  assert.equal(tooMany?.address, "192.0.2.1");
});

Deno.test("a server knows the addresses of its clients, and believes only the proxies that it was told of", async () => {
  for (const [proxies, address] of [["", "127.0.0.1"], ["127.0.0.0/8", "192.0.2.77"]] as const) {
    const served = await startServed(api, {
      TRUSTED_PROXIES: proxies,
      REDIS_PREFIX: `${api.env.REDIS_PREFIX}${address}`,
    });
    try {
      const response = await fetch(`${served.url}/sign-in`, {
        method: "POST",
        body: new URLSearchParams({ token: "x" }),
        headers: { "x-forwarded-for": "192.0.2.77" },
      });
      assert.equal(response.status, 401);
      await response.body?.cancel();
    } finally {
      await served.stop();
    }
    const line = served.log().split("\n").find((line) => line.includes("sign-in refused"))!;
    assert.equal(JSON.parse(line).address, address);
  }
});
