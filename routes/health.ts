/**
 * Whether the process lives, and whether it can serve.
 *
 * @module
 */

import { Hono } from "hono";
import { messageOf } from "../domain/errors.ts";
import { pingDatabase } from "../db/ping.ts";
import { migrationStatus } from "../db/migrate.ts";
import { aliveAnswer, readyAnswer } from "./answers.ts";
import type { AppDeps } from "./deps.ts";
import { described } from "./described.ts";
import { alive, notReady, ready } from "./examples.ts";
import { within } from "../streams/within.ts";

/** Longest wait for one check, in milliseconds: an engine that hangs is not ready. */
const checkTimeoutMs = 2_000;

/** How long a probe stays in Redis, in milliseconds. */
const probeMs = 10_000;

/** A part that has to work: `ok`, or a word on why it does not that anybody may read. */
type Check = () => Promise<string>;

/** `GET /livez` and `GET /readyz`. */
export function healthRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const checks: Record<string, Check> = {
    database: shared(() => pingDatabase(deps.db).then(() => "ok")),
    redis: shared(redisCheck(deps)),
    migrations: shared(migrationCheck(deps)),
  };

  app.get(
    "/livez",
    described({
      summary: "Whether the process lives",
      anyQuery: true,
      tag: "Operation",
      scopes: null,
      answers: { 200: { says: "It does", schema: aliveAnswer, example: alive } },
    }),
    (c) => c.json({ status: "ok" }),
  );

  app.get(
    "/readyz",
    described({
      summary: "Whether the process can serve",
      anyQuery: true,
      tag: "Operation",
      scopes: null,
      answers: {
        200: { says: "It can", schema: readyAnswer, example: ready },
        503: {
          says: "It can't; the part that fails says why",
          schema: readyAnswer,
          example: notReady,
        },
      },
    }),
    async (c) => {
      const results = await Promise.all(
        Object.entries(checks).map(async (
          [name, check],
        ) => [name, await resultOf(deps, name, check)]),
      );
      const ready = results.every(([, result]) => result === "ok");
      return c.json(
        { status: ready ? "ok" : "unavailable", checks: Object.fromEntries(results) },
        ready ? 200 : 503,
      );
    },
  );

  return app;
}

/** What a check says; an error's own words may name hosts and users, so they go to the log alone. */
async function resultOf({ log }: AppDeps, name: string, check: Check): Promise<string> {
  try {
    return await within(checkTimeoutMs, "It", check());
  } catch (error) {
    log.warn("not ready", { part: name, error: messageOf(error) });
    return "no answer";
  }
}

/** A server without memory answers a PING and takes no message, so something is written. */
function redisCheck({ redis, keys }: AppDeps): Check {
  return () => redis.set(keys.probe, "1", "PX", probeMs).then(() => "ok");
}

/** Lets everybody who asks while a check runs have its answer: probes never pile up behind a hung engine. */
function shared(check: Check): Check {
  let running: Promise<string> | undefined;
  return () => running ??= check().finally(() => running = undefined);
}

/** Migrations are never taken back, so once all are applied there is nothing more to ask. */
function migrationCheck({ config }: AppDeps): Check {
  let applied = false;
  return async () => {
    if (applied) return "ok";
    const pending = (await migrationStatus(config.databaseUrl)).filter(({ applied }) => !applied);
    applied = pending.length === 0;
    return applied ? "ok" : `${pending.length} pending`;
  };
}
