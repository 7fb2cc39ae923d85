import assert from "node:assert/strict";
import { judgeGrants, migrationFault } from "../../../domain/operation/grants.ts";

const judge = (grants: string[], migrates = true, database = "orders") =>
  judgeGrants(grants, database, "'shop'@'%'", migrates);
const usage = "GRANT USAGE ON *.* TO `shop`@`%`";
const work = "SELECT, INSERT, UPDATE, DELETE";

Deno.test("judgeGrants() names what is missing, and the statement that gives it", () => {
  for (const scope of ["*.*", "`orders`.*", "`orders%`.*", "`ord_rs`.*", "`%`.*"]) {
    const found = judge([usage, `GRANT ALL PRIVILEGES ON ${scope} TO \`shop\`@\`%\``]);
    assert.equal(found.level, "ok", scope);
  }
  for (const scope of ["`order`.*", "`orders\\_%`.*", "`test`.*", "`orders`.`payments`"]) {
    const found = judge([usage, `GRANT ALL PRIVILEGES ON ${scope} TO \`shop\`@\`%\``]);
    assert.equal(found.level, "problem", scope);
    assert.equal(found.detail, "'shop'@'%' may not SELECT, INSERT, UPDATE, DELETE in orders");
    assert.match(found.remedy, /: GRANT ALL PRIVILEGES ON `orders`\.\* TO 'shop'@'%'$/);
  }
  assert.equal(
    judge(["GRANT ALL PRIVILEGES ON `orders\\_a`.* TO x"], true, "orders_a").level,
    "ok",
  );
  assert.match(judge([`GRANT SELECT, UPDATE ON *.* TO x`]).detail, /may not INSERT, DELETE in/);
});

Deno.test("judgeGrants() wants more of a user who migrates", () => {
  const grants = [usage, `GRANT ${work} ON \`orders\`.* TO \`shop\`@\`%\` WITH GRANT OPTION`];
  assert.equal(judge(grants, true).level, "warning");
  assert.match(judge(grants, true).detail, /may not CREATE, ALTER, DROP, INDEX, REFERENCES in/);
  assert.equal(judge(grants, false).level, "ok");
  const more = "GRANT CREATE, ALTER, DROP, INDEX, REFERENCES ON *.* TO `shop`@`%`";
  assert.equal(judge([...grants, more], true).level, "ok", "rights of several grants add up");
});

Deno.test("judgeGrants() adds up rights on single tables, and takes no other database's for them", () => {
  const on = (table: string, rights = work) => `GRANT ${rights} ON ${table} TO \`shop\`@\`%\``;
  const judgeTables = (...grants: string[]) =>
    judgeGrants([usage, ...grants], "orders", "'shop'@'%'", false, ["orders", "payments"]);
  const both = [on("`orders`.`orders`"), on("`orders`.`payments`", "ALL PRIVILEGES")];
  assert.equal(judgeTables(...both).level, "ok");
  assert.equal(judgeTables(both[0]!).level, "problem");
  assert.equal(judgeTables(both[0]!, on("`other`.`payments`")).level, "problem");
  const few = judgeTables(both[0]!, on("`orders`.`payments`", "SELECT, INSERT"));
  assert.equal(few.detail, "'shop'@'%' may not UPDATE, DELETE in orders");
  assert.equal(judgeTables(on("`orders`.*", "SELECT, INSERT, UPDATE"), both[0]!).level, "problem");
});

Deno.test("judgeGrants() does not judge what a role may bring", () => {
  const grants = [usage, "GRANT `writers`@`%` TO `shop`@`%`"];
  assert.equal(judge(grants).level, "ok");
  // Who migrates finds out by doing it.
  assert.equal(migrationFault(grants, "orders", "'shop'@'%'", []), undefined);
  assert.match(migrationFault([usage], "orders", "'shop'@'%'", [])!.why, /may not CREATE, ALTER/);
});
