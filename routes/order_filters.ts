/**
 * What lists and files of orders may be asked for.
 *
 * @module
 */

import { z } from "zod";
import { findCustomer } from "../db/customers.ts";
import type { Queryable } from "../db/database.ts";
import type { OrderSearch } from "../db/order_search.ts";
import { type OrderStatus, orderTransitions } from "../domain/order.ts";
import { optionalQuery, queryInteger, queryText } from "./checked.ts";
import { placedFrom, placedTo } from "./placed_query.ts";

const statuses = Object.keys(orderTransitions) as [OrderStatus, ...OrderStatus[]];

/** An amount that an order may have, in cents. */
const cents = optionalQuery(queryInteger(0, 999_999_999_999_999));

/** The query parameters by which orders are chosen. */
export const orderFilters = {
  q: optionalQuery(
    queryText().trim().max(255, "must have at most 255 characters")
      .refine((text) => !/\p{Cc}/u.test(text), "must hold no control characters")
      .meta({ description: "An id, an external id, a customer's id or e-mail, or a SKU" }),
  ),
  status: optionalQuery(z.enum(statuses, `must be one of ${statuses.join(", ")}`)),
  customer: optionalQuery(queryText().trim().max(64, "must have at most 64 characters")),
  currency: optionalQuery(
    queryText().trim().regex(/^[A-Za-z]{3}$/, "must be three letters")
      .transform((text) => text.toUpperCase()),
  ),
  from: placedFrom,
  to: placedTo,
  least_cents: cents,
  most_cents: cents,
} as const;

const schema = z.object(orderFilters);

/**
 * The search that the parameters ask for.
 *
 * @returns null where the customer is not known, so that no order can fit
 */
export async function orderSearch(
  db: Queryable,
  query: z.output<typeof schema>,
): Promise<OrderSearch | null> {
  const { customer } = query;
  const customerId = customer === undefined ? undefined : await findCustomer(db, customer);
  if (customer !== undefined && customerId === undefined) return null;
  return {
    text: query.q,
    status: query.status,
    customerId,
    currency: query.currency,
    placedFrom: query.from,
    placedTo: query.to,
    leastCents: query.least_cents,
    mostCents: query.most_cents,
  };
}
