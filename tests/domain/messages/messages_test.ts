import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeMessage,
  encodeMessage,
  entryOf,
  groupOf,
  groups,
  type Message,
  messageOfEntry,
  type MessageType,
} from "../../../domain/messages/messages.ts";
import { messageTypes, type Work, workOf } from "../../../domain/messages/work.ts";

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const subject = {
  orderId: id,
  amountCents: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  currency: fc.string({ unit: fc.constantFrom(..."ABCXYZ"), minLength: 3, maxLength: 3 }),
};
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });

/** What messages of each shape say. */
const details: Record<Work["shape"], fc.Arbitrary<object>> = {
  order: fc.record(subject),
  product: fc.record({ productId: id }),
  refund: fc.record({ ...subject, refundId: id }),
  answer: fc.record({
    ...subject,
    outcome: fc.constantFrom("succeeded" as const, "declined" as const),
    provider: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((name) => !/[%/]/.test(name)),
    key: fc.option(fc.stringMatching(/^[\w-]{1,64}$/), { nil: undefined }),
    providerRef: text,
  }).map(({ key, ...message }) => key === undefined ? message : { ...message, key }),
};

/** A message of each type that there is. */
const messageOf = Object.fromEntries(
  messageTypes.map((type) => [
    type,
    details[workOf[type].shape].map((rest) => ({ type, ...rest }) as Message),
  ]),
) as Record<MessageType, fc.Arbitrary<Message>>;

Deno.test("decodeMessage() reads every message that encodeMessage() wrote", () => {
  for (const [type, any] of Object.entries(messageOf)) {
    fc.assert(fc.property(any, (message) => {
      // A record of fast-check has no prototype; the fields are what is compared.
      assert.deepEqual(decodeMessage(encodeMessage(message)), { ...message });
      assert.deepEqual(messageOfEntry(["other", "field", ...entryOf(message)]), { ...message });
    }));
    assert.ok(groups.includes(groupOf[type as Message["type"]]));
  }
});

Deno.test("encodeMessage() writes what people can read in a stream", () => {
  const subject = { orderId: 42, amountCents: 1999, currency: "EUR" };
  assert.equal(encodeMessage({ type: "order.reserve", ...subject }), "order.reserve 42 1999 EUR");
  assert.equal(
    encodeMessage({
      type: "payment.callback",
      ...subject,
      outcome: "succeeded",
      provider: "http",
      providerRef: "ch 7",
    }),
    "payment.callback 42 1999 EUR succeeded http ch 7",
  );
  assert.equal(
    encodeMessage({
      type: "payment.callback",
      ...subject,
      outcome: "succeeded",
      provider: "http",
      key: "charge_x",
      providerRef: "ch 7",
    }),
    "payment.callback 42 1999 EUR succeeded http/charge_x ch 7",
  );
});

Deno.test("decodeMessage() tells what is wrong with a message that lacks or spoils a word", () => {
  const spoilt = ["", "x", "-1", "1.5", "0x10", "1e3", "99999999999999999999", "NaN"];
  for (const any of Object.values(messageOf)) {
    const [message] = fc.sample(any, { numRuns: 1, seed: 1 });
    const words = encodeMessage(message!).split(" ");
    const known = "outcome" in message! ? 5 : words.length;
    for (let at = 0; at < known; at++) {
      const without = words.toSpliced(at, 1).join(" ");
      assert.equal(typeof decodeMessage(without), "string", without);
      for (const word of spoilt) {
        const bad = words.with(at, word).join(" ");
        assert.equal(typeof decodeMessage(bad), "string", bad);
      }
    }
    if (!("outcome" in message!)) {
      assert.equal(typeof decodeMessage(`${words.join(" ")} 1`), "string");
    }
  }
});

Deno.test("decodeMessage() takes no id of 0 and no type from the prototype of an object", () => {
  for (const type of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
    assert.match(String(decodeMessage(`${type} 1 1 EUR`)), /^unknown message type/);
  }
  assert.match(String(decodeMessage("notify.order 0 1 EUR")), /order id "0"/);
  assert.match(String(messageOfEntry(["note", "notify.order 1 1 EUR"])), /no field "message"/);
});

Deno.test("decodeMessage() answers garbage with a sentence and never throws", () => {
  const word = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("1", "42", "EUR", "succeeded", "__proto__", ...Object.keys(groupOf)),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 9 }), (words) => {
      const message = decodeMessage(words.join(" "));
      if (typeof message === "string") assert.ok(message.length > 0);
      else assert.deepEqual(decodeMessage(encodeMessage(message)), message);
    }),
    { numRuns: 1_000 },
  );
});
