import assert from "node:assert/strict";
import {
  causeOf,
  type DeadLetterCauseName,
  deadLetterCauseNames,
} from "../../../domain/messages/dead_letter_causes.ts";
import { entryOf } from "../../../domain/messages/messages.ts";

const payload = JSON.stringify(
  entryOf({ type: "payment.charge", orderId: 42, amountCents: 1_250, currency: "EUR" }),
);

/** Errors as handlers write them, and the cause that each has. */
const errors: readonly [DeadLetterCauseName, string][] = [
  ["unknown_type", 'no handler takes messages of the type "order.fly"'],
  ["poison", "4 consumers stopped while handling it, without an error"],
  ["vanished", "order 42 does not exist"],
  ["vanished", "payment of order 42 does not exist"],
  [
    "wrong_amount",
    "the provider says that it took 12.50 EUR for order 42 by ch_1, but 13.50 EUR were counted",
  ],
  [
    "taken_back",
    "the provider says that it declined ch_1, but order 42 is paid by it: 12.50 EUR were counted",
  ],
  [
    "paid_for_another",
    "the provider says that ch_1 is the payment of order 42, but it is that of order 41",
  ],
  ["answer_of_another", "the answer to charge charge_8c1f is not about order 42"],
  ["mixed_up", 'the provider answered about another order than "web-1"'],
  ["mixed_up", 'the provider answered about a refund of charge "a" to one of "b"'],
  ["payment_kept", "the provider keeps the payment: charge_too_old"],
  [
    "unknown_provider",
    'the money of order "web-1" was taken by "http", which is not configured here: only it can give it back',
  ],
  ["provider_refuses", "the provider refused to charge: it answered 402"],
  ["provider_refuses", "the provider answered 402 to a refund"],
  ["provider_refuses", "the provider does not tell of the charge: it answered 402"],
  ["provider_unclear", "the provider does not say which amount it took"],
  ["provider_unclear", 'the provider answered "maybe", which is not known'],
  ["provider_unclear", "the provider's name for the charge has more than 128 characters"],
  [
    "provider_unclear",
    "the provider says that less than nothing, or more than it took, went back of the charge",
  ],
  ["no_answer", "the provider gave no answer: it answered 502"],
  ["no_answer", "the payment provider is left alone for a while: it answered 502"],
  ["no_stock_held", "order 42 is to be charged but holds no stock"],
  ["out_of_order", "order 42 was paid before it was reserved"],
  ["out_of_order", "refund 7 is not finished: nothing to tell yet"],
  ["out_of_order", "order 42 is paid at its source, and this is other money"],
  ["unexpected", "Cannot read properties of undefined"],
  // What a provider or an engine says is not what we say.
  ["payment_kept", "the provider keeps the payment: the charge ch_1 does not exist"],
  [
    "payment_kept",
    "the provider keeps the payment: 2 consumers stopped while handling it, without an error",
  ],
  ["payment_kept", "the provider keeps the payment: order 42 is to be charged but holds no stock"],
  [
    "payment_kept",
    "the provider keeps the payment: it is that of order 41, but it is that of order 41",
  ],
  ["payment_kept", "the provider keeps the payment: it was paid before it was reserved"],
  ["no_answer", "the provider gave no answer: the host pay.example does not exist"],
  ["unexpected", "FUNCTION orders.total does not exist"],
];

Deno.test("causeOf() knows every error that a handler ends a message with", () => {
  for (const [name, error] of errors) assert.equal(causeOf({ error, payload }).name, name, error);
  const unreadable = { error: 'there is no field "message"', payload: '["hello","world"]' };
  assert.equal(causeOf(unreadable).name, "unreadable");
  assert.equal(causeOf({ ...unreadable, payload: "no json" }).name, "unreadable");
  const shown = new Set([...errors.map(([name]) => name), "unreadable"]);
  assert.deepEqual(deadLetterCauseNames.filter((name) => !shown.has(name)), []);
});

Deno.test("what cannot succeed is never to be retried, and every cause says what to check", () => {
  for (const [, error] of errors) {
    const cause = causeOf({ error, payload });
    if (!cause.canSucceed) assert.notEqual(cause.action, "retry", cause.name);
    assert.match(cause.says, /^[A-Z].*\.$/, cause.name);
    assert.match(cause.check, /^[A-Z].*\.$/, cause.name);
  }
});

Deno.test("no handler ends a message by words that the catalogue does not know", async () => {
  const root = new URL("../../../", import.meta.url);
  const found: string[] = [];
  for (const folder of ["streams/handlers", "streams/payments", "streams/queue"]) {
    for await (const { name } of Deno.readDir(new URL(folder, root))) {
      if (!name.endsWith(".ts")) continue;
      const text = await Deno.readTextFile(new URL(`${folder}/${name}`, root));
      for (
        const [, words] of text.matchAll(/kind: "(?:dead|retry)",\s+error:\s+[`"]([^`"]+)[`"]/g)
      ) {
        found.push(words!.replace(/\$\{[^}]*\}/g, "1").replaceAll("\\", ""));
      }
    }
  }
  assert.ok(found.length >= 6, found.join("\n"));
  for (const error of found) {
    assert.notEqual(causeOf({ error, payload }).name, "unexpected", error);
  }
});
