import assert from "node:assert/strict";
import {
  customer,
  orderExample,
  orderFields,
  orderFileColumns,
} from "../../../../routes/api/orders/order_fields.ts";

Deno.test("orderFileColumns has every field of an order and of its customer, once", () => {
  const { customer: _customer, ...plain } = orderFields;
  const ofCustomer = Object.keys(customer.shape).map((name) => `customer_${name}`);
  assert.deepEqual(
    [...orderFileColumns].sort(),
    [...Object.keys(plain), ...ofCustomer].sort(),
  );
});

Deno.test("orderFields has examples that suit their schemas", () => {
  for (const [name, { schema, example }] of Object.entries(orderFields)) {
    assert.ok(schema.safeParse(example).success, name);
  }
  assert.deepEqual(Object.keys(orderExample), Object.keys(orderFields));
});
