import assert from "node:assert/strict";
import type { Queryable } from "../../../db/connection/database.ts";
import { decideByHandAndPublish } from "../../../services/refunds/refund_by_hand.ts";
import { editAndPublish } from "../../../services/orders/edit_order.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import type { Drift } from "../../../streams/verification/drift.ts";
import { verifyMoney, verifyStock } from "../../../streams/verification/verify_database.ts";
import { askParts, partsOf, payMixedOrder, unitsOf } from "../../restocked_units.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { addPaid } from "../../source_orders.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

/** What {@linkcode damaged} throws to have everything as it was. */
class Undone extends Error {}

/** What the books alone say of damage, which is undone afterwards. */
async function damaged({ db }: Workflow, ...statements: string[]): Promise<Drift[]> {
  let drifts: Drift[] = [];
  const work = async (tx: Queryable) => {
    for (const statement of statements) await tx.runText(statement);
    drifts = [...(await verifyStock(tx)).list, ...(await verifyMoney(tx)).list];
    throw new Undone();
  };
  await assert.rejects(db.transaction(work), Undone);
  return drifts;
}

/** Asserts of each damage that it is found, and where. */
async function assertFound(
  flow: Workflow,
  damages: readonly [subject: string, ...statements: string[]][],
): Promise<void> {
  const report = await verifyNow(flow);
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
  for (const [subject, ...statements] of damages) {
    const subjects = (await damaged(flow, ...statements)).map((drift) => drift.subject);
    assert.ok(subjects.includes(subject), `${statements.join("; ")}: ${JSON.stringify(subjects)}`);
  }
}

Deno.test("verify finds totals that are not what items and adjustments come to", () =>
  withWorkflow("verify_totals", async (flow) => {
    const id = await payMixedOrder(flow);
    await flow.add([anOrder("open", [{ sku: "MUG", qty: 1 }])], 0);
    const order = `order ${id}`;
    const ofIt = `where order_id = ${id}`;
    await assertFound(flow, [
      [
        order,
        `update orders set total_cents = total_cents + 5 where id = ${id}`,
        `update payments set amount_cents = amount_cents + 5 ${ofIt}`,
      ],
      ["order 2", "update orders set total_cents = total_cents + 5 where id = 2"],
      // One wrong total does not hide another one.
      [
        "order 2",
        "update orders set total_cents = total_cents + 5 where id = 2",
        `update orders set total_cents = total_cents - 5 where id = ${id}`,
      ],
      [order, `update order_adjustments set amount_cents = 491 ${ofIt} and kind = 'shipping'`],
      [order, `update order_adjustments set included = 1 ${ofIt} and kind = 'shipping'`],
      [order, `delete from order_adjustments ${ofIt} and kind = 'discount'`],
      [
        order,
        "update order_items set unit_price_cents = 401, subtotal_cents = 401 " +
        `${ofIt} and unit_price_cents = 400`,
      ],
    ]);
    const [drift] = await damaged(
      flow,
      `update order_adjustments set amount_cents = 491 ${ofIt} and kind = 'shipping'`,
    );
    assert.deepEqual(drift, {
      subject: order,
      what: "total_cents, of its items and adjustments",
      expected: 2_351,
      found: 2_350,
    });
    // What the prices contain adds nothing.
    assert.deepEqual(
      await damaged(flow, `update order_adjustments set amount_cents = 9 ${ofIt} and kind = 'tax'`),
      [],
    );
  }));

Deno.test("verify finds refunds whose parts are gone, or are more than was charged", () =>
  withWorkflow("verify_parts", async (flow) => {
    const id = await payMixedOrder(flow);
    const shipping = { kind: "shipping", amountCents: 100 } as const;
    const { refundId } = await askParts(
      flow,
      id,
      partsOf({ lines: [unitsOf("MUG", 2, true)], adjustments: [shipping] }),
    );
    const { refundId: mere } = await askParts(flow, id, undefined, 100);
    await flow.drain();
    const ofIt = `where refund_id = ${refundId}`;
    await assertFound(flow, [
      [`refund ${refundId} of order ${id}`, `update refund_lines set restocked = 0 ${ofIt}`],
      [`refund ${refundId} of order ${id}`, `update refund_lines set restock = 0 ${ofIt}`],
      [
        `refund ${refundId} of order ${id}`,
        `update refunds set itemized = 0 where id = ${refundId}`,
      ],
      [
        `refund ${refundId} of order ${id}`,
        `delete from refund_lines ${ofIt}`,
        `delete from refund_adjustments ${ofIt}`,
      ],
      [`refund ${mere} of order ${id}`, `update refunds set itemized = 1 where id = ${mere}`],
      [
        `order ${id}`,
        `update refund_adjustments set amount_cents = amount_cents + 500 ${ofIt}`,
        `update refund_lines set amount_cents = amount_cents - 500 ${ofIt} limit 1`,
      ],
    ]);
  }));

Deno.test("verify finds payments at the source that nobody has on record, and wrong ones on the list by hand", () =>
  withWorkflow("verify_sources", async (flow) => {
    const [paid, other, short] = await addPaid(flow, [
      anOrder("1", [{ sku: "a", qty: 2 }]),
      anOrder("2", [{ sku: "a", qty: 2 }]),
      anOrder("3", [{ sku: "b", qty: 51 }]),
    ]);
    await flow.drain();
    const waiting = await askParts(flow, paid!, partsOf({ lines: [unitsOf("a", 1)] }));
    const done = await askParts(flow, other!, undefined, 100);
    await flow.drain();
    const said = { refundId: done.refundId, verdict: "given_back", note: null } as const;
    await decideByHandAndPublish(flow, said, anOperator("desk"));
    await flow.drain();
    const refund = `refund ${waiting.refundId} of order ${paid}`;
    const listed = `where refund_id = ${waiting.refundId}`;
    await assertFound(flow, [
      [`order ${paid}`, `delete from source_payments where order_id = ${paid}`],
      [`order ${paid}`, `update orders set payment_status = 'due' where id = ${paid}`],
      [`order ${paid}`, `update orders set payment_status = 'none' where id = ${paid}`],
      [`order ${paid}`, `update source_payments set reference = 'x' where order_id = ${paid}`],
      [`order ${paid}`, `update payments set provider_ref = 'x' where order_id = ${paid}`],
      // Money of an order that came to nothing, which nobody would give back.
      [
        `order ${short}`,
        `delete from refunds_by_hand where order_id = ${short}`,
        `delete from payments where order_id = ${short}`,
      ],
      [refund, `update refunds set by_hand = 0 where id = ${waiting.refundId}`],
      [refund, `delete from refunds_by_hand ${listed}`],
      [refund, `update refunds_by_hand set amount_cents = amount_cents + 1 ${listed}`],
      [refund, `update refunds_by_hand set currency = 'USD' ${listed}`],
      [
        `refund ${waiting.refundId} of order ${other}`,
        `update refunds_by_hand set order_id = ${other} ${listed}`,
      ],
      [
        `refund ${done.refundId} of order ${other}`,
        `update refunds set by_hand = 1 where id = ${done.refundId}`,
      ],
      [
        `refund ${done.refundId} of order ${other}`,
        `update refunds set by_hand = 3 where id = ${done.refundId}`,
      ],
    ]);
  }));

Deno.test("verify finds places in the queues for stock that nobody has, and retries and edits that were none", () =>
  withWorkflow("verify_queues", async (flow) => {
    const [failed] = await flow.add([anOrder("1", [{ sku: "a", qty: 51 }])]);
    await flow.drain();
    const retried = failed!.orderId!;
    await retryAndPublish(flow, retried, anOperator("test"));
    await flow.drain();
    assert.equal((await flow.order(retried)).status, "FAILED");
    const [edited] = await flow.add([anOrder("2", [{ sku: "b", qty: 1 }])]);
    await flow.turn("orders");
    await editAndPublish(
      { ...flow, config: { initialStock: 50, unknownSku: "create" } },
      edited!.orderId!,
      anOrder("2", [{ sku: "b", qty: 3 }]),
      { actor: "test" },
    );
    await flow.drain();
    const other = `order ${edited!.orderId}`;
    await assertFound(flow, [
      [`order ${retried}`, "update order_shortages set waiting = 1"],
      [
        other,
        "insert into order_shortages (order_id, product_id, missing_qty, placed_at, waiting) " +
        `select id, 1, 1, placed_at, 1 from orders where id = ${edited!.orderId}`,
      ],
      [other, `update orders set backordered = 1 where id = ${edited!.orderId}`],
      [`order ${retried}`, `update orders set retries = 2 where id = ${retried}`],
      [`order ${retried}`, `update orders set retry_id = null where id = ${retried}`],
      [`order ${retried}`, "delete from order_retries"],
      [other, `update orders set revision = 0 where id = ${edited!.orderId}`],
    ]);
  }));

Deno.test("verify finds places in a queue for another product, or of another time", () =>
  withWorkflow("verify_waiting", async (flow) => {
    const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])], 0);
    await flow.add([anOrder("2", [{ sku: "b", qty: 1 }])]);
    await flow.drain();
    const order = `order ${taken!.orderId}`;
    await assertFound(flow, [
      [order, "update order_shortages set product_id = (select id from products where sku = 'b')"],
      [order, "update order_shortages set placed_at = placed_at + interval 1 day"],
      [order, `update orders set backordered = 0 where id = ${taken!.orderId}`],
    ]);
  }, { onShortage: "wait" }));
