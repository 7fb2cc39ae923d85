/**
 * The fields of an order as a list: answers, their schemas and examples, and the file of orders have them from here.
 * A new column of an order is a row of {@linkcode orderFields}, and a name at the end of {@linkcode orderFileColumns}.
 *
 * @module
 */

import { z } from "zod";
import { type OrderStatus, orderTransitions } from "../../../domain/order/order.ts";
import { paymentStatuses } from "../../../domain/order/source_payment.ts";
import type { OrderSummary } from "../../../db/orders/order_queries.ts";
import { cents, currency, id, time } from "../description/schema_parts.ts";

/** A field: its schema, an example of it, and where its value comes from. */
export interface OrderField<Schema extends z.ZodType> {
  schema: Schema;
  /** Of an order that was just taken. */
  example: z.input<Schema>;
  valueOf: (order: OrderSummary) => z.output<Schema>;
}

/** Infers the type of each field from its schema. */
function field<Schema extends z.ZodType>(
  schema: Schema,
  example: z.input<Schema>,
  valueOf: (order: OrderSummary) => z.output<Schema>,
): OrderField<Schema> {
  return { schema, example, valueOf };
}

const statuses = Object.keys(orderTransitions) as [OrderStatus, ...OrderStatus[]];

/** Who ordered. */
export const customer = z.object({
  id,
  external_id: z.string().nullable().meta({ description: "The shop's own id; null of a guest" }),
  email: z.string().nullable(),
  name: z.string(),
  guest: z.boolean().meta({ description: "True for whoever has no id at the shop" }),
});

/** Every field of an order, in the order of the answers. */
export const orderFields = {
  id: field(id, 42, (order) => order.id),
  external_order_id: field(z.string(), "web-1", (order) => order.externalOrderId),
  status: field(z.enum(statuses), "PENDING", (order) => order.status),
  failure_reason: field(
    z.enum(["insufficient_stock", "payment_declined", "payment_timeout"]).nullable(),
    null,
    (order) => order.failureReason,
  ),
  currency: field(currency, "EUR", (order) => order.currency),
  total_cents: field(cents, 2_500, (order) => order.totalCents),
  refunded_cents: field(cents, 0, (order) => order.refundedCents),
  customer: field(
    customer,
    { id: 7, external_id: "c-7", email: "ann@example.com", name: "Ann", guest: false },
    ({ customer: { id, externalId, email, name, isGuest } }) => ({
      id,
      external_id: externalId,
      email,
      name,
      guest: isGuest,
    }),
  ),
  recipient_name: field(
    z.string().meta({ description: "As the order was placed" }),
    "Ann",
    (order) => order.recipient.name,
  ),
  recipient_email: field(
    z.string().nullable().meta({
      description: "As the order was placed; its messages go there, and without it none by e-mail",
    }),
    "ann@example.com",
    (order) => order.recipient.email,
  ),
  payment_status: field(
    z.enum(paymentStatuses).meta({
      description: "At its source: `due` is charged, `paid` was paid there, `none` costs nothing",
    }),
    "due",
    (order) => order.paymentStatus,
  ),
  placed_at: field(time, "2026-01-05T10:00:00.000000Z", (order) => order.placedAt),
  reserved_at: field(time.nullable(), null, (order) => order.reservedAt),
  settled_at: field(time.nullable(), null, (order) => order.settledAt),
  created_at: field(time, "2026-01-05T10:00:01.120345Z", (order) => order.createdAt),
  updated_at: field(time, "2026-01-05T10:00:01.120345Z", (order) => order.updatedAt),
};

type Fields = typeof orderFields;

/** An order without what belongs to it, as the API shows it. */
export type OrderJson = { [Name in keyof Fields]: z.output<Fields[Name]["schema"]> };

/**
 * The columns of `orders.csv`, a customer's fields and the parts of its total as columns of their own. New ones come
 * at the end: programs read the others by their places.
 */
export const orderFileColumns = [
  "id",
  "external_order_id",
  "status",
  "failure_reason",
  "currency",
  "total_cents",
  "refunded_cents",
  "customer_id",
  "customer_external_id",
  "customer_email",
  "customer_name",
  "placed_at",
  "reserved_at",
  "settled_at",
  "created_at",
  "updated_at",
  "recipient_name",
  "recipient_email",
  "items_cents",
  "shipping_cents",
  "tax_cents",
  "tax_included_cents",
  "discount_cents",
  "tip_cents",
  "fee_cents",
  "gift_wrap_cents",
  "other_cents",
  "payment_status",
] as const;

const entries = Object.entries(orderFields);

/** The schemas of the fields. */
export const orderSchemas = Object.fromEntries(
  entries.map(([name, { schema }]) => [name, schema]),
) as { [Name in keyof Fields]: Fields[Name]["schema"] };

/** An order that was just taken. */
export const orderExample = Object.fromEntries(
  entries.map(([name, { example }]) => [name, example]),
) as { [Name in keyof Fields]: Fields[Name]["example"] };

/** An order without what belongs to it. */
export function orderJson(order: OrderSummary): OrderJson {
  const json: Record<string, unknown> = {};
  for (const [name, { valueOf }] of entries) json[name] = valueOf(order);
  return json as OrderJson;
}
