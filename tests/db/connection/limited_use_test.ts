import assert from "node:assert/strict";
import type { ConnectionPool } from "../../../db/connection/connection_pool.ts";
import { limitedUse } from "../../../db/connection/limited_use.ts";
import { openDatabase } from "../../../db/connection/database.ts";
import { testContext } from "../../support.ts";

Deno.test("limitedUse() lends to so many at once, in their order, and to the next after a failure", async () => {
  const lent: number[] = [];
  let inUse = 0;
  const use: ConnectionPool["use"] = async (work) => {
    assert.ok(++inUse <= 2, `${inUse} at once`);
    try {
      return await work(undefined as never);
    } finally {
      inUse--;
    }
  };
  const limited = limitedUse(use, 2);
  const all = await Promise.allSettled(
    Array.from({ length: 6 }, (_, at) =>
      limited(async () => {
        lent.push(at);
        await Promise.resolve();
        if (at % 2 === 0) throw new Error(`${at} fails`);
        return at;
      })),
  );
  assert.deepEqual(lent, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(all.map(({ status }) => status === "fulfilled"), [
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
  assert.equal(inUse, 0);
});

Deno.test("a database with a limit of transactions leaves its other connections to others", async () => {
  const test = await testContext("limited_use");
  const db = await openDatabase(test.databaseUrl, { connections: 3 });
  const limited = db.withTransactions(1);
  const held = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  let second = false;
  try {
    const first = limited.transaction(async (tx) => {
      await tx.query("select 1");
      began.resolve();
      await held.promise;
    });
    const waiting = limited.transaction(() => {
      second = true;
      return Promise.resolve();
    });
    await began.promise;
    // Others, and statements of its own, do not wait.
    await db.transaction(async (tx) => {
      await tx.query("select 1");
    });
    await limited.query("select 1");
    assert.equal(second, false);
    held.resolve();
    await Promise.all([first, waiting]);
    assert.equal(second, true);
  } finally {
    held.resolve();
    await db.close();
    await test.close();
  }
});
