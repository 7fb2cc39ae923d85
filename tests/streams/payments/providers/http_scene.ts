/**
 * A workflow, its API and a provider that talk to each other over HTTP alone, for tests.
 *
 * @module
 */

import { parseConfig } from "../../../../config/config.ts";
import { paymentProvider, type ProviderOptions } from "../../../../commands/payment_provider.ts";
import { makeApp } from "../../../../routes/app.ts";
import type { Gateway, GatewayRequest } from "../../../../streams/payments/gateway.ts";
import { httpGateway } from "../../../../streams/payments/providers/http.ts";
import { calmProvider, listen } from "../../../provider.ts";
import { anOrder, openWorkflow, type Workflow } from "../../../workflow.ts";

/** What the provider signs with. */
export const secret = `whsec_${btoa("s".repeat(32))}`;

/** A provider that does nothing but what it should. */
export const calm = { ...calmProvider, secret, token: "provider-token", delayMs: 20, resendMs: 5 };

/** The workflow, the API and a provider, each talking to the others over HTTP only. */
export async function withProvider(
  behaviour: Partial<ProviderOptions>,
  work: (
    flow: Workflow,
    provider: ReturnType<typeof paymentProvider>,
    settleAll: () => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const late = Promise.withResolvers<Gateway>();
  const gateway: Gateway = {
    name: "http",
    charge: async (...asked) => await (await late.promise).charge(...asked),
    refund: async (...asked) => await (await late.promise).refund(...asked),
    status: async (requests) => await (await late.promise).status!(requests),
    callbackMs: 200,
  };
  const flow = await openWorkflow("http_gateway", {
    gateway,
    consumer: { retryBackoffMs: 1, maxDeliveries: 20 },
  });
  const config = parseConfig({
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: secret,
  });
  const app = makeApp({ ...flow, config });
  const api = listen((request) => app.fetch(request));
  const provider = paymentProvider({
    ...calm,
    callbackUrl: `${api.url}/payments/callback`,
    ...behaviour,
  });
  const served = listen((request) => provider.app.fetch(request));
  late.resolve(httpGateway({
    url: `${served.url}/`,
    token: calm.token,
    timeoutMs: 500,
    firstWaitMs: 1,
    callbackMs: 200,
  }));
  const settleAll = async () => {
    for (;;) {
      await flow.drain();
      await provider.settled();
      const [open] = await flow.rows("select count(*) as n from orders where unfinished = 1");
      if (Number(open!.n) === 0) break;
    }
    await flow.drain();
  };
  try {
    await work(flow, provider, settleAll);
  } finally {
    provider.stop();
    await Promise.all([api.server.shutdown(), served.server.shutdown()]);
    await flow.close();
  }
}

/** Orders of 1.00, 1.01 and so on: the simulated provider declines every other one. */
export const orders = (count: number) =>
  Array.from(
    { length: count },
    (_, n) => anOrder(`o${n}`, [{ sku: "A", qty: 1, unitPriceCents: 100 + n }]),
  );

/** The payments on record. */
export const paymentsOf = (flow: Workflow) =>
  flow.rows("select order_id, amount_cents, status from payments order by order_id");

/** A request to charge 1.00. */
export const request = (n: number, changes: Partial<GatewayRequest> = {}): GatewayRequest => ({
  orderId: n,
  reference: `o${n}`,
  amountCents: 100,
  currency: "EUR",
  idempotencyKey: `order-${n}`,
  ...changes,
});
