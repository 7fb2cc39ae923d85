import assert from "node:assert/strict";
import { needs, needTable, workOf } from "../../../domain/messages/work.ts";
import type { HeldWork } from "../../../streams/recovery/held_work.ts";
import {
  type OpenWork,
  openWork,
  ownerOf,
  sweptGroups,
  sweptWork,
  whereabouts,
} from "../../../streams/recovery/open_work.ts";
import { orderStates, refundStates } from "../../domain/order/life.ts";

const about = { id: 7, orderId: 42, amountCents: 100, currency: "EUR" };

/** Every kind of open work with rows in every state that an order or a refund may have. */
const every = Object.entries(openWork).flatMap(([name, work]) =>
  [...orderStates, ...refundStates].map((status) => {
    const row = { ...about, status };
    return { name, work: work as OpenWork, row };
  })
);

/** Streams and dead letters that hold something or nothing. */
function heldBy({ moves = false, isDead = false, letters = false }): HeldWork {
  return { moves: () => moves, isDead: () => isDead, holds: () => moves || isDead || letters };
}

Deno.test("open work is republished as a message that is there for what it needs", () => {
  for (const { name, work, row } of every) {
    const need = work.need(row);
    const message = work.message(row);
    assert.equal(workOf[message.type].brings[0], need, name);
    assert.equal(message.amountCents, 100);
    // After a loss charges are asked for although the orders are over.
    if (name !== "charges") assert.equal(needTable[need].open, name);
  }
});

Deno.test("every need that the database lists is the need of some row of its kind", () => {
  for (const need of needs) {
    const { open } = needTable[need];
    if (open === null) continue;
    assert.ok(every.some(({ name, work, row }) => name === open && work.need(row) === need), need);
  }
});

Deno.test("ownerOf() tells the order or the refund by whose id the message is found", () => {
  const known = { orders: 7, refunds: 7, charges: 7, reversals: 42, order_notices: 7 };
  for (const { name, work, row } of every) {
    const { of, id } = ownerOf(work, row);
    assert.equal(of, needTable[work.need(row)].of, name);
    if (name in known) assert.equal(id, known[name as keyof typeof known], name);
  }
});

Deno.test("whereabouts() takes a dead letter as a home for work, and never for a notification", () => {
  for (const { name, work, row } of every) {
    const at = (held: HeldWork) => whereabouts(work, row, held);
    const isNotification = work.missed?.check === "notifications";
    assert.equal(at(heldBy({})), "nowhere", name);
    assert.equal(at(heldBy({ moves: true })), "held", name);
    assert.equal(at(heldBy({ moves: true, isDead: true })), "held", name);
    assert.equal(at(heldBy({ letters: true })), isNotification ? "nowhere" : "held", name);
    assert.equal(at(heldBy({ isDead: true })), isNotification ? "dead" : "held", name);
  }
});

Deno.test("the sweep looks for what an index finds, in the groups that bring it about", () => {
  assert.deepEqual(sweptWork.map(({ countedAs }) => countedAs), ["orders", "refunds"]);
  assert.deepEqual(sweptGroups, ["orders", "payments", "refunds"]);
});
