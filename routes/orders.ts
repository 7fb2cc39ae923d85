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
import { findCustomer } from "../db/customers.ts";
import { listOrders, readOrderDetail, readOrderSummaries } from "../db/order_queries.ts";
import { checked, idParam, jsonBody, optionalQuery, pageQuery, queryText } from "./checked.ts";
import type { AppDeps } from "./deps.ts";
import { orderBody } from "./order_body.ts";
import { orderDetailJson, orderJson } from "./order_json.ts";
import { placedFrom, placedTo } from "./placed_query.ts";
import { publishAfterCommit } from "./publish_after_commit.ts";
import { orderTaker } from "./take_orders.ts";

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

  app.post("/orders", jsonBody(), checked("json", orderBody), async (c) => {
    const incoming = c.req.valid("json");
    const taken = await takeOrder(incoming);
    if (taken.outcome === "conflict") {
      throw new WorkflowError(
        "order_conflict",
        `Order ${JSON.stringify(incoming.externalOrderId)} is known with another content`,
      );
    }
    const { outcome, order } = taken;
    c.header("location", `/orders/${order.id}`);
    return c.json(orderJson(order), outcome === "new" ? 202 : 200);
  });

  app.get("/orders", checked("query", listQuery), async (c) => {
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
  });

  app.get("/orders/:id", checked("param", idParam), async (c) => {
    const { id } = c.req.valid("param");
    const order = await readOrderDetail(db, id);
    if (order === undefined) throw new WorkflowError("not_found", `There is no order ${id}`);
    return c.json(orderDetailJson(order));
  });

  app.post("/orders/:id/cancel", checked("param", idParam), async (c) => {
    const { id } = c.req.valid("param");
    const { order: { totalCents: amountCents, currency } } = await cancelOrder(db, id, "api");
    await publishAfterCommit(deps, [{ type: "notify.order", orderId: id, amountCents, currency }]);
    return c.json(orderJson((await readOrderSummaries(db, [id])).get(id)!));
  });

  return app;
}
