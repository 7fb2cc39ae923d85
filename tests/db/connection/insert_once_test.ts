import assert from "node:assert/strict";
import { ownDatabase } from "../../own_engines.ts";
import { importAtOnce } from "../../parallel_imports.ts";
import { withWorkflow } from "../../workflow.ts";

Deno.test("parallel imports lose no row where nobody holds the counters of ids", async () => {
  // Of eight files that name the same customers, MariaDB lost some by INSERT … SELECT … ON DUPLICATE KEY UPDATE.
  await using server = await ownDatabase([
    "--innodb-autoinc-lock-mode=2",
    "--auto-increment-increment=3",
    "--auto-increment-offset=2",
  ]);
  await withWorkflow("insert_once", async (flow) => {
    await importAtOnce(flow, [flow.db]);
  }, { databaseUrl: server.url });
});

Deno.test("no statement draws ids for rows that it selects and may find", async () => {
  const folder = (name: string) => new URL(`../../../${name}/`, import.meta.url);
  const drawing = new Set<string>();
  for await (const { name } of Deno.readDir(folder("migrations"))) {
    const text = await Deno.readTextFile(new URL(name, folder("migrations")));
    for (
      const [, table] of text.matchAll(/create table if not exists (\w+) \(\n[^,]*auto_increment/g)
    ) {
      drawing.add(table!);
    }
  }
  assert.ok(drawing.has("customers") && drawing.has("notification_logs"));
  const found: string[] = [];
  for (const file of namesIn(folder("db"))) {
    const text = await Deno.readTextFile(new URL(file, folder("db")));
    for (const [sql, ignore, table, columns] of text.matchAll(statement)) {
      const mayFind = ignore !== undefined || /on duplicate key/.test(sql!);
      if (!mayFind || !drawing.has(table!) || /^\s*id\b/.test(columns!)) continue;
      if (/\)\s*select\b/.test(sql!)) found.push(`${file}: ${table}`);
    }
  }
  assert.deepEqual(found, []);
});

/** An INSERT within a template, its table and its columns. */
const statement = /insert (ignore )?into (\w+)\s*\(([^)]*)\)[^`]*`/g;

function namesIn(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? namesIn(new URL(`${name}/`, folder)).map((inner) => `${name}/${inner}`) : [name]
  );
}
