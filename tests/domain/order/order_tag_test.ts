import assert from "node:assert/strict";
import { orderTag } from "../../../domain/order/order_tag.ts";

Deno.test("orderTag() is another one for another content, and for the same content after a change and back", () => {
  const before = orderTag({ revision: 1, contentHash: "0123456789abcdef00000000" });
  assert.equal(before, '"1-0123456789abcdef"');
  assert.notEqual(orderTag({ revision: 3, contentHash: "0123456789abcdef00000000" }), before);
  assert.notEqual(orderTag({ revision: 1, contentHash: "fedcba987654321000000000" }), before);
});
