import assert from "node:assert/strict";
import {
  type DatabaseMarks,
  describeLoss,
  findLoss,
  floorsAfter,
} from "../../../domain/operation/database_age.ts";

function marks(ticks: number, orders: number, refunds: number, steps: number): DatabaseMarks {
  return {
    ticks,
    tickedAt: `2026-01-05 10:00:${String(ticks).padStart(2, "0")}.000000`,
    numbers: { orders, refunds, order_events: steps, customers: 10 },
  };
}

Deno.test("findLoss() finds books that are behind any mark, and no others", () => {
  const books = marks(5, 100, 10, 1_000);
  assert.equal(findLoss(books, marks(5, 100, 10, 1_000)), null);
  assert.equal(findLoss(books, marks(4, 99, 0, 0)), null);
  const nothing = { ticks: 0, tickedAt: null, numbers: { orders: 0, refunds: 0, order_events: 0 } };
  assert.equal(findLoss(books, nothing), null, "Redis was lost as well");
  for (
    const [heard, lost] of [
      [marks(6, 0, 0, 0), [0, 0, 0]],
      [marks(0, 103, 0, 0), [3, 0, 0]],
      [marks(0, 0, 11, 0), [0, 1, 0]],
      [marks(0, 0, 0, 1_007), [0, 0, 7]],
    ] as const
  ) {
    const loss = findLoss(books, heard)!;
    assert.deepEqual(Object.values(loss.lost), lost);
    assert.deepEqual([loss.lostFrom, loss.lostUntil], [books.tickedAt, heard.tickedAt]);
  }
});

Deno.test("floorsAfter() leaves out every number that anybody may know", () => {
  const [books, heard] = [marks(5, 100, 10, 1_000), marks(6, 300, 12, 900)];
  const tables = ["orders", "refunds", "order_events", "customers", "brand_new"];
  const floors = floorsAfter(findLoss(books, heard)!, books, heard, tables);
  assert.deepEqual([...floors], [
    ["orders", 1_000_300],
    ["refunds", 1_000_012],
    ["order_events", 1_001_000],
    // As many as came with the lost orders at the most.
    ["customers", 1_000_010 + 8 * 202],
    ["brand_new", 1_000_000 + 8 * 202],
  ]);
});

Deno.test("describeLoss() says from when to when, how much, and what to do", () => {
  assert.equal(
    describeLoss({
      foundAt: "2026-01-05T11:00:00.000000Z",
      lostFrom: "2026-01-05T10:00:00.000000Z",
      lostUntil: "2026-01-05T10:59:58.000000Z",
      ordersLost: 12,
      refundsLost: 1,
    }),
    "what was committed from 2026-01-05T10:00:00Z to 2026-01-05T10:59:58Z is gone, up to 12 orders and " +
      "1 refund: have shops send their orders again, import files again",
  );
});
