import assert from "node:assert/strict";
import { observeDatabase } from "../../db/connection/observed_database.ts";
import { decideRefundByHand } from "../../../services/refunds/refund_by_hand.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { applyRefunds } from "../../../streams/handlers/refund_process.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { driftOf, verifyNow } from "../../settled_workflow.ts";
import { askParts, partsOf, payMixedOrder, unitsOf } from "../../restocked_units.ts";
import { addPaid } from "../../source_orders.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

async function setUp(name: string) {
  const state = { answer: { kind: "refunded" } as Awaited<ReturnType<Gateway["refund"]>>[number] };
  const gateway: Gateway = {
    ...simulatedGateway({ delayMs: 0 }),
    refund: (requests) => Promise.resolve(requests.map(() => state.answer)),
  };
  const flow = await openWorkflow(name, { gateway });
  return {
    flow,
    state,
    orderId: await payMixedOrder(flow),
    async [Symbol.asyncDispose]() {
      await flow.close();
    },
  };
}

const movements = (flow: Workflow) =>
  flow.rows(
    `
    select products.sku, stock_movements.kind, stock_movements.qty, stock_movements.stock_qty,
      stock_movements.order_id, stock_movements.refund_id, stock_movements.actor
    from stock_movements
    join products on products.id = stock_movements.product_id
    where stock_movements.kind = 'returned'
    order by stock_movements.id`,
  );

const stockOf = async (flow: Workflow) => [await flow.stock("MUG"), await flow.stock("TEA")];

Deno.test("applyRefunds() puts units back into stock once, however often the message comes", async () => {
  await using test = await setUp("restock_units_once");
  const { flow, orderId } = test;
  assert.deepEqual(await stockOf(flow), [47, 49]);
  const message = await askParts(
    flow,
    orderId,
    partsOf({ lines: [unitsOf("MUG", 3, true), unitsOf("TEA", 1)] }),
  );
  assert.deepEqual(await stockOf(flow), [47, 49], "nothing is back before the money is");
  await publish(flow, [{ message }, { message }]);
  await flow.drain();
  await publish(flow, [{ message }]);
  await flow.drain();
  assert.deepEqual(await stockOf(flow), [50, 49]);
  const { refundId } = message;
  const common = { kind: "returned", order_id: orderId, refund_id: refundId, actor: "test" };
  assert.deepEqual(await movements(flow), [
    { ...common, sku: "MUG", qty: 2, stock_qty: 49 },
    { ...common, sku: "MUG", qty: 1, stock_qty: 50 },
  ]);
  const received = await flow.rows("select received_qty from products order by id");
  assert.deepEqual(received.map(({ received_qty: qty }) => qty), [50, 50]);
  assert.equal((await flow.order(orderId)).refundedCents, 1_860);
  await assertConsistent(flow);
});

Deno.test("applyRefunds() puts nothing back for a refund that fails, and its units are free again", async () => {
  await using test = await setUp("restock_units_failed");
  const { flow, state, orderId } = test;
  const whole = partsOf({ restock: true });
  state.answer = { kind: "refused", reason: "the account is closed" };
  await askParts(flow, orderId, whole);
  await assert.rejects(
    requestRefund(
      flow.db,
      { orderId, amountCents: null, items: whole, reason: null, idempotencyKey: null },
      "test",
    ),
    /nothing is left to refund/,
  );
  await flow.drain();
  assert.deepEqual(await stockOf(flow), [47, 49]);
  assert.deepEqual(await movements(flow), []);
  assert.equal((await verifyNow(flow)).ok, true);

  state.answer = { kind: "refunded" };
  const { amountCents } = await askParts(flow, orderId, whole);
  assert.equal(amountCents, 2_350);
  await flow.drain();
  assert.deepEqual(await stockOf(flow), [50, 50]);
  await assertConsistent(flow);
});

Deno.test("units come back by a refund that a person gives back, once that is booked", async () => {
  await using test = await setUp("restock_units_by_hand");
  const { flow } = test;
  const [orderId] = await addPaid(flow, [anOrder("at its source", [{ sku: "TEA", qty: 4 }])]);
  await flow.drain();
  const message = await askParts(flow, orderId!, partsOf({ lines: [unitsOf("TEA", 3, true)] }));
  await flow.drain();
  assert.deepEqual(await stockOf(flow), [47, 45], "it waits for a person");
  const { refundId } = message;
  await decideRefundByHand(flow.db, { refundId, verdict: "given_back", note: null }, "test");
  await publish(flow, [{ message }, { message }]);
  await flow.drain();
  assert.deepEqual(await stockOf(flow), [47, 48]);
  await assertConsistent(flow);
});

Deno.test("applyRefunds() puts units of many refunds of a batch back in one go", async () => {
  await using test = await setUp("restock_units_batch");
  const { flow, orderId } = test;
  const other = await payMixedOrder(flow, "other");
  for (const id of [other, orderId]) {
    for (let units = 0; units < 3; units++) {
      await askParts(flow, id, partsOf({ lines: [unitsOf("MUG", 1, units !== 1)] }));
    }
    await askParts(flow, id, undefined, 100);
  }
  await flow.drain();
  assert.deepEqual(await stockOf(flow), [50 - 6 + 4, 48]);
  assert.equal((await movements(flow)).length, 4);
  assert.equal((await flow.order(orderId)).refundedCents, 1_163 + 310 + 100);
  await assertConsistent(flow);
});

Deno.test("units that came back are reserved again by other orders", async () => {
  await using test = await setUp("restock_units_again");
  const { flow, orderId } = test;
  await askParts(flow, orderId, partsOf({ restock: true }));
  await flow.drain();
  const [all] = await flow.add([anOrder("all", [{ sku: "MUG", qty: 50 }])]);
  await flow.drain();
  assert.equal((await flow.order(all!.orderId!)).status, "PAID");
  assert.deepEqual(await stockOf(flow), [0, 50]);
  await assertConsistent(flow);
});

Deno.test("applyRefunds() sends no statement about parts for refunds of mere amounts", async () => {
  await using test = await setUp("restock_units_free");
  const { flow, orderId } = test;
  const observed = observeDatabase(flow.db);
  const process = async (message: Awaited<ReturnType<typeof askParts>>) => {
    observed.sent.length = 0;
    assert.equal(message.type, "refund.process");
    await applyRefunds({ ...flow, db: observed.db }, [{ message, attempt: 1 }] as never);
    return observed.sent.filter(({ sql }) =>
      /refund_lines|refund_adjustments|products|stock/.test(sql)
    ).length;
  };
  assert.equal(await process(await askParts(flow, orderId, undefined, 100)), 0);
  assert.ok(await process(await askParts(flow, orderId, partsOf({ restock: true }))) > 0);
});

Deno.test("verify() finds refunds whose parts, units or amounts don't agree", async () => {
  await using test = await setUp("restock_units_verify");
  const { flow, orderId } = test;
  await askParts(flow, orderId, partsOf({ lines: [unitsOf("MUG", 1, true)] }));
  await askParts(flow, orderId, partsOf({ lines: [unitsOf("TEA", 1, true)] }));
  await flow.drain();
  assert.equal((await verifyNow(flow)).ok, true);
  const drift = async (check: "stock" | "money") =>
    driftOf(await verifyNow(flow), check).map(({ subject, what, expected, found }) =>
      `${subject}: ${what}: ${expected}, ${found}`
    );

  await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'MUG'");
  assert.deepEqual(await drift("stock"), ["product 1 (MUG): units that are gone: 2, 3"]);
  await flow.rows("update products set stock_qty = stock_qty + 1 where sku = 'MUG'");

  await flow.rows("update refund_lines set amount_cents = amount_cents + 1 where id = 1");
  assert.deepEqual(await drift("money"), [
    `refund 1 of order ${orderId}: amount_cents of its lines and adjustments: 582, 583`,
  ]);
  await flow.rows("update refund_lines set amount_cents = amount_cents - 1 where id = 1");

  await flow.rows("update refund_lines set restocked = 0 where id = 1");
  await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'MUG'");
  assert.deepEqual(await drift("money"), [
    `refund 1 of order ${orderId}: units that are not back in stock as its lines say: 0, 1`,
  ]);
  await flow.rows("update refund_lines set restocked = 1 where id = 1");
  await flow.rows("update products set stock_qty = stock_qty + 1 where sku = 'MUG'");

  await flow.rows("update refund_lines set qty = 3, restock = 0, restocked = 0 where id = 2");
  await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'TEA'");
  const [item] = await flow.rows("select order_item_id from refund_lines where id = 2");
  assert.deepEqual(await drift("money"), [
    `item ${item!.order_item_id} of order ${orderId}: units that went back: 1 at most, 3`,
  ]);
});
