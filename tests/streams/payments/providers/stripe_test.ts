import assert from "node:assert/strict";
import Stripe from "stripe";
import { WorkflowError } from "../../../../domain/errors.ts";
import { currencyDigits } from "../../../../domain/money.ts";
import { carefulGateway } from "../../../../streams/payments/careful_gateway.ts";
import type { Gateway, GatewayRequest } from "../../../../streams/payments/gateway.ts";
import type { Provider } from "../../../../streams/payments/provider.ts";
import { stripeProvider } from "../../../../streams/payments/providers/stripe.ts";
import { fromStripe, toStripe } from "../../../../streams/payments/providers/stripe_amounts.ts";
import { saidOf } from "../../../../streams/payments/providers/stripe_errors.ts";
import { Refused } from "../../../../streams/payments/unanswered.ts";
import { listen } from "../../../provider.ts";
import { requestOf } from "../provider_contract.ts";
import { type StripeApi, stripeApi, stripeKey, stripeSecret } from "./stripe_api.ts";

/** What a test works with. */
interface Stage {
  api: StripeApi;
  provider: Provider;
  gateway: Gateway;
}

async function withStripe(
  options: { returnUrl?: string },
  work: (stage: Stage) => Promise<void>,
): Promise<void> {
  const api = stripeApi();
  const { url, server } = listen((request) => api.handle(request));
  const provider = stripeProvider({
    secretKey: stripeKey,
    webhookSecrets: [stripeSecret],
    returnUrl: options.returnUrl ?? "",
    timeoutMs: 5_000,
    url,
  });
  try {
    await work({ api, provider, gateway: carefulGateway(provider, { firstWaitMs: 1, restMs: 1 }) });
    assert.deepEqual(api.faults, []);
  } finally {
    await server.shutdown();
  }
}

function paidBy(
  method: string,
  more: Partial<GatewayRequest> = {},
  customer: string | null = "cus_1",
): GatewayRequest {
  const instructions = {
    methodType: null,
    method,
    customer,
    description: null,
    metadata: null,
    capture: null,
  };
  return requestOf(4, { instructions, ...more });
}

Deno.test("a bank that wants to see the customer gives a link, and the customer's deed the money", () =>
  withStripe({ returnUrl: "https://shop.example/paid" }, async ({ api, provider, gateway }) => {
    const request = paidBy("pm_card_authenticationRequired");
    const [answer] = await gateway.charge([request]);
    assert.ok(answer?.kind === "accepted");
    const [id] = api.intents.keys();
    assert.deepEqual(answer.action, { url: `https://hooks.stripe.example/${id}`, expiresAt: null });
    assert.equal(answer.callback?.message.type, "payment.charge", "it is asked about again");
    const again = await gateway.charge([{ ...request, askedBefore: true }]);
    assert.deepEqual(again, [answer], "the same link, and no second intent");
    // Stripe tells of the try without the customer as of a failure, which decides nothing.
    const { text, signature } = await api.event("payment_intent.payment_failed", id!);
    const event = await provider.readWebhook!({ header: () => signature, text });
    assert.equal(event?.kind === "charge" && event.charge.state, "requires_action");
    api.customerActs(id!);
    const found = await provider.findCharge!(request);
    assert.equal(found?.state, "succeeded");
    assert.equal(api.intents.size, 1);
  }));

Deno.test("a signed event that can't be understood is refused as such, whatever is wrong with it", () =>
  withStripe({}, async ({ api, provider, gateway }) => {
    await gateway.charge([paidBy("pm_card_visa")]);
    const [id] = api.intents.keys();
    const read = async (text: string) => {
      const signature = await signed(text);
      return await provider.readWebhook!({ header: () => signature, text });
    };
    const refuse = (text: string, at: string) =>
      assert.rejects(read(text), (error) => {
        assert.ok(error instanceof WorkflowError, String(error));
        assert.deepEqual([error.code, error.faults?.[0]?.at], ["invalid", at]);
        return true;
      });
    for (const text of ["null", "{", "[]", "5", '"text"', "{}"]) {
      await assert.rejects(read(text), { code: "invalid" }, text);
    }
    await refuse(JSON.stringify({ id: "evt_1", type: 5 }), "#/type");
    const { text: intent } = await api.event("payment_intent.succeeded", id!);
    const { text: dispute } = await api.disputeEvent("charge.dispute.created", {
      payment_intent: id!,
    });
    const without = (text: string, changes: object) => {
      const event = JSON.parse(text);
      return JSON.stringify({ ...event, data: { object: { ...event.data.object, ...changes } } });
    };
    assert.equal((await read(intent))?.kind, "charge");
    assert.equal((await read(dispute))?.kind, "chargeback");
    const place = (name: string) => `#/data/object/${name}`;
    await refuse(without(intent, { metadata: null }), place("metadata"));
    await refuse(without(intent, { currency: undefined }), place("currency"));
    await refuse(without(intent, { id: "pi_\ud800" }), place("id"));
    await refuse(without(intent, { metadata: { charge_key: "\ud800" } }), place("metadata"));
    await refuse(without(intent, { amount_received: "12" }), place("amount_received"));
    await refuse(JSON.stringify({ ...JSON.parse(intent), data: null }), place("id"));
    await refuse(without(dispute, { evidence_details: null }), place("evidence_details/due_by"));
    await refuse(without(dispute, { balance_transactions: null }), place("balance_transactions"));
    await assert.rejects(read(without(intent, { amount_received: 1_001, currency: "isk" })), {
      code: "invalid",
    });
    const refund = (changes: object) =>
      JSON.stringify({
        id: "evt_2",
        type: "refund.failed",
        created: 1_773_014_399,
        data: {
          object: { id: "re_1", amount: 100, currency: "eur", status: "failed", ...changes },
        },
      });
    assert.equal((await read(refund({ metadata: null })))?.kind, "refund");
    await refuse(refund({ amount: null }), place("amount"));
    assert.equal((await read('{"id":"evt_3","type":"customer.created"}'))?.kind, "other");
  }));

/** The header that Stripe would sign a body with. */
function signed(payload: string): Promise<string> {
  return new Stripe(stripeKey).webhooks.generateTestHeaderStringAsync({
    payload,
    secret: stripeSecret,
    cryptoProvider: Stripe.createSubtleCryptoProvider(),
  });
}

Deno.test("without a place for customers to come back to, such a charge is declined", () =>
  withStripe({}, async ({ provider }) => {
    const { state, code } = await provider.charge(paidBy("pm_card_authenticationRequired"));
    assert.deepEqual([state, code], ["declined", "authentication_required"]);
  }));

Deno.test("an error that passes is tried again on the same intent, under a key of each try", () =>
  withStripe({}, async ({ api, gateway }) => {
    api.passingFaults = 3;
    const request = paidBy("pm_card_chargeDeclinedProcessingError");
    const [answer] = await gateway.charge([request]);
    assert.equal(answer!.kind, "accepted", JSON.stringify(answer));
    assert.deepEqual([...api.intents.values()].map(({ status }) => status), ["succeeded"]);
    api.passingFaults = 100;
    const other = paidBy("pm_card_chargeDeclinedProcessingError", { idempotencyKey: "charge_o" });
    const [unanswered] = await gateway.charge([other]);
    assert.equal(unanswered!.kind, "failed", "it is declined by nobody, and tried again later");
    const [status] = await gateway.status!([other]);
    assert.equal(status!.kind, "unknown", "no money was taken by it");
  }));

for (const customer of ["cus_1", null]) {
  const whose = customer === null ? "nobody's card" : "a customer's card";
  Deno.test(`a charge is found whose key Stripe forgot, and one that its search does not know yet (${whose})`, () =>
    withStripe({}, async ({ api, provider, gateway }) => {
      const request = paidBy("pm_card_visa", {}, customer);
      await provider.charge(request);
      api.forgetKeys();
      api.searchLags = true;
      assert.equal((await provider.findCharge!(request))?.state, "succeeded");
      for (const searchLags of [true, false]) {
        api.searchLags = searchLags;
        const [answer] = await gateway.charge([{ ...request, askedBefore: true }]);
        assert.equal(answer!.kind, "accepted");
        assert.equal(api.intents.size, 1, "nothing was charged again");
      }
      const unknown = { ...request, idempotencyKey: "charge_x" };
      assert.equal(await provider.findCharge!(unknown), null);
    }));
}

Deno.test("more new charges than are looked through hold up the order in doubt, and no other", () =>
  withStripe({}, async ({ api, gateway }) => {
    await gateway.charge([paidBy("pm_card_visa", {}, null)]);
    const [some] = api.intents.values();
    api.searchLags = true;
    for (let n = 0; n < 5_001; n++) api.intents.set(`pi_x${n}`, { ...some!, metadata: {} });
    const inDoubt = [1, 2, 3, 4, 5, 6].map((n) =>
      paidBy("pm_card_visa", { idempotencyKey: `lost_${n}`, askedBefore: true }, null)
    );
    for (const answer of await gateway.charge(inDoubt)) assert.equal(answer.kind, "failed");
    const young = paidBy("pm_card_visa", { idempotencyKey: "young" }, null);
    assert.equal((await gateway.charge([young]))[0]!.kind, "accepted");
  }));

Deno.test("a charge is found whose order names another customer by now", () =>
  withStripe({}, async ({ api, gateway }) => {
    const [first] = await gateway.charge([paidBy("pm_card_visa")]);
    const again = paidBy("pm_card_mastercard", { askedBefore: true }, "cus_2");
    assert.deepEqual(await gateway.charge([again]), [first]);
    api.forgetKeys();
    assert.deepEqual(await gateway.charge([again]), [first]);
    assert.equal(api.intents.size, 1);
  }));

Deno.test("what the order does not say is not asked for, and another request under a key is no refusal", () =>
  withStripe({}, async ({ api, provider, gateway }) => {
    const [answer] = await gateway.charge([requestOf(4)]);
    const message = answer!.kind === "accepted" ? answer!.callback?.message : undefined;
    assert.ok(message?.type === "payment.callback" && message.outcome === "declined");
    assert.match(message.providerRef, /the order names no payment method/);
    assert.equal(api.intents.size, 0);
    const request = paidBy("pm_card_visa");
    await provider.charge(request);
    const other = { ...request, instructions: { ...request.instructions!, description: "other" } };
    await assert.rejects(provider.charge(other), { name: "Unusable" });
    assert.equal(api.intents.size, 1);
  }));

Deno.test("a refund is of the intent, or of the charge where the source named that", () =>
  withStripe({}, async ({ api, provider, gateway }) => {
    const { ref } = await provider.charge(paidBy("pm_card_visa"));
    const charge = String(api.intents.get(ref)!.latest_charge);
    const refund = (chargeRef: string, key: string) =>
      requestOf(4, { amountCents: 1_000, idempotencyKey: key, chargeRef });
    assert.deepEqual(await gateway.refund([refund(charge, "r1"), refund(ref, "r2")]), [
      { kind: "refunded" },
      { kind: "refunded" },
    ]);
    const found = await provider.findCharge!(paidBy("pm_card_visa"));
    assert.equal(found?.refundedCents, 2_000);
    api.refunds[0]!.status = "pending";
    const [answer] = await gateway.refundStatus!([refund(ref, "r2")]);
    assert.equal(answer!.kind, "pending");
    api.refunds[0]!.status = "failed";
    assert.deepEqual(await gateway.refund([refund(ref, "r2")]), [
      { kind: "refused", reason: "failed" },
    ]);
  }));

Deno.test("amounts are turned over where Stripe counts other digits", () => {
  const pairs: [string, number, number][] = [
    ["EUR", 1_250, 1_250],
    ["JPY", 500, 500],
    ["ISK", 5, 500],
    ["UGX", 7, 700],
    ["KWD", 5_120, 5_120],
    // Of Stripe's whole units, whatever digits they have here.
    ["MGA", 12 * 10 ** currencyDigits("MGA"), 12],
  ];
  for (const [currency, ours, theirs] of pairs) {
    assert.equal(toStripe(ours, currency), theirs, currency);
    assert.equal(fromStripe(theirs, currency), ours, currency);
  }
  assert.throws(() => toStripe(5_124, "KWD"), Refused);
});

Deno.test("each error of the catalogue is told as what it means", () => {
  const fault = (statusCode: number | undefined, code: string, type = "StripeError") =>
    Object.assign(new Error("it\nsays"), { statusCode, code, type });
  const names = (error: unknown) => (saidOf(error) as Error).name;
  const meanings: [Error, string][] = [
    [fault(undefined, "", "StripeConnectionError"), "NoAnswer"],
    [fault(500, "api_error", "StripeAPIError"), "NoAnswer"],
    [fault(429, "rate_limit", "StripeRateLimitError"), "NoAnswer"],
    [fault(429, "lock_timeout", "StripeRateLimitError"), "Busy"],
    [fault(409, "idempotency_key_in_use", "StripeAPIError"), "Busy"],
    [fault(400, "idempotency_error", "StripeIdempotencyError"), "Unusable"],
    [fault(400, "amount_too_small", "StripeInvalidRequestError"), "Refused"],
    [fault(404, "resource_missing", "StripeInvalidRequestError"), "Refused"],
    [fault(402, "charge_already_refunded", "StripeCardError"), "Refused"],
    [fault(401, "api_key_expired", "StripeAuthenticationError"), "Denied"],
    [fault(403, "", "StripePermissionError"), "Denied"],
  ];
  for (const [error, name] of meanings) assert.equal(names(error), name, error.message);
  const ours = new Error("ours");
  assert.equal(saidOf(ours), ours);
});
