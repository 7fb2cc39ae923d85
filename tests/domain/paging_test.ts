import assert from "node:assert/strict";
import { decodeCursor, encodeCursor, pageOf } from "../../domain/paging.ts";
import { WorkflowError } from "../../domain/errors.ts";

Deno.test("decodeCursor() gives back the id that encodeCursor() took", () => {
  for (const id of [1, 9, 10, 123_456, Number.MAX_SAFE_INTEGER]) {
    const cursor = encodeCursor("orders", id);
    assert.match(cursor, /^[\w-]+$/, "fit for a URL as it is");
    assert.equal(decodeCursor("orders", cursor), id);
  }
});

Deno.test("decodeCursor() refuses what this list did not give out", () => {
  const foreign = [
    "",
    "x",
    "%%%",
    "1",
    btoa("orders:0"),
    btoa("orders:-1"),
    btoa("orders:1.5"),
    btoa("orders:9007199254740993"),
    btoa("orders:99999999999999999999"),
    btoa("orders:1 or 1=1"),
    `${encodeCursor("orders", 7)}=`,
    ` ${encodeCursor("orders", 7)}`,
    encodeCursor("refunds", 7),
  ];
  for (const cursor of foreign) {
    assert.throws(
      () => decodeCursor("orders", cursor),
      (error) => error instanceof WorkflowError && error.code === "bad_request",
      cursor,
    );
  }
});

Deno.test("pageOf() gives a cursor only where more rows follow", () => {
  const rows = [{ id: 5 }, { id: 4 }, { id: 3 }];
  assert.deepEqual(pageOf("orders", rows, 3), { data: rows, nextCursor: null });
  const { data, nextCursor } = pageOf("orders", rows, 2);
  assert.deepEqual(data, [{ id: 5 }, { id: 4 }]);
  assert.equal(decodeCursor("orders", nextCursor!), 4);
  assert.deepEqual(pageOf("orders", [], 2), { data: [], nextCursor: null });
});
