import assert from "node:assert/strict";
import { openDatabase } from "../../../db/connection/database.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { runConsumers } from "../../../streams/run_consumers.ts";
import { makeApp } from "../../../routes/app.ts";
import { type Api, ask, openApi, orderBodyOf } from "../../routes/api.ts";
import type { TestContext } from "../../support.ts";

/** Lets time pass. */
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again and again, for so many milliseconds at the most. */
export async function until(
  what: string,
  maxMs: number,
  isTrue: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + maxMs;
  while (!await isTrue()) {
    assert.ok(performance.now() < deadline, `${what} within ${maxMs} ms`);
    await pause(20);
  }
}

/** The API and all consumers of a process, on a Redis and a database behind addresses of their own. */
export async function withProcess(
  urlsOf: (test: TestContext) => { redis: string; database?: string; prefix?: string },
  work: (api: Api) => Promise<void>,
): Promise<void> {
  const api = await openApi("running_process", { GATEWAY_DELAY_MS: "10" });
  const { redis: redisUrl, database: databaseUrl = api.test.databaseUrl, prefix = "" } = urlsOf(
    api.test,
  );
  const redisPrefix = `${prefix}${api.deps.config.redisPrefix}`;
  const config = { ...api.deps.config, databaseUrl, redisUrl, redisPrefix };
  const keys = keysFor(redisPrefix, config.baseCurrency, config.kpiTimezone);
  const redis = await openRedis(redisUrl);
  const db = await openDatabase(databaseUrl);
  // The proof would repair what is lost, in a process that has just begun.
  await redis.set(keys.verificationRest, "1", "PX", 600_000);
  const stop = new AbortController();
  const deps = { ...api.deps, config, redis, db, keys, stopping: stop.signal };
  const consumers = runConsumers(
    { ...deps, config },
    { groups: [], batchSize: 20, drain: false },
    stop.signal,
  );
  try {
    // A process that loses its engines before it has begun ends, and is started again by others.
    const began = until(
      "the consumers have begun",
      60_000,
      async () => await redis.zcard(keys.alive("orders")) > 0,
    );
    await Promise.race([began, consumers]);
    consumers.catch(() => {});
    await work({ ...api, deps, app: makeApp(deps) });
  } finally {
    stop.abort();
    await consumers.catch(() => {});
    redis.disconnect();
    await db.close();
    await api.close();
  }
}

/** Takes an order over HTTP. @returns the status of the answer */
export const post = async (api: Api, name: string): Promise<number> =>
  (await ask(api, "POST", "/orders", { ...orderBodyOf(), external_order_id: name })).status;

/** Orders that have not come to their end, past whatever stands between. */
export async function unsettled(api: Api): Promise<number> {
  const db = await openDatabase(api.test.databaseUrl, { connections: 1 });
  try {
    const [row] = await db.query(
      "select count(*) as open from orders where status not in ('PAID', 'FAILED')",
    );
    return Number(row!.open);
  } finally {
    await db.close();
  }
}
