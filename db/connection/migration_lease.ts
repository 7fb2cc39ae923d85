/**
 * Lets one process at a time migrate a database.
 *
 * Two locks, because each alone leaves something open. A lock by name lasts exactly as long as its connection's
 * statement runs, also where the process behind it was killed; but the nodes of a cluster know nothing of each other's, and
 * some refuse it. A lease in a row is the same on every node, and ends by itself.
 *
 * @module
 */

import { hostname } from "node:os";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type mysql from "mysql2/promise";
import { WorkflowError } from "../../domain/errors.ts";
import type { Row } from "./database.ts";
import { isFatal, isRetryable } from "./faults.ts";

/** A digest, because names of locks end at 64 characters, as those of databases do. */
const lockName = "concat('migrate:', sha2(database(), 224))";

/** Seconds to wait for another process that is migrating. */
const maxWaitSeconds = 60;

/** How long a lease lasts without being renewed, in seconds. */
const leaseSeconds = 30;

/** How often it is renewed in that time: twice may fail. */
const renewals = 3.75;

/** How often is looked whether another's has ended, in milliseconds. */
const lookMs = 250;

/** The right to migrate. */
export interface MigrationLease {
  /**
   * To be asked before every statement.
   *
   * @throws {WorkflowError} `unavailable` where the lease may be another's by now
   */
  check(): void;
}

/**
 * Runs `work` while no other process migrates. A crash leaves a lease that ends in half a minute.
 *
 * @param connection of the statements: while one of them runs nobody else begins, even if this process is killed
 * @param open another connection, by which the lease is renewed meanwhile
 * @param seconds how long the lease lasts without being renewed
 * @throws {WorkflowError} `unavailable` where another process goes on migrating for a minute
 */
export async function withMigrationLease<T>(
  connection: mysql.Connection,
  open: () => Promise<mysql.Connection>,
  work: (lease: MigrationLease) => Promise<T>,
  seconds = leaseSeconds,
): Promise<T> {
  const until = performance.now() + maxWaitSeconds * 1_000;
  const isNamed = await lockByName(connection);
  const renewing = await open();
  try {
    const owner = `${hostname()}:${process.pid}:${
      crypto.getRandomValues(new Uint8Array(6)).toHex()
    }`;
    while (!await take(renewing, owner, seconds)) {
      if (performance.now() >= until) throw await anotherMigrates(renewing);
      await sleep(lookMs);
    }
    const lease = keep(renewing, owner, seconds);
    try {
      return await work(lease);
    } finally {
      await lease.release();
    }
  } finally {
    await renewing.end().catch(() => {});
    if (isNamed) await connection.query(`select release_lock(${lockName})`).catch(() => {});
  }
}

/** @returns false where the server has no locks by name, as some clusters */
async function lockByName(connection: mysql.Connection): Promise<boolean> {
  let got: unknown;
  try {
    const [rows] = await connection.query(`select get_lock(${lockName}, ?) as got`, [
      maxWaitSeconds,
    ]);
    got = (rows as Row[])[0]?.got;
  } catch (error) {
    if (isFatal(error)) throw error;
    return false;
  }
  if (got !== 1) throw await anotherMigrates(connection);
  return true;
}

/** Takes the lease, or renews it. @returns false where it is another's, or two nodes took it at once */
async function take(
  connection: mysql.Connection,
  owner: string,
  seconds: number,
): Promise<boolean> {
  try {
    const [result] = await connection.query(
      `
      update schema_state
      set lease_owner = ?, lease_until = utc_timestamp(6) + interval ? second
      where id = 1
        and (lease_owner is null or lease_owner = ? or lease_until < utc_timestamp(6))`,
      [owner, seconds, owner],
    );
    return (result as mysql.ResultSetHeader).affectedRows === 1;
  } catch (error) {
    if (isRetryable(error) && !isFatal(error)) return false;
    throw error;
  }
}

function keep(
  connection: mysql.Connection,
  owner: string,
  seconds: number,
): MigrationLease & { release(): Promise<void> } {
  let renewedAt = performance.now();
  let renewing: Promise<void> | undefined;
  const renew = async () => {
    const startedAt = performance.now();
    if (await take(connection, owner, seconds)) renewedAt = startedAt;
  };
  const timer = setInterval(() => {
    renewing = renew().catch(() => {});
  }, seconds * 1_000 / renewals);
  return {
    check: () => {
      if (performance.now() - renewedAt < seconds * 1_000) return;
      throw new WorkflowError(
        "unavailable",
        "The lease for migrating could not be renewed, and another process may migrate by now; migrate again",
      );
    },
    release: async () => {
      clearInterval(timer);
      await renewing;
      await connection.query(
        "update schema_state set lease_owner = null, lease_until = null where id = 1 and lease_owner = ?",
        [owner],
      ).catch(() => {});
    },
  };
}

async function anotherMigrates(connection: mysql.Connection): Promise<WorkflowError> {
  const [rows] = await connection.query("select lease_owner from schema_state where id = 1");
  const owner = (rows as Row[])[0]?.lease_owner;
  const who = owner === null || owner === undefined ? "" : ` (${owner})`;
  return new WorkflowError("unavailable", `Another process is migrating this database${who}`);
}
