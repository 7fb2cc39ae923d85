/**
 * The payment providers' answers.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { z } from "zod";
import { providerNames } from "../../../config/settings.ts";
import { recordChargeback } from "../../../services/payments/record_chargeback.ts";
import { takeCallback } from "../../../services/payments/take_callback.ts";
import { takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { allGateways, type Gateway } from "../../../streams/payments/gateway.ts";
import { gatewaysOf } from "../../../streams/payments/gateways.ts";
import type { ProviderEvent } from "../../../streams/payments/provider.ts";
import { httpGatewayName } from "../../../streams/payments/providers/http.ts";
import { takenAnswer } from "../description/answers.ts";
import { callbackBody } from "./callback_body.ts";
import { addressOf } from "../../middleware/client_address.ts";
import { checked } from "../../middleware/checked.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { callback, takenCallback } from "./payment_examples.ts";
import { httpProblem } from "../../middleware/problem.ts";

const providerParam = z.object({
  provider: z.enum(providerNames).meta({ description: "Its name" }),
});

/** What a provider sends is its own; who sent it is known by its signature. */
const anyBody = z.record(z.string(), z.unknown());

/**
 * `POST /payments/callback/{provider}`: signed as each provider does it. `POST /payments/callback` is that of `http`:
 * signed as Standard Webhooks has it, with one of `GATEWAY_SECRETS` and a time that is at most five minutes off.
 *
 * Answered once the answer is in the `payments` stream; a crash before that makes the provider send it again. So does
 * 409, for a key that no order has: its row may have been lost, and has the same key again as soon as the shop sends the
 * order again.
 */
export function paymentRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const gateways = new Map(allGateways(gatewaysOf(deps.config)).map((one) => [one.name, one]));
  const answers = {
    202: { says: "It will be settled", schema: takenAnswer, example: takenCallback },
  };
  const problems = [401, 404, 408, 413, "charge_not_known", "invalid"] as const;
  const refused = refusalTeller(deps);

  app.post(
    "/payments/callback",
    described({
      summary: "Takes the answer of the payment provider `http` to a charge",
      description:
        "Signed as Standard Webhooks; there only where the provider `http` is configured. An id that was taken " +
        "before is a duplicate and changes nothing.",
      tag: "Operation",
      scopes: "signed",
      anyQuery: true,
      answers,
      body: { "application/json": { schema: callbackBody, example: callback } },
      problems: [...problems],
    }),
    (c) => take(c, { ...deps, refused }, gateways.get(httpGatewayName)),
  );

  app.post(
    "/payments/callback/:provider",
    described({
      summary: "Takes a payment provider's answer to a charge",
      description:
        "Signed as that provider does it; there only where it is configured. An id that was taken " +
        "before is a duplicate and changes nothing; what nobody waits for is taken and forgotten, and so is what is said of a " +
        "charge that another installation on the same account asked for.",
      tag: "Operation",
      scopes: "signed",
      anyQuery: true,
      answers,
      body: { "application/json": { schema: anyBody, example: callback } },
      problems: [...problems],
    }),
    checked("param", providerParam),
    (c) => take(c, { ...deps, refused }, gateways.get(c.req.valid("param").provider)),
  );

  return app;
}

/** How often it is told at the most that callbacks are refused, in milliseconds: anybody may send some, as many as they like. */
const tellRefusedMs = 10_000;

/** Tells of a refused callback where it is time to, and of how many there were since it was told last. */
type TellRefused = (facts: { request_id: string; address: string }) => void;

function refusalTeller({ log }: AppDeps): TellRefused {
  let count = 0;
  let toldAt = -Infinity;
  return (facts) => {
    count++;
    if (performance.now() - toldAt < tellRefusedMs) return;
    log.warn("callback refused", { ...facts, count });
    count = 0;
    toldAt = performance.now();
  };
}

/** Takes a callback, once it is known whose word it is. */
async function take(
  c: Context,
  deps: AppDeps & { refused: TellRefused },
  gateway: Gateway | undefined,
): Promise<Response> {
  const reads = gateway?.provider ?? gateway;
  if (reads?.readWebhook === undefined) return await c.notFound();
  const text = await c.req.text();
  const address = addressOf(c, deps.config);
  const event = await reads.readWebhook({ header: (name) => c.req.header(name), text });
  if (event === undefined) {
    deps.refused({ request_id: c.get("requestId") as string, address });
    return httpProblem(c, 401, "The signature is missing, wrong or too old");
  }
  const duplicate = await takeEvent(deps, gateway!, event, address);
  return c.json({ duplicate }, 202);
}

/** @returns whether it was taken before; what is another installation's is new to nobody, and passed over */
async function takeEvent(
  deps: AppDeps,
  gateway: Gateway,
  event: ProviderEvent,
  address: string,
): Promise<boolean> {
  const { name: provider } = gateway;
  if (event.kind === "other") return false;
  if (event.kind === "chargeback") {
    const { ref: providerRef, ...said } = event.chargeback;
    const report = { provider, providerRef, ...said };
    const { outcome } = await recordChargeback(deps, report, `provider:${provider}`);
    return outcome === "unchanged";
  }
  if (event.kind === "refund") {
    const { refund, happenedAt } = event;
    const outcome = await takeRefundNews(deps, { provider, refund, happenedAt, gateway });
    return outcome === "already_returned";
  }
  const { charge, id } = event;
  const outcome = charge.state === "canceled" ? "declined" : charge.state;
  // Nothing has come of it yet that anybody could settle.
  if (outcome !== "succeeded" && outcome !== "declined") return false;
  const taken = await takeCallback(deps, {
    provider,
    id,
    outcome,
    idempotencyKey: charge.key,
    reference: charge.reference,
    installation: charge.installation,
    amountCents: charge.amountCents,
    currency: charge.currency,
    providerRef: charge.ref,
    says: charge.code,
    address,
  });
  return taken === "duplicate";
}
