/**
 * What is known of orders that were just inserted, without reading them again.
 *
 * @module
 */

import { isGuestId } from "../../domain/order/guest.ts";
import { type Catalog, customerOf } from "../catalog/catalog.ts";
import { toIsoTime } from "../connection/database.ts";
import type { OrderToWrite } from "./intake_writes.ts";
import type { OrderSummary } from "./order_queries.ts";

/** Digits of a time of the database, with its fraction. */
const timeLength = "2026-01-05 10:00:00.000000".length;

/** An order's row, as far as its statement did not say it itself. */
export interface InsertedRow {
  id: number;
  /** As the row has them; undefined where they were not read. */
  times?: { createdAt: string; updatedAt: string };
}

/**
 * An order as readers want to see it, in the transaction that inserted it: what was written, and its customer as the catalogue
 * has read it. Reading it back took the driver 20 fields an order, which was a tenth of all that an order cost.
 *
 * @returns undefined where the row has to be read: its customer was erased, or is not known by the catalogue any more
 */
export function insertedSummary(
  { order, hash, totalCents }: OrderToWrite,
  { id, times }: InsertedRow,
  catalog: Catalog,
): OrderSummary | undefined {
  const { externalId, name, email } = order.customer;
  const customer = catalog.customers.get(externalId);
  if (times === undefined || customer === undefined) return undefined;
  // An erased person's orders are another row's.
  if (customerOf(catalog, order).id !== customer.id) return undefined;
  const isGuest = isGuestId(externalId);
  const { text } = customer.stored;
  return {
    id,
    externalOrderId: order.externalOrderId,
    status: "PENDING",
    failureReason: null,
    currency: order.currency,
    totalCents,
    refundedCents: 0,
    paymentStatus: order.payment?.status ?? "due",
    customer: {
      id: customer.id,
      externalId: isGuest ? null : externalId,
      email: text.email === "" ? null : text.email,
      name: text.name,
      isGuest,
    },
    recipient: { name, email },
    placedAt: toIsoTime(order.placedAt.padEnd(timeLength, "0"))!,
    reservedAt: null,
    settledAt: null,
    createdAt: toIsoTime(times.createdAt)!,
    updatedAt: toIsoTime(times.updatedAt)!,
    revision: 0,
    contentHash: hash,
  };
}
