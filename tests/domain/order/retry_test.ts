import assert from "node:assert/strict";
import { decideRetry, type RetryFacts } from "../../../domain/order/retry.ts";
import { orderStates } from "./life.ts";

const short: RetryFacts = {
  status: "FAILED",
  failureReason: "insufficient_stock",
  isBackordered: false,
  wasRetried: false,
  givesMoneyBack: false,
  isErased: false,
};

Deno.test("decideRetry() takes up what ran short of stock, as often as it does", () => {
  assert.deepEqual(decideRetry(short), { kind: "retry" });
  assert.deepEqual(decideRetry({ ...short, wasRetried: true }), { kind: "retry" });
});

Deno.test("decideRetry() says why anything else is refused", () => {
  for (const status of orderStates.filter((one) => one !== "FAILED")) {
    const decision = decideRetry({ ...short, status, failureReason: null });
    assert.ok(decision.kind === "refused" && decision.because.includes(status), status);
  }
  for (const failureReason of ["payment_declined", "payment_timeout"] as const) {
    const decision = decideRetry({ ...short, failureReason, wasRetried: true });
    assert.ok(decision.kind === "refused" && decision.because.includes("payment"));
  }
  const waiting = {
    ...short,
    status: "PENDING",
    failureReason: null,
    isBackordered: true,
  } as const;
  assert.deepEqual(decideRetry(waiting), {
    kind: "refused",
    because: "it waits for stock, and goes on by itself once there is enough",
  });
  const gone = decideRetry({ ...short, givesMoneyBack: true });
  assert.ok(gone.kind === "refused" && gone.because.includes("money"));
});

Deno.test("decideRetry() knows an order that was taken up before and has not failed since", () => {
  for (const status of ["PENDING", "RESERVED", "PAID"] as const) {
    assert.deepEqual(decideRetry({ ...short, status, failureReason: null, wasRetried: true }), {
      kind: "already_retried",
    });
  }
  const cancelled = { ...short, status: "CANCELLED", failureReason: null } as const;
  assert.equal(decideRetry({ ...cancelled, wasRetried: true }).kind, "refused");
});
