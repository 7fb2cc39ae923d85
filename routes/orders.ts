/**
 * Orders: taking them, looking at them, cancelling them.
 *
 * @module
 */

import { Hono } from "hono";
import { z } from "zod";
import { WorkflowError } from "../domain/errors.ts";
import { type OrderStatus, orderTransitions } from "../domain/order.ts";
import { decodeCursor, pageLimits, pageOf } from "../domain/paging.ts";
import { cancelOrder } from "../db/cancel.ts";
import type { Queryable } from "../db/database.ts";
import { findCustomer } from "../db/customers.ts";
import { listOrders, readOrderDetail, readOrderSummaries } from "../db/order_queries.ts";
import { orderAnswer, orderDetailAnswer, orderListAnswer } from "./answers.ts";
import { checked, idParam, jsonBody, optionalQuery, pageQuery, queryText } from "./checked.ts";
import type { AppDeps } from "./deps.ts";
import { described } from "./described.ts";
import { idempotency, idempotencyHeaders, type KeyedAnswer, storeAnswers } from "./idempotency.ts";
import { exampleOrder, orderBody } from "./order_body.ts";
import { orderDetailJson, orderJson } from "./order_json.ts";
import { placedFrom, placedTo } from "./placed_query.ts";
import { publishAfterCommit } from "./publish_after_commit.ts";
import { newOrderAnswer, orderTaker } from "./take_orders.ts";

const statuses = Object.keys(orderTransitions) as [OrderStatus, ...OrderStatus[]];

const listQuery = z.object({
  status: optionalQuery(z.enum(statuses, `must be one of ${statuses.join(", ")}`)),
  customer: optionalQuery(queryText().trim().max(64, "must have at most 64 characters")),
  from: placedFrom,
  to: placedTo,
  ...pageQuery,
});

/** `POST /orders`, `GET /orders`, `GET /orders/{id}` and `POST /orders/{id}/cancel`. */
export function orderRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;
  const takeOrder = orderTaker(deps);
  const answerOnce = idempotency(deps);

  app.post(
    "/orders",
    described({
      summary: "Takes one order",
      description: "The same order again is recognised by its content, with or without a key.",
      tag: "Orders",
      scopes: ["orders"],
      answers: {
        202: { says: "It is new and waits for its stock", schema: orderAnswer, located: true },
        200: { says: "It is known with the same content", schema: orderAnswer, located: true },
      },
      problems: [409, 413, 415, 422],
      example: exampleOrder,
      repeatable: true,
    }),
    checked("header", idempotencyHeaders),
    jsonBody(),
    checked("json", orderBody),
    (c) => {
      const order = c.req.valid("json");
      const { actor } = c.get("caller");
      return answerOnce(c, ["order", order], async (key) => {
        const taken = await takeOrder({ order, actor, key });
        if (taken.outcome === "conflict") {
          throw new WorkflowError(
            "order_conflict",
            `Order ${JSON.stringify(order.externalOrderId)} is known with another content`,
          );
        }
        const answer = newOrderAnswer(taken.order);
        const isNew = taken.outcome === "new";
        return { ...answer, status: isNew ? 202 : 200, stored: isNew };
      });
    },
  );

  app.get(
    "/orders",
    described({
      summary: "Lists orders, the latest first",
      description:
        "`customer` is the shop's id of the customer, or else the database's; `from` and `to` are " +
        "about when orders were placed, and a date as `to` includes that day.",
      tag: "Orders",
      scopes: ["read"],
      answers: { 200: { says: "A page", schema: orderListAnswer } },
    }),
    checked("query", listQuery),
    async (c) => {
      const { status, customer, from, to, limit = pageLimits.fallback, cursor } = c.req.valid(
        "query",
      );
      const beforeId = cursor === undefined ? undefined : decodeCursor("orders", cursor);
      const customerId = customer === undefined ? undefined : await findCustomer(db, customer);
      const nobody = customer !== undefined && customerId === undefined;
      const orders = nobody ? [] : await listOrders(
        db,
        { status, customerId, placedFrom: from, placedTo: to },
        { beforeId, limit: limit + 1 },
      );
      const { data, nextCursor } = pageOf("orders", orders, limit);
      return c.json({ data: data.map(orderJson), next_cursor: nextCursor });
    },
  );

  app.get(
    "/orders/:id",
    described({
      summary: "Shows an order with everything that belongs to it",
      tag: "Orders",
      scopes: ["read"],
      answers: { 200: { says: "The order", schema: orderDetailAnswer } },
      problems: [404],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const order = await readOrderDetail(db, id);
      if (order === undefined) throw new WorkflowError("not_found", `There is no order ${id}`);
      return c.json(orderDetailJson(order));
    },
  );

  app.post(
    "/orders/:id/cancel",
    described({
      summary: "Cancels an order that is not settled",
      tag: "Orders",
      scopes: ["orders"],
      answers: { 200: { says: "It is cancelled, now or before", schema: orderAnswer } },
      problems: [404, 409],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      return answerOnce(c, ["cancel", id], async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const order = (await readOrderSummaries(source, [id])).get(id)!;
          return { status: 200, location: null, body: orderJson(order) };
        };
        const { order, changed } = await cancelOrder(db, id, c.get("caller").actor, {
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        const { totalCents: amountCents, currency } = order;
        await publishAfterCommit(deps, [
          { type: "notify.order", orderId: id, amountCents, currency },
        ]);
        return { ...await answer(db), stored: changed };
      });
    },
  );

  return app;
}
