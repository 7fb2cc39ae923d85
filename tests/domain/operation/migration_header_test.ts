import assert from "node:assert/strict";
import { readMigrationHeader } from "../../../domain/operation/migration_header.ts";

const whole = `-- oldest-beside: 0028
-- locks: orders (writes wait for a second), customers
--   (nothing)
-- at ten million orders: 12 s
--
-- What it is for.
alter table orders add column a int;
`;

Deno.test("readMigrationHeader() reads who may run beside a migration, what it locks and for how long", () => {
  assert.deepEqual(readMigrationHeader(whole), {
    oldestBeside: 28,
    locks: "orders (writes wait for a second), customers (nothing)",
    atTenMillion: "12 s",
  });
});

for (
  const [what, source] of [
    ["oldest-beside", whole.replace("-- oldest-beside", "-- beside")],
    ["locks", whole.replace("-- locks", "-- Locks")],
    ["at ten million orders", whole.replace("-- at ten million", "-- ten million")],
    ["oldest-beside", whole.replace("0028", "1.4")],
    ["oldest-beside", `do 0;\n${whole}`],
  ] as const
) {
  Deno.test(`readMigrationHeader() says that "${what}" is missing: ${source.slice(0, 24).trim()}`, () => {
    assert.match(String(readMigrationHeader(source)), new RegExp(what));
  });
}
