/**
 * Whether the process lives, and whether it can serve.
 *
 * @module
 */

import { Hono } from "hono";
import { messageOf } from "../../../domain/errors.ts";
import { canWrite } from "../../../db/connection/ping.ts";
import { migrationStatus } from "../../../db/connection/migrate.ts";
import { newestMigration } from "../../../db/connection/migration_files.ts";
import { readOldestBeside } from "../../../db/connection/schema_state.ts";
import { formatVersion } from "../../../domain/operation/migration_header.ts";
import { unrealMoneyWarning } from "../../../domain/payment/unreal_money.ts";
import { OutdatedError } from "../../../domain/operation/outdated.ts";
import { isReplica } from "../../../streams/redis/redis_away.ts";
import { aliveAnswer, readyAnswer } from "../description/answers.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { alive, notReady, ready } from "./operation_examples.ts";
import { describeNobody, readStreams } from "../../../streams/workflow/queue_status.ts";
import { withDeadline } from "../../../streams/timing/deadline.ts";

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
    database: shared(databaseCheck(deps)),
    redis: shared(redisCheck(deps)),
    migrations: shared(migrationCheck(deps)),
  };
  const warnings = shared(() => warningsOf(deps));

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
        {
          status: ready ? "ok" : "unavailable",
          checks: Object.fromEntries(results),
          gateway: deps.config.gateway,
          warnings: await warnings(),
        },
        ready ? 200 : 503,
      );
    },
  );

  return app;
}

/** What works and is not what it may seem. What Redis does not answer is told by its check. */
async function warningsOf({ config, redis, keys }: AppDeps): Promise<string[]> {
  const reading = readStreams({ redis, keys });
  const nobody = await withDeadline(checkTimeoutMs, "It", reading.then(describeNobody))
    .catch(() => undefined);
  const unreal = unrealMoneyWarning(config);
  return [
    ...(unreal === null ? [] : [unreal]),
    ...(nobody === undefined ? [] : [nobody]),
  ];
}

/** What a check says; an error's own words may name hosts and users, so they go to the log alone. */
async function resultOf({ log }: AppDeps, name: string, check: Check): Promise<string> {
  try {
    return await withDeadline(checkTimeoutMs, "It", check());
  } catch (error) {
    if (error instanceof OutdatedError) return "not asked";
    log.warn("not ready", { part: name, error: messageOf(error) });
    return "no answer";
  }
}

/** A word for a server that answers and takes no change: it was demoted, or its group has no quorum. */
const readOnly = "read-only";

/** A primary that was demoted answers every question, so a change is tried. */
function databaseCheck({ db }: AppDeps): Check {
  return async () => await canWrite(db) ? "ok" : readOnly;
}

/** A server without memory answers a PING and takes no message, so something is written. */
function redisCheck({ redis, keys }: AppDeps): Check {
  return async () => {
    try {
      await redis.set(keys.probe, "1", "PX", probeMs);
      return "ok";
    } catch (error) {
      if (isReplica(error)) return readOnly;
      throw error;
    }
  };
}

/** Lets everybody who asks while a check runs have its answer: probes never pile up behind a hung engine. */
function shared<T>(check: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => running ??= check().finally(() => running = undefined);
}

/**
 * Migrations are never taken back, so once all are applied nothing can be pending; but a newer version may apply some beside
 * which this one is too old.
 */
function migrationCheck({ config, db }: AppDeps): Check {
  let applied = false;
  let least = 0;
  return async () => {
    if (!applied) {
      const pending = (await migrationStatus(config.databaseUrl)).filter(({ applied }) => !applied);
      applied = pending.length === 0;
      if (!applied) return `${pending.length} pending`;
    }
    // A database that does not answer has a check of its own.
    const reading = readOldestBeside(db.unguarded).then((found) => least = found);
    await withDeadline(checkTimeoutMs / 2, "It", reading).catch(() => {});
    const knows = newestMigration();
    if (least <= knows) return "ok";
    return `too old: knows ${formatVersion(knows)}, and ${formatVersion(least)} is asked for`;
  };
}
