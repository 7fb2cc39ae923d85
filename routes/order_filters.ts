/**
 * Which orders lists and files are asked for.
 *
 * @module
 */

import type { z } from "zod";
import { findCustomer } from "../db/customers.ts";
import type { Queryable } from "../db/database.ts";
import type { OrderSearch } from "../db/order_search.ts";
import type { orderFileQuery } from "./queries.ts";

/**
 * The search that the parameters ask for.
 *
 * @returns null where the customer is not known, so that no order can fit
 */
export async function orderSearch(
  db: Queryable,
  query: z.output<typeof orderFileQuery>,
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
