import assert from "node:assert/strict";
import { readInstallation } from "../../../db/payments/installation.ts";
import { readCharges } from "../../../db/orders/orders.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { anOrder, openWorkflow } from "../../workflow.ts";

Deno.test("readCharges() reads the shop's ids whatever they hold", async () => {
  const flow = await openWorkflow("charge_facts");
  try {
    const ids = [
      "web-1",
      'a "quoted" one',
      "back\\slash",
      "tab\there",
      "\u0001\u001f",
      "Grüße 😀",
      "'",
    ];
    const taken = await flow.add(ids.map((id) => anOrder(id, [{ sku: "a", qty: 1 }])));
    const orders = await readCharges(flow.db, taken.map(({ orderId }) => orderId!));
    assert.deepEqual(
      taken.map(({ orderId }) => orders.get(orderId!)!.externalOrderId),
      ids,
    );
    const [first] = [...orders.values()];
    assert.deepEqual([first!.reservedAt, first!.isOld], [null, true]);
  } finally {
    await flow.close();
  }
});

Deno.test("readInstallation() reads the same name for ever, and another in each database", async () => {
  const [one, other] = [await openWorkflow("installation_1"), await openWorkflow("installation_2")];
  try {
    const { name, oldKeysUntil } = await readInstallation(one.db);
    assert.match(name, /^[0-9a-f]{64}$/);
    assert.notEqual(oldKeysUntil, null, "there was no order before");
    assert.notEqual((await readInstallation(other.db)).name, name);
    await one.rows("delete from schema_migrations where version = 13");
    await migrate(one.test.databaseUrl);
    assert.equal((await readInstallation(one.db)).name, name);
    await one.rows("delete from installation");
    await assert.rejects(readInstallation(one.db), /does not say which installation/);
  } finally {
    await one.close();
    await other.close();
  }
});
