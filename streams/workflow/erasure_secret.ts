/**
 * Keeps the first person from being erased by another `ERASURE_SECRET` than that of the processes that are at work: from then on
 * these would take no order. Later erasures are held against the earlier ones.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Database } from "../../db/connection/database.ts";
import { readLatestErasure } from "../../db/customers/erased_keys.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { erasureKeyOf } from "../../domain/customer/erasure_key.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { pause } from "../timing/pause.ts";

/** A process that gave no sign for so long has ended, in milliseconds. */
const aliveMs = 15_000;

/** How often a process says which secret it has, in milliseconds. */
const renewMs = 5_000;

/** What telling secrets apart works with. */
export type ErasureSecretDeps = RedisDeps & {
  db: Database;
  config: Pick<Config, "erasureSecret">;
};

/** Says until the signal aborts by which secret this process knows people again who were erased, without telling it. */
export async function keepErasureSecret(
  deps: ErasureSecretDeps & { log: Log },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await sayErasureSecret(deps);
    } catch (error) {
      deps.log.debug("secret of erasures not told", { error: messageOf(error) });
    }
    await pause(renewMs, signal);
  }
}

/** Says it once. */
export async function sayErasureSecret(deps: ErasureSecretDeps): Promise<void> {
  const { redis, keys } = deps;
  const print = await printOf(deps);
  await redis.zadd(keys.erasureSecretsAlive, await nowMs(deps) + aliveMs, print);
  await redis.pexpire(keys.erasureSecretsAlive, aliveMs);
}

/**
 * Refuses the first erasure where a process is alive that has another secret.
 *
 * @throws {WorkflowError} `unavailable`; nobody is erased then
 */
export async function refuseOtherErasureSecret(deps: ErasureSecretDeps): Promise<void> {
  const { db, redis, keys } = deps;
  if (await readLatestErasure(db) > 0) return;
  const own = await printOf(deps);
  const now = await nowMs(deps);
  const alive = await redis.zrangebyscore(keys.erasureSecretsAlive, now, "+inf");
  if (alive.every((print) => print === own)) return;
  throw new WorkflowError(
    "unavailable",
    "Processes that are alive have another ERASURE_SECRET, and would take no order any more: set theirs here " +
      "(ERASURE_SECRET or ERASURE_SECRET_FILE), or start them with this one and try again 15 seconds later",
  );
}

async function printOf({ db, config }: ErasureSecretDeps): Promise<string> {
  const { name } = await readInstallation(db);
  return erasureKeyOf(name, config.erasureSecret).print;
}

/** By the clock of Redis, which all processes have alike. */
async function nowMs({ redis }: RedisDeps): Promise<number> {
  const [seconds, microseconds] = await redis.time() as [number | string, number | string];
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
