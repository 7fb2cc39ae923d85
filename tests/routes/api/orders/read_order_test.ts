import assert from "node:assert/strict";
import { orderBody } from "../../../../routes/api/orders/order_body.ts";
import { readOrder, usualOrder } from "../../../../routes/api/orders/read_order.ts";
import { type Random, randomFrom } from "../../../../tools/orders/random.ts";

const usual = {
  external_order_id: "web-1",
  placed_at: "2026-01-05T10:00:00Z",
  currency: "EUR",
  customer: { external_id: "c-7", email: "ann@example.com", name: "Ann" },
  items: [
    { sku: "tea", name: "Tea", unit_price_cents: 1_250, qty: 2 },
    { sku: "cup", name: "Cup ☕", unit_price_cents: 0, qty: 1 },
  ],
};

Deno.test("usualOrder() reads what most clients send", () => {
  assert.deepEqual(usualOrder(usual), {
    externalOrderId: "web-1",
    placedAt: "2026-01-05 10:00:00.000",
    currency: "EUR",
    customer: { externalId: "c-7", email: "ann@example.com", name: "Ann" },
    items: [
      { sku: "tea", name: "Tea", unitPriceCents: 1_250, qty: 2 },
      { sku: "cup", name: "Cup ☕", unitPriceCents: 0, qty: 1 },
    ],
  });
});

/** What may stand in the place of anything. */
const values: unknown[] = [
  null,
  "",
  " ",
  " web-1 ",
  "\u00a0x",
  "guest:ann",
  "erased:1",
  "erased-1",
  "a\u0000b",
  "a\u200bb",
  "\ud800",
  "e\u0301",
  "eur",
  "XXX",
  "ZZZ",
  "2026-01-05 10:00:00",
  "2026-02-30T10:00:00Z",
  "2999-01-01T00:00:00Z",
  "2026-01-05T10:00:00+02:00",
  "x".repeat(64),
  "x".repeat(65),
  "x".repeat(256),
  "😀".repeat(64),
  0,
  -0,
  -1,
  1.5,
  1,
  1_000_000,
  999_999_999,
  9_007_199_254_740_991,
  1e300,
  true,
  [],
  {},
  [usual.items[0]],
  Array.from({ length: 1_001 }, () => usual.items[0]),
  Array.from({ length: 1_000 }, () => ({ ...usual.items[0], unit_price_cents: 99_999_999 })),
];

/** Fields that are known, about money or neither. */
const names = ["total_cents", "language", "payment", "adjustments", "note", "shipping", "guest"];

/** Puts something else in one place of a body, takes the place away, or adds one. */
function changed(body: unknown, { fraction, pick }: Random): unknown {
  const copy = structuredClone(body) as Record<string, unknown>;
  let at: Record<string, unknown> = copy;
  for (;;) {
    const name = pick(Object.keys(at).length === 0 ? ["note"] : Object.keys(at));
    const value = at[name];
    if (typeof value === "object" && value !== null && fraction() < 0.75) {
      at = value as Record<string, unknown>;
      continue;
    }
    const choice = fraction();
    if (choice < 0.1) delete at[name];
    else if (choice < 0.25) at[pick(names)] = structuredClone(pick(values));
    else at[name] = structuredClone(pick(values));
    return copy;
  }
}

Deno.test("usualOrder() makes of any body just what the schema makes of it, or leaves it to that", () => {
  const random = randomFrom(18);
  let read = 0, refused = 0;
  for (let run = 0; run < 6_000; run++) {
    let body: unknown = usual;
    for (let changes = random.integer(0, 2); changes > 0; changes--) {
      body = changed(body, random);
    }
    const order = usualOrder(body);
    const text = JSON.stringify(body).slice(0, 300);
    const { success, data } = orderBody.safeParse(structuredClone(body));
    if (!success) refused++;
    if (order === undefined) continue;
    read++;
    assert.ok(success, `the schema refuses ${text}`);
    // A key's request is known again by this text, so the order of the fields counts.
    assert.equal(JSON.stringify(order), JSON.stringify(data), text);
  }
  assert.ok(read > 300 && refused > 300, `${read} were read and ${refused} refused`);
});

Deno.test("usualOrder() leaves lists, other values and fields of an object's prototype to the schema", () => {
  const others = [null, 7, "order", [], [usual], JSON.parse('{"__proto__": {}}')];
  for (const body of others) assert.equal(usualOrder(body), undefined);
  const withPrototype = JSON.parse(
    JSON.stringify(usual).replace('"currency"', '"__proto__": {"total_cents": 5}, "currency"'),
  );
  assert.equal(usualOrder(withPrototype), undefined);
});

Deno.test("readOrder() names the faults as the schema does", () => {
  assert.throws(() => readOrder({ ...usual, currency: "EURO", items: [] }), {
    code: "invalid",
    message: /^The body is not valid: #\/currency /,
  });
});
