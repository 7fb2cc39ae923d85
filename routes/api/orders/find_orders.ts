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
import { type FoundOrders, maxAddresses, searchOrders } from "../../../db/orders/order_search.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { periodOf } from "../../../domain/kpi/day.ts";
import type { AppDeps } from "../../deps.ts";
import type { orderFileQuery } from "../description/queries.ts";

/**
 * Looks for the orders that the parameters ask for, page by page.
 *
 * @returns reads a page, which throws `bad_request` where it could not be whole: where the beginning of an e-mail
 * means too many customers
 */
export async function orderFinder(
  { db, kpiDay }: Pick<AppDeps, "db" | "kpiDay">,
  query: z.output<typeof orderFileQuery>,
): Promise<(page: { beforeId: number | undefined; limit: number }) => Promise<FoundOrders>> {
  const { customer, sku } = query;
  const customerId = customer === undefined ? undefined : await findCustomer(db, customer);
  const product = sku === undefined ? undefined : await readStock(db, sku);
  const run = query.import === undefined ? undefined : await readImport(db, query.import);
  const isNowhere = (customer !== undefined && customerId === undefined) ||
    (sku !== undefined && product === undefined) ||
    (query.import !== undefined && run === undefined);
  if (isNowhere) {
    const none = {
      orders: [],
      nextBeforeId: undefined,
      stoppedEarly: false,
      leavesAddressesOut: false,
    };
    return () => Promise.resolve(none);
  }
  const settled = query.settled === undefined ? undefined : periodOf(kpiDay, query.settled);
  const search = {
    text: query.q,
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
  return async (page) => {
    const found = await searchOrders(db, search, page);
    if (found.leavesAddressesOut) {
      const detail = `begins more than ${maxAddresses} e-mail addresses; give more of it`;
      throw new WorkflowError("bad_request", `The query is not valid: q ${detail}`, [
        { at: "q", detail },
      ]);
    }
    return found;
  };
}
