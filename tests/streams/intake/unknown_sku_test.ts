import assert from "node:assert/strict";
import { type TakeOptions, takeOrders } from "../../../streams/intake/take_orders.ts";
import { addProduct } from "../../../services/catalog/add_product.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

const rejecting: TakeOptions = {
  initialStock: 50,
  unknownSku: "reject",
  onPendingChange: "update",
  actor: "test",
};

async function withKnown(name: string, work: (flow: Workflow) => Promise<void>): Promise<void> {
  const flow = await openWorkflow(name);
  try {
    await addProduct(flow, { sku: "a", name: "A", priceCents: 100, stockQty: 9 }, {
      operator: anOperator("x"),
    });
    await work(flow);
  } finally {
    await flow.close();
  }
}

const tables = async ({ rows }: Workflow) => {
  const count = async (table: string) =>
    Number((await rows(`select count(*) as n from ${table}`))[0]!.n);
  return [await count("orders"), await count("customers"), await count("products")];
};

Deno.test("takeOrders() takes no order that names an unknown SKU where none may be created", () =>
  withKnown("unknown_sku_take", async (flow) => {
    const stranger = { externalId: "c2", email: "c2@example.com", name: "Customer 2" };
    const orders = [
      anOrder("good", [{ sku: "a", qty: 1 }]),
      anOrder("bad", [{ sku: "a", qty: 1 }, { sku: "x", qty: 1 }, { sku: "y", qty: 1 }], {
        customer: stranger,
      }),
    ];
    const trial = await takeOrders(flow.db, orders, { ...rejecting, dryRun: true });
    assert.deepEqual(trial.map(({ outcome }) => outcome), ["new", "unknown_sku"]);
    assert.deepEqual(await tables(flow), [0, 0, 1]);
    const taken = await takeOrders(flow.db, orders, rejecting);
    assert.deepEqual(taken.map(({ outcome, unknownSkus }) => [outcome, unknownSkus]), [
      ["new", undefined],
      ["unknown_sku", ["x", "y"]],
    ]);
    assert.equal(taken[1]!.orderId, null);
    assert.deepEqual(await tables(flow), [1, 1, 1]);
  }));

Deno.test("takeOrders() leaves a known order alone whose new content names an unknown SKU", () =>
  withKnown("unknown_sku_update", async (flow) => {
    const before = anOrder("o", [{ sku: "a", qty: 1 }]);
    await takeOrders(flow.db, [before], rejecting);
    const more = anOrder("o", [{ sku: "a", qty: 1 }, { sku: "x", qty: 1 }]);
    const [result] = await takeOrders(flow.db, [more], rejecting);
    assert.equal(result!.outcome, "unknown_sku");
    assert.equal((await flow.rows("select id from order_items")).length, 1);
    const [same] = await takeOrders(flow.db, [before], rejecting);
    assert.equal(same!.outcome, "unchanged");
    await addProduct(flow, { sku: "x", name: "X", priceCents: 1 }, { operator: anOperator("x") });
    const [taken] = await takeOrders(flow.db, [more], rejecting);
    assert.equal(taken!.outcome, "updated");
  }));

Deno.test("takeOrders() creates unknown products by default", () =>
  withKnown("unknown_sku_create", async (flow) => {
    const { unknownSku: _, ...creating } = rejecting;
    const [taken] = await takeOrders(flow.db, [anOrder("o", [{ sku: "x", qty: 1 }])], creating);
    assert.equal(taken!.outcome, "new");
    assert.equal(await flow.stock("x"), 50);
  }));
