import assert from "node:assert/strict";
import { type ImportOptions, importOrders } from "../../../streams/imports/orders_import.ts";
import { decodeMessage, messageField, orderIdOf } from "../../../domain/messages/messages.ts";
import { withWorkflow } from "../../workflow.ts";

const header =
  "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
  "product_sku,product_name,unit_price_cents,qty";

Deno.test("importOrders() publishes orders in the order of the file, while batches overtake each other in the database", () =>
  withWorkflow("import_order", async (flow) => {
    const count = 12_000;
    const rows = Array.from(
      { length: count },
      (_, n) =>
        `o${String(n).padStart(6, "0")},2025-03-01 12:00:00,EUR,c${n % 7},c${
          n % 7
        }@example.com,C,hot,Hot,100,1`,
    );
    const file = new Blob([[header, ...rows].join("\n")]).stream();
    // The first transactions of the import end last.
    let begun = 0;
    const others = Promise.withResolvers<void>();
    const db: typeof flow.db = {
      ...flow.db,
      transaction: async (work, options) => {
        const number = ++begun;
        const result = await flow.db.transaction(work, options);
        if (number > 3) others.resolve();
        else await Promise.race([others.promise, new Promise((end) => setTimeout(end, 20))]);
        return result;
      },
    };
    const options: ImportOptions = { name: "orders.csv", initialStock: 50 };
    await importOrders({ ...flow, db }, file, options);
    const entries = await flow.redis.xrange(flow.keys.stream("orders", "bulk"), "-", "+");
    const published = entries.map(([, fields]) => {
      const message = decodeMessage(fields[fields.indexOf(messageField) + 1]!);
      return typeof message === "string" ? 0 : orderIdOf(message)!;
    });
    const inFile = (await flow.rows("select id from orders order by external_order_id"))
      .map(({ id }) => Number(id));
    assert.equal(published.length, count);
    const first = published.findIndex((id, at) => id !== inFile[at]);
    assert.equal(first, -1, `the order at place ${first}`);
  }));
