import assert from "node:assert/strict";
import { type Api, ask, assertProblem, openApi, orderBodyOf } from "../../api.ts";

let api: Api;

Deno.test.beforeAll(async () => {
  api = await openApi("order_terms_api");
});
Deno.test.afterAll(() => api.close());

const post = (changes: Record<string, unknown>) =>
  ask(api, "POST", "/orders", orderBodyOf(changes));

async function faultsOf(changes: Record<string, unknown>): Promise<[string, string][]> {
  const answer = await post(changes);
  assertProblem(answer, 422, "invalid");
  return answer.body.errors.map(
    ({ pointer, detail }: { pointer: string; detail: string }) => [pointer, detail],
  );
}

/** Rows of a statement about one order. */
const rowsOf = (id: number, sql: string) => api.deps.db.query(sql, [id]);

Deno.test("POST /orders takes adjustments, a total, a payment and a language", async () => {
  const body = orderBodyOf({
    adjustments: [
      { kind: "shipping", label: " Express ", amount_cents: 490 },
      { kind: "discount", label: "", amount_cents: -540 },
      { kind: "tax", amount_cents: 150, included: true },
      { kind: "tip", label: null, amount_cents: 0 },
    ],
    total_cents: 850,
    payment: {
      status: "paid",
      provider: "Stripe",
      reference: "ch_9",
      paid_at: "2026-01-05T10:00:00Z",
    },
    language: "de-at",
  });
  const answer = await ask(api, "POST", "/orders", body);
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  assert.equal(answer.body.total_cents, 850);
  const { id } = answer.body;
  assert.deepEqual(
    await rowsOf(
      id,
      "select kind, label, amount_cents, included from order_adjustments where order_id = ? order by id",
    ),
    [
      { kind: "shipping", label: "Express", amount_cents: 490, included: 0 },
      { kind: "discount", label: null, amount_cents: -540, included: 0 },
      { kind: "tax", label: null, amount_cents: 150, included: 1 },
    ],
  );
  assert.deepEqual(
    await rowsOf(id, "select provider, reference, paid_at from source_payments where order_id = ?"),
    [{ provider: "stripe", reference: "ch_9", paid_at: "2026-01-05 10:00:00.000000" }],
  );
  assert.deepEqual(
    await rowsOf(id, "select payment_status, language from orders where id = ?"),
    [{ payment_status: "paid", language: "de-AT" }],
  );
  assert.equal((await ask(api, "POST", "/orders", body)).status, 200);
  const other = await ask(api, "POST", "/orders", { ...body, adjustments: [], total_cents: 900 });
  assertProblem(other, 409, "order-conflict");
});

Deno.test("POST /orders refuses a payment that another order has, and names that one", async () => {
  const payment = { status: "paid", provider: "stripe", reference: crypto.randomUUID() };
  const first = await post({ payment });
  assert.equal(first.status, 202);
  const refused = await post({ payment });
  assertProblem(refused, 409, "order-conflict");
  assert.ok(refused.body.detail.includes(first.body.external_order_id), refused.body.detail);
});

Deno.test("POST /orders takes a guest, with or without an address", async () => {
  const guests = [
    { email: "Ida@Guest.example", name: "Ida" },
    { external_id: null, email: "", name: "Till" },
    { name: "Till" },
  ];
  for (const customer of guests) {
    const answer = await post({ customer });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    const [row] = await rowsOf(
      answer.body.id,
      `select c.external_id, c.guest, o.recipient_name, o.recipient_email
       from orders o join customers c on c.id = o.customer_id where o.id = ?`,
    );
    const named = customer.email === "Ida@Guest.example";
    assert.deepEqual(row, {
      external_id: named ? "guest:ida@guest.example" : `guest:${answer.body.external_order_id}`,
      guest: 1,
      recipient_name: named ? "Ida" : "Till",
      recipient_email: named ? customer.email : null,
    });
  }
  const known = await post({ customer: { external_id: "C-1", name: "Ann" } });
  assert.equal(known.status, 202, JSON.stringify(known.body));
});

Deno.test("POST /orders names what is wrong with a customer", async () => {
  assert.deepEqual(await faultsOf({ customer: { external_id: "guest:1", name: "x" } }), [[
    "#/customer/external_id",
    "must not begin with guest:, as the ids of guests do: leave it empty for a guest",
  ]]);
  assert.deepEqual(await faultsOf({ customer: { external_id: "C-1" } }), [
    ["#/customer/name", "is missing"],
  ]);
  assert.deepEqual(await faultsOf({ customer: { email: 5, name: "a\0b" } }), [
    ["#/customer/email", "must be text"],
    ["#/customer/name", "must not hold the character NUL"],
  ]);
  assert.deepEqual(await faultsOf({ customer: undefined }), [["#/customer", "is missing"]]);
});

Deno.test("POST /orders writes out the sum that does not agree with the request's total", async () => {
  const items = [{ sku: "TEA", name: "Tea", unit_price_cents: 1_200, qty: 2 }];
  const adjustments = [
    { kind: "shipping", amount_cents: 490 },
    { kind: "discount", amount_cents: -540 },
  ];
  assert.deepEqual(await faultsOf({ items, adjustments, total_cents: 5_350 }), [[
    "#/total_cents",
    "items 24.00 + shipping 4.90 − discount 5.40 = 23.50, the request says 53.50",
  ]]);
  assert.deepEqual(
    await faultsOf({ items, adjustments: [{ kind: "discount", amount_cents: -2_401 }] }),
    [["#/adjustments", "the order's total is below zero (items 24.00 − discount 24.01 = −0.01)"]],
  );
  assert.deepEqual(await faultsOf({ items, payment: { status: "none" } }), [[
    "#/payment/status",
    "the payment status none is for orders that cost nothing: write due or paid (items 24.00)",
  ]]);
  const tax = { kind: "tax", amount_cents: 999_999, included: true };
  assert.deepEqual(await faultsOf({ items, adjustments: [tax] }), [[
    "#/adjustments",
    "the contained tax is larger than what contains it (tax 9,999.99 contained in items 24.00)",
  ]]);
  const free = { items, adjustments: [{ kind: "discount", amount_cents: -2_400 }] };
  assert.equal((await post({ ...free, payment: { status: "none" } })).status, 202);
});

Deno.test("POST /orders says what would be right of every amount", async () => {
  const item = (
    unit_price_cents: unknown,
  ) => [{ sku: "TEA", name: "Tea", unit_price_cents, qty: 1 }];
  assert.deepEqual(
    await faultsOf({
      items: item(12.5),
      adjustments: [
        { kind: "shipping", amount_cents: "4.90" },
        { kind: "discount", amount_cents: -5.4 },
        { kind: "tip", amount_cents: "four" },
      ],
      total_cents: 12.01,
    }),
    [
      ["#/items/0/unit_price_cents", "12.5: write 1250, minor units"],
      ["#/adjustments/0/amount_cents", "4.90: write 490, minor units"],
      ["#/adjustments/1/amount_cents", "-5.4: write -540, minor units"],
      ["#/adjustments/2/amount_cents", "must be an integer -2147483647000000…2147483647000000"],
      ["#/total_cents", "12.01: write 1201, minor units"],
    ],
  );
  assert.deepEqual(await faultsOf({ currency: "KWD", items: item(2.51) }), [
    ["#/items/0/unit_price_cents", "2.51: write 2510, minor units"],
  ]);
  assert.deepEqual(await faultsOf({ currency: "JPY", items: item("2500.00") }), [
    ["#/items/0/unit_price_cents", "2500.00: write 2500, minor units"],
  ]);
  assert.deepEqual(
    await faultsOf({
      adjustments: [
        { kind: "discount", amount_cents: 540 },
        { kind: "shipping", amount_cents: -490 },
        { kind: "shipping", amount_cents: 1, included: true },
        { kind: "postage", amount_cents: 1 },
      ],
    }),
    [
      ["#/adjustments/0/amount_cents", "540: discount is taken off: write -540"],
      [
        "#/adjustments/1/amount_cents",
        "-490: shipping is added: write 490, or a discount for what is taken off",
      ],
      ["#/adjustments/2/included", "is for a tax alone"],
      [
        "#/adjustments/3/kind",
        "must be one of shipping, tax, discount, tip, fee, gift_wrap, other",
      ],
    ],
  );
});

Deno.test("POST /orders names what is wrong with a payment or a language", async () => {
  assert.deepEqual(await faultsOf({ payment: { status: "authorised" }, language: "de_DE" }), [
    ["#/payment/status", "must be due, paid or none"],
    ["#/language", "must be a language tag of BCP 47 with dashes: write de-DE"],
  ]);
  assert.deepEqual(await faultsOf({ payment: { status: "paid", provider: "stripe" } }), [
    ["#/payment/reference", "is missing: the payment's id at stripe"],
  ]);
  const due = await faultsOf({
    payment: { status: "due", reference: "ch_1", paid_at: "2026-01-05T10:00:00Z" },
  });
  assert.deepEqual(due.map(([at]) => at), ["#/payment/reference", "#/payment/paid_at"]);
  assert.deepEqual(await faultsOf({ payment: { status: "paid", paid_at: "soon" } }), [[
    "#/payment/paid_at",
    "must be a date and time such as 2010-12-01T08:26:00Z or 2010-12-01 08:26:00",
  ]]);
});
