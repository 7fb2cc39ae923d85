import assert from "node:assert/strict";
import { decideByHand, handStates, type HandVerdict } from "../../../domain/refund/by_hand.ts";
import { decideRefund, type RefundFacts } from "../../../domain/refund/refund.ts";
import { orderIn, refundStates } from "../order/life.ts";

const verdicts: HandVerdict[] = ["given_back", "refused"];

Deno.test("decideByHand() takes a verdict once, and only about what waits for a person", () => {
  for (const verdict of verdicts) {
    for (const status of refundStates) {
      for (const byHand of [undefined, ...handStates]) {
        const { kind } = decideByHand({ status, byHand }, verdict);
        const expected = byHand === verdict
          ? "already_decided"
          : byHand === "waiting" && status === "REQUESTED"
          ? "decide"
          : "refused";
        assert.equal(kind, expected, `${verdict} of ${status}, ${byHand}`);
      }
    }
  }
});

Deno.test("decideRefund() leaves a refund to a person until that one has said something", () => {
  const decide = (rest: Partial<RefundFacts>, status: "PAID" | "FAILED" = "PAID") =>
    decideRefund(orderIn(status), { id: 1, amountCents: 400, status: "REQUESTED", ...rest }, []);
  assert.deepEqual(decide({ byHand: "waiting" }), { kind: "by_hand" });
  assert.deepEqual(decide({ byHand: "given_back" }), { kind: "process" });
  const refused = { byHand: "refused", refusal: "no" } as const;
  assert.deepEqual(decide(refused), { kind: "refuse", because: "no" });
  assert.deepEqual(decide({ ...refused, status: "FAILED" }), { kind: "already_failed" });
  assert.deepEqual(decide({ byHand: "given_back", status: "PROCESSED" }), {
    kind: "already_processed",
  });
});
