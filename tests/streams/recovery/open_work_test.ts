import assert from "node:assert/strict";
import { needs, needTable, type OpenKind, workOf } from "../../../domain/messages/work.ts";
import type { HeldWork } from "../../../streams/recovery/held_work.ts";
import {
  everyOpenWork,
  openWork,
  ownerOf,
  sweptGroups,
  sweptWork,
  whereabouts,
} from "../../../streams/recovery/open_work.ts";

const about = { id: 7, orderId: 42, amountCents: 100, currency: "EUR" };

/** Rows of each kind of open work, one of each state that it may be in. */
const rows = {
  orders: [{ ...about, status: "PENDING" }, { ...about, status: "RESERVED" }],
  refunds: [{ ...about, status: "REQUESTED" }],
  charges: [{ ...about, status: "FAILED" }, { ...about, status: "CANCELLED" }],
  reversals: [about],
  order_notices: ["PAID", "FAILED", "CANCELLED"].map((status) => ({ ...about, status })),
  refund_notices: ["PROCESSED", "FAILED"].map((status) => ({ ...about, status })),
} satisfies Record<keyof typeof openWork, unknown[]>;

const every = Object.entries(rows).flatMap(([name, list]) =>
  list.map((row) => ({ name: name as keyof typeof openWork, row }))
);

/** Streams and dead letters that hold something or nothing. */
function heldBy({ moves = false, isDead = false, letters = false }): HeldWork {
  return { moves: () => moves, isDead: () => isDead, holds: () => moves || isDead || letters };
}

Deno.test("open work is republished as a message that is there for what it needs", () => {
  for (const { name, row } of every) {
    const work = everyOpenWork.find((one) => one === openWork[name])!;
    const need = work.need(row);
    const message = work.message(row);
    assert.equal(workOf[message.type].brings[0], need, name);
    if (name !== "charges") assert.equal(needTable[need].open, name);
    assert.equal(message.amountCents, 100);
  }
});

Deno.test("every need that the database lists is the need of some row of its kind", () => {
  for (const need of needs) {
    const open: OpenKind | null = needTable[need].open;
    if (open === null) continue;
    const found = every.filter(({ name }) => name === open);
    const work = everyOpenWork.find((one) => one === openWork[open])!;
    assert.ok(found.some(({ row }) => work.need(row) === need), need);
  }
});

Deno.test("ownerOf() tells the order or the refund by whose id the message is found", () => {
  const ids = every.map(({ name, row }) => {
    const { of, id } = ownerOf(everyOpenWork.find((one) => one === openWork[name])!, row);
    return `${name}: ${of} ${id}`;
  });
  assert.deepEqual([...new Set(ids)], [
    "orders: order 7",
    "refunds: refund 7",
    "charges: order 7",
    "reversals: order 42",
    "order_notices: order 7",
    "refund_notices: refund 7",
  ]);
});

Deno.test("whereabouts() takes a dead letter as a home for work, and never for a notification", () => {
  for (const { name, row } of every) {
    const work = everyOpenWork.find((one) => one === openWork[name])!;
    const at = (held: HeldWork) => whereabouts(work, row, held);
    const isNotice = work.missed?.check === "notifications";
    assert.equal(at(heldBy({})), "nowhere", name);
    assert.equal(at(heldBy({ moves: true })), "held", name);
    assert.equal(at(heldBy({ moves: true, isDead: true })), "held", name);
    assert.equal(at(heldBy({ letters: true })), isNotice ? "nowhere" : "held", name);
    assert.equal(at(heldBy({ isDead: true })), isNotice ? "dead" : "held", name);
  }
});

Deno.test("the sweep looks for what an index finds, in the groups that bring it about", () => {
  assert.deepEqual(sweptWork.map(({ countedAs }) => countedAs), ["orders", "refunds"]);
  assert.deepEqual(sweptGroups, ["orders", "payments", "refunds"]);
});
