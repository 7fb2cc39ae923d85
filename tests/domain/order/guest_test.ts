import assert from "node:assert/strict";
import fc from "fast-check";
import { guestIdOf, isGuestId } from "../../../domain/order/guest.ts";

Deno.test("guestIdOf() is one for one address, whatever its case, and another for another", () => {
  assert.equal(guestIdOf("Ann@Example.com", "A"), "guest:ann@example.com");
  assert.equal(guestIdOf("ann@example.com", "B"), "guest:ann@example.com");
  assert.equal(guestIdOf(null, "B-7"), "guest:B-7");
  assert.equal(guestIdOf(`${"x".repeat(56)}@y`, "A").length, 64);
  assert.match(guestIdOf(`${"x".repeat(57)}@y`, "A"), /^guest:[0-9a-f]{32}$/);
  assert.match(guestIdOf(null, "x".repeat(59)), /^guest:[0-9a-f]{32}$/);
});

Deno.test("guestIdOf() never takes an order for an address", () => {
  const ids = ["a", "a@b", "x".repeat(70)].flatMap((
    text,
  ) => [guestIdOf(text, "-"), guestIdOf(null, text)]);
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("guestIdOf() never takes an order for the digest of an address or another order", () => {
  for (const [email, order] of [["x".repeat(70) + "@y", "A"], [null, "x".repeat(60)]] as const) {
    const id = guestIdOf(email, order);
    assert.notEqual(guestIdOf(null, id.slice("guest:".length)), id);
  }
});

Deno.test("guestIdOf() gives an id that fits its column, whatever it is made of", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 255 });
  fc.assert(fc.property(fc.option(text), text, (email, order) => {
    const id = guestIdOf(email, order);
    assert.ok(isGuestId(id));
    // An address is whatever the guest wrote: what can't be seen in it makes another guest, as it is another address.
    assert.ok([...id].length <= 64);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(id, /[\x00-\x1f\x7f-\x9f]/);
  }));
});
