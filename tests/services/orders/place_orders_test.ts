import assert from "node:assert/strict";
import { guestOf } from "../../../domain/order/guest.ts";
import { readOrderSummaries } from "../../../db/orders/order_queries.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { placeAndPublish } from "../../../services/orders/place_orders.ts";
import { anOperator } from "../../operator.ts";
import { mara } from "../../person.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";

const one = [{ sku: "a", qty: 1 }];
const config = { erasureSecret: "", initialStock: 50, unknownSku: "create" } as const;

Deno.test("placeAndPublish() tells new orders as their rows say them, without reading those", async () => {
  await withWorkflow("placed_summaries", async (flow) => {
    const known = { externalId: "C-1", email: "first@example.com", name: "First" };
    await flow.add([
      anOrder("K-1", one, { customer: known }),
      anOrder("M-1", one, { customer: mara }),
    ]);
    await flow.drain();
    await eraseCustomer({ ...flow, config }, { externalId: mara.externalId }, anOperator("desk"));
    const orders = [
      anOrder("N-1", [{ sku: "a", qty: 2 }, { sku: "b", qty: 1 }]),
      anOrder("N-2", one, {
        customer: { ...known, email: "later@example.com", name: 'Läter "x"' },
      }),
      anOrder("N-3", one, { customer: guestOf(null, "Guest", "N-3") }),
      anOrder("N-4", one, { customer: guestOf("guest@example.com", "Guest", "N-4") }),
      anOrder("N-5", one, { customer: { ...known, email: null }, currency: "USD" }),
      anOrder("N-6", one, { placedAt: "2020-02-03 04:05:06.700", language: "de-AT" }),
      anOrder("N-7", one, {
        payment: { status: "paid", provider: "shop", reference: "ref-7", paidAt: null },
      }),
      anOrder("N-8", one, { customer: mara, placedAt: "2020-01-01 00:00:00.000" }),
    ];
    const told: unknown[] = [], rows: unknown[] = [];
    const placed = await placeAndPublish(
      { ...flow, config },
      orders.map((order) => ({ order, actor: "api:test" })),
      {
        inTransaction: async (tx, inserted) => {
          told.push(...inserted.map(({ order }) => order));
          const read = await readOrderSummaries(tx, inserted.map(({ order: { id } }) => id));
          rows.push(...inserted.map(({ order: { id } }) => read.get(id)));
        },
      },
    );
    assert.equal(told.length, orders.length);
    assert.deepEqual(told, rows);
    assert.deepEqual(placed.map((one) => "order" in one && one.order), rows);
  });
});
