import assert from "node:assert/strict";
import { decidePayment } from "../../../services/payments/decide_payment.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { until, withProvider } from "../../provider.ts";
import { anOrder } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

Deno.test("the callback of a charge whose other amount was accepted is taken, not refused for ever", () =>
  withProvider(
    "accepted_callback",
    { overcharges: 100, delayMs: 300, resendMs: 50 },
    async ({ flow, provider }) => {
      const [taken] = await flow.add([
        anOrder("web-1", [{ sku: "A", qty: 1, unitPriceCents: 1_000 }]),
      ]);
      await flow.turn("orders");
      await flow.turn("payments");
      const orderId = taken!.orderId!;
      const [charge] = [...provider.charges.values()];
      // It was asked before its callback came, and somebody was quick.
      const answer = {
        type: "payment.callback",
        orderId,
        amountCents: 1_001,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        key: charge!.key,
        providerRef: charge!.id,
      } as const;
      await publish(flow, [{ message: answer }]);
      await flow.turn("payments");
      const { messages } = await decidePayment(flow.db, orderId, "accept", "test");
      await publish(flow, messages.map((message) => ({ message })));
      await until("the callback comes", () => provider.deliveries.length > 0);
      await provider.settled();
      assert.deepEqual(provider.deliveries.map(({ status }) => status), [202]);
      await flow.drain();
      assert.equal((await flow.order(orderId)).status, "PAID");
      await assertConsistent(flow);
    },
  ));
