import assert from "node:assert/strict";
import fc from "fast-check";
import { refundTransitions } from "../../../domain/order/order.ts";
import {
  decideRefund,
  decideRefundRequest,
  type RefundFacts,
} from "../../../domain/refund/refund.ts";
import { orderIn, orderStates, refundStates } from "../order/life.ts";

Deno.test("decideRefundRequest() accepts only for PAID orders, whatever is asked for", () => {
  for (const status of orderStates) {
    for (const amountCents of [null, 1, 1_000]) {
      const decision = decideRefundRequest(orderIn(status), [], amountCents);
      assert.deepEqual(
        decision,
        status === "PAID"
          ? { kind: "accept", amountCents: amountCents ?? 1_000 }
          : { kind: "refused", because: "not_paid", leftCents: 0 },
        status,
      );
    }
  }
});

Deno.test("decideRefundRequest() counts what was asked for before, except what failed", () => {
  const others: RefundFacts[] = [
    { id: 1, amountCents: 300, status: "REQUESTED" },
    { id: 2, amountCents: 500, status: "PROCESSED" },
    { id: 3, amountCents: 900, status: "FAILED" },
  ];
  const paid = orderIn("PAID");
  assert.deepEqual(decideRefundRequest(paid, others, 200), { kind: "accept", amountCents: 200 });
  assert.deepEqual(decideRefundRequest(paid, others, null), { kind: "accept", amountCents: 200 });
  assert.deepEqual(decideRefundRequest(paid, others, 201), {
    kind: "refused",
    because: "exceeds_left",
    leftCents: 200,
  });
  others[0]!.amountCents = 500;
  assert.deepEqual(decideRefundRequest(paid, others, null), {
    kind: "refused",
    because: "nothing_left",
    leftCents: 0,
  });
});

Deno.test("decideRefundRequest() finds nothing to refund in an order of nothing", () => {
  const decision = decideRefundRequest(orderIn("PAID", { totalCents: 0 }), [], null);
  assert.equal(decision.kind === "refused" && decision.because, "nothing_left");
});

Deno.test("decideRefundRequest() refuses an amount that is not positive", () => {
  for (const amountCents of [0, -1]) {
    const decision = decideRefundRequest(orderIn("PAID"), [], amountCents);
    assert.equal(decision.kind, "refused", `${amountCents} cents`);
  }
});

Deno.test("decideRefund() answers for every state of the order × state of the refund", () => {
  for (const status of orderStates) {
    for (const refundStatus of refundStates) {
      const refund: RefundFacts = { id: 5, amountCents: 400, status: refundStatus };
      const { kind } = decideRefund(orderIn(status), refund, []);
      const expected = refundStatus === "PROCESSED"
        ? "already_processed"
        : refundStatus === "FAILED"
        ? "already_failed"
        : status === "PAID"
        ? "process"
        : "refuse";
      assert.equal(kind, expected, `${status} × ${refundStatus}`);
      const { process, refuse } = refundTransitions[refundStatus];
      assert.equal(kind === "process" || kind === "refuse", process !== undefined);
      assert.equal(process === undefined, refuse === undefined);
    }
  }
});

Deno.test("decideRefund() serves earlier requests first and never returns what is gone", () => {
  const paid = orderIn("PAID");
  const refund: RefundFacts = { id: 5, amountCents: 400, status: "REQUESTED" };
  const other = (id: number, amountCents: number, status: RefundFacts["status"]) => [
    { id, amountCents, status },
  ];
  assert.equal(decideRefund(paid, refund, other(4, 601, "REQUESTED")).kind, "refuse");
  assert.equal(decideRefund(paid, refund, other(6, 601, "REQUESTED")).kind, "process");
  assert.equal(decideRefund(paid, refund, other(6, 601, "PROCESSED")).kind, "refuse");
  assert.equal(decideRefund(paid, refund, other(4, 601, "FAILED")).kind, "process");
  assert.equal(decideRefund(paid, refund, other(4, 600, "PROCESSED")).kind, "process");
});

/** A step that somebody may take at any moment. */
const anyStep = fc.oneof(
  fc.record({
    do: fc.constant("request" as const),
    cents: fc.option(fc.integer({ min: 1, max: 1_500 }), { nil: null }),
  }),
  fc.record({ do: fc.constant("process" as const), pick: fc.nat(20) }),
  fc.record({ do: fc.constant("fail" as const), pick: fc.nat(20) }),
);

Deno.test("refunds never exceed the total, whatever is requested, processed and failed when", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 1_000 }),
    fc.array(anyStep, { maxLength: 40 }),
    (totalCents, steps) => {
      const order = orderIn("PAID", { totalCents });
      const refunds: RefundFacts[] = [];
      const sum = (...states: string[]) =>
        refunds.filter(({ status }) => states.includes(status))
          .reduce((cents, { amountCents }) => cents + amountCents, 0);
      for (const step of steps) {
        if (step.do === "request") {
          const left = totalCents - sum("REQUESTED", "PROCESSED");
          const decision = decideRefundRequest(order, refunds, step.cents);
          const wanted = step.cents ?? left;
          assert.equal(decision.kind === "accept", wanted > 0 && wanted <= left);
          if (decision.kind !== "accept") continue;
          assert.equal(decision.amountCents, wanted);
          refunds.push({ id: refunds.length + 1, amountCents: wanted, status: "REQUESTED" });
        } else if (refunds.length > 0) {
          const refund = refunds[step.pick % refunds.length]!;
          const decision = decideRefund(order, refund, refunds.filter((other) => other !== refund));
          if (refund.status !== "REQUESTED") {
            assert.match(decision.kind, /^already_/);
            continue;
          }
          // What was accepted is never refused by the sums afterwards.
          assert.equal(decision.kind, "process");
          refund.status = step.do === "process" ? "PROCESSED" : "FAILED";
        }
        assert.ok(sum("PROCESSED") <= totalCents);
        assert.ok(sum("REQUESTED", "PROCESSED") <= totalCents);
      }
    },
  ));
});

Deno.test("decideRefund() keeps within the total even where more was requested than there is", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 8 }),
    fc.array(fc.nat(7), { maxLength: 20 }),
    (amounts, turns) => {
      const order = orderIn("PAID");
      const refunds: RefundFacts[] = amounts.map((amountCents, index) => ({
        id: index + 1,
        amountCents,
        status: "REQUESTED",
      }));
      for (const turn of turns) {
        const refund = refunds[turn % refunds.length]!;
        const decision = decideRefund(order, refund, refunds.filter((other) => other !== refund));
        if (decision.kind === "process") refund.status = "PROCESSED";
        if (decision.kind === "refuse") refund.status = "FAILED";
        const processed = refunds.filter(({ status }) => status === "PROCESSED");
        assert.ok(processed.reduce((cents, { amountCents }) => cents + amountCents, 0) <= 1_000);
      }
    },
  ));
});
