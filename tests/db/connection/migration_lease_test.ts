import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { connectionOptions } from "../../../db/connection/connection.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { type MigrationLease, withMigrationLease } from "../../../db/connection/migration_lease.ts";
import { until } from "../../provider.ts";
import { testContext } from "../../support.ts";

/** A lease of a database that is migrated, and what the database says of it. */
interface Held {
  lease: MigrationLease;
  /** Whose it is, and how much longer, in milliseconds. */
  said(): Promise<{ owner: string | null; leftMs: number }>;
  /** As another node does that takes it. */
  takeAway(): Promise<void>;
}

async function whileHeld(
  work: (held: Held) => Promise<void>,
  options: { seconds?: number; after?: (held: Omit<Held, "lease">) => Promise<void> } = {},
): Promise<void> {
  const test = await testContext("migration_lease");
  const opened: mysql.Connection[] = [];
  const open = async () => {
    const connection = await mysql.createConnection(connectionOptions(test.databaseUrl));
    opened.push(connection);
    return connection;
  };
  try {
    await migrate(test.databaseUrl);
    const [own, other] = [await open(), await open()];
    const held = {
      said: async () => {
        const [rows] = await other.query(`
          select lease_owner as owner,
            timestampdiff(microsecond, utc_timestamp(6), lease_until) div 1000 as left_ms
          from schema_state`);
        const [row] = rows as { owner: string | null; left_ms: number | string | null }[];
        return { owner: row!.owner, leftMs: Number(row!.left_ms) };
      },
      takeAway: async () => {
        await other.query(
          "update schema_state set lease_owner = 'other', lease_until = utc_timestamp(6) + interval 1 hour",
        );
      },
    };
    await withMigrationLease(
      own,
      open,
      (lease) => work({ ...held, lease }),
      options.seconds,
    );
    await options.after?.(held);
  } finally {
    for (const connection of opened) await connection.end().catch(() => {});
    await test.close();
  }
}

Deno.test("withMigrationLease() holds it for longer than two renewals that fail take, and gives it back", () =>
  whileHeld(async ({ said }) => {
    const { owner, leftMs } = await said();
    assert.match(owner!, new RegExp(`:${Deno.pid}:`));
    assert.ok(leftMs > 20_000, String(leftMs));
  }, {
    after: async ({ said }) => assert.equal((await said()).owner, null),
  }));

Deno.test("withMigrationLease() renews the lease while a statement runs for longer than it lasts", () =>
  whileHeld(async ({ lease, said }) => {
    const startedAt = performance.now();
    await until("more time is over than it lasts", () => performance.now() - startedAt > 3_000);
    assert.ok((await said()).leftMs > 0);
    lease.check();
  }, { seconds: 2 }));

Deno.test("withMigrationLease() has nothing go on once the lease is another's, and leaves it to that one", () =>
  whileHeld(async ({ lease, takeAway }) => {
    await takeAway();
    lease.check();
    await until("its time is over", () => {
      try {
        lease.check();
        return false;
      } catch (error) {
        assert.match(String(error), /could not be renewed, and another process may migrate/);
        return true;
      }
    });
  }, {
    seconds: 2,
    after: async ({ said }) => assert.equal((await said()).owner, "other"),
  }));
