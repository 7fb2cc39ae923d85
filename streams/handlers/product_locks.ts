/**
 * Product locks in Redis: they keep consumers from queueing up in the database for the same hot products.
 *
 * They are no guard. `FOR UPDATE` in the database is: a lock that expires, or a Redis that is away, costs
 * contention and never stock.
 *
 * They are no leases as in `lease.ts` because a batch takes thousands of them at once, all of an order or
 * none, which has to be one script; nor are they renewed, because nothing depends on holding them.
 *
 * @module
 */

import type { Log } from "../../domain/operation/log.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/redis.ts";
import { pause } from "../timing/pause.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const locksAcquireScript = defineScript("locks_acquire", import.meta.url);
const locksReleaseScript = defineScript("locks_release", import.meta.url);

/** Longer than any transaction that holds locks; a crash leaves them for so long. */
const lockTtlMs = 10_000;

/** Product ids to one release call: Lua's stack holds a few thousand values. */
const releasedPerCall = 5_000;

/** How often a lock is looked at that another holds, in milliseconds. */
const watchMs = 8;

/** What {@linkcode acquireLocks} got. */
export interface AcquiredLocks {
  /** For each order whether it may go on. */
  held: boolean[];
  /** A product of these orders that another holds; null when there is none. */
  busyProduct: number | null;
}

/**
 * Takes the locks of as many whole orders as it can: all products of an order or none.
 *
 * @param token of the owner; its own locks count as free
 * @param orders product ids, an entry an order
 * @param min orders that have to get their locks; if fewer can, none is taken, so that whoever waits for
 * the others holds nothing that somebody else waits for
 * @returns that all orders may go on if Redis can't be asked
 */
export async function acquireLocks(
  { redis, keys, log }: { redis: RedisClient; keys: Keys; log: Log },
  token: string,
  orders: readonly (readonly number[])[],
  min = 0,
): Promise<AcquiredLocks> {
  try {
    const [busy, ...held] = await runScript(redis, locksAcquireScript, [keys.productLock], [
      token,
      lockTtlMs,
      min,
      JSON.stringify(orders),
    ]) as [number, ...number[]];
    return { held: held.map((flag) => flag === 1), busyProduct: busy === 0 ? null : busy };
  } catch (error) {
    log.warn("product locks unavailable", { error: messageOf(error) });
    return { held: orders.map(() => true), busyProduct: null };
  }
}

/**
 * Waits until nobody holds the lock of a product: a batch holds all of its locks until it is committed, so
 * to watch one of them is enough, and a thousandth of the work of asking for all.
 *
 * @param deadline by the monotonic clock in ms; the lock may still be held then
 * @throws when Redis is away
 */
export async function untilLockFree(
  { redis, keys }: { redis: RedisClient; keys: Keys },
  productId: number,
  deadline: number,
): Promise<void> {
  do {
    await pause(Math.min(watchMs, Math.max(0, deadline - performance.now())));
  } while (
    performance.now() < deadline && await redis.exists(`${keys.productLock}${productId}`) === 1
  );
}

/** Gives locks back; those that expired and are another's by now are left alone. */
export async function releaseLocks(
  { redis, keys, log }: { redis: RedisClient; keys: Keys; log: Log },
  token: string,
  productIds: readonly number[],
): Promise<void> {
  try {
    for (let from = 0; from < productIds.length; from += releasedPerCall) {
      const part = productIds.slice(from, from + releasedPerCall);
      await runScript(redis, locksReleaseScript, [keys.productLock], [token, ...part]);
    }
  } catch (error) {
    log.warn("product locks not released", { error: messageOf(error) });
  }
}
