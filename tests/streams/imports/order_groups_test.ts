import assert from "node:assert/strict";
import type { CsvRow } from "../../../domain/import/csv_rows.ts";
import { groupRows, type OrderGroup } from "../../../streams/imports/order_groups.ts";
import { noOrders } from "../../../streams/imports/order_tracker.ts";

/** Lines by orders, so that groups can be read. */
function linesOf(groups: Iterable<OrderGroup>): number[][][] {
  return [...groups].map(({ orders }) => orders.map((rows) => rows.map(({ line }) => line)));
}

/** Groups rows of the ids given, the first on line 2; "" is a row without one. */
function play(tracked = noOrders()) {
  const grouping = groupRows(tracked);
  const stored: number[] = [];
  let line = 1;
  return {
    stored,
    rows(...ids: string[]) {
      for (const id of ids) {
        const row: CsvRow = { line: ++line, fields: [id] };
        if (grouping.next(id)) stored.push(row.line);
        else grouping.keep(row);
      }
    },
    complete: () => linesOf(grouping.complete()),
    end: () => linesOf(grouping.end()),
    groups: () => [...grouping.complete()],
  };
}

Deno.test("groupRows() keeps an order back until the next one begins, over pieces of the file", () => {
  const { rows, complete, end } = play();
  rows("A", "A", "B");
  assert.deepEqual(complete(), [[[2, 3]]]);
  rows("B");
  assert.deepEqual(complete(), []);
  rows("C");
  assert.deepEqual(complete(), [[[4, 5]]]);
  assert.deepEqual(end(), [[[6]]]);
  assert.deepEqual(end(), []);
});

Deno.test("groupRows() never puts rows without an id together", () => {
  const { rows, complete, end } = play();
  rows("", "", "A");
  assert.deepEqual(complete(), [[[2], [3]]]);
  assert.deepEqual(end(), [[[4]]]);
});

Deno.test("groupRows() sends rows of scattered orders, and none between them, to the store", () => {
  const tracked = noOrders();
  tracked.scattered.add("A");
  const { rows, stored, end } = play(tracked);
  rows("A", "B", "A", "B");
  assert.deepEqual(stored, [2, 4]);
  assert.deepEqual(end(), [[[3], [5]]]);
});

Deno.test("groupRows() gives an order with too many rows in parts, and never to the store", () => {
  const tracked = noOrders();
  tracked.scattered.add("A");
  tracked.oversized.set("A", 4);
  const { rows, stored, groups, end } = play(tracked);
  rows("A", "A");
  const [group, ...more] = groups();
  assert.deepEqual(more, []);
  assert.deepEqual(group!.orders.map((own) => own.map(({ line }) => line)), [[2, 3]]);
  assert.equal(group!.oversized?.get("A"), 4);
  rows("A", "B");
  assert.deepEqual(groups().map(({ oversized }) => oversized?.size), [1]);
  assert.deepEqual(end(), [[[5]]]);
  assert.deepEqual(stored, []);
});

Deno.test("groupRows() lets go of the fields of an order with too many rows as its rows come", () => {
  const tracked = noOrders();
  tracked.oversized.set("A", 4);
  const grouping = groupRows(tracked);
  const released: number[] = [];
  for (const [at, id] of ["A", "A", "B"].entries()) {
    const row: CsvRow = { line: at + 2, fields: [id], release: () => released.push(at + 2) };
    assert.equal(grouping.next(id), false);
    grouping.keep(row);
  }
  assert.deepEqual(released, [2, 3]);
});
