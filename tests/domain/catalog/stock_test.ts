import assert from "node:assert/strict";
import {
  decideStockChange,
  maxUnits,
  movementOf,
  stockProblem,
} from "../../../domain/catalog/stock.ts";

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

Deno.test("movementOf() calls more units received and fewer corrected, added or set", () => {
  const before = { stockQty: 42, receivedQty: 50 };
  const movement = (change: { set: number } | { add: number }) =>
    movementOf(before, decideStockChange(before, change));
  assert.deepEqual(movement({ add: 3 }), { kind: "received", qty: 3 });
  assert.deepEqual(movement({ set: 45 }), { kind: "received", qty: 3 });
  assert.deepEqual(movement({ add: -3 }), { kind: "corrected", qty: -3 });
  assert.deepEqual(movement({ set: 0 }), { kind: "corrected", qty: -42 });
  assert.equal(movement({ set: 42 }), undefined);
});

Deno.test("stockProblem() says by how much a change goes too far", () => {
  const before = { stockQty: 42, receivedQty: 50 };
  const problem = (change: { set: number } | { add: number }) =>
    stockProblem(before, decideStockChange(before, change));
  assert.equal(problem({ add: -42 }), undefined);
  assert.equal(problem({ add: -43 }), "Cannot take 43 units of it: only 42 left");
  assert.match(problem({ set: maxUnits })!, /there may be 1000000000000 at most/);
});
