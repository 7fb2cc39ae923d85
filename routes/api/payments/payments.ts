/**
 * The payment provider's answers.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { Webhook } from "standardwebhooks";
import type { z } from "zod";
import { madeOf } from "../../../config/made_of.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { takeCallback } from "../../../services/take_callback.ts";
import { takenAnswer } from "../description/answers.ts";
import { callbackBody } from "./callback_body.ts";
import { addressOf } from "../../middleware/client_address.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { callback, takenCallback } from "../description/examples.ts";
import { httpProblem } from "../../middleware/problem.ts";

/**
 * `POST /payments/callback`: signed by the provider as Standard Webhooks has it, with one of `GATEWAY_SECRETS`
 * and a time that is at most five minutes off. Answered once the answer is in the `payments` stream; a crash
 * before that makes the provider send it again. So does 409, for a key that no order has: its row may have been lost,
 * and has the same key again as soon as the shop sends the order again.
 */
export function paymentRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { config, log } = deps;
  const webhooks = madeOf(
    () => config.gatewaySecrets,
    (secrets) => secrets.map((secret) => new Webhook(secret)),
  );

  app.post(
    "/payments/callback",
    described({
      summary: "Takes the payment provider's answer to a charge",
      description:
        "Signed as Standard Webhooks; there only with GATEWAY=http. An id that was taken before " +
        "is a duplicate and changes nothing.",
      tag: "Operation",
      scopes: "signed",
      anyQuery: true,
      answers: { 202: { says: "It will be settled", schema: takenAnswer, example: takenCallback } },
      body: { "application/json": { schema: callbackBody, example: callback } },
      problems: [401, 404, 408, 413, "charge_not_known", "invalid"],
    }),
    async (c) => {
      if (config.gateway !== "http") return c.notFound();
      const text = await c.req.text();
      const address = addressOf(c, config);
      if (!isSigned(c, webhooks(), text)) {
        log.warn("callback refused", { request_id: c.get("requestId") as string, address });
        return httpProblem(c, 401, "The signature is missing, wrong or too old");
      }
      const { type, data } = readBody(text);
      const taken = await takeCallback(deps, {
        id: c.req.header("webhook-id") ?? "",
        outcome: type === "charge.succeeded" ? "succeeded" : "declined",
        idempotencyKey: data.idempotency_key,
        reference: data.reference,
        amountCents: data.amount_cents,
        currency: data.currency,
        providerRef: data.id,
        address,
      });
      return c.json({ duplicate: taken === "duplicate" }, 202);
    },
  );

  return app;
}

function isSigned(c: Context, webhooks: readonly Webhook[], text: string): boolean {
  return webhooks.some((webhook) => {
    try {
      webhook.verify(text, {
        "webhook-id": c.req.header("webhook-id") ?? "",
        "webhook-timestamp": c.req.header("webhook-timestamp") ?? "",
        "webhook-signature": c.req.header("webhook-signature") ?? "",
      }, { jsonParse: false });
      return true;
    } catch {
      return false;
    }
  });
}

/** @throws {WorkflowError} `invalid` */
function readBody(text: string): z.infer<typeof callbackBody> {
  const body = callbackBody.safeParse(parsed(text));
  if (body.success) return body.data;
  throw new WorkflowError(
    "invalid",
    "The callback is not one that is understood",
    body.error.issues.map(({ path, message }) => ({
      at: `#${path.map((part) => `/${String(part)}`).join("")}`,
      detail: message,
    })),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
