import assert from "node:assert/strict";
import { openDatabase } from "../../../../db/connection/database.ts";
import { newestMigration } from "../../../../db/connection/migration_files.ts";
import { silentLog } from "../../../../domain/operation/log.ts";
import { formatVersion } from "../../../../domain/operation/migration_header.ts";
import { OutdatedError } from "../../../../domain/operation/outdated.ts";
import { watchSchema } from "../../../../streams/workflow/schema_watch.ts";
import { openRedis } from "../../../../streams/redis/redis.ts";
import { makeApp } from "../../../../routes/app.ts";
import {
  type Api,
  ask,
  assertProblem,
  openApi,
  orderBodyOf,
  recordedLog,
  storeOrder,
} from "../../api.ts";
import { startProxy } from "../../proxy.ts";

/** The API with relays between it and its engines. */
async function withProxies(
  work: (api: Api, proxies: Record<"database" | "redis", ReturnType<typeof startProxy>>) => Promise<
    void
  >,
): Promise<void> {
  const api = await openApi("health_routes");
  const proxies = {
    database: startProxy(api.test.databaseUrl),
    redis: startProxy(api.test.redisUrl),
  };
  const through = (url: string, port: number) => {
    const proxied = new URL(url);
    proxied.hostname = "127.0.0.1";
    proxied.port = String(port);
    return proxied.href;
  };
  const config = {
    ...api.deps.config,
    databaseUrl: through(api.test.databaseUrl, proxies.database.port),
    redisUrl: through(api.test.redisUrl, proxies.redis.port),
  };
  const db = await openDatabase(config.databaseUrl);
  const redis = await openRedis(config.redisUrl);
  const deps = { ...api.deps, config, db, redis };
  try {
    await work({ ...api, deps, app: makeApp(deps) }, proxies);
  } finally {
    for (const proxy of Object.values(proxies)) proxy.close();
    redis.disconnect();
    await db.close();
    await api.close();
  }
}

const allOk = { database: "ok", redis: "ok", migrations: "ok" };

Deno.test("GET /readyz and /livez answer 200 while everything works", async () => {
  const api = await openApi("health_routes");
  try {
    const ready = await ask(api, "GET", "/readyz");
    assert.equal(ready.status, 200);
    const { warnings, ...body } = ready.body;
    assert.deepEqual(body, { status: "ok", checks: allOk, gateway: "simulated" });
    assert.match(warnings.join(), /^Payments are simulated: no money/);
    assert.equal((await ask(api, "GET", "/livez")).status, 200);
  } finally {
    await api.close();
  }
});

Deno.test("GET /readyz names pending migrations, and sees when they are applied", async () => {
  const api = await openApi("health_routes");
  try {
    await api.deps.db.run("update schema_migrations set version = version + 1000");
    const before = await ask(api, "GET", "/readyz");
    assert.equal(before.status, 503);
    assert.match(before.body.checks.migrations, /^\d+ pending$/);
    await api.deps.db.run("update schema_migrations set version = version - 1000");
    assert.equal((await ask(api, "GET", "/readyz")).status, 200);
  } finally {
    await api.close();
  }
});

Deno.test("GET /readyz says 503 where the database has moved on beyond what the process knows", async () => {
  const api = await openApi("health_routes");
  try {
    const least = newestMigration() + 1;
    await api.deps.db.run("update schema_state set oldest_beside = ?", [least]);
    const answer = await ask(api, "GET", "/readyz");
    assert.equal(answer.status, 503);
    assert.match(
      answer.body.checks.migrations,
      new RegExp(`^too old: knows 00\\d\\d, and ${formatVersion(least)} is asked for$`),
    );
    // As the process itself finds it a second later.
    await assert.rejects(watchSchema({ db: api.deps.db, log: silentLog }, "serve"), OutdatedError);
    const error = new OutdatedError(least - 1, least);
    api.deps.db.gate(() => Promise.reject(error));
    const later = await ask(api, "GET", "/readyz");
    assert.equal(later.status, 503);
    assert.deepEqual([later.body.checks.database, later.body.checks.redis], ["not asked", "ok"]);
    assertProblem(await ask(api, "POST", "/orders", orderBodyOf()), 503, "unavailable");
    assertProblem(await ask(api, "GET", "/orders/1"), 503, "unavailable");
    assert.equal((await ask(api, "GET", "/livez")).status, 200);
  } finally {
    await api.close();
  }
});

for (const part of ["database", "redis"] as const) {
  Deno.test(`GET /readyz answers 503 in time while the ${part} hangs, and recovers`, () =>
    withProxies(async (api, proxies) => {
      assert.equal((await ask(api, "GET", "/readyz")).status, 200);
      proxies[part].freeze();
      const start = performance.now();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => ask(api, "GET", "/readyz")),
      );
      assert.ok(performance.now() - start < 5_000);
      for (const { status, body } of answers) {
        assert.equal(status, 503);
        assert.deepEqual(body.checks, { ...allOk, [part]: "no answer" });
      }
      assert.equal((await ask(api, "GET", "/livez")).status, 200);
      proxies[part].thaw();
      assert.equal((await ask(api, "GET", "/readyz")).status, 200);
    }));
}

Deno.test("routes answer 503 where an engine is gone, and say nothing of it", () =>
  withProxies(async (api, proxies) => {
    proxies.redis.close();
    for (const path of ["/kpis", "/leaderboard", "/streams"]) {
      const answer = await ask(api, "GET", path);
      assertProblem(answer, 503, "unavailable");
      assert.equal(answer.headers.get("retry-after"), "1");
    }
    proxies.database.close();
    for (const path of ["/orders", "/orders/1", "/refunds/1", "/orders/1/refunds", "/streams"]) {
      const answer = await ask(api, "GET", path);
      assertProblem(answer, 503, "unavailable");
      assert.doesNotMatch(JSON.stringify(answer.body), /127\.0\.0\.1|ECONN|mysql|select/i);
    }
    assertProblem(await ask(api, "POST", "/orders", orderBodyOf()), 503, "unavailable");
    assertProblem(await ask(api, "POST", "/orders/1/refunds"), 503, "unavailable");
    assertProblem(await ask(api, "POST", "/orders/1/cancel"), 503, "unavailable");
    assert.equal((await ask(api, "GET", "/readyz")).status, 503);
  }));

Deno.test("changes are answered and kept while Redis is away", async () => {
  const { log, lines } = recordedLog();
  const api = await openApi("health_routes", {}, log);
  const { db } = api.deps;
  try {
    const paid = await storeOrder(db, { status: "PAID" });
    const open = await storeOrder(db, { status: "PENDING" });
    api.deps.redis.disconnect();
    const taken = await ask(api, "POST", "/orders", orderBodyOf());
    assert.equal(taken.status, 202);
    assert.equal((await ask(api, "GET", `/orders/${taken.body.id}`)).status, 200);
    assert.equal((await ask(api, "POST", `/orders/${paid}/refunds`)).status, 202);
    assert.equal((await ask(api, "POST", `/orders/${open}/cancel`)).status, 200);
    const warnings = lines.filter((line) => line.includes("publishing failed"));
    assert.equal(warnings.length, 3);
    assert.ok(warnings[0]!.includes(`"first_order_id":${taken.body.id}`), warnings[0]!);
  } finally {
    await api.close();
  }
});

Deno.test("POST /orders does not wait for a Redis that hangs", () =>
  withProxies(async (api, proxies) => {
    proxies.redis.freeze();
    const start = performance.now();
    const body = orderBodyOf();
    const answer = await ask(api, "POST", "/orders", body);
    assert.equal(answer.status, 202);
    assert.ok(performance.now() - start < 2_000);
    proxies.redis.thaw();
    assert.equal((await ask(api, "POST", "/orders", body)).status, 200);
    const { redis, keys } = api.deps;
    assert.equal(await redis.xlen(keys.stream("orders")), 1);
  }));
