import assert from "node:assert/strict";
import { maxOrderRows } from "../../../domain/import/order_csv.ts";
import { noOrders, orderTracker, sizeLarge } from "../../../streams/imports/order_tracker.ts";

/** Tells a tracker the rows of a file, the first on line 2. */
function tell(track: ReturnType<typeof orderTracker>, ids: Iterable<string>, characters = 10) {
  let line = 1;
  for (const id of ids) track(id, characters, ++line);
}

/** Two orders whose rows alternate, and now and then a row of another one of its own. */
function* alternating(rows: number): Generator<string> {
  for (let row = 0; row < rows; row++) {
    yield row % 2 === 0 ? "A" : "B";
    if (row % 10 === 0) yield `other-${row}`;
  }
}

Deno.test("orderTracker() knows scattered orders with too many rows, and sizeLarge() from which line on", () => {
  const rows = 2 * maxOrderRows + 2_000;
  const ids = [...alternating(rows)];
  const tracked = noOrders();
  tell(orderTracker(tracked, 10_000), ids);
  assert.deepEqual([...tracked.large].sort(), ["A", "B"]);
  assert.equal(tracked.oversized.size, 0);
  tell(sizeLarge(tracked)!, ids);
  const lineOf = (id: string) => {
    let count = 0;
    return ids.findIndex((one) => one === id && ++count > maxOrderRows) + 2;
  };
  assert.deepEqual(Object.fromEntries(tracked.oversized), { A: lineOf("A"), B: lineOf("B") });
  assert.equal(sizeLarge(tracked), undefined);
});

Deno.test("orderTracker() counts an order that is scattered among very many others, in bounded memory", () => {
  function* ids() {
    // 5,000 others, again and again, so that none of them is ever counted for long.
    for (let row = 0; row < 130_000; row++) {
      yield "large";
      yield `other-${row * 7 % 5_000}`;
    }
  }
  const tracked = noOrders();
  tell(orderTracker(tracked, 10_000), ids());
  assert.deepEqual([...tracked.large], ["large"]);
});

Deno.test("orderTracker() takes no scattered order for too large that is not", () => {
  const tracked = noOrders();
  tell(orderTracker(tracked, 10_000), alternating(2 * maxOrderRows));
  assert.deepEqual([...tracked.large], []);
  assert.equal(sizeLarge(tracked), undefined);
});

Deno.test("orderTracker() knows scattered orders with too many characters", () => {
  const ids = [...alternating(2_000)];
  const tracked = noOrders();
  tell(orderTracker(tracked, 10_000), ids, 100_000);
  assert.deepEqual([...tracked.large].sort(), ["A", "B"]);
  tell(sizeLarge(tracked)!, ids, 100_000);
  // 33,554,432 characters are 335 rows of it.
  assert.equal(tracked.oversized.get("A"), ids.findIndex(nth("A", 336)) + 2);
  assert.equal(tracked.oversized.get("B"), ids.findIndex(nth("B", 336)) + 2);
});

function nth(wanted: string, place: number): (id: string) => boolean {
  let count = 0;
  return (id) => id === wanted && ++count === place;
}
