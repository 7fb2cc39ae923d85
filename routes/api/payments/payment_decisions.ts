/**
 * Deciding about payments that do not fit their order.
 *
 * @module
 */

import { Hono } from "hono";
import type { Queryable } from "../../../db/connection/database.ts";
import { readOrderSummaries } from "../../../db/orders/order_queries.ts";
import type { DisputeVerdict } from "../../../domain/order/settle.ts";
import { orderReceiptAnswer } from "../description/answers.ts";
import { checked, idParam } from "../../middleware/checked.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { acceptedOrder, knownOrder, returnedOrder } from "../orders/order_examples.ts";
import {
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { orderReceiptJson } from "../orders/order_json.ts";
import { decideAndPublish } from "../../../services/payments/decide_payment.ts";

/** What each decision is called in the address, and what it does. */
const decisions = [
  {
    path: "accept",
    verdict: "accept",
    summary: "Accepts a payment of another amount than the order's total",
    description:
      "The order becomes `PAID`, and its total what was taken: an adjustment holds the " +
      "difference. Not for money of another currency than the order's.",
    example: acceptedOrder,
  },
  {
    path: "give-back",
    verdict: "give_back",
    summary: "Gives the payments of an order back that are in dispute",
    description:
      "An order that waited for one of them becomes `FAILED` (`payment_declined`), and its " +
      "stock returns; one that was paid by another stays `PAID`.",
    example: returnedOrder,
  },
  {
    path: "dismiss",
    verdict: "dismiss",
    summary: "Lets go of payments beside the one that settled an order",
    description: "For money that went back by other ways, or was the same under another name. " +
      "Nothing is given back.",
    example: knownOrder,
  },
] as const satisfies readonly {
  path: string;
  verdict: DisputeVerdict;
  summary: string;
  description: string;
  example: unknown;
}[];

/** `POST /orders/{id}/payment/accept`, `…/give-back` and `…/dismiss`. */
export function paymentDecisionRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;
  const answerOnce = idempotency(deps);
  for (const { path, verdict, summary, description, example } of decisions) {
    app.post(
      `/orders/:id/payment/${path}`,
      described({
        summary,
        description,
        tag: "Orders",
        scopes: ["refunds"],
        answers: {
          200: { says: "It is decided, now or before", schema: orderReceiptAnswer, example },
        },
        problems: ["not_found", "payment_not_disputed"],
        repeatable: true,
      }),
      checked("param", idParam),
      checked("header", idempotencyHeaders),
      (c) => {
        const { id } = c.req.valid("param");
        const { scopes } = c.get("caller");
        const operator = operatorOf(c, deps.config);
        return answerOnce(c, ["payment", path, id], async (key) => {
          const answer = async (source: Queryable): Promise<KeyedAnswer> => {
            const order = (await readOrderSummaries(source, [id])).get(id)!;
            return { status: 200, location: null, body: orderReceiptJson(order, scopes) };
          };
          const { changed } = await decideAndPublish(deps, id, verdict, operator, {
            inTransaction: key === null
              ? undefined
              : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
          });
          return { ...await answer(db), stored: changed };
        });
      },
    );
  }
  return app;
}
