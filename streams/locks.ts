/**
 * Product locks in Redis: they keep consumers from queueing up in the database for the same hot products.
 *
 * They are no guard. `FOR UPDATE` in the database is: a lock that expires, or a Redis that is away, costs
 * contention and never stock.
 *
 * @module
 */

import type { Log } from "../domain/log.ts";
import { messageOf } from "../domain/errors.ts";
import type { Keys } from "./keys.ts";
import type { RedisClient } from "./redis.ts";
import { pause } from "./pause.ts";
import { runScript } from "./scripts.ts";

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
 * @param least orders that have to get their locks; if fewer can, none is taken, so that whoever waits for
 * the others holds nothing that somebody else waits for
 * @returns that all orders may go on if Redis can't be asked
 */
export async function acquireLocks(
  { redis, keys, log }: { redis: RedisClient; keys: Keys; log: Log },
  token: string,
  orders: readonly (readonly number[])[],
  least = 0,
): Promise<AcquiredLocks> {
  try {
    const [busy, ...held] = await runScript(redis, "locks_acquire", [keys.productLock], [
      token,
      lockTtlMs,
      least,
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
      await runScript(redis, "locks_release", [keys.productLock], [token, ...part]);
    }
  } catch (error) {
    log.warn("product locks not released", { error: messageOf(error) });
  }
}

/**
 * Gives a lock back that is one key of its own and holds its owner's token; another's is left alone.
 *
 * @param key the whole key
 * @throws when Redis is away; the lock then expires
 */
export async function releaseLock(redis: RedisClient, key: string, token: string): Promise<void> {
  await runScript(redis, "locks_release", [key], [token, ""]);
}

/**
 * Lets such a lock live on; one that expired, and may be another's by now, is left alone.
 *
 * @returns whether it is still its owner's
 * @throws when Redis is away
 */
export async function renewLock(
  redis: RedisClient,
  key: string,
  token: string,
  ttlMs: number,
): Promise<boolean> {
  return await runScript(redis, "lock_renew", [key], [token, ttlMs]) === 1;
}
