import assert from "node:assert/strict";
import { readStock } from "../../../db/catalog/stock.ts";
import { addProduct } from "../../../services/catalog/add_product.ts";
import { changeStock } from "../../../services/catalog/change_stock.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

const mug = { sku: "MUG", name: "Mug", priceCents: 1_250, stockQty: 40 };
const by = { operator: anOperator("api:ann") };

Deno.test("addProduct() adds a product with its units, and knows it when it comes again", () =>
  withWorkflow("product_add", async (flow) => {
    const added = await addProduct(flow, mug, by);
    assert.equal(added.isNew, true);
    assert.deepEqual([added.product.stockQty, added.product.receivedQty], [40, 40]);
    await changeStock(flow, "MUG", { add: 5 }, by);
    await flow.add([anOrder("x", [{ sku: "MUG", qty: 2, unitPriceCents: 1_250 }])]);
    await flow.rows("update products set name = 'Mug', price_cents = 1250 where sku = 'MUG'");
    await flow.turn("orders");
    const again = await addProduct(flow, mug, by);
    assert.equal(again.isNew, false);
    assert.deepEqual([again.product.stockQty, again.product.receivedQty], [43, 45]);
    assert.equal((await addProduct(flow, { ...mug, stockQty: undefined }, by)).isNew, false);
    const rows = await flow.rows(
      "select kind, qty, stock_qty, actor, detail from stock_movements order by id",
    );
    assert.deepEqual(rows.map((row) => Object.values(row)), [
      ["received", 40, 40, "api:ann", "first stock"],
      ["received", 5, 45, "api:ann", null],
    ]);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("addProduct() refuses another content under a known SKU, and says in what", () =>
  withWorkflow("product_conflict", async (flow) => {
    await addProduct(flow, mug, by);
    for (
      const [change, what] of [
        [{ name: "Cup" }, "name"],
        [{ priceCents: 1, stockQty: 41 }, "price_cents and stock_qty"],
        [{ stockQty: 0 }, "stock_qty"],
      ] as const
    ) {
      await assert.rejects(addProduct(flow, { ...mug, ...change }, by), {
        code: "product_conflict",
        message: `Product "MUG" is known with another ${what}`,
      });
    }
    assert.equal((await readStock(flow.db, "MUG"))!.stockQty, 40);
  }));

Deno.test("addProduct() adds a product once, however many add it at the same moment", () =>
  withWorkflow("product_at_once", async (flow) => {
    const added = await Promise.all(Array.from({ length: 8 }, () => addProduct(flow, mug, by)));
    assert.equal(added.filter(({ isNew }) => isNew).length, 1);
    assert.equal((await readStock(flow.db, "MUG"))!.receivedQty, 40);
    const [row] = await flow.rows("select count(*) as n from stock_movements");
    assert.equal(Number(row!.n), 1);
  }));

Deno.test("addProduct() adds a product without units without a step in its timeline", () =>
  withWorkflow("product_empty", async (flow) => {
    await addProduct(flow, { ...mug, stockQty: undefined }, by);
    assert.equal((await addProduct(flow, { ...mug, stockQty: 0 }, by)).isNew, false);
    assert.deepEqual(await flow.rows("select id from stock_movements"), []);
  }));
