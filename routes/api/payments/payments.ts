/**
 * The payment provider's answers.
 *
 * @module
 */

import { Hono } from "hono";
import { Webhook } from "standardwebhooks";
import { WorkflowError } from "../../../domain/errors.ts";
import { readOrderOfChargeKey } from "../../../db/payments/charge_keys.ts";
import { mayOlderRead } from "../../../db/payments/installation.ts";
import { orderOfOldKey } from "../../../domain/payment/payment_key.ts";
import { httpGatewayName } from "../../../streams/payments/http_gateway.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { takenAnswer } from "../description/answers.ts";
import { callbackBody } from "./callback_body.ts";
import { addressOf } from "../../middleware/client_address.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { callback, takenCallback } from "../description/examples.ts";
import { httpProblem } from "../../middleware/problem.ts";

/** Seconds for which a callback's id is remembered: longer than its signature is good for. */
const rememberSeconds = 900;

/**
 * `POST /payments/callback`: signed by the provider as Standard Webhooks has it, with one of `GATEWAY_SECRETS`
 * and a time that is at most five minutes off. Answered once the answer is in the `payments` stream; a crash
 * before that makes the provider send it again. So does 409, for a key that no order has: its row may have been lost,
 * and has the same key again as soon as the shop sends the order again.
 */
export function paymentRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { config, redis, keys, log } = deps;
  const webhooks = config.gatewaySecrets.map((secret) => new Webhook(secret));

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
      const id = c.req.header("webhook-id") ?? "";
      const signed = webhooks.some((webhook) => {
        try {
          webhook.verify(text, {
            "webhook-id": id,
            "webhook-timestamp": c.req.header("webhook-timestamp") ?? "",
            "webhook-signature": c.req.header("webhook-signature") ?? "",
          }, { jsonParse: false });
          return true;
        } catch {
          return false;
        }
      });
      if (!signed) {
        log.warn("callback refused", {
          request_id: c.get("requestId") as string,
          address: addressOf(c, config),
        });
        return httpProblem(c, 401, "The signature is missing, wrong or too old");
      }
      const body = callbackBody.safeParse(parsed(text));
      if (!body.success) {
        throw new WorkflowError(
          "invalid",
          "The callback is not one that is understood",
          body.error.issues.map(({ path, message }) => ({
            at: `#${path.map((part) => `/${String(part)}`).join("")}`,
            detail: message,
          })),
        );
      }
      const seenKey = `${keys.callback}${id}`;
      if (await redis.exists(seenKey) === 1) return c.json({ duplicate: true }, 202);

      const { type, data } = body.data;
      const order = await readOrderOfChargeKey(deps.db, httpGatewayName, data.idempotency_key, {
        amountCents: data.amount_cents,
        currency: data.currency,
      });
      if (order === undefined) {
        // Under a key of before, somebody may still charge who should not.
        const isOld = orderOfOldKey(data.idempotency_key) !== undefined;
        log[isOld ? "error" : "warn"]("callback of an unknown charge", {
          idempotency_key: data.idempotency_key,
          reference: data.reference,
          provider_ref: data.id,
          address: addressOf(c, config),
        });
        throw new WorkflowError(
          "charge_not_known",
          "No order is known that was charged under this key; send it again later",
        );
      }
      const reference = data.reference ?? order.externalOrderId;
      // Money of another currency is the order's all the same, if the charge is: it will be disputed.
      if (order.externalOrderId !== reference) {
        log.error("callback fits no order", {
          order_id: order.id,
          provider_ref: data.id,
          address: addressOf(c, config),
        });
        throw new WorkflowError("invalid", "The callback fits no order that was to be charged");
      }
      const key = data.idempotency_key;
      await publish(deps, [{
        message: {
          type: "payment.callback",
          orderId: order.id,
          amountCents: data.amount_cents,
          currency: data.currency,
          outcome: type === "charge.succeeded" ? "succeeded" : "declined",
          provider: httpGatewayName,
          // They would read a key as part of the provider's name, and nobody could give that money back.
          ...(await mayOlderRead(deps.db) ? {} : { key }),
          providerRef: data.id,
        },
      }]);
      // Only now: an answer that was marked and not published would be lost.
      await redis.set(seenKey, "1", "EX", rememberSeconds);
      return c.json({ duplicate: false }, 202);
    },
  );

  return app;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
