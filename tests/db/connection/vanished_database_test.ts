import assert from "node:assert/strict";
import { startProxy, withPort } from "../../../tools/chaos/harness/proxy.ts";
import { openDatabase } from "../../../db/connection/database.ts";
import { testContext } from "../../support.ts";

Deno.test("connections whose host has vanished are found, and those whose statement takes long are not", async () => {
  const test = await testContext("vanished_database");
  const proxy = startProxy(Number(new URL(test.databaseUrl).port));
  const db = await openDatabase(withPort(test.databaseUrl, proxy.port), {
    connections: 4,
    lookMs: 100,
  });
  const idsOf = () =>
    Promise.all(
      [0, 1, 2, 3].map(async () =>
        Number((await db.query("select connection_id() as id, sleep(0.1) as slept"))[0]!.id)
      ),
    );
  try {
    const before = await idsOf();
    // Ten times as long as the silence after which the server is asked.
    const [slow] = await Promise.all([db.query("select sleep(2) as slept"), idsOf()]);
    assert.deepEqual(slow, [{ slept: 0 }]);

    proxy.vanish();
    const start = performance.now();
    let tries = 0;
    await db.transaction(async (tx) => {
      tries++;
      await tx.query("select 1");
    });
    // What begins it goes with its first statement, which is how a dead connection is found.
    assert.ok(tries <= 2, `${tries} tries`);
    assert.ok(performance.now() - start < 10_000);
    const after = await idsOf();
    assert.ok(after.every((id) => !before.includes(id)), "no idle one of before is left");
  } finally {
    await db.close();
    proxy.end();
    await test.close();
  }
});
