import assert from "node:assert/strict";
import { orderContentHash } from "../../../../domain/order/content_hash.ts";
import { contentOf } from "../../../../domain/order/incoming_order.ts";
import { orderBody } from "../../../../routes/api/orders/order_body.ts";
import { ask, assertProblem, openApi } from "../../api.ts";

const order = {
  external_order_id: "web-1",
  placed_at: "2026-01-05T10:00:00Z",
  currency: "EUR",
  customer: { external_id: "c1", email: "c1@example.com", name: "C" },
  items: [{ sku: "MUG", name: "Mug", unit_price_cents: 1_250, qty: 2 }],
};

const read = (payment: Record<string, unknown>) => orderBody.safeParse({ ...order, payment });

function hashOf(payment?: Record<string, unknown>): string {
  return orderContentHash(contentOf(orderBody.parse({ ...order, payment })));
}

Deno.test("an order that is due says what it is to be paid with", () => {
  const payment = {
    status: "due",
    method_type: "card",
    method: " pm_1 ",
    customer: "cus_1",
    description: "",
    metadata: { channel: "web" },
  };
  const { success, data } = read(payment);
  assert.ok(success);
  assert.deepEqual(data.instructions, {
    methodType: "card",
    method: "pm_1",
    customer: "cus_1",
    description: null,
    metadata: { channel: "web" },
  });
  assert.equal(data.payment, undefined);
  assert.equal(read({ status: "due", method: "", metadata: {} }).data?.instructions, undefined);
});

Deno.test("a request that says nothing of the capture is kept as it was before there was one to say", () => {
  const { data } = read({ status: "due", method: "pm_1", metadata: { a: "1" } });
  assert.equal(
    JSON.stringify(data!.instructions),
    '{"methodType":null,"method":"pm_1","customer":null,"description":null,"metadata":{"a":"1"}}',
  );
});

Deno.test("what an order is to be paid with is a part of its content, and saying nothing is not", () => {
  const before = hashOf();
  assert.equal(hashOf({ status: "due" }), before);
  const hashes = new Set([
    before,
    hashOf({ status: "due", method: "pm_1" }),
    hashOf({ status: "due", method: "pm_2" }),
    hashOf({ status: "due", method: "pm_1", metadata: { a: "1", b: "2" } }),
    hashOf({ status: "due", method: "pm_1", capture: "now" }),
    hashOf({ status: "due", method: "pm_1", capture: "later" }),
  ]);
  assert.equal(hashes.size, 6);
  assert.equal(
    hashOf({ status: "due", metadata: { a: "1", b: "2" } }),
    hashOf({ status: "due", metadata: { b: "2", a: "1" } }),
  );
});

Deno.test("instructions that can't be followed are refused at their place", () => {
  const faults: [Record<string, unknown>, string][] = [
    [{ status: "paid", provider: "p", reference: "r", method: "pm_1" }, "payment.method"],
    [{ status: "due", method: "pm 1" }, "payment.method"],
    [{ status: "due", method: "p".repeat(256) }, "payment.method"],
    [{ status: "due", method_type: "Card" }, "payment.method_type"],
    [{ status: "due", capture: "soon" }, "payment.capture"],
    [{ status: "paid", provider: "p", reference: "r", capture: "now" }, "payment.capture"],
    [{ status: "due", description: "x".repeat(501) }, "payment.description"],
    [{ status: "due", metadata: { "a[b]": "c" } }, "payment.metadata.a[b]"],
    [{ status: "due", metadata: { a: 1 } }, "payment.metadata.a"],
    [{ status: "due", metadata: "a" }, "payment.metadata"],
  ];
  for (const [payment, at] of faults) {
    const { error } = read(payment);
    assert.deepEqual(
      error?.issues.map(({ path }) => path.join(".")),
      [at],
      JSON.stringify(payment),
    );
  }
  const many = Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`n${n}`, "v"]));
  assert.equal(read({ status: "due", metadata: many }).success, false);
  const long = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`n${n}`, "v".repeat(500)]));
  assert.equal(read({ status: "due", metadata: long }).success, false);
});

Deno.test("an order whose money is to be held is refused where its provider takes it at once, however it comes", async () => {
  const api = await openApi("unholdable", {
    GATEWAY: "stripe",
    STRIPE_SECRET_KEY: "sk_test_1234567890",
    STRIPE_WEBHOOK_SECRETS: `whsec_${btoa("s".repeat(32))}`,
    FURTHER_GATEWAYS: "simulated",
    GATEWAY_ROUTES: "USD=simulated",
  });
  try {
    const held = (id: string, currency: string) => ({
      ...order,
      external_order_id: id,
      currency,
      payment: { status: "due", method: "pm_1", capture: "later" },
    });
    const refused = await ask(api, "POST", "/orders", held("usd", "USD"));
    assertProblem(refused, 422, "invalid");
    assert.deepEqual(refused.body.errors, [{
      pointer: "#/payment/capture",
      detail: 'must be now: the provider "simulated" can\'t hold money',
    }]);
    const taken = await ask(api, "POST", "/orders", held("eur", "EUR"));
    assert.equal(taken.status, 202);
    const batch = await ask(api, "POST", "/orders/batch", [
      held("usd-2", "USD"),
      held("eur-2", "EUR"),
    ]);
    assert.deepEqual(batch.body.map(({ status }: { status: number }) => status), [422, 202]);
    const path = `/orders/${taken.body.id}`;
    const { etag } = Object.fromEntries(taken.headers);
    const edited = await ask(api, "PUT", path, held("eur", "USD"), { "if-match": etag! });
    assertProblem(edited, 422, "invalid");
    const { body } = await ask(api, "GET", path);
    assert.equal(body.payment_instructions.capture, "later");
  } finally {
    await api.close();
  }
});

Deno.test("metadata is the same request in whichever order it is written", async () => {
  const api = await openApi("metadata_order");
  try {
    const send = (metadata: Record<string, string>) => {
      const body = { ...order, payment: { status: "due", method: "pm_1", metadata } };
      return ask(api, "POST", "/orders", body, { "idempotency-key": "one" });
    };
    assert.equal((await send({ b: "2", a: "1" })).status, 202);
    const again = await send({ a: "1", b: "2" });
    assert.deepEqual([again.status, again.headers.get("idempotent-replayed")], [202, "true"]);
    assertProblem(await send({ a: "2", b: "1" }), 422, "idempotency-key-reused");
  } finally {
    await api.close();
  }
});
