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
  const limited = limitedUse(use, () => 2);
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

Deno.test("limitedUse() goes by a limit that changes, and keeps the order of those who wait", async () => {
  let max = 3;
  const ends: (() => void)[] = [];
  const lent: number[] = [];
  const limited = limitedUse((work) => work(undefined as never), () => max);
  const all = Array.from({ length: 7 }, (_, at) =>
    limited(() => {
      lent.push(at);
      return new Promise<void>((resolve) => ends.push(resolve));
    }));
  const finish = async () => {
    ends.shift()!();
    for (let tick = 0; tick < 10; tick++) await Promise.resolve();
  };
  assert.deepEqual(lent, [0, 1, 2]);
  max = 1;
  await finish();
  await finish();
  assert.deepEqual(lent, [0, 1, 2], "two ended, and the third is one");
  await finish();
  assert.deepEqual(lent, [0, 1, 2, 3]);
  max = 3;
  const last = limited(() => Promise.resolve(lent.push(7)));
  assert.deepEqual(lent, [0, 1, 2, 3], "others wait already");
  await finish();
  assert.deepEqual(lent, [0, 1, 2, 3, 4, 5, 6]);
  while (ends.length > 0) await finish();
  await Promise.all([...all, last]);
  assert.deepEqual(lent, [0, 1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("a database with a limit of transactions leaves its other connections to others", async () => {
  const test = await testContext("limited_use");
  const db = await openDatabase(test.databaseUrl, { connections: 3 });
  const limited = db.withTransactions(() => 1);
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
