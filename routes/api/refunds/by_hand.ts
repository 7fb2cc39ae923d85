/**
 * Money that a person gives back, because no configured provider can.
 *
 * @module
 */

import { Hono } from "hono";
import type { Queryable } from "../../../db/connection/database.ts";
import { readOrderSummaries } from "../../../db/orders/order_queries.ts";
import { readOrders } from "../../../db/orders/orders.ts";
import { readRefundDetails } from "../../../db/refunds/refund_contents.ts";
import { readRefunds } from "../../../db/refunds/refund_rows.ts";
import type { HandVerdict } from "../../../domain/refund/by_hand.ts";
import {
  decideByHandAndPublish,
  returnPaymentByHand,
} from "../../../services/refunds/refund_by_hand.ts";
import { orderReceiptAnswer, refundAnswer } from "../description/answers.ts";
import { described } from "../description/described.ts";
import { shortOrder } from "../orders/order_examples.ts";
import {
  givenBackByHand,
  refusedByHand,
  returnedByHand,
  waitingRefund,
} from "./refund_examples.ts";
import { operatorOf } from "../../middleware/operator.ts";
import type { Operator } from "../../../domain/operation/audit.ts";
import type { AppDeps } from "../../deps.ts";
import { checked, idParam, jsonBody } from "../../middleware/checked.ts";
import {
  type AnswerOnce,
  type HeldKey,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { orderReceiptJson, refundJson } from "../orders/order_json.ts";
import { completedBody, refusedBody, returnedBody } from "./by_hand_body.ts";

/** `POST /refunds/{id}/complete`, `POST /refunds/{id}/refuse` and `POST /orders/{id}/payment/returned`. */
export function refundByHandRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addComplete(app, deps, answerOnce);
  addRefuse(app, deps, answerOnce);
  addReturned(app, deps, answerOnce);
  return app;
}

const refundProblems = [415, "not_found", "invalid", "refund_not_by_hand"] as const;

function addComplete(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/refunds/:id/complete",
    described({
      summary: "Says that a person gave a refund back",
      description:
        "Only for refunds that wait for a person (`by_hand`). It becomes `PROCESSED` at once " +
        "afterwards, and the customer is told.",
      tag: "Refunds",
      scopes: ["refunds"],
      answers: {
        202: {
          says: "It will be booked",
          schema: refundAnswer,
          example: waitingRefund,
          located: true,
        },
      },
      problems: refundProblems,
      example: givenBackByHand,
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", completedBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { reference: note = null } = c.req.valid("json");
      const operator = operatorOf(c, deps.config);
      return answerOnce(
        c,
        ["complete", id, note],
        (key) => decide(deps, { refundId: id, verdict: "given_back", note }, operator, key),
      );
    },
  );
}

function addRefuse(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/refunds/:id/refuse",
    described({
      summary: "Says that a refund is not given back",
      description:
        "Only for refunds that wait for a person (`by_hand`). It becomes `FAILED` at once " +
        "afterwards, and its amount can be refunded again.",
      tag: "Refunds",
      scopes: ["refunds"],
      answers: {
        202: {
          says: "It will be booked",
          schema: refundAnswer,
          example: waitingRefund,
          located: true,
        },
      },
      problems: refundProblems,
      example: refusedByHand,
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", refusedBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { reason: note = null } = c.req.valid("json");
      const operator = operatorOf(c, deps.config);
      return answerOnce(
        c,
        ["refuse", id, note],
        (key) => decide(deps, { refundId: id, verdict: "refused", note }, operator, key),
      );
    },
  );
}

async function decide(
  deps: AppDeps,
  said: { refundId: number; verdict: HandVerdict; note: string | null },
  operator: Operator,
  key: HeldKey | null,
): Promise<KeyedAnswer & { stored: boolean }> {
  const { refundId } = said;
  const answer = async (source: Queryable): Promise<KeyedAnswer> => {
    const refund = (await readRefunds(source, [refundId])).get(refundId)!;
    const order = (await readOrders(source, [refund.orderId])).get(refund.orderId)!;
    const [shown] = await readRefundDetails(source, [refund]);
    const body = refundJson(shown!, order.currency);
    return { status: 202, location: `/refunds/${refundId}`, body };
  };
  const { changed } = await decideByHandAndPublish(deps, said, operator, {
    inTransaction: key === null
      ? undefined
      : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
  });
  return { ...await answer(deps.db), stored: changed };
}

function addReturned(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/orders/:id/payment/returned",
    described({
      summary: "Says that a person gave back what was paid for an order that came to nothing",
      description:
        "Only for payments that wait for a person: of `FAILED` and `CANCELLED` orders, made at the source through a provider " +
        "that is not configured, or given back by their provider and taken back. Where several of the order wait, " +
        "`payment_id` says which one; 409 without it.",
      tag: "Orders",
      scopes: ["refunds"],
      answers: {
        200: { says: "It is back, now or before", schema: orderReceiptAnswer, example: shortOrder },
      },
      problems: refundProblems,
      example: returnedByHand,
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", returnedBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { reference = null, payment_id: named } = c.req.valid("json");
      const paymentId = named ?? undefined;
      // As it was before payments were named: the key of a request that began before means the same.
      const said = ["returned", id, reference, ...(paymentId === undefined ? [] : [paymentId])];
      const { scopes } = c.get("caller");
      const operator = operatorOf(c, deps.config);
      return answerOnce(c, said, async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const order = (await readOrderSummaries(source, [id])).get(id)!;
          return { status: 200, location: null, body: orderReceiptJson(order, scopes) };
        };
        const { changed } = await returnPaymentByHand(deps, id, reference, operator, {
          paymentId,
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        return { ...await answer(deps.db), stored: changed };
      });
    },
  );
}
