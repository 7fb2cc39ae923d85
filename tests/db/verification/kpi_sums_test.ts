import assert from "node:assert/strict";
import { sumCustomers } from "../../../db/verification/kpi_sums.ts";
import { observeDatabase } from "../connection/observed_database.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";

/** Customers with an order and a refund each. */
const customers = 300;

Deno.test("sumCustomers() of some customers reads their orders and refunds, not those of all", () =>
  withWorkflow("kpi_sums", async (flow) => {
    await flow.add(
      Array.from(
        { length: customers },
        (_, n) =>
          anOrder(`o${n}`, [{ sku: "a", qty: 1 }], {
            customer: { externalId: `c${n}`, email: `c${n}@example.com`, name: "Customer" },
          }),
      ),
    );
    await flow.rows(
      "update orders set status = 'PAID', settled_time = created_at, refunded_cents = 1",
    );
    await flow.rows(`
      insert into refunds (order_id, amount_cents, status, processed_at)
      select id, 1, 'PROCESSED', current_timestamp(6) from orders`);
    await flow.rows("analyze table orders, refunds, chargeback_movements");
    const [row] = await flow.rows("select max(customer_id) as id from orders");
    const { db, sent } = observeDatabase(flow.db);
    const [sum] = await db.transaction((tx) => sumCustomers(tx, { ids: [Number(row!.id)] }));
    assert.equal(sum!.events, 2);
    for (const { sql, walked } of sent) {
      assert.ok(walked < 10, `${walked} rows of ${customers} by ${sql}`);
    }
  }));
