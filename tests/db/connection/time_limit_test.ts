import assert from "node:assert/strict";
import { openDatabase } from "../../../db/connection/database.ts";
import { isServerFault } from "../../../db/connection/faults.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { ownDatabase } from "../../own_engines.ts";

Deno.test("a time limit that the server has no more ends with the connections that were told of it", async () => {
  await using server = await ownDatabase();
  await migrate(server.url);
  const isMysql = server.engine === "mysql";
  const limit = (ms: number) =>
    server.administer(
      isMysql
        ? `set global max_execution_time = ${ms}`
        : `set global max_statement_time = ${ms / 1_000}`,
    );
  // MySQL ends a sleep early and then finds out that its time is over, where rows follow.
  const slow =
    "select sum(sleep(0.02)) as slept from (select 1 from information_schema.columns limit 20) few";
  await limit(100);
  const db = await openDatabase(server.url, { connections: 1 });
  try {
    await assert.rejects(db.query(slow), (error) => isServerFault(error));
    await limit(0);
    assert.equal((await db.query(slow)).length, 1);
  } finally {
    await db.close();
  }
});
