import assert from "node:assert/strict";
import { ask, openApi, storeOrder } from "../../api.ts";
import { providerSecret, signatureOf } from "./callbacks.ts";

Deno.test("a provider's callback that a refund came back makes it FAILED, once, and is told again for one that is not known", async () => {
  const api = await openApi("taken_back_route", { GATEWAY_SECRETS: providerSecret });
  try {
    const { db } = api.deps;
    const orderId = await storeOrder(db, { status: "PAID", totalCents: 2_500 });
    await db.run("update orders set refunded_cents = 400 where id = ?", [orderId]);
    await db.run(
      `insert into refunds (order_id, amount_cents, status, processed_at, provider_key)
      values (?, 400, 'PROCESSED', current_timestamp(6), 'refund_1')`,
      [orderId],
    );
    const tell = (key: string, data: Record<string, unknown> = {}) => {
      const body = JSON.stringify({
        provider: "simulated",
        type: "refund.failed",
        timestamp: "2026-03-01T10:00:01Z",
        data: {
          id: "re_1",
          idempotency_key: key,
          amount_cents: 400,
          currency: "EUR",
          reason: "account_closed",
          ...data,
        },
      });
      return ask(api, "POST", "/payments/callback/simulated", body, signatureOf(body));
    };
    assert.equal((await tell("refund_2")).status, 409);
    assert.equal((await tell("refund_1", { amount_cents: 0 })).status, 422);
    for (const half of [{ id: "\ud800" }, { charge_id: "\ud800" }, { reason: "\ud800" }]) {
      assert.equal((await tell("refund_1", half)).status, 422);
    }
    const first = await tell("refund_1");
    assert.deepEqual([first.status, first.body], [202, { duplicate: false }]);
    assert.deepEqual((await tell("refund_1")).body, { duplicate: true });
    const { body: refund } = await ask(api, "GET", "/refunds/1");
    assert.deepEqual([refund.status, refund.failure_reason], [
      "FAILED",
      "taken back by simulated: account_closed",
    ]);
    const { body: order } = await ask(api, "GET", `/orders/${orderId}`);
    assert.equal(order.refunded_cents, 0);
  } finally {
    await api.close();
  }
});
