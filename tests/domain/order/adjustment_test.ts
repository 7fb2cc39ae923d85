import assert from "node:assert/strict";
import { adjustmentName, recordedKinds } from "../../../domain/order/adjustment.ts";

Deno.test("adjustmentName() says the label, or else the kind in words", () => {
  assert.equal(adjustmentName({ kind: "shipping", label: "Express" }), "Express");
  assert.equal(adjustmentName({ kind: "gift_wrap", label: null }), "Gift wrap");
  assert.equal(adjustmentName({ kind: "tip", label: "" }), "Tip");
  for (const kind of recordedKinds) {
    assert.match(adjustmentName({ kind, label: null }), /^[A-Z][a-z ]+$/);
  }
});
