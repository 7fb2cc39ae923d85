import assert from "node:assert/strict";
import { ask, assertProblem, openApi, orderBodyOf } from "../../api.ts";

Deno.test("POST /orders refuses an order that names an unknown SKU where none may be created", async () => {
  const api = await openApi("orders_unknown_sku", { UNKNOWN_SKU: "reject" });
  try {
    const item = (sku: string) => ({ sku, name: "Tea", unit_price_cents: 450, qty: 2 });
    const order = orderBodyOf({ items: [item("TEA"), item("X"), item("Y"), item("X")] });
    const key = { "idempotency-key": "once" };
    await ask(api, "POST", "/products", {
      sku: "TEA",
      name: "Tea",
      price_cents: 450,
      stock_qty: 9,
    });
    const refused = await ask(api, "POST", "/orders", order, key);
    assertProblem(refused, 422, "invalid");
    assert.equal(refused.body.detail, 'There is no product "X", "Y"');
    assert.deepEqual(refused.body.errors.map((one: { pointer: string }) => one.pointer), [
      "#/items/1/sku",
      "#/items/2/sku",
      "#/items/3/sku",
    ]);
    assert.match(refused.body.errors[0].detail, /"X"; add it by POST \/products first/);
    for (const table of ["orders", "customers"]) {
      assert.deepEqual(await api.deps.db.query(`select id from ${table}`), [], table);
    }
    assert.equal((await api.deps.db.query("select id from products")).length, 1);
    for (const sku of ["X", "Y"]) {
      await ask(api, "POST", "/products", { sku, name: "New", price_cents: 1 });
    }
    const taken = await ask(api, "POST", "/orders", order, key);
    assert.equal(taken.status, 202);
    const [{ n }] = await api.deps.db.query("select sum(received_qty) as n from products") as [
      { n: unknown },
    ];
    assert.equal(Number(n), 9);
  } finally {
    await api.close();
  }
});
