import assert from "node:assert/strict";
import { formatCount, formatTable } from "../../commands/table.ts";

Deno.test("formatTable() aligns columns and leaves no spaces at the ends of lines", () => {
  const table = formatTable(
    [{ heading: "name" }, { heading: "n", align: "right" }, { heading: "x" }],
    [["ä", "10", ""], ["long name", "9", "y"]],
  );
  assert.equal(table, ["name        n  x", "ä          10", "long name   9  y"].join("\n"));
});

Deno.test("formatCount() separates thousands and keeps signs", () => {
  assert.deepEqual([0, 999, 1_000, -1_234_567].map(formatCount), [
    "0",
    "999",
    "1,000",
    "-1,234,567",
  ]);
});
