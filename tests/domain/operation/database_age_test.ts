import assert from "node:assert/strict";
import {
  describeLosses,
  findLoss,
  floorsAfter,
  gapsOfLoss,
  type HeardMarks,
  isForgotten,
  judgeDatabase,
  type OwnMarks,
  recalledMarks,
  type RecordedLoss,
  tickAfter,
  withGaps,
} from "../../../domain/operation/database_age.ts";

function marks(
  ticks: number,
  orders: number,
  refunds: number,
  steps: number,
): OwnMarks & HeardMarks {
  return {
    ticks,
    tickName: `tick ${ticks}`,
    nameOfHeard: null,
    oldestTick: 1,
    installation: "shop",
    gaps: {},
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

const loss: RecordedLoss = {
  id: 1,
  foundAt: "2026-01-05T11:00:00.000000Z",
  lostFrom: "2026-01-05T10:00:00.000000Z",
  lostUntil: "2026-01-05T10:59:58.000000Z",
  ordersLost: 12,
  numbersLost: 12,
  refundsLost: 1,
  chargebacksLost: 0,
  stepsLost: 40,
  reconciledAt: null,
  reconciledBy: null,
  note: null,
};

Deno.test("describeLosses() says from when to when, how much, and what to do", () => {
  const todo =
    ": have shops send their orders again, import files again, hold the provider's report against the books, " +
    "then say that it is reconciled";
  const told = "12 acknowledged orders and 1 refund were lost between 2026-01-05T10:00:00Z and " +
    "2026-01-05T10:59:58Z, with 40 steps of timelines";
  assert.equal(describeLosses([loss]), told + todo);
  assert.equal(describeLosses([loss, loss, loss]), `${told}; 2 losses more${todo}`);
  assert.match(
    describeLosses([{ ...loss, numbersLost: 14 }]),
    /^12 acknowledged orders \(of 14 numbers\) and 1 refund were/,
  );
  assert.match(
    describeLosses([{ ...loss, chargebacksLost: 2 }]),
    /^12 acknowledged orders, 1 refund and 2 chargebacks were/,
  );
});

const judged = (own: Partial<OwnMarks>, heard: Partial<HeardMarks>, names: string[] = []) => {
  const found = judgeDatabase(
    { ...marks(5, 100, 10, 1_000), ...own },
    { ...marks(5, 100, 10, 1_000), ...heard },
    names,
  );
  return found.kind === "other" ? found.why : found.kind;
};

Deno.test("judgeDatabase() tells a database that is behind from one that went another way", () => {
  const same = { nameOfHeard: "tick 5" };
  assert.equal(judged(same, {}), "current");
  assert.equal(judged({ ...marks(9, 200, 20, 2_000), ...same }, {}), "current");
  assert.equal(judged(same, marks(6, 100, 10, 1_000), ["tick 5"]), "older");
  assert.equal(judged(same, marks(5, 101, 10, 1_000), ["tick 5"]), "older");
  // By what it calls the tick that both count, however far it is.
  assert.equal(judged({ nameOfHeard: "mine" }, {}), "fork");
  assert.equal(judged({ ...marks(9, 200, 20, 2_000), nameOfHeard: "mine" }, {}), "fork");
  assert.equal(judged({ nameOfHeard: "mine" }, marks(5, 101, 10, 1_000)), "fork");
  // By what Redis calls its last one.
  assert.equal(judged({}, marks(6, 100, 10, 1_000), ["theirs"]), "fork");
  assert.equal(judged({}, marks(6, 100, 10, 1_000), []), "older", "too long ago to tell");
  assert.equal(judged({}, { ...marks(6, 0, 0, 0), gaps: { ticks: [[4, 5]] } }), "fork");
  assert.equal(judged({}, { ...marks(6, 0, 0, 0), gaps: { ticks: [[5, 6]] } }), "older");
  // By rows that it has beyond its last tick.
  const gapOf = (after: number, upTo: number) => ({ gaps: { orders: [[after, upTo] as const] } });
  const later = marks(6, 200, 10, 1_000);
  assert.equal(judged({}, { ...later, ...gapOf(99, 200) }), "fork");
  assert.equal(judged({}, { ...later, ...gapOf(100, 200) }), "older");
  assert.equal(judged({}, { ...later, ...gapOf(50, 100) }), "older", "it was made good itself");
});

Deno.test("judgeDatabase() knows another installation, and what cannot be told", () => {
  assert.equal(judged({ installation: "other" }, {}), "installation");
  assert.equal(judged({ installation: null }, {}), "installation");
  assert.equal(
    judged({ installation: "other" }, { installation: null, tickName: null }),
    "current",
  );
  // Redis is the one that went back: behind a loss that the database knows of, or very far.
  const far = marks(2_000_000, 200, 20, 2_000);
  assert.equal(judged(far, {}), "older");
  assert.equal(judged({ ...far, oldestTick: 900 }, {}), "current");
  assert.equal(judged({ ...far, oldestTick: null }, {}), "current");
  // A version before ticks without names.
  assert.equal(judged({ tickName: null, oldestTick: null }, {}), "current");
  assert.equal(judged({}, { tickName: null }), "current");
});

Deno.test("recalledMarks() knows what a Redis that lost everything does not know", () => {
  const nothing: HeardMarks = {
    ...marks(0, 0, 0, 0),
    tickName: null,
    tickedAt: null,
    installation: null,
  };
  const before = { ...marks(6, 200, 10, 1_000), gaps: { ticks: [[2, 3] as const] } };
  assert.deepEqual(recalledMarks(nothing, before, 0), before);
  const since = recalledMarks({ ...nothing, numbers: marks(0, 201, 0, 0).numbers }, before, 1_005);
  assert.deepEqual([since.ticks, since.numbers.orders, since.numbers.order_events], [
    6,
    201,
    1_005,
  ]);
  // One that has gone back, but for what the process has committed itself.
  const back = marks(5, 100, 10, 900);
  assert.deepEqual(recalledMarks(back, before, 950).numbers, marks(5, 100, 10, 950).numbers);
  assert.deepEqual(recalledMarks(back, undefined, 0), back);
  assert.equal(isForgotten(before, nothing), true);
  assert.equal(isForgotten(recalledMarks(back, before, 901), back), true);
  assert.equal(isForgotten(recalledMarks(back, before, 900), back), false);
});

Deno.test("gapsOfLoss() leaves out what lies between the database and its new numbers", () => {
  const [books, heard] = [marks(5, 100, 10, 1_000), marks(6, 300, 12, 900)];
  const tables = ["orders", "refunds", "order_events"];
  const floors = floorsAfter(findLoss(books, heard)!, books, heard, tables);
  const gaps = gapsOfLoss(books, floors, tickAfter(books, heard));
  assert.deepEqual(gaps, {
    ticks: [5, 1_000_005],
    orders: [100, 1_000_300],
    refunds: [10, 1_000_012],
    order_events: [1_000, 1_001_000],
  });
  const all = withGaps({ orders: [[3, 7]] }, gaps);
  assert.deepEqual(all.orders, [[3, 7], [100, 1_000_300]]);
  assert.deepEqual(all.refunds, [[10, 1_000_012]]);
});
