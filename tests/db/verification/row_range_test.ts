import assert from "node:assert/strict";
import { findRowRange } from "../../../db/verification/row_range.ts";
import { withSettled } from "../../settled_workflow.ts";

Deno.test("findRowRange() leaves no row of the orders out, whenever it was written", () =>
  withSettled("row_range", async (flow) => {
    const rangeOf = (scope: Parameters<typeof findRowRange>[2]) =>
      findRowRange(flow.db, "order_items", scope);
    const idsOf = (range: { condition: string } | null) =>
      range?.condition.match(/\d+/g)?.map(Number);
    assert.deepEqual(idsOf(await rangeOf({ after: 2 })), [3, 4]);
    assert.deepEqual(idsOf(await rangeOf({ after: 0, upTo: 2 })), [1, 2]);
    assert.equal(await rangeOf(null), null);
    assert.equal(await rangeOf({ ids: [1, 2] }), null);
    assert.equal(await rangeOf({ after: 4 }), null, "no rows");
    // Of a late order, written early.
    await flow.rows("update order_items set order_id = 4 where id = 1");
    assert.deepEqual(idsOf(await rangeOf({ after: 2 })), [1, 4]);
    // Among too many others they are looked up one by one.
    await flow.rows("update order_items set id = 1000 where id = 4");
    assert.equal(await rangeOf({ after: 2 }), null);
  }));
