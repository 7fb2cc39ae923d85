import assert from "node:assert/strict";
import {
  type Group,
  groupOf,
  groups,
  groupsInSearchOrder,
  groupTable,
  messageTypes,
  needs,
  needTable,
  workOf,
} from "../../../domain/messages/work.ts";

Deno.test("groupsInSearchOrder has every group once, before the ones that its messages lead to", () => {
  assert.deepEqual([...groupsInSearchOrder].sort(), [...groups].sort());
  const turn = (group: Group) => groupsInSearchOrder.indexOf(group);
  assert.ok(turn("orders") < turn("payments"));
  assert.ok(turn("payments") < turn("refunds") && turn("refunds") < turn("notifications"));
  const turns = groups.map((group) => groupTable[group].searched);
  assert.equal(new Set(turns).size, groups.length, "no two have the same turn");
});

Deno.test("every group handles a type, and every need has a message that is there for it", () => {
  const own = messageTypes.map((type) => workOf[type].brings[0]);
  for (const group of groups) {
    assert.ok(messageTypes.some((type) => groupOf[type] === group), group);
  }
  for (const need of needs) {
    const { open } = needTable[need];
    if (open !== null) assert.ok(own.includes(need), need);
    assert.ok(messageTypes.some((type) => workOf[type].brings.includes(need)), need);
  }
});

Deno.test("types that are there for the same say so, and no others", () => {
  for (const [type, { brings: [own], purpose }] of Object.entries(workOf)) {
    const brothers = messageTypes.filter((other) => workOf[other].brings[0] === own);
    assert.equal(purpose !== undefined, brothers.length > 1, type);
    for (const brother of brothers) assert.equal(workOf[brother].purpose, purpose, brother);
  }
});

Deno.test("messages about a refund alone bring about what refunds need", () => {
  for (const [type, { shape, brings }] of Object.entries(workOf)) {
    for (const need of brings) {
      if (needTable[need].of === "refund") assert.equal(shape, "refund", `${type}: ${need}`);
    }
  }
});
