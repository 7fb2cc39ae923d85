import assert from "node:assert/strict";
import { decideStockChange, maxUnits } from "../../../domain/catalog/stock.ts";

Deno.test("decideStockChange() leaves what orders hold as it is", () => {
  const before = { stockQty: 42, receivedQty: 50 };
  const after = (change: { set: number } | { add: number }) => {
    const { kind, stockQty, receivedQty } = decideStockChange(before, change);
    return [kind, stockQty, receivedQty];
  };
  assert.deepEqual(after({ set: 5 }), ["change", 5, 13]);
  assert.deepEqual(after({ add: 10 }), ["change", 52, 60]);
  assert.deepEqual(after({ add: -42 }), ["change", 0, 8]);
  assert.deepEqual(after({ set: 42 }), ["change", 42, 50]);
});

Deno.test("decideStockChange() refuses fewer units than none, and more than anybody has", () => {
  const before = { stockQty: 42, receivedQty: 50 };
  const kindOf = (change: { set: number } | { add: number }) =>
    decideStockChange(before, change).kind;
  assert.equal(kindOf({ add: -43 }), "fewer_than_none");
  assert.equal(kindOf({ set: maxUnits - 8 }), "change");
  assert.equal(kindOf({ set: maxUnits - 7 }), "too_many");
});
