import { paymentProvider } from "../../../commands/payment_provider.ts";
import { carefulGateway } from "../../../streams/payments/careful_gateway.ts";
import { httpGateway } from "../../../streams/payments/providers/http.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { stripeProvider } from "../../../streams/payments/providers/stripe.ts";
import { calmProvider, listen } from "../../provider.ts";
import { providerSecret, signatureOf } from "../../routes/api/payments/callbacks.ts";
import { providerContract, type TriedProvider } from "./provider_contract.ts";
import { stripeApi, stripeKey, stripeSecret } from "./providers/stripe_api.ts";

const quick = { firstWaitMs: 1, callbackMs: 1, restMs: 1 };

/** A server of which answers to requests that move money can be lost. */
function lossy(handle: (request: Request) => Response | Promise<Response>) {
  let losing = 0;
  const served = listen(async (request) => {
    const isPost = request.method === "POST";
    const answer = await handle(request);
    if (!isPost || losing === 0) return answer;
    losing--;
    await answer.body?.cancel();
    return new Response(null, { status: 502 });
  });
  return { ...served, loseAnswers: (count: number) => void (losing = count) };
}

providerContract("simulated", () =>
  Promise.resolve<TriedProvider>({
    gateway: simulatedGateway({ delayMs: 0, secrets: [providerSecret] }),
    paying: (request) => request,
    declining: (request) => ({ ...request, amountCents: request.amountCents + 1 }),
    chargebackWebhook: (ref, state, at) => standardChargeback(ref, state, at, "simulated"),
    faults: () => [],
    close: () => Promise.resolve(),
  }));

type Chargeback = NonNullable<TriedProvider["chargebackWebhook"]>;

/** A chargeback of 40.00 EUR in the form of `http`, which the simulated provider has as well. */
const standardChargeback = (
  ref: string,
  state: Parameters<Chargeback>[1],
  at: Date | undefined,
  provider?: string,
): ReturnType<Chargeback> => {
  const text = JSON.stringify({
    provider,
    type: state === "lost" ? "chargeback.closed" : "chargeback.opened",
    timestamp: state === "lost" ? "2026-03-20T12:00:00Z" : "2026-03-01T10:00:01Z",
    data: {
      id: "dp_1",
      charge_id: ref,
      state,
      amount_cents: 4_000,
      currency: "EUR",
      reason: "fraudulent",
      due_by: state === "lost" ? null : "2026-03-09T00:00:00Z",
      opened_at: "2026-03-01T10:00:00Z",
    },
  });
  return Promise.resolve({ headers: signatureOf(text, { at }), text });
};

providerContract("http", () => {
  const provider = paymentProvider({ ...calmProvider, callbackUrl: undefined });
  const { url, server, loseAnswers } = lossy((request) => provider.app.fetch(request));
  return Promise.resolve<TriedProvider>({
    gateway: httpGateway({ url, token: "", timeoutMs: 5_000, secrets: [providerSecret], ...quick }),
    paying: (request) => request,
    declining: (request) => ({ ...request, amountCents: request.amountCents + 1 }),
    held: () =>
      new Map(
        [...provider.charges.values()].filter(({ status }) => status === "succeeded")
          .map(({ key, amountCents, refundedCents }) => [key, amountCents - refundedCents]),
      ),
    loseAnswers,
    trouble: (kind) => void (provider.trouble = kind),
    webhook: (ref, at) => {
      const charge = [...provider.charges.values()].find(({ id }) => id === ref)!;
      const text = JSON.stringify({
        type: "charge.succeeded",
        timestamp: new Date().toISOString(),
        data: {
          id: ref,
          idempotency_key: charge.key,
          amount_cents: charge.amountCents,
          currency: charge.currency,
        },
      });
      return Promise.resolve({ headers: signatureOf(text, { at }), text });
    },
    chargebackWebhook: standardChargeback,
    faults: () => [],
    close: async () => {
      provider.stop();
      await server.shutdown();
    },
  });
});

providerContract("stripe", () => {
  const api = stripeApi();
  const { url, server, loseAnswers } = lossy((request) => api.handle(request));
  const paidBy = (method: string): TriedProvider["paying"] => (request) => ({
    ...request,
    instructions: {
      methodType: "card",
      method,
      customer: "cus_contract",
      description: `Order ${request.reference}`,
      metadata: { channel: "web" },
      capture: null,
    },
  });
  return Promise.resolve<TriedProvider>({
    gateway: carefulGateway(
      stripeProvider({
        secretKey: stripeKey,
        webhookSecrets: ["whsec_of_before", stripeSecret],
        returnUrl: "",
        timeoutMs: 5_000,
        url,
      }),
      quick,
    ),
    paying: paidBy("pm_card_visa"),
    declining: paidBy("pm_card_visa_chargeDeclined"),
    held: () =>
      new Map(
        [...api.intents.values()].filter(({ status }) => status === "succeeded").map((intent) => {
          const back = api.refunds.filter(({ payment_intent }) => payment_intent === intent.id)
            .reduce((sum, { amount }) => sum + amount, 0);
          return [intent.metadata.charge_key!, intent.amount_received - back];
        }),
      ),
    loseAnswers,
    trouble: (kind) => void (api.trouble = kind),
    webhook: async (ref, at) => {
      const { text, signature } = await api.event("payment_intent.succeeded", ref, at);
      return { headers: { "stripe-signature": signature }, text };
    },
    otherWebhook: async () => {
      const [id] = api.intents.keys();
      const { text, signature } = await api.event("payment_intent.created", id!);
      return { headers: { "stripe-signature": signature }, text };
    },
    chargebackWebhook: async (ref, state, at) => {
      const made = new Date(state === "lost" ? 1_772_500_000_000 : 1_772_359_201_000);
      const type = state === "lost" ? "charge.dispute.closed" : "charge.dispute.created";
      const dispute = { payment_intent: ref, status: state };
      const { text, signature } = await api.disputeEvent(type, dispute, { at, made });
      return { headers: { "stripe-signature": signature }, text };
    },
    faults: () => api.faults,
    close: () => server.shutdown(),
  });
});
