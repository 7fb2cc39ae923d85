import assert from "node:assert/strict";
import { anOrder, openWorkflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

Deno.test("simulatedGateway() charges an order that the shop calls as an order of before the upgrade is numbered", async () => {
  const flow = await openWorkflow("simulated_names");
  const paid = () =>
    flow.rows("select external_order_id as name from orders where status = 'PAID' order by id");
  try {
    // As the version before charged it, by its row's id.
    await flow.rows("update installation set old_keys_until = '2999-01-01'");
    await flow.add([anOrder("web-1", [{ sku: "A", qty: 1 }])]);
    await flow.drain();
    await flow.rows("update installation set old_keys_until = utc_timestamp(6)");
    await flow.add([anOrder("1", [{ sku: "A", qty: 1 }]), anOrder("2", [{ sku: "A", qty: 1 }])]);
    for (let turns = 0; turns < 3; turns++) {
      for (const group of ["orders", "payments", "notifications"] as const) await flow.turn(group);
    }
    assert.deepEqual(await paid(), [{ name: "web-1" }, { name: "1" }, { name: "2" }]);
    await assertConsistent(flow);
  } finally {
    await flow.close();
  }
});
