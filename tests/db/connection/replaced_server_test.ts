import assert from "node:assert/strict";
import { openDatabase } from "../../../db/connection/database.ts";
import { StatementTooLarge } from "../../../db/connection/packet_size.ts";
import { ownDatabase } from "../../own_engines.ts";

Deno.test("a connection goes by what its own server says, not by what the first one said", async () => {
  await using server = await ownDatabase();
  const db = await openDatabase(server.url, { connections: 1 });
  try {
    const long = "x".repeat(2 * 1_048_576);
    const lengthOf = async () =>
      Number((await db.query("select length(?) as length", [long]))[0]!.length);
    assert.equal(await lengthOf(), long.length);
    const before = db.version;
    const openAnew = async () => {
      await db.query("kill connection_id()").catch(() => {});
      await db.transaction((tx) => tx.query("select 1"));
    };
    // As another server that has taken its place may have it.
    await server.administer("set global max_allowed_packet = 1048576");
    assert.equal(await lengthOf(), long.length, "this connection was opened before");
    await openAnew();
    await assert.rejects(
      () => db.transaction((tx) => tx.query("select 1 where ? = ''", [long])),
      StatementTooLarge,
    );
    await assert.rejects(lengthOf, StatementTooLarge);
    await server.administer("set global max_allowed_packet = 4194304");
    await openAnew();
    assert.equal(await lengthOf(), long.length);
    assert.equal(db.version, before);
  } finally {
    await db.close();
  }
});
