import assert from "node:assert/strict";
import {
  latestMovements,
  listMovements,
  type MovementPlace,
  type ProductMovement,
} from "../../../db/catalog/product_movements.ts";
import { readStock } from "../../../db/catalog/stock.ts";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { changeStock } from "../../../services/catalog/change_stock.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

/** The whole timeline, page by page. */
async function timelineOf(
  { db }: Workflow,
  sku: string,
  limit: number,
): Promise<ProductMovement[]> {
  const { productId } = (await readStock(db, sku))!;
  const movements: ProductMovement[] = [];
  let place: MovementPlace | undefined = latestMovements;
  while (place !== undefined) {
    const page = await listMovements(db, productId, { place, limit });
    assert.ok(page.movements.length <= 2 * limit);
    movements.push(...page.movements);
    place = page.next;
  }
  return movements;
}

Deno.test("listMovements() tells what was changed by hand and what orders reserved and released, by whom", () =>
  withWorkflow("movements_kinds", async (flow) => {
    const [held, cancelled, declined, waiting] = await flow.add([
      anOrder("held", [{ sku: "a", qty: 2 }]),
      anOrder("cancelled", [{ sku: "a", qty: 3 }, { sku: "b", qty: 1 }]),
      anOrder("declined", [{ sku: "a", qty: 5, unitPriceCents: 101 }]),
    ]);
    await flow.turn("orders");
    await cancelOrder(flow.db, cancelled!.orderId!, "api:ann");
    await flow.drain();
    await changeStock(flow, "a", { add: -1 }, {
      operator: anOperator("cli:bob"),
      detail: "broken",
    });
    assert.equal(waiting, undefined);
    const steps = (await timelineOf(flow, "a", 50)).map(
      ({ kind, qty, stockQty, orderId, actor, detail }) =>
        [kind, qty, stockQty, orderId, actor, detail] as const,
    );
    const ofOrder = (id: number) => steps.filter(([, , , orderId]) => orderId === id);
    assert.deepEqual(steps[0], ["corrected", -1, 47, null, "cli:bob", "broken"]);
    assert.deepEqual(steps.at(-1), ["received", 50, 50, null, "test", "first stock"]);
    assert.deepEqual(ofOrder(held!.orderId!), [
      ["reserved", -2, null, held!.orderId, "test", null],
    ]);
    assert.deepEqual(ofOrder(cancelled!.orderId!), [
      ["released", 3, null, cancelled!.orderId, "api:ann", null],
      ["reserved", -3, null, cancelled!.orderId, "test", null],
    ]);
    assert.deepEqual(ofOrder(declined!.orderId!).map(([kind, qty]) => [kind, qty]), [
      ["released", 5],
      ["reserved", -5],
    ]);
    // Together they are what is left.
    assert.equal(steps.reduce((sum, [, qty]) => sum + qty, 0), await flow.stock("a"));
    assert.equal(steps.length, 7);
  }));

Deno.test("listMovements() gives every step once, however small its pages", () =>
  withWorkflow("movements_pages", async (flow) => {
    for (let n = 0; n < 6; n++) {
      await flow.add([anOrder(`o${n}`, [{ sku: "a", qty: 1 }, { sku: "a", qty: 2 }])]);
      await flow.turn("orders");
      await changeStock(flow, "a", { add: 1 }, { operator: anOperator("cli") });
    }
    await flow.add([anOrder("waits", [{ sku: "a", qty: 1 }])]);
    const whole = await timelineOf(flow, "a", 200);
    assert.equal(whole.length, 1 + 6 * 3);
    for (const limit of [1, 2, 3, 7]) {
      const paged = await timelineOf(flow, "a", limit);
      const sorted = (steps: ProductMovement[]) => steps.map((step) => JSON.stringify(step)).sort();
      assert.deepEqual(sorted(paged), sorted(whole), `pages of ${limit}`);
    }
  }));

Deno.test("new products get their first step where they get units, and only then", () =>
  withWorkflow("movements_first", async (flow) => {
    await flow.add([anOrder("one", [{ sku: "a", qty: 1 }, { sku: "b", qty: 1 }])], 50);
    await flow.add([anOrder("two", [{ sku: "a", qty: 1 }, { sku: "c", qty: 1 }])], 0);
    await Promise.all(
      Array.from({ length: 6 }, (_, n) => flow.add([anOrder(`m${n}`, [{ sku: "d", qty: 1 }])], 7)),
    );
    const rows = await flow.rows(`
      select products.sku, kind, qty, stock_movements.stock_qty, actor, detail
      from stock_movements join products on products.id = product_id order by products.sku`);
    assert.deepEqual(rows.map((row) => Object.values(row)), [
      ["a", "received", 50, 50, "test", "first stock"],
      ["b", "received", 50, 50, "test", "first stock"],
      ["d", "received", 7, 7, "test", "first stock"],
    ]);
  }));
