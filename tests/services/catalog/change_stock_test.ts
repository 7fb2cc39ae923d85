import assert from "node:assert/strict";
import { readStock } from "../../../db/catalog/stock.ts";
import { addProduct } from "../../../services/catalog/add_product.ts";
import { applyStockFile } from "../../../services/catalog/apply_stock_file.ts";
import { changeStock } from "../../../services/catalog/change_stock.ts";
import { readStockFile } from "../../../streams/imports/stock_file.ts";
import { sourceOf } from "../../csv_orders.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

/** A workflow with 50 units of `a`, of which a reserved order holds 8. */
async function withStock(name: string, work: (flow: Workflow) => Promise<void>): Promise<void> {
  const flow = await openWorkflow(name);
  try {
    await flow.add([anOrder("x", [{ sku: "a", qty: 8 }])]);
    await flow.turn("orders");
    await work(flow);
  } finally {
    await flow.close();
  }
}

const units = async ({ db }: Workflow) => {
  const { stockQty, heldQty, receivedQty } = (await readStock(db, "a"))!;
  return [stockQty, heldQty, receivedQty];
};

Deno.test("readStock() tells what is available, held and received", () =>
  withStock("stock_read", async (flow) => {
    assert.deepEqual(await readStock(flow.db, "a"), {
      productId: 1,
      sku: "a",
      name: "Product a",
      priceCents: 100,
      stockQty: 42,
      heldQty: 8,
      receivedQty: 50,
    });
    assert.equal(await readStock(flow.db, "A"), undefined);
  }));

Deno.test("changeStock() sets and adds available units and leaves held ones alone", () =>
  withStock("stock_change", async (flow) => {
    const { before, after } = await changeStock(flow, "a", { set: 5 }, {
      operator: anOperator("cli"),
    });
    assert.deepEqual([before.stockQty, after.stockQty], [42, 5]);
    assert.deepEqual(await units(flow), [5, 8, 13]);
    await changeStock(flow, "a", { add: 10 }, { operator: anOperator("cli") });
    assert.deepEqual(await units(flow), [15, 8, 23]);
    await changeStock(flow, "a", { add: -15 }, { operator: anOperator("cli") });
    assert.deepEqual(await units(flow), [0, 8, 8]);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("changeStock() refuses to go below zero or beyond what is sane", () =>
  withStock("stock_refused", async (flow) => {
    await assert.rejects(changeStock(flow, "a", { add: -43 }, { operator: anOperator("cli") }), {
      code: "invalid",
      message: "Cannot take 43 units of a: only 42 left",
    });
    await assert.rejects(
      changeStock(flow, "a", { set: 1_000_000_000_000 }, { operator: anOperator("cli") }),
      {
        code: "invalid",
      },
    );
    await assert.rejects(changeStock(flow, "b", { set: 1 }, { operator: anOperator("cli") }), {
      code: "not_found",
    });
    assert.deepEqual(await units(flow), [42, 8, 50]);
  }));

Deno.test("changeStock() loses no change that happens at the same time", () =>
  withStock("stock_at_once", async (flow) => {
    await flow.add(
      Array.from({ length: 20 }, (_, n) => anOrder(`n${n}`, [{ sku: "a", qty: 1 }])),
    );
    await Promise.all([
      ...Array.from(
        { length: 20 },
        () => changeStock(flow, "a", { add: 1 }, { operator: anOperator("cli") }),
      ),
      flow.turn("orders"),
    ]);
    assert.deepEqual(await units(flow), [42, 28, 70]);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("changeStock() writes who changed the units into the product's timeline, with the change", () =>
  withStock("stock_movements", async (flow) => {
    await changeStock(flow, "a", { add: 10 }, {
      operator: anOperator("api:ann"),
      detail: "delivery 7",
    });
    await changeStock(flow, "a", { set: 2 }, { operator: anOperator("cli:bob") });
    await changeStock(flow, "a", { set: 2 }, { operator: anOperator("cli:bob") });
    await assert.rejects(changeStock(flow, "a", { add: -3 }, { operator: anOperator("cli:bob") }));
    const rows = await flow.rows(
      "select kind, qty, stock_qty, actor, detail from stock_movements order by id",
    );
    assert.deepEqual(rows.map((row) => Object.values(row)), [
      ["received", 50, 50, "test", "first stock"],
      ["received", 10, 52, "api:ann", "delivery 7"],
      ["corrected", -50, 2, "cli:bob", null],
    ]);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("changeStock() changes nothing where the product is not as the caller saw it", () =>
  withStock("stock_seen", async (flow) => {
    await assert.rejects(
      changeStock(flow, "a", { set: 7 }, { operator: anOperator("cli"), isAsSeen: () => false }),
      {
        code: "stock_changed",
        message: "Cannot change a: it has changed since you looked, and has 42 units now",
      },
    );
    assert.deepEqual(await units(flow), [42, 8, 50]);
  }));

Deno.test("changeStock() leaves units and timeline as they were where its transaction fails", () =>
  withStock("stock_rolled_back", async (flow) => {
    const inTransaction = () => Promise.reject(new Error("no answer can be stored"));
    await assert.rejects(
      changeStock(flow, "a", { add: 1 }, { operator: anOperator("cli"), inTransaction }),
      /no answer/,
    );
    assert.deepEqual(await units(flow), [42, 8, 50]);
    const [row] = await flow.rows("select count(*) as n from stock_movements");
    assert.equal(Number(row!.n), 1);
  }));

Deno.test("units are changed where the database is lost before anybody is told of them, and the log says so once", () =>
  withStock("stock_untold", async (flow) => {
    const away = () => Promise.reject(new Error("Connection lost"));
    const deps = { ...flow, db: { ...flow.db, query: away, execute: away } };
    const operator = anOperator("api:ann");
    const { after } = await changeStock(deps, "a", { add: 10 }, { operator });
    assert.equal(after.stockQty, 52);
    const wanted = { sku: "b", name: "B", priceCents: 100, stockQty: 5 };
    assert.equal((await addProduct(deps, wanted, { operator })).isNew, true);
    const options = { name: "stock.csv", operator, create: false, again: false };
    for (const text of ["sku,add_qty\na,3\n", "sku,set_qty\na,60\n"]) {
      const file = await readStockFile(sourceOf(text), { name: "stock.csv" });
      assert.equal((await applyStockFile(deps, file, options)).report.rows_changed, 1);
    }
    assert.deepEqual(await units(flow), [60, 8, 68]);
    const entries = await flow.rows("select action, outcome from audit_log order by id");
    assert.deepEqual(entries.map((row) => Object.values(row).join(" ")), [
      "stock.change done",
      "product.add done",
      "stock.file done",
      "stock.file done",
    ]);
  }));
