import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { readPacked } from "../../../db/connection/packed_rows.ts";
import { type TestContext, testContext } from "../../support.ts";

let context: TestContext;
let db: Database;

Deno.test.beforeAll(async () => {
  context = await testContext("packed_rows");
  db = await openDatabase(context.databaseUrl, { connections: 1 });
});
Deno.test.afterAll(async () => {
  await db.close();
  await context.close();
});

Deno.test("readPacked() tells texts that hold anything, before and behind several values", async () => {
  const texts = [
    "",
    "A-1",
    `"],[\\"`,
    "line\nbreak\u0000\u001f\u2028",
    "\uFEFFmark",
    "ö 漢 🎈",
    "null",
    "00ff",
  ];
  await db.runText(
    "create table said (id int primary key, a varchar(40) character set utf8mb4 collate utf8mb4_bin, " +
      "b varchar(40) character set utf8mb4 collate utf8mb4_unicode_ci)",
  );
  await db.runText(
    `insert into said values ${texts.map(() => "(?, ?, ?)").join(", ")}`,
    texts.flatMap((text, id) => [id, text, text]),
  );
  const { rows } = await readPacked(
    db,
    [
      { sql: "id", kind: "number" },
      { sql: "a", kind: "any text" },
      { sql: "concat_ws(',', id, 'null')", kind: "values" },
      { sql: "b", kind: "any text" },
      { sql: "'end'", kind: "text" },
    ],
    "from said where id >= ?",
    [0],
  );
  assert.deepEqual(
    rows.sort(([a], [b]) => Number(a) - Number(b)),
    texts.map((text, id) => [id, text, id, null, text, "end"]),
  );
});
