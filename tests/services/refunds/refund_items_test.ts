import assert from "node:assert/strict";
import { WorkflowError } from "../../../domain/errors.ts";
import {
  type RefundRequest,
  requestRefund,
  requestRefunds,
} from "../../../services/refunds/request_refunds.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { askParts, partsOf, payMixedOrder, unitsOf } from "../../restocked_units.ts";
import { openWorkflow, type Workflow } from "../../workflow.ts";

async function setUp(name: string) {
  const flow = await openWorkflow(name);
  return {
    flow,
    orderId: await payMixedOrder(flow),
    async [Symbol.asyncDispose]() {
      await flow.close();
    },
  };
}

const ask = (orderId: number, request: Partial<RefundRequest>): RefundRequest => ({
  orderId,
  amountCents: null,
  reason: null,
  idempotencyKey: null,
  ...request,
});

/** What requests that come together come to: cents, or the code of the refusal. */
async function outcomesOf(flow: Workflow, ...requests: RefundRequest[]) {
  const results = await requestRefunds(flow.db, requests, "test");
  return results.map((one) => one instanceof WorkflowError ? one.code : one.refund.amountCents);
}

const mugs = (qty: number) => partsOf({ lines: [unitsOf("MUG", qty)] });

Deno.test("requestRefund() writes which parts of an order a refund is for", async () => {
  await using test = await setUp("refund_items_rows");
  const { flow, orderId } = test;
  const { refund } = await requestRefund(
    flow.db,
    ask(orderId, {
      reason: "too many",
      items: partsOf({
        lines: [unitsOf("MUG", 3, true), unitsOf("TEA", 1)],
        adjustments: [{ kind: "shipping", amountCents: 100 }],
      }),
    }),
    "test",
  );
  assert.equal(refund.amountCents, 1_163 + 310 + 387 + 100);
  assert.deepEqual(
    refund.lines.map(({ sku, qty, amountCents, restock }) => [sku, qty, amountCents, restock]),
    [["MUG", 2, 1_163, true], ["MUG", 1, 310, true], ["TEA", 1, 387, false]],
  );
  assert.deepEqual(
    await flow.rows(
      "select refund_id, qty, amount_cents, restock, restocked from refund_lines order by id",
    ),
    [
      { refund_id: refund.id, qty: 2, amount_cents: 1_163, restock: 1, restocked: 0 },
      { refund_id: refund.id, qty: 1, amount_cents: 310, restock: 1, restocked: 0 },
      { refund_id: refund.id, qty: 1, amount_cents: 387, restock: 0, restocked: 0 },
    ],
  );
  assert.deepEqual(await flow.rows("select kind, amount_cents from refund_adjustments"), [
    { kind: "shipping", amount_cents: 100 },
  ]);
  const [step] = await flow.rows(
    "select detail from order_events where event = 'refund_requested'",
  );
  assert.equal(
    step!.detail,
    "19.60 EUR (2 × MUG 11.63 + 1 × MUG 3.10 + 1 × TEA 3.87 + shipping 1.00): too many",
  );
});

Deno.test("requestRefunds() leaves requests for parts that come together what the others left", async () => {
  await using test = await setUp("refund_items_together");
  const { flow, orderId } = test;
  const shipping = (amountCents: number) =>
    partsOf({ adjustments: [{ kind: "shipping", amountCents }] });
  assert.deepEqual(
    await outcomesOf(
      flow,
      ask(orderId, { items: mugs(2) }),
      ask(orderId, { items: mugs(2) }),
      ask(orderId, { items: shipping(400) }),
      ask(orderId, { items: shipping(91) }),
      ask(orderId, { items: mugs(1), amountCents: 309 }),
      ask(orderId, { items: mugs(1), amountCents: 310 }),
      ask(orderId, { items: partsOf({ lines: [unitsOf("CUP", 1)] }) }),
      ask(orderId, { items: partsOf({}) }),
      ask(orderId, { items: partsOf({ lines: [unitsOf("TEA", 0)] }) }),
      ask(orderId, { amountCents: 100 }),
      ask(orderId, { items: partsOf({ lines: [unitsOf("TEA", 1)] }) }),
      ask(orderId, {}),
    ),
    [
      1_163,
      "refund_exceeds_left",
      400,
      "refund_exceeds_left",
      "invalid",
      310,
      "invalid",
      "invalid",
      "invalid",
      100,
      "refund_exceeds_left",
      377,
    ],
  );
});

Deno.test("requestRefunds() that come at once never return a unit twice", async () => {
  await using test = await setUp("refund_items_at_once");
  const { flow, orderId } = test;
  const answers = (await Promise.all(
    Array.from({ length: 8 }, () => outcomesOf(flow, ask(orderId, { items: mugs(1) }))),
  )).flat();
  assert.deepEqual(answers.filter((answer) => typeof answer === "number").sort(), [310, 581, 582]);
  assert.deepEqual(
    new Set(answers.filter((answer) => typeof answer !== "number")),
    new Set(["refund_exceeds_left"]),
  );
});

Deno.test("requestRefund() gives the same key with the same parts the same refund", async () => {
  await using test = await setUp("refund_items_keys");
  const { flow, orderId } = test;
  const request = ask(orderId, { items: mugs(1), idempotencyKey: "k-1" });
  const first = await requestRefund(flow.db, request, "test");
  const again = await requestRefund(flow.db, request, "test");
  assert.deepEqual([first.replayed, again.replayed], [false, true]);
  assert.deepEqual(again.refund, first.refund);
  for (const items of [mugs(2), partsOf({ lines: [unitsOf("MUG", 1, true)] }), undefined]) {
    const codes = await outcomesOf(flow, { ...request, items });
    assert.deepEqual(codes, ["idempotency_key_reused"]);
  }
});

Deno.test("a refund of all that is left brings all its goods back, whatever went back before", async () => {
  await using test = await setUp("refund_items_whole");
  const { flow, orderId } = test;
  await askParts(flow, orderId, partsOf({ lines: [unitsOf("MUG", 1, true)] }));
  await askParts(flow, orderId, undefined, 350);
  await askParts(flow, orderId, partsOf({ restock: true }));
  await flow.drain();
  assert.equal((await flow.order(orderId)).refundedCents, 2_350);
  assert.deepEqual([await flow.stock("MUG"), await flow.stock("TEA")], [50, 50]);
  await assertConsistent(flow);
});
