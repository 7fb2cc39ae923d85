import assert from "node:assert/strict";
import { unrealMoney, unrealMoneyWarning } from "../../../domain/payment/unreal_money.ts";

Deno.test("unrealMoney() knows the simulated provider, and Stripe in its test mode where it is asked", () => {
  const simulated = { title: "Payments are simulated", setting: "GATEWAY=simulated" };
  const test = (prefix: string) => ({
    title: "Stripe is asked in its test mode",
    setting: `STRIPE_SECRET_KEY=${prefix}…`,
  });
  assert.deepEqual(unrealMoney({ gateway: "simulated" }), simulated);
  assert.equal(unrealMoney({ gateway: "http" }), null);
  const live = { stripeSecretKey: "sk_live_51H" };
  const trial = { stripeSecretKey: "sk_test_51H" };
  assert.equal(unrealMoney({ gateway: "stripe", ...live }), null);
  assert.deepEqual(unrealMoney({ gateway: "stripe", ...trial }), test("sk_test_"));
  assert.deepEqual(
    unrealMoney({ gateway: "http", furtherGateways: ["stripe"], stripeSecretKey: "rk_test_9" }),
    test("rk_test_"),
  );
  // A key that nobody uses moves nothing.
  assert.equal(unrealMoney({ gateway: "http", ...trial }), null);
});

Deno.test("unrealMoneyWarning() tells no secret", () => {
  const warning = unrealMoneyWarning({ gateway: "stripe", stripeSecretKey: "sk_test_verysecret" });
  assert.equal(
    warning,
    "Stripe is asked in its test mode: no money is taken or given back (STRIPE_SECRET_KEY=sk_test_…)",
  );
  assert.equal(unrealMoneyWarning({ gateway: "http" }), null);
});
