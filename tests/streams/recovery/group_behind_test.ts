import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { openDatabase } from "../../../db/connection/database.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { listLosses } from "../../../db/recovery/database_losses.ts";
import { databaseNoter, lookAtDatabase } from "../../../streams/recovery/database_age.ts";
import { guardDatabase } from "../../../streams/recovery/database_guard.ts";
import { ensureRecovered } from "../../../streams/recovery/recover.ts";
import { withPort } from "../../../tools/chaos/harness/proxy.ts";
import { until } from "../../../tools/chaos/harness/until.ts";
import type { OwnDatabase } from "../../own_engines.ts";
import { twoMembers } from "../../replication_group.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";

const item = [{ sku: "a", qty: 1, unitPriceCents: 500 }];

Deno.test({
  name:
    "a member of a group that is behind is waited for: it reads nothing old, and has lost nothing",
  // MariaDB has no Group Replication.
  ignore: Deno.env.get("TEST_ENGINE") !== "mysql",
  fn: async () => {
    await using group = await twoMembers();
    const { first, second } = group;
    await migrate(first.url);
    await withWorkflow("group_behind", async (flow) => {
      await ensureRecovered(flow);
      await flow.add([anOrder("known", item)]);
      await flow.drain();
      await databaseNoter(flow)();
      const db = await openDatabase(withPort(first.url, second.port), { connections: 4 });
      const other = { ...flow, db };
      try {
        await guardDatabase(other);
        const behind = await holdBack(second);
        try {
          const [order] = await flow.add([anOrder("new", item)]);
          await databaseNoter(flow)();
          db.lookAgain();
          const judged = lookAtDatabase(other, db.unguarded);
          const recovered = ensureRecovered({ ...other, db: db.unguarded });
          const read = db.query("select id from orders where id = ?", [order!.orderId!]);
          const locked = db.transaction((tx) =>
            tx.query("select id from orders where id = ? for update", [order!.orderId!])
          );
          const waited = behind.waits(4).finally(behind.release);
          await Promise.allSettled([judged, recovered, read, locked]);
          await waited;
          assert.equal((await judged).kind, "current");
          assert.equal(await recovered, null);
          assert.equal((await read).length, 1);
          assert.equal((await locked).length, 1);
        } finally {
          await behind.release();
        }
        await flow.drain();
        const [next] = await flow.add([anOrder("next", item)]);
        assert.ok(next!.orderId! < 1_000, "no number was left out");
        await flow.drain();
        assert.deepEqual(await listLosses(db, 10), []);
        assert.ok((await verifyNow(flow)).ok);
      } finally {
        await db.close();
      }
    }, { databaseUrl: first.url });
  },
});

/** Has a member apply nothing of the others until it is released. */
async function holdBack(member: OwnDatabase) {
  const connection = await mysql.createConnection({
    host: "127.0.0.1",
    port: member.port,
    user: "administrator",
    password: member.administratorPassword,
  });
  await connection.query("flush tables with read lock");
  let isReleased = false;
  return {
    /** Waits until so many statements of the service do. */
    waits: (count: number) =>
      until(`${count} statements wait`, 10_000, async () => {
        const rows = await member.administer(
          "select state, info from information_schema.processlist where user = 'orders' and command <> 'Sleep'",
        );
        return rows.length >= count || JSON.stringify(rows);
      }),
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      await connection.end();
    },
  };
}
