/**
 * What the feed answers, for the OpenAPI document and the typed client.
 *
 * @module
 */

import { z } from "zod";
import { type EventType, eventTypeNames, eventTypes } from "../../../domain/feed/event_types.ts";
import { failureReasons } from "../../../domain/order/order.ts";
import { cents, count, currency, id, time } from "../description/schema_parts.ts";

const reasons = [...new Set(Object.values(failureReasons))];

const stockTypes = eventTypeNames.filter((type) => type.startsWith("stock."));
const orderTypes = eventTypeNames.filter((type) => !type.startsWith("stock."));

const meanings = (types: readonly EventType[]) =>
  types.map((type) => `\`${type}\`: ${eventTypes[type]}`).join("; ");

const head = {
  id: z.string().meta({
    description: "The same whenever and however the event is told; drop what you have seen",
  }),
  timestamp: time.meta({ description: "When it happened" }),
  sequence: z.int().meta({
    description: "Grows from step to step of an order. Events of one step " +
      "have the same",
  }),
};

/** An event of an order, its payment, a refund or its customer. */
export const orderEventAnswer = z.object({
  ...head,
  type: z.enum(orderTypes).meta({ description: meanings(orderTypes) }),
  data: z.object({
    order_id: id,
    external_order_id: z.string(),
    customer_id: z.string().nullable().meta({
      description: "The shop's own; null of a guest, and of somebody who was erased",
    }),
    refund_id: id.nullable(),
    failure_reason: z.enum(reasons).nullable(),
    currency,
    amount_cents: cents.meta({ description: "The refund's amount, or else the order's total" }),
    total_cents: cents,
  }).meta({ description: "Amounts are those of the moment when the event is read" }),
}).meta({ id: "OrderEvent" });

/** An event of products' units. */
export const stockEventAnswer = z.object({
  ...head,
  type: z.enum(stockTypes).meta({ description: meanings(stockTypes) }),
  data: z.object({
    order_id: id.nullable(),
    refund_id: id.nullable(),
    item_count: count,
    items: z.array(z.object({
      sku: z.string(),
      qty: z.int().meta({ description: "By how many the units changed that can be reserved" }),
      stock_qty: z.int().nullable().meta({
        description: "How many there were afterwards; null of an order, which does not say",
      }),
    })).meta({ description: "The first twenty" }),
  }),
}).meta({ id: "StockEvent" });

/** An event of the feed. */
export const eventAnswer = z.union([orderEventAnswer, stockEventAnswer]);

/** A page of the feed. */
export const eventListAnswer = z.object({
  data: z.array(eventAnswer),
  next_cursor: z.string().nullable().meta({ description: "Never null: more will happen" }),
}).meta({ id: "EventList" });
