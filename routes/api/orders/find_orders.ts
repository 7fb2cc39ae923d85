/**
 * The orders that a list or file is asked for.
 *
 * @module
 */

import type { z } from "zod";
import { readStock } from "../../../db/catalog/stock.ts";
import { findImportedOrders } from "../../../db/imports/imported_orders.ts";
import { readImport } from "../../../db/imports/imports.ts";
import { findCustomer } from "../../../db/catalog/customers.ts";
import { findStepBefore, readOrderChanges } from "../../../db/orders/order_changes.ts";
import { type OrderSummary, readOrderSummaries } from "../../../db/orders/order_queries.ts";
import {
  findMatching,
  type FoundOrders,
  maxAddresses,
  type OrderSearch,
  searchOrders,
} from "../../../db/orders/order_search.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { periodOf } from "../../../domain/kpi/day.ts";
import { type AppDeps, readsOf } from "../../deps.ts";
import type { orderFileQuery } from "../description/queries.ts";

/**
 * Looks for the orders that the parameters ask for, page by page.
 *
 * @returns reads a page, which throws `bad_request` where it could not be whole: where the beginning of an e-mail
 * means too many customers
 */
export async function orderFinder(
  deps: Pick<AppDeps, "db" | "kpiDay" | "reads">,
  query: z.output<typeof orderFileQuery>,
): Promise<(page: { beforeId: number | undefined; limit: number }) => Promise<FoundOrders>> {
  const search = await searchOf(deps, query);
  if (search === undefined) {
    const none = {
      orders: [],
      nextBeforeId: undefined,
      stoppedEarly: false,
      leavesAddressesOut: false,
    };
    return () => Promise.resolve(none);
  }
  // Whoever asks for an order by its own name wants to know whether it is there now.
  const reads = readsOf(search.externalOrderId === undefined ? deps : { db: deps.db });
  return async (page) => {
    const found = await reads((db) => searchOrders(db, search, page));
    if (found.leavesAddressesOut) {
      const detail = `begins more than ${maxAddresses} e-mail addresses; give more of it`;
      throw new WorkflowError("bad_request", `The query is not valid: q ${detail}`, [
        { at: "q", detail },
      ]);
    }
    return found;
  };
}

/** What the parameters ask for; undefined where they name something that there is not, so that no order fits. */
async function searchOf(
  { db, kpiDay }: Pick<AppDeps, "db" | "kpiDay">,
  query: z.output<typeof orderFileQuery>,
): Promise<OrderSearch | undefined> {
  const { customer, sku } = query;
  const customerId = customer === undefined ? undefined : await findCustomer(db, customer);
  const product = sku === undefined ? undefined : await readStock(db, sku);
  const run = query.import === undefined ? undefined : await readImport(db, query.import);
  const isNowhere = (customer !== undefined && customerId === undefined) ||
    (sku !== undefined && product === undefined) ||
    (query.import !== undefined && run === undefined);
  if (isNowhere) return undefined;
  const settled = query.settled === undefined ? undefined : periodOf(kpiDay, query.settled);
  return {
    text: query.q,
    externalOrderId: query.external_order_id,
    status: query.status,
    failureReason: query.failure_reason,
    backordered: query.backordered,
    shortOfId: product?.productId,
    customerId,
    settledFrom: settled?.from,
    settledBefore: settled?.before,
    importedBy: run && await findImportedOrders(db, run),
    currency: query.currency,
    placedFrom: query.from,
    placedTo: query.to,
    minCents: query.least_cents,
    maxCents: query.most_cents,
  };
}

/** Steps that are read at once, and of how many at most a page is made. */
const steps = { atOnce: 1_000, most: 20_000 } as const;

/**
 * The orders that have changed since a time, each once a page, in the order of their changes and as they are now.
 *
 * @param query.updated_since UTC
 * @param page.afterId of the last step that an earlier page has told; undefined for the start
 * @returns `nextAfterId` is where the next page goes on, be it now or later: nothing that is committed later comes before
 * @throws {WorkflowError} `bad_request` together with a word, whose addresses are looked up by orders
 */
export async function findChangedOrders(
  deps: Pick<AppDeps, "db" | "kpiDay">,
  { updated_since: since, ...query }: z.output<typeof orderFileQuery> & { updated_since: string },
  { afterId, limit }: { afterId: number | undefined; limit: number },
): Promise<{ orders: OrderSummary[]; nextAfterId: number }> {
  const { db } = deps;
  if (query.q !== undefined) {
    const detail = "can't be given together with updated_since";
    throw new WorkflowError("bad_request", `The query is not valid: q ${detail}`, [
      { at: "q", detail },
    ]);
  }
  const search = await searchOf(deps, query);
  let nextAfterId = afterId ?? await findStepBefore(db, since);
  const ids = new Set<number>();
  for (let read = 0; read < steps.most; read += steps.atOnce) {
    const changes = await readOrderChanges(db, {
      afterId: nextAfterId,
      since,
      limit: steps.atOnce,
    });
    const told = changes.filter(({ isSince }) => isSince).map(({ orderId }) => orderId);
    const fit = search === undefined
      ? new Set<number>()
      : await findMatching(db, search, [...new Set(told)]);
    let isFull = false;
    for (const { id, orderId, isSince } of changes) {
      isFull = isSince && fit.has(orderId) && !ids.has(orderId) && ids.size === limit;
      if (isFull) break;
      if (isSince && fit.has(orderId)) ids.add(orderId);
      nextAfterId = id;
    }
    if (isFull || changes.length < steps.atOnce) break;
  }
  const summaries = await readOrderSummaries(db, [...ids]);
  return { orders: [...ids].flatMap((id) => summaries.get(id) ?? []), nextAfterId };
}
