import assert from "node:assert/strict";
import fc from "fast-check";
import { compareText, describedBy, laterDescription } from "../../../domain/order/descriptions.ts";

Deno.test("compareText() compares by code points, as the bytes of UTF-8 do", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "é", "\uffff", "\ue000", "😀", "𐀀") });
  fc.assert(fc.property(text, text, (a, b) => {
    const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
    assert.equal(Math.sign(compareText(a, b)), bytes);
  }));
});

Deno.test("describedBy() follows time first, then the order's id", () => {
  const by = (placedAt: string, externalOrderId: string) =>
    describedBy({ placedAt, externalOrderId });
  assert.ok(
    compareText(by("2010-12-01 00:00:00.000", "9"), by("2010-12-01 00:00:00.001", "1")) < 0,
  );
  assert.ok(
    compareText(by("2010-12-01 00:00:00.000", "1"), by("2010-12-01 00:00:00.000", "2")) < 0,
  );
});

Deno.test("laterDescription() is the same whatever the order of the descriptions", () => {
  const described = fc.record({
    by: fc.constantFrom<string>("1", "2", "3"),
    text: fc.record({ name: fc.string(), priceCents: fc.nat() }),
  });
  fc.assert(fc.property(fc.array(described, { minLength: 1 }), (all) => {
    const forward = all.reduce(laterDescription);
    const backward = [...all].reverse().reduce(laterDescription);
    assert.deepEqual(forward, backward);
    assert.ok(all.every(({ by }) => by <= forward.by));
  }));
});
