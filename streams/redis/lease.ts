/**
 * Leases in Redis: what one process at a time may do. Every lock of the service is one.
 *
 * A lease ends by itself, so that a crash blocks nobody for long. Whoever holds one may lose it any time:
 * because it stood still, or because Redis lost its data. So what must not be done twice is checked where it
 * is done, by the lease's value in the script that does it.
 *
 * @module
 */

import type { RedisClient } from "./redis.ts";
import { defineScript, runScript } from "./scripts.ts";

const leaseTakeScript = defineScript("lease_take", import.meta.url);
const leaseRenewScript = defineScript("lease_renew", import.meta.url);
const leaseEndScript = defineScript("lease_end", import.meta.url);
const leaseLookScript = defineScript("lease_look", import.meta.url);

/** A lease that this process has taken. */
export interface Lease {
  /** The whole key. */
  key: string;
  /** What the key holds as long as the lease is this one's; nobody else's is the same. */
  value: string;
  /** How long it lives without a renewal. */
  ttlMs: number;
}

/** Renewals in the time that a lease lives without one. */
const renewals = 5;

/**
 * Takes a lease if nobody holds it.
 *
 * @param about what the lease's value ends with after a bar, for scripts that have to know it
 * @returns null if another holds it
 * @throws when Redis is away; the lease may be taken then, and ends by itself
 */
export async function takeLease(
  redis: RedisClient,
  key: string,
  ttlMs: number,
  about = "",
): Promise<Lease | null> {
  const value = `${ttlMs}:${crypto.randomUUID()}|${about}`;
  const taken = await runScript(redis, leaseTakeScript, [key], [value, ttlMs]) === 1;
  return taken ? { key, value, ttlMs } : null;
}

/**
 * Lets a lease live on. It never takes it anew: if Redis lost it, it may have lost more.
 *
 * @returns whether it is still its owner's
 * @throws when Redis is away
 */
export async function renewLease(
  redis: RedisClient,
  { key, value, ttlMs }: Lease,
): Promise<boolean> {
  return await runScript(redis, leaseRenewScript, [key], [value, ttlMs]) === 1;
}

/**
 * Gives a lease back; another's is left alone.
 *
 * @throws when Redis is away; the lease then ends by itself
 */
export async function endLease(redis: RedisClient, { key, value }: Lease): Promise<void> {
  await runScript(redis, leaseEndScript, [key], [value]);
}

/**
 * Tells whether anybody holds a lease.
 *
 * @throws when Redis is away
 */
export async function isLeased(redis: RedisClient, key: string): Promise<boolean> {
  return await runScript(redis, leaseLookScript, [key], []) === 1;
}

/**
 * Runs work while its lease is renewed, and gives it back in the end, whatever happens. A crash leaves it to
 * end by itself.
 */
export async function underLease<T>(
  redis: RedisClient,
  lease: Lease,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(
    () => void renewLease(redis, lease).catch(() => {}),
    lease.ttlMs / renewals,
  );
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await endLease(redis, lease).catch(() => {});
  }
}
