/**
 * Refunds: requesting them and looking at them.
 *
 * @module
 */

import { Hono } from "hono";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../domain/paging.ts";
import { listRefundsOf } from "../../../db/orders/order_queries.ts";
import { readOrders } from "../../../db/orders/orders.ts";
import { listRefunds } from "../../../db/refunds/refund_list.ts";
import { readRefundContents, readRefundDetails } from "../../../db/refunds/refund_contents.ts";
import { readRefunds } from "../../../db/refunds/refund_rows.ts";
import {
  type AuditedRequest,
  OrderHeld,
  type RefundOptions,
  requestAllAndPublish,
  type TakenRefund,
} from "../../../services/refunds/request_refunds.ts";
import { refundAnswer, refundListAnswer } from "../description/answers.ts";
import { checked, idParam, jsonBody } from "../../middleware/checked.ts";
import { operatorOf } from "../../middleware/operator.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { addPagedList } from "../description/paged_list.ts";
import { refundFilterOf } from "./refund_filter.ts";
import { newRefund, processedRefund, refundList, requestedRefund } from "./refund_examples.ts";
import { batcher } from "../../middleware/batcher.ts";
import {
  type AnswerOnce,
  type HeldKey,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { listedRefundJson, refundJson, refundPartsJson } from "../orders/order_json.ts";
import { isEngineAway } from "../../middleware/problem.ts";
import { pageQuery, refundListQuery } from "../description/queries.ts";
import { itemsOf, refundBody } from "./refund_body.ts";

/** Most requests to one transaction. */
const maxRequests = 200;

/** Requests that wait for their transaction; further ones are turned away. */
const maxWaiting = 10_000;

/** Longest time for one transaction and what follows from it, in milliseconds. */
const maxMs = 10_000;

/**
 * `POST /orders/{id}/refunds`, `GET /orders/{id}/refunds`, `GET /refunds` and `GET /refunds/{id}`.
 */
export function refundRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addRequest(app, deps, answerOnce);
  addListOfOrder(app, deps);
  addList(app, deps);
  addDetail(app, deps);
  return app;
}

/** A refund that somebody requests, and the key under which the answer is to be stored, if any. */
type RequestedRefund = AuditedRequest & { key: HeldKey | null };

/**
 * Makes the function that requests a refund, together with others that come at the same time. Of an order that another
 * transaction has, nobody else's request waits: those come back in batches of their own.
 */
function refundRequester(
  deps: AppDeps,
): (request: RequestedRefund) => Promise<TakenRefund | WorkflowError> {
  const free = requestBatcher(deps, { skipsHeld: true });
  const held = requestBatcher(deps, {});
  return async (request) => {
    const result = await free(request);
    return result instanceof OrderHeld ? await held(request) : result;
  };
}

function requestBatcher(deps: AppDeps, options: Pick<RefundOptions, "skipsHeld">) {
  return batcher(
    (requests: readonly RequestedRefund[]) =>
      requestAllAndPublish(deps, requests, {
        ...options,
        inTransaction: (tx, results) =>
          storeAnswers(
            tx,
            results.flatMap((result, index) => {
              const { key } = requests[index]!;
              if (key === null || result instanceof WorkflowError) return [];
              return [{ key, answer: refundAccepted(result) }];
            }),
          ),
      }),
    {
      maxInputs: maxRequests,
      maxWaiting,
      maxMs,
      callerOf: ({ operator: { actor } }) => actor,
      concernsAll: isEngineAway,
    },
  );
}

function addRequest(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  const requestRefund = refundRequester(deps);
  app.post(
    "/orders/:id/refunds",
    described({
      summary: "Requests a refund",
      description:
        "Of an amount, of units of `lines` and parts of `adjustments`, or, without any of " +
        "them or without a body, of all that is left. Units are worth their share of the order's " +
        "discounts and taxes, rounded so that all refunds of an order's parts add up to exactly what " +
        "was paid; shipping, tip, fee, gift wrap and other go back where `adjustments` name them. " +
        "With `restock` the units go back into stock once the refund is processed. An amount beside " +
        "them must be what they come to.",
      tag: "Refunds",
      scopes: ["refunds"],
      answers: {
        202: {
          says: "It will be processed",
          schema: refundAnswer,
          example: requestedRefund,
          located: true,
        },
      },
      problems: [415, "not_found", "invalid", "order_not_refundable", "refund_exceeds_left"],
      example: newRefund,
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", refundBody),
    (c) => {
      const body = c.req.valid("json");
      const { amount_cents: amountCents = null, reason = null } = body;
      const items = itemsOf(body);
      const orderId = c.req.valid("param").id;
      const said = ["refund", orderId, amountCents, reason];
      return answerOnce(c, items === undefined ? said : [...said, items], async (key) => {
        const result = await requestRefund({
          orderId,
          amountCents,
          items,
          reason,
          idempotencyKey: key?.key ?? null,
          operator: operatorOf(c, deps.config),
          key,
        });
        if (result instanceof WorkflowError) throw result;
        return { ...refundAccepted(result), stored: true, replayed: result.replayed };
      });
    },
  );
}

function addListOfOrder(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/orders/:id/refunds", {
    summary: "Lists the refunds of an order, the first first",
    tag: "Refunds",
    problems: ["not_found"],
    page: { schema: refundListAnswer, example: refundList },
    query: pageQuery,
    path: idParam,
    read: async (db, _filters, { cursor, limit }, { path: { id } }) => {
      const afterId = cursor === undefined ? 0 : decodeCursor("refunds", cursor);
      const order = (await readOrders(db, [id])).get(id);
      if (order === undefined) throw new WorkflowError("not_found", `There is no order ${id}`);
      const refunds = await listRefundsOf(db, id, { afterId, limit: limit + 1 });
      const { data, nextCursor } = pageOf("refunds", refunds, limit);
      return { data: data.map((refund) => refundJson(refund, order.currency)), nextCursor };
    },
  });
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/refunds", {
    summary: "Lists refunds, the latest first",
    description: "`from` and `to` are about when refunds were requested, and a date as `to` " +
      "includes that day. Where few refunds fit, a page may have less than `limit` of them, or " +
      "none: there are more until `next_cursor` is null. `/refunds.csv` has all of them as one file.",
    tag: "Refunds",
    page: { schema: refundListAnswer, example: refundList },
    query: refundListQuery,
    mayLag: true,
    read: async (db, query, { cursor, limit }) => {
      const beforeId = cursor === undefined ? undefined : decodeCursor("refunds", cursor);
      const filter = refundFilterOf(deps, query);
      const { refunds, nextBeforeId } = await listRefunds(db, filter, { beforeId, limit });
      const ofParts = refunds.filter(({ itemized }) => itemized).map(({ id }) => id);
      const contents = await readRefundContents(db, ofParts);
      return {
        data: refunds.map((refund) => ({
          ...listedRefundJson(refund),
          ...refundPartsJson(contents.get(refund.id) ?? { lines: [], adjustments: [] }),
        })),
        nextCursor: nextBeforeId === undefined ? null : encodeCursor("refunds", nextBeforeId),
      };
    },
  });
}

function addDetail(app: Hono, { db }: AppDeps): void {
  app.get(
    "/refunds/:id",
    described({
      summary: "Shows a refund",
      tag: "Refunds",
      scopes: ["read"],
      answers: { 200: { says: "The refund", schema: refundAnswer, example: processedRefund } },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const [refund] = await readRefundDetails(db, [...(await readRefunds(db, [id])).values()]);
      if (refund === undefined) throw new WorkflowError("not_found", `There is no refund ${id}`);
      const order = (await readOrders(db, [refund.orderId])).get(refund.orderId)!;
      return c.json(refundJson(refund, order.currency));
    },
  );
}

function refundAccepted({ refund, currency }: TakenRefund): KeyedAnswer {
  return {
    status: 202,
    location: `/refunds/${refund.id}`,
    body: refundJson(refund, currency),
  };
}
