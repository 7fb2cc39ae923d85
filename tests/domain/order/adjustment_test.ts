import assert from "node:assert/strict";
import { adjustmentKinds, adjustmentProblem } from "../../../domain/order/adjustment.ts";

Deno.test("adjustmentProblem() says on which side of zero an amount must be, and what to write", () => {
  for (const kind of adjustmentKinds) {
    assert.equal(adjustmentProblem(kind, 0), undefined);
    const isOther = kind === "other";
    assert.equal(adjustmentProblem(kind, 540) === undefined, kind !== "discount");
    assert.equal(adjustmentProblem(kind, -540) === undefined, isOther || kind === "discount");
  }
  assert.equal(adjustmentProblem("discount", 540), "540: discount is taken off: write -540");
  assert.equal(
    adjustmentProblem("gift_wrap", -490),
    "-490: gift wrap is added: write 490, or a discount for what is taken off",
  );
});
