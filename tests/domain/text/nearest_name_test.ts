import assert from "node:assert/strict";
import { nearestName } from "../../../domain/text/nearest_name.ts";

Deno.test("nearestName() finds what was meant, and nothing where nothing is near", () => {
  const known = ["q", "status", "customer", "currency", "from", "to", "limit", "least_cents"];
  const cases: [string, string | undefined][] = [
    ["stauts", "status"],
    ["Status", "status"],
    ["statuss", "status"],
    ["state", "status"],
    ["costumer", "customer"],
    ["form", "from"],
    ["limt", "limit"],
    ["leastcents", "least_cents"],
    ["utm_source", undefined],
    ["x", undefined],
    ["", undefined],
    ["s".repeat(65), undefined],
    ["s".repeat(1_000_000), undefined],
  ];
  for (const [typed, meant] of cases) {
    assert.equal(nearestName(typed, known), meant, typed.slice(0, 80));
  }
  assert.equal(nearestName("status", []), undefined);
});
