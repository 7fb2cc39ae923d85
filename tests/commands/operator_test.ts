import assert from "node:assert/strict";
import { hostname } from "node:os";
import { operatorIn } from "../../commands/operator.ts";

Deno.test("operatorIn() names who types a command and on which machine", () => {
  assert.deepEqual(operatorIn({ USER: "ann" }, "till-1.shop.example"), {
    actor: "cli:ann@till-1.shop.example",
    via: "command",
    address: "till-1.shop.example",
  });
  assert.equal(operatorIn({}).actor, `cli:unknown@${hostname()}`);
  assert.equal(operatorIn({}, "Mia’s Mac").address, "Mia?s?Mac");
});

Deno.test("operatorIn() names whoever it is so that timelines have room for it, and for the import's id", () => {
  const { actor, address } = operatorIn({ USER: "ä".repeat(200) }, "h".repeat(255));
  assert.equal(address, "h".repeat(64));
  assert.ok([...`${actor} import 1234567890`].length <= 128, actor);
});
