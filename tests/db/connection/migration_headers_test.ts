import assert from "node:assert/strict";
import {
  listMigrations,
  readMigration,
  splitStatements,
} from "../../../db/connection/migration_files.ts";
import {
  type MigrationHeader,
  readMigrationHeader,
} from "../../../domain/operation/migration_header.ts";

/** From this one on they are written for others that work meanwhile. */
const firstOnline = 29;

/** Tables that do not grow with the orders: changing one takes no time. */
const small: ReadonlySet<string> = new Set([
  "audit_log",
  "books_losses",
  "books_marks",
  "disabled_endpoints",
  "erasures",
  "import_rejects",
  "imports",
  "installation",
  "processes",
  "schema_migrations",
  "schema_state",
  "sessions",
  "stock_files",
]);

/** The tables that a migration makes, which are empty. */
function madeBy(source: string): Set<string> {
  const made = source.matchAll(/create table (?:if not exists )?(\w+)/gi);
  return new Set([...made].map(([, name]) => name!));
}

/**
 * What is wrong with a migration beside which others work, in words for whoever writes it.
 *
 * @param said what it says of itself
 */
function faultsOf(version: number, source: string, said: MigrationHeader): string[] {
  const faults: string[] = [];
  if (said.oldestBeside >= version) {
    faults.push(
      "no older version may work beside it: expand first, and contract in a migration of the version after",
    );
  }
  const made = madeBy(source);
  const isLarge = (table: string) => !made.has(table) && !small.has(table);
  for (const statement of splitStatements(source)) {
    // Text that a prepared statement is made of counts as one.
    for (
      const part of statement.split(/(?=\b(?:alter table|create (?:unique )?index|drop index)\b)/i)
    ) {
      const table = /^(?:alter table (\w+)|(?:create (?:unique )?index|drop index) \w+ on (\w+))/i
        .exec(part);
      const name = table?.[1] ?? table?.[2];
      if (name === undefined || !isLarge(name)) continue;
      const isOnline = /algorithm\s*=\s*instant\b/i.test(part) ||
        (/algorithm\s*=\s*(?:inplace|nocopy)\b/i.test(part) && /lock\s*=\s*none\b/i.test(part));
      if (isOnline || new RegExp(`\\b${name}\\b`).test(said.locks)) continue;
      faults.push(
        `${name} is changed without "algorithm = instant" or "algorithm = inplace, lock = none", and "locks:" does not name it`,
      );
    }
    const written = /^(update|delete from|insert (?:ignore )?into)\s+(\w+)/i.exec(
      statement.replace(/^\/\*.*?\*\/\s*/, ""),
    );
    const read = /\bfrom\s+(\w+)/i.exec(statement)?.[1];
    const isInSteps = /^\/\* in steps of \w+ \*\//.test(statement);
    // Adding a row of its own locks nobody out.
    const touched = /^insert/i.test(written?.[1] ?? "") ? [read] : [written?.[2], read];
    const large = touched.find((name) => name !== undefined && isLarge(name));
    if (written !== null && large !== undefined && !isInSteps) {
      faults.push(`rows of ${large} are changed or read all at once, not "in steps of ${large}"`);
    }
  }
  return faults;
}

Deno.test("every migration says who may work beside it, what it locks and how long it takes", () => {
  const faults = listMigrations().flatMap((file) => {
    const header = readMigrationHeader(readMigration(file));
    if (typeof header === "string") return [`${file.name}: ${header}`];
    return header.oldestBeside > file.version ? [`${file.name}: nobody is so new`] : [];
  });
  assert.deepEqual(faults, []);
});

Deno.test("no migration from 0029 on needs another process stopped, or keeps others from a large table unsaid", () => {
  const faults = listMigrations().flatMap((file) => {
    if (file.version < firstOnline) return [];
    const source = readMigration(file);
    const header = readMigrationHeader(source);
    if (typeof header === "string") return [];
    return faultsOf(file.version, source, header).map((fault) => `${file.name}: ${fault}`);
  });
  assert.deepEqual(faults, []);
});

const header = { oldestBeside: 28, locks: "nothing", atTenMillion: "at once" };

for (
  const [source, fault] of [
    ["alter table orders add column a int", /^orders is changed without/],
    ["set @s = 'alter table payments drop column a'", /^payments is changed without/],
    ["create index a on order_items (qty)", /^order_items is changed without/],
    ["drop index a on customers", /^customers is changed without/],
    ["alter table orders add key a (b), algorithm = inplace, lock = shared", /^orders is changed/],
    ["update orders set a = 1", /^rows of orders are changed or read all at once/],
    [
      "insert into new_rows (id) select id from orders",
      /^rows of orders are changed or read all at once/,
    ],
    ["alter table orders add column a int, algorithm = instant", undefined],
    ["alter table orders add key a (b), algorithm = inplace, lock = none", undefined],
    ["alter table imports add column a int", undefined],
    ["create table new_rows like orders;\nalter table new_rows modify id bigint", undefined],
    [
      "/* in steps of orders */\nupdate orders set a = 1 where id between @step_first and @step_last",
      undefined,
    ],
  ] as const
) {
  Deno.test(`the rules of migrations ${fault === undefined ? "take" : "refuse"}: ${source.split("\n")[0]}`, () => {
    const faults = faultsOf(36, source, header);
    if (fault === undefined) return assert.deepEqual(faults, []);
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, fault);
  });
}

Deno.test("the rules of migrations take what locks a large table where it says so, and refuse what stops the version before", () => {
  const locking = "alter table orders add column a int";
  assert.deepEqual(faultsOf(36, locking, { ...header, locks: "orders (writes, a second)" }), []);
  assert.match(String(faultsOf(36, "do 0", { ...header, oldestBeside: 36 })), /expand first/);
});
