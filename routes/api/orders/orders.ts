/**
 * Orders: taking them, looking at them, changing and cancelling them.
 *
 * @module
 */

import { Hono } from "hono";
import { z } from "zod";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, encodeCursor, pageLimits } from "../../../domain/paging.ts";
import type { Queryable } from "../../../db/connection/database.ts";
import { readOrderDetail, readOrderSummaries } from "../../../db/orders/order_queries.ts";
import { orderTag } from "../../../domain/order/order_tag.ts";
import {
  batchAnswer,
  orderDetailAnswer,
  orderListAnswer,
  orderReceiptAnswer,
} from "../description/answers.ts";
import { cancelsOnly, retriesOnly } from "../../middleware/caller.ts";
import { checked, idParam, jsonBody } from "../../middleware/checked.ts";
import { expectedTags, ifMatchHeaders } from "../../middleware/if_match.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import {
  cancelledOrder,
  capturedOrder,
  changedOrder,
  editedOrder,
  knownOrder,
  newOrder,
  newOrders,
  orderDetail,
  orderList,
  takenBatch,
  takenOrder,
} from "./order_examples.ts";
import { addressOf } from "../../middleware/client_address.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { findChangedOrders, orderFinder } from "./find_orders.ts";
import {
  type AnswerOnce,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  keyHolder,
  keyOf,
  respond,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { batchLimits } from "./batch_body.ts";
import { captureBody } from "./capture_body.ts";
import { amountDetail, orderBody } from "./order_body.ts";
import { batchTaker } from "./order_batch.ts";
import { orderJson } from "./order_fields.ts";
import { orderDetailJson, orderReceiptJson } from "./order_json.ts";
import { cancelAndPublish } from "../../../services/orders/cancel_order.ts";
import { captureAndPublish } from "../../../services/orders/capture_order.ts";
import { editAndTell } from "../../../services/orders/edit_order.ts";
import { expectHolding } from "../../../services/orders/expect_holding.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import { orderListQuery } from "../description/queries.ts";
import type { TakeOrder } from "./order_placer.ts";

/** `POST /orders`, `POST /orders/batch`, `GET /orders`, `GET` and `PUT /orders/{id}`, `POST /orders/{id}/cancel`, `…/capture` and `POST /orders/{id}/retry`. */
export function orderRoutes(deps: AppDeps, takeOrder: TakeOrder): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addPlace(app, deps, takeOrder);
  addBatch(app, deps);
  addList(app, deps);
  addDetail(app, deps);
  addEdit(app, deps);
  addCancel(app, deps, answerOnce);
  addCapture(app, deps, answerOnce);
  addRetry(app, deps, answerOnce);
  return app;
}

function addPlace(app: Hono, { config }: AppDeps, takeOrder: TakeOrder): void {
  app.post(
    "/orders",
    described({
      summary: "Takes one order",
      description: "The same order again is recognised by its content, with or without a key.",
      tag: "Orders",
      scopes: ["orders"],
      answers: {
        202: {
          says: "It is new and waits for its stock",
          schema: orderReceiptAnswer,
          example: takenOrder,
          located: true,
          tagged: true,
        },
        200: {
          says: "It is known with the same content",
          schema: orderReceiptAnswer,
          example: knownOrder,
          located: true,
          tagged: true,
        },
      },
      problems: [415, "invalid", "order_conflict"],
      example: newOrder,
      repeatable: true,
    }),
    checked("header", idempotencyHeaders),
    jsonBody(),
    checked("json", orderBody, amountDetail),
    async (c) => {
      const order = c.req.valid("json");
      const caller = c.get("caller");
      const address = addressOf(c, config);
      return respond(c, await takeOrder({ order, caller, address, key: keyOf(c).key }));
    },
  );
}

function addBatch(app: Hono, deps: AppDeps): void {
  const schema = z.array(orderBody);
  const text = (lines: readonly unknown[]) =>
    lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  app.post(
    "/orders/batch",
    described({
      summary: "Takes many orders",
      description:
        `At most ${batchLimits.lines} orders in ${batchLimits.bytes} bytes, a line each or as an array; packed by ` +
        "gzip where `Content-Encoding` says so. Each is taken or refused by itself, in its order, and answered in the same " +
        "form and order by what `POST /orders` answers to it alone. Answers come as the orders are taken, and orders are " +
        "taken as the answers are read: whoever hangs up sends the same again, and gets 200 for what is known.",
      tag: "Orders",
      scopes: ["orders"],
      answers: {
        200: {
          says: "What became of each",
          schema: batchAnswer,
          example: takenBatch,
          also: { "application/x-ndjson": { example: text(takenBatch) } },
        },
      },
      problems: [415],
      body: {
        "application/x-ndjson": { example: text(newOrders) },
        "application/json": { schema, example: newOrders },
      },
      repeatable: true,
    }),
    checked("header", idempotencyHeaders),
    batchTaker(deps, keyHolder(deps)),
  );
}

function addList(app: Hono, deps: AppDeps): void {
  app.get(
    "/orders",
    described({
      summary: "Lists orders, the latest first",
      description:
        "`customer` is the shop's id of the customer, or else the database's; `from` and `to` are " +
        "about when orders were placed, and a date as `to` includes that day. `sku` is about what orders ran " +
        "short of, be it that they failed or wait for it. Where few orders fit, " +
        "a page may have less than `limit` of them, or none: there are more until `next_cursor` is " +
        "null. `/orders.csv` has all of them as one file. With `updated_since` the orders come in the order of their " +
        "changes, each once a page and as it is now, two seconds after it was changed at the earliest; `next_cursor` is then " +
        "never null: asked for again, with the same parameters, it gives what has changed meanwhile, however long " +
        "a change took to be committed. It is the cursor that was sent where there is nothing new.",
      tag: "Orders",
      scopes: ["read"],
      answers: { 200: { says: "A page", schema: orderListAnswer, example: orderList } },
    }),
    checked("query", orderListQuery),
    async (c) => {
      const { limit = pageLimits.fallback, cursor, updated_since, ...filters } = c.req.valid(
        "query",
      );
      if (updated_since !== undefined) {
        const afterId = cursor === undefined ? undefined : decodeCursor("changes", cursor) - 1;
        const changed = { ...filters, updated_since };
        const { orders, nextAfterId } = await findChangedOrders(deps, changed, { afterId, limit });
        return c.json({
          data: orders.map(orderJson),
          // There is always a next page: of what changes later.
          next_cursor: encodeCursor("changes", nextAfterId + 1),
        });
      }
      const beforeId = cursor === undefined ? undefined : decodeCursor("orders", cursor);
      const find = await orderFinder(deps, filters);
      const { orders, nextBeforeId } = await find({ beforeId, limit });
      return c.json({
        data: orders.map(orderJson),
        next_cursor: nextBeforeId === undefined ? null : encodeCursor("orders", nextBeforeId),
      });
    },
  );
}

function addDetail(app: Hono, { db }: AppDeps): void {
  app.get(
    "/orders/:id",
    described({
      summary: "Shows an order with everything that belongs to it",
      tag: "Orders",
      scopes: ["read"],
      description:
        "The `ETag` names what the order's source says of it, for `PUT`; where the order stands is no part of it.",
      answers: {
        200: { says: "The order", schema: orderDetailAnswer, example: orderDetail, tagged: true },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const order = await readOrderDetail(db, id);
      if (order === undefined) throw new WorkflowError("not_found", `There is no order ${id}`);
      c.header("etag", orderTag(order));
      return c.json(orderDetailJson(order));
    },
  );
}

function addEdit(app: Hono, deps: AppDeps): void {
  const expectHeld = expectHolding(deps.config);
  app.put(
    "/orders/:id",
    described({
      summary: "Changes an order that is not settled",
      description:
        "The body is the whole order as it is to be, under the same `external_order_id`. An order that is " +
        "RESERVED keeps its units but for the difference, which has to be in stock. Where its total, its currency " +
        "or its payment change, it is charged anew, and what was taken before goes back; else the charge stays. " +
        "The same content again changes nothing. With `orders` an order that a token of the same name has " +
        "brought, with `cancel` any.",
      tag: "Orders",
      scopes: ["orders", "cancel"],
      answers: {
        200: {
          says: "It has this content, now or before",
          schema: orderReceiptAnswer,
          example: editedOrder,
          tagged: true,
        },
      },
      problems: [
        408,
        413,
        415,
        "invalid",
        "not_found",
        "not_yours",
        "order_conflict",
        "order_not_editable",
        "stock_insufficient",
        "precondition_failed",
        "precondition_required",
      ],
      example: changedOrder,
    }),
    checked("param", idParam),
    checked("header", ifMatchHeaders),
    jsonBody(),
    checked("json", orderBody, amountDetail),
    async (c) => {
      const { id } = c.req.valid("param");
      const caller = c.get("caller");
      const order = c.req.valid("json");
      expectHeld(order);
      await editAndTell(deps, id, order, operatorOf(c, deps.config), {
        only: cancelsOnly(caller),
        isExpected: expectedTags(c.req.header("if-match"), `GET /orders/${id}`),
      });
      const summary = (await readOrderSummaries(deps.db, [id])).get(id)!;
      c.header("etag", orderTag(summary));
      return c.json(orderReceiptJson(summary, caller.scopes));
    },
  );
}

function addCancel(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/orders/:id/cancel",
    described({
      summary: "Cancels an order that is not settled",
      description:
        "With `orders` an order that a token of the same name has brought, with `cancel` any.",
      tag: "Orders",
      scopes: ["orders", "cancel"],
      answers: {
        200: {
          says: "It is cancelled, now or before",
          schema: orderReceiptAnswer,
          example: cancelledOrder,
        },
      },
      problems: ["not_found", "not_yours", "order_not_cancellable"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      const { scopes } = c.get("caller");
      const operator = operatorOf(c, deps.config);
      return answerOnce(c, ["cancel", id], async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const order = (await readOrderSummaries(source, [id])).get(id)!;
          return { status: 200, location: null, body: orderReceiptJson(order, scopes) };
        };
        const { changed } = await cancelAndPublish(deps, id, operator, {
          only: cancelsOnly(c.get("caller")),
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        return { ...await answer(deps.db), stored: changed };
      });
    },
  );
}

function addCapture(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/orders/:id/capture",
    described({
      summary: "Has the money taken that is held for an order",
      description:
        "Where money is only held at first (`CAPTURE=later`). The order is `PAID` once the provider has taken it. " +
        "`amount_cents` has to be the order's total: to take less, change the order first. With `orders` an order that a " +
        "token of the same name has brought, with `admin` any. Sent again it changes nothing.",
      tag: "Orders",
      scopes: ["orders"],
      answers: {
        202: {
          says: "It is asked for, now or before",
          schema: orderReceiptAnswer,
          example: capturedOrder,
        },
      },
      problems: [
        415,
        "invalid",
        "not_found",
        "not_yours",
        "order_not_capturable",
        "capture_not_total",
      ],
      example: { amount_cents: 2_500 },
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", captureBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { amount_cents: amountCents = null } = c.req.valid("json");
      const { scopes } = c.get("caller");
      const operator = operatorOf(c, deps.config);
      return answerOnce(c, ["capture", id, amountCents], async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const order = (await readOrderSummaries(source, [id])).get(id)!;
          return { status: 202, location: null, body: orderReceiptJson(order, scopes) };
        };
        const { changed } = await captureAndPublish(deps, id, operator, {
          amountCents,
          only: retriesOnly(c.get("caller")),
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        return { ...await answer(deps.db), stored: changed };
      });
    },
  );
}

function addRetry(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/orders/:id/retry",
    described({
      summary: "Takes an order up again that failed for want of stock",
      description:
        "It is `PENDING` again and asks for its units once more. With `orders` an order that a token of " +
        "the same name has brought, with `admin` any. Sent again it changes nothing, unless the order has failed " +
        "once more.",
      tag: "Orders",
      scopes: ["orders"],
      answers: {
        202: {
          says: "It is taken up, now or before",
          schema: orderReceiptAnswer,
          example: takenOrder,
        },
      },
      problems: ["not_found", "not_yours", "order_not_retryable"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      const { scopes } = c.get("caller");
      const operator = operatorOf(c, deps.config);
      return answerOnce(c, ["retry", id], async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const order = (await readOrderSummaries(source, [id])).get(id)!;
          return { status: 202, location: null, body: orderReceiptJson(order, scopes) };
        };
        const { changed } = await retryAndPublish(deps, id, operator, {
          only: retriesOnly(c.get("caller")),
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        return { ...await answer(deps.db), stored: changed };
      });
    },
  );
}
