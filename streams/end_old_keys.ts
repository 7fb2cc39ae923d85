/**
 * Goes over from the provider's keys that were made of row ids to those of today.
 *
 * @module
 */

import type { Database } from "../db/database.ts";
import { endOldKeys, readInstallation } from "../db/installation.ts";
import { messageOf } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";
import type { Group } from "../domain/messages.ts";
import type { QueueDeps } from "./queue.ts";
import { pause } from "./pause.ts";

/** How often is looked whether older processes have ended, in milliseconds. */
const lookMs = 500;

/** A consumer that gave no sign for so long has ended, in milliseconds. */
const silenceMs = 30_000;

/** The groups that ask the provider. */
const asking: readonly Group[] = ["payments", "refunds"];

/** Names end with so many hexadecimal digits since the keys of today: it tells these consumers from older ones. */
const nameEnd = /:[0-9a-f]{12}(:2)?$/;

/** A new name for the consumers of this process. */
export function newConsumerName(host: string): string {
  return `${host}:${Deno.pid}:${crypto.getRandomValues(new Uint8Array(6)).toHex()}`;
}

/**
 * Before the first charge under a key of today: waits until no consumer is alive that asks under the old ones, because
 * an order that one of them has charged would be charged again here. They do the work meanwhile. Costs one look at a
 * row ever after.
 *
 * A crash before the end leaves the old keys in use; whoever starts next goes on.
 *
 * @returns true, or false where the signal aborted before
 */
export async function leaveOldKeys(
  deps: QueueDeps & { db: Database; log: Log },
  signal: AbortSignal,
): Promise<boolean> {
  let told = false;
  while (!signal.aborted) {
    try {
      if ((await readInstallation(deps.db)).oldKeysUntil !== null) return true;
      const older = await olderConsumers(deps);
      if (older.length === 0) {
        await endOldKeys(deps.db);
        deps.log.info("charges and refunds have new keys from now on");
        return true;
      }
      if (!told) {
        deps.log.warn("waits with payments until the version before has stopped", {
          consumers: older.join(","),
        });
      }
      told = true;
    } catch (error) {
      deps.log.warn("old keys still in use", { error: messageOf(error) });
    }
    await pause(lookMs, signal);
  }
  return false;
}

async function olderConsumers({ redis, keys }: QueueDeps): Promise<string[]> {
  const [seconds] = await redis.time();
  const since = Number(seconds) * 1_000 - silenceMs;
  const names = new Set<string>();
  for (const group of asking) {
    for (const name of await redis.zrangebyscore(keys.alive(group), since, "+inf")) names.add(name);
    // One that works on a long batch says so by keeping its messages.
    const infos = await redis.xinfo("CONSUMERS", keys.stream(group), group) as unknown[][];
    for (const info of infos) {
      const of = (field: string) => info[info.indexOf(field) + 1];
      if (Number(of("pending")) > 0 && Number(of("idle")) < silenceMs) {
        names.add(String(of("name")));
      }
    }
  }
  return [...names].filter((name) => !nameEnd.test(name));
}
