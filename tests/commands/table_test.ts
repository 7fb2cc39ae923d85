import assert from "node:assert/strict";
import { formatTable } from "../../commands/table.ts";

Deno.test("formatTable() aligns columns and leaves no spaces at the ends of lines", () => {
  const table = formatTable(
    [{ heading: "name" }, { heading: "n", align: "right" }, { heading: "x" }],
    [["ä", "10", ""], ["long name", "9", "y"]],
  );
  assert.equal(table, ["name        n  x", "ä          10", "long name   9  y"].join("\n"));
});
