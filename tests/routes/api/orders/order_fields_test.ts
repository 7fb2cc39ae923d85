import assert from "node:assert/strict";
import { recordedKinds } from "../../../../domain/order/adjustment.ts";
import { moneyColumns } from "../../../../routes/api/exports/money_columns.ts";
import {
  customer,
  orderExample,
  orderFields,
  orderFileColumns,
} from "../../../../routes/api/orders/order_fields.ts";

/** What a total is made of, which is no field of an order in a list. */
const ofMoney = Object.keys(moneyColumns(
  0,
  recordedKinds.flatMap((kind) =>
    [true, false].map((included) => ({ kind, included, amountCents: 0 }))
  ),
));

Deno.test("orderFileColumns has every field of an order, of its customer and of its money, once", () => {
  const { customer: _customer, ...plain } = orderFields;
  // A guest is told by the external id that is empty.
  const { guest: _guest, ...described } = customer.shape;
  const ofCustomer = Object.keys(described).map((name) => `customer_${name}`);
  assert.deepEqual(
    [...orderFileColumns].sort(),
    [...Object.keys(plain), ...ofCustomer, ...ofMoney].sort(),
  );
});

Deno.test("orderFields has examples that suit their schemas", () => {
  for (const [name, { schema, example }] of Object.entries(orderFields)) {
    assert.ok(schema.safeParse(example).success, name);
  }
  assert.deepEqual(Object.keys(orderExample), Object.keys(orderFields));
});
