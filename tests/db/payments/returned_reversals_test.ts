import assert from "node:assert/strict";
import fc from "fast-check";
import { isOfName, namesPayment } from "../../../db/payments/returned_reversals.ts";
import { withWorkflow } from "../../workflow.ts";

const name = fc.constantFrom("x_1", "x_10", "X_1", "\u00e9_1", "e\u0301_1");
/** Put together of what a step is made of, and of what somebody may type. */
const detail = fc.array(fc.oneof(fc.constantFrom("10.00 EUR", " by ", ": "), name), {
  maxLength: 6,
})
  .map((parts) => parts.join(""));

Deno.test("namesPayment() says of a step of the timeline what isOfName() says", () =>
  withWorkflow("names_payment", async ({ rows }) => {
    const steps = fc.sample(fc.tuple(detail, name), 10_000);
    const said = await rows(
      `
      select ${namesPayment("step.detail", "step.ref")} as is_named
      from json_table(?, '$[*]' columns (
        place for ordinality,
        detail varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[0]',
        ref varchar(128) character set utf8mb4 collate utf8mb4_bin path '$[1]')) step
      order by place`,
      [JSON.stringify(steps)],
    );
    const differing = steps.filter(([text, ref], place) =>
      isOfName(text, ref) !== (Number(said[place]!.is_named) === 1)
    );
    assert.deepEqual(differing, []);
    assert.ok(steps.some(([text, ref]) => isOfName(text, ref)), "none of these is named");
  }));
