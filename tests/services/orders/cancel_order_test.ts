import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";

const tell = (flow: Workflow, orderId: number) =>
  publish(flow, [{
    message: { type: "notify.order", orderId, amountCents: 100, currency: "EUR" },
  }]);

Deno.test("cancelOrder() cancels what is not settled, gives its units back and says so once", () =>
  withWorkflow("cancel", async (flow) => {
    const items = [{ sku: "a", qty: 2 }, { sku: "b", qty: 3 }, { sku: "a", qty: 1 }];
    const [pending, reserved] = (await flow.add([anOrder("pending", items)]))
      .concat(await flow.add([anOrder("reserved", items)]))
      .map(({ orderId }) => orderId!) as [number, number];
    assert.equal((await cancelOrder(flow.db, pending, "anna")).changed, true);
    await flow.turn("orders");
    assert.deepEqual([await flow.stock("a"), await flow.stock("b")], [47, 47]);

    const { order, changed, messages } = await cancelOrder(flow.db, reserved, "anna");
    assert.equal(changed, true);
    assert.deepEqual(order, await flow.order(reserved), "it tells what is committed");
    assert.deepEqual([order.status, order.failureReason], ["CANCELLED", null]);
    assert.deepEqual([await flow.stock("a"), await flow.stock("b")], [50, 50]);

    const again = await cancelOrder(flow.db, reserved, "ben");
    assert.deepEqual(again, { order, changed: false, messages });
    assert.deepEqual([await flow.stock("a"), await flow.stock("b")], [50, 50]);
    const steps = await flow.rows("select actor from order_events where event = 'cancelled'");
    assert.deepEqual(steps, [{ actor: "anna" }, { actor: "anna" }]);
    await tell(flow, pending);
    await tell(flow, reserved);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("cancelOrder() refuses what is settled, and what does not exist", () =>
  withWorkflow("cancel_refused", async (flow) => {
    const ids = (await flow.add([
      anOrder("paid", [{ sku: "a", qty: 1 }]),
      anOrder("failed", [{ sku: "a", qty: 1, unitPriceCents: 1 }]),
    ])).map(({ orderId }) => orderId!);
    await flow.drain();
    for (const [index, status] of ["PAID", "FAILED"].entries()) {
      await assert.rejects(
        cancelOrder(flow.db, ids[index]!, "test"),
        (error) =>
          error instanceof WorkflowError && error.code === "order_not_cancellable" &&
          error.message === `Cannot cancel order ${ids[index]}: it is ${status} already`,
      );
    }
    await assert.rejects(
      cancelOrder(flow.db, 999_999, "test"),
      (error) => error instanceof WorkflowError && error.code === "not_found",
    );
    await assertConsistent(flow);
  }));

Deno.test("cancelOrder() and the consumers agree on who was first, whenever they meet", () =>
  withWorkflow("cancel_race", async (flow) => {
    const orders = Array.from({ length: 60 }, (_, n) => anOrder(`${n}`, [{ sku: "a", qty: 1 }]));
    const ids = (await flow.add(orders, 60)).map(({ orderId }) => orderId!);
    const outcomes: string[] = [];
    const cancelAll = async (from: number) => {
      for (const id of ids.filter((_, index) => index % 3 === from)) {
        await cancelOrder(flow.db, id, "test").then(
          async ({ changed }) => {
            outcomes.push(changed ? "cancelled" : "already");
            await tell(flow, id);
          },
          (error: WorkflowError) => outcomes.push(error.code),
        );
      }
    };
    const work = async () => {
      for (let turn = 0; turn < 10; turn++) {
        for (const group of ["orders", "payments", "payments", "notifications"] as const) {
          await flow.turn(group);
        }
      }
    };
    await Promise.all([cancelAll(0), cancelAll(1), cancelAll(0), work()]);
    await flow.drain();
    assert.equal(outcomes.length, 60);
    const rows = await flow.rows("select id, status from orders where status = 'CANCELLED'");
    assert.equal(outcomes.filter((outcome) => outcome === "cancelled").length, rows.length);
    assert.ok(
      ids.filter((_, index) => index % 3 === 2).every((id) => !rows.some((row) => row.id === id)),
    );
    await assertConsistent(flow);
  }));
