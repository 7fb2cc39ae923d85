import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeMessage,
  encodeMessage,
  groupOf,
  groups,
  type Message,
} from "../../domain/messages.ts";

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const subject = {
  orderId: id,
  amountCents: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  currency: fc.string({ unit: fc.constantFrom(..."ABCXYZ"), minLength: 3, maxLength: 3 }),
};
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });

/** A message of each type that there is. */
const messageOf: Record<Message["type"], fc.Arbitrary<Message>> = {
  "order.reserve": fc.record({ type: fc.constant("order.reserve" as const), ...subject }),
  "payment.charge": fc.record({ type: fc.constant("payment.charge" as const), ...subject }),
  "payment.callback": fc.record({
    type: fc.constant("payment.callback" as const),
    ...subject,
    outcome: fc.constantFrom("succeeded" as const, "declined" as const),
    provider: text,
    providerRef: text,
  }),
  "payment.ask_again": fc.record({ type: fc.constant("payment.ask_again" as const), ...subject }),
  "payment.time_out": fc.record({ type: fc.constant("payment.time_out" as const), ...subject }),
  "notify.order": fc.record({ type: fc.constant("notify.order" as const), ...subject }),
  "notify.refund": fc.record({
    type: fc.constant("notify.refund" as const),
    ...subject,
    refundId: id,
  }),
  "refund.process": fc.record({
    type: fc.constant("refund.process" as const),
    ...subject,
    refundId: id,
  }),
  "payment.reverse": fc.record({ type: fc.constant("payment.reverse" as const), ...subject }),
};

Deno.test("decodeMessage() reads every message that encodeMessage() wrote", () => {
  for (const [type, any] of Object.entries(messageOf)) {
    fc.assert(fc.property(any, (message) => {
      const fields = encodeMessage(message);
      assert.equal(fields.length % 2, 0, "fields and values come in pairs");
      // A record of fast-check has no prototype; the fields are what is compared.
      assert.deepEqual(decodeMessage(fields), { ...message });
    }));
    assert.ok(groups.includes(groupOf[type as Message["type"]]));
  }
  assert.deepEqual(Object.keys(messageOf).sort(), Object.keys(groupOf).sort());
});

Deno.test("decodeMessage() tells what is wrong with a message that lacks or spoils a field", () => {
  const spoilt = ["", "x", "-1", "1.5", "0x10", "1e3", " 1", "99999999999999999999", "NaN"];
  for (const any of Object.values(messageOf)) {
    const [message] = fc.sample(any, { numRuns: 1, seed: 1 });
    const fields = encodeMessage(message!);
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!;
      const without = fields.toSpliced(at, 2);
      assert.equal(typeof decodeMessage(without), "string", `${message!.type} without ${name}`);
      if (name === "provider" || name === "provider_ref") continue;
      for (const value of spoilt) {
        const bad = fields.with(at + 1, value);
        assert.equal(typeof decodeMessage(bad), "string", `${message!.type} with ${name}=${value}`);
      }
    }
  }
});

Deno.test("decodeMessage() takes no id of 0 and no type from the prototype of an object", () => {
  for (const type of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
    assert.match(
      String(
        decodeMessage(["type", type, "order_id", "1", "amount_cents", "1", "currency", "EUR"]),
      ),
      /^unknown message type/,
    );
  }
  assert.match(
    String(decodeMessage(["type", "notify.order", "order_id", "0", "amount_cents", "1"])),
    /order_id "0"/,
  );
});

Deno.test("decodeMessage() answers garbage with a sentence and never throws", () => {
  const word = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "type",
      "order_id",
      "amount_cents",
      "currency",
      "refund_id",
      "outcome",
      "__proto__",
      ...Object.keys(groupOf),
    ),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 14 }), (fields) => {
      const message = decodeMessage(fields);
      if (typeof message === "string") assert.ok(message.length > 0);
      else assert.deepEqual(decodeMessage(encodeMessage(message)), message);
    }),
    { numRuns: 1_000 },
  );
});
