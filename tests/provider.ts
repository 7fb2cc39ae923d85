/**
 * A workflow, its API and a payment provider that keeps its own books, each talking to the others over HTTP.
 *
 * @module
 */

import { paymentProvider, type ProviderOptions } from "../commands/payment_provider.ts";
import { parseConfig } from "../config/config.ts";
import { makeApp } from "../routes/app.ts";
import type { Gateway } from "../streams/payments/gateway.ts";
import { httpGateway } from "../streams/payments/providers/http.ts";
import { providerSecret } from "./routes/api/payments/callbacks.ts";
import { openWorkflow, type Workflow } from "./workflow.ts";

/** What a test has of both sides. */
export interface Provided {
  flow: Workflow;
  provider: ReturnType<typeof paymentProvider>;
  /** Asks the provider of the test. */
  gateway: Gateway;
}

/** A provider that does nothing but what it should. */
export const calmProvider: Omit<ProviderOptions, "callbackUrl"> = {
  secret: providerSecret,
  token: "",
  delayMs: 0,
  resendMs: 20,
  errors: 0,
  timeOuts: 0,
  duplicates: 0,
  early: 0,
  silent: 0,
  lies: 0,
  wrongAmounts: 0,
  overcharges: 0,
  refusals: 0,
};

/** Serves on a port of loopback. */
export function listen(handler: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return { url: `http://127.0.0.1:${server.addr.port}`, server };
}

/** Runs a test with a provider of some behaviour. */
export async function withProvider(
  name: string,
  behaviour: Partial<ProviderOptions>,
  work: (provided: Provided) => Promise<void>,
): Promise<void> {
  const late = Promise.withResolvers<
    { fetch: (request: Request) => Response | Promise<Response> }
  >();
  const served = listen(async (request) => (await late.promise).fetch(request));
  const gateway = httpGateway({
    url: served.url,
    token: "",
    timeoutMs: 500,
    firstWaitMs: 1,
    callbackMs: 200,
  });
  const flow = await openWorkflow(name, {
    gateway,
    consumer: { retryBackoffMs: 1, maxDeliveries: 20 },
  });
  const config = parseConfig({
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    GATEWAY: "http",
    GATEWAY_URL: served.url,
    GATEWAY_SECRETS: providerSecret,
  });
  const app = makeApp({ ...flow, config });
  const api = listen((request) => app.fetch(request));
  const callbackUrl = `${api.url}/payments/callback`;
  const provider = paymentProvider({ ...calmProvider, callbackUrl, ...behaviour });
  late.resolve(provider.app);
  try {
    await work({ flow, provider, gateway });
  } finally {
    provider.stop();
    await Promise.all([api.server.shutdown(), served.server.shutdown()]);
    await flow.close();
  }
}

/** Turns until every order and refund is at its end and nothing is on its way, two minutes at the most. */
export async function settleAll(
  { flow, provider }: Pick<Provided, "flow" | "provider">,
): Promise<void> {
  const end = performance.now() + 120_000;
  for (;;) {
    await flow.drain();
    await provider.settled();
    const [open] = await flow.rows(`
      select (select count(*) from orders where unfinished = 1) +
        (select count(*) from refunds where unfinished = 1) as n`);
    if (Number(open!.n) === 0) break;
    if (performance.now() > end) throw new Error(`${open!.n} orders and refunds never ended`);
  }
  await flow.drain();
}

/** Waits for something that comes about by itself, half a minute at the most. */
export async function until(what: string, came: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!await came()) {
    if (performance.now() > end) throw new Error(`it did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
