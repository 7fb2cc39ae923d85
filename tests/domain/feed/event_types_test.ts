import assert from "node:assert/strict";
import { eventId, parseEventId } from "../../../domain/feed/event_id.ts";
import {
  eventsOfStep,
  eventTypeNames,
  isChosen,
  isEventChoice,
} from "../../../domain/feed/event_types.ts";

const step = (
  event: string,
  detail: string | null = null,
  isReserved = true,
  isOfRefund = false,
) => eventsOfStep({ event, detail, isReserved, isOfRefund });

Deno.test("eventsOfStep() tells what became of the order, its money and its units, causes first", () => {
  assert.deepEqual(step("reserved"), ["stock.reserved", "order.reserved"]);
  assert.deepEqual(step("paid"), ["payment.succeeded", "order.paid", "order.settled"]);
  assert.deepEqual(step("failed", "insufficient_stock"), [
    "order.short",
    "order.failed",
    "order.settled",
  ]);
  for (
    const [reason, type] of [
      ["payment_declined", "payment.declined"],
      ["payment_timeout", "payment.timed_out"],
    ]
  ) {
    assert.deepEqual(step("failed", reason!), [
      type,
      "stock.released",
      "order.failed",
      "order.settled",
    ]);
  }
  assert.deepEqual(step("cancelled"), ["stock.released", "order.cancelled", "order.settled"]);
  assert.deepEqual(step("cancelled", null, false), ["order.cancelled", "order.settled"]);
  assert.deepEqual(step("given_twice_dismissed"), ["payment.given_twice_dismissed"]);
  assert.deepEqual(
    step("given_twice_dismissed", null, true, true),
    ["refund.given_twice_dismissed"],
  );
});

Deno.test("eventsOfStep() tells nothing of what is the house's own business, whatever it is called", () => {
  for (
    const event of ["dead_letter_retried", "notification_replayed", "constructor", "__proto__"]
  ) {
    assert.deepEqual(step(event), []);
  }
});

Deno.test("isChosen() takes a type, a kind or all", () => {
  assert.ok(isChosen("order.paid", ["order.paid"]));
  assert.ok(isChosen("order.paid", ["refund.*", "order.*"]));
  assert.ok(isChosen("stock.received", ["*"]));
  assert.ok(!isChosen("order.paid", ["order.failed", "payment.*"]));
  assert.ok(!isChosen("order.paid", []));
});

Deno.test("isEventChoice() knows what isChosen() understands, and nothing that would never fit", () => {
  for (const choice of ["*", "order.*", "stock.*", ...eventTypeNames]) {
    assert.ok(isEventChoice(choice), choice);
  }
  for (
    const choice of ["", "order", "order.", "order.pai", "orders.*", "o.*", "*.paid", "toString"]
  ) {
    assert.ok(!isEventChoice(choice), choice);
  }
});

Deno.test("parseEventId() reads what eventId() wrote, which signatures can hold, and nothing else", () => {
  const ids = eventTypeNames.flatMap((type) =>
    (["step", "movement"] as const).map((from) => {
      const source = { from, rowId: Number.MAX_SAFE_INTEGER, type };
      const id = eventId(source);
      assert.deepEqual(parseEventId(id), source);
      assert.match(id, /^[\w-]{1,64}$/);
      return id;
    })
  );
  assert.equal(new Set(ids).size, ids.length);
  for (
    const id of ["", "evt_o0-order-paid", "evt_x1-order-paid", "evt_o1-order.paid", "evt_o1-a"]
  ) {
    assert.equal(parseEventId(id), undefined);
  }
});
