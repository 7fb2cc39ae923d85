/**
 * Checks 1 and 2 of the proof: stock and money, from the database alone.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { findPlaceFaults, type PlaceFault } from "../../db/verification/archive_faults.ts";
import {
  findOrderFaults,
  findQueueFaults,
  findSourceFaults,
  findTotalFaults,
  type OrderFault,
} from "../../db/verification/order_parts.ts";
import type { FaultyRows } from "../../db/verification/faulty_rows.ts";
import {
  findDisputeFaults,
  findGivenBackFaults,
  findHandFaults,
  findPaymentsForNothing,
  findRefundFaults,
  findRefundPartsFaults,
  findReturnedFaults,
  findStockFaults,
  findUnpaidOrders,
  type HandFault,
} from "../../db/verification/verify.ts";
import { findUnevenMoney } from "../../db/verification/uneven_money.ts";
import { everything, isRange, type Scope, type Scopes } from "../../db/verification/scope.ts";
import { exactAmount } from "../../domain/money.ts";
import { addDrifts, type Drift, type Drifts, noDrifts } from "./drift.ts";

/**
 * Every unit that is gone is held by a reserved or paid order and was not put back, none is lacking, and who waits for
 * some does so.
 */
export async function verifyStock(tx: Queryable, scopes: Scopes = everything): Promise<Drifts> {
  const drifts = noDrifts();
  collect(
    drifts,
    await findStockFaults(tx, scopes),
    ({ productId, sku, stockQty, takenQty, heldQty }) => {
      const subject = `product ${productId} (${sku})`;
      return takenQty === heldQty
        ? { subject, what: "units left", expected: "0 or more", found: stockQty }
        : { subject, what: "units that are gone", expected: heldQty, found: takenQty };
    },
  );
  collect(drifts, await findQueueFaults(tx), ({ orderId, sku, status }) => ({
    subject: `order ${orderId}`,
    what: `a place of a ${status} order among those that wait for ${sku}`,
    expected: null,
    found: "one",
  }));
  return drifts;
}

/** Orders cost what their parts do, paid ones were paid once and in full, nobody else paid, and refunds add up. */
export async function verifyMoney(tx: Queryable, scopes: Scopes = everything): Promise<Drifts> {
  const drifts = noDrifts();
  for (const scope of scopes.orders) await verifyOrders(tx, scope, drifts);
  if (scopes.orders.includes(null)) collect(drifts, await findPlaceFaults(tx), placeDrift);
  for (const scope of scopes.refunds) await verifyRefunds(tx, scope, drifts);
  return drifts;
}

/**
 * Orders cost what their items and adjustments do, say of themselves what their other rows say, and their payments and
 * refunds add up. Of many orders those are looked at one by one where sums of neighbours differ.
 */
async function verifyOrders(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  const { totals, terms, payments, refunds } = isRange(scope)
    ? await findUnevenMoney(tx, scope)
    : { totals: [scope], terms: [scope], payments: [scope], refunds: [scope] };
  for (const uneven of totals) await verifyTotals(tx, uneven, drifts);
  for (const uneven of terms) collect(drifts, await findOrderFaults(tx, uneven), orderDrift);
  await verifySources(tx, scope, drifts);
  for (const uneven of payments) await verifyPayments(tx, uneven, drifts);
  await verifyDisputes(tx, scope, drifts);
  for (const uneven of refunds) await verifyRefunded(tx, uneven, drifts);
}

/** Paid orders were paid once and in full, and nobody else paid. */
async function verifyPayments(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  collect(drifts, await findUnpaidOrders(tx, scope), ({ orderId, totalCents, foundCents }) => ({
    subject: `order ${orderId}`,
    what: "amount_cents of its succeeded payment",
    expected: totalCents,
    found: amountOf(foundCents),
  }));
  collect(drifts, await findPaymentsForNothing(tx, scope), ({ orderId, status, foundCents }) => ({
    subject: `order ${orderId}`,
    what: `amount_cents of a succeeded payment for a ${status} order`,
    expected: null,
    found: amountOf(foundCents),
  }));
}

/** What is in dispute is on the list of what is to be decided. */
async function verifyDisputes(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  collect(drifts, await findDisputeFaults(tx, scope), ({ paymentId, orderId, status }) => ({
    subject: `payment ${paymentId} of order ${orderId}`,
    what: "a decision that it waits for",
    expected: status === "DISPUTED" ? "one" : null,
    found: status === "DISPUTED" ? null : "one",
  }));
}

/** What went back is what refunds come to. */
async function verifyRefunded(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  collect(
    drifts,
    await findRefundFaults(tx, scope),
    ({ orderId, status, totalCents, foundCents, refundedCents }) => {
      const subject = `order ${orderId}`;
      if (status !== "PAID") {
        const what = `amount_cents of processed refunds of a ${status} order`;
        return { subject, what, expected: null, found: amountOf(foundCents) };
      }
      return foundCents! > totalCents
        ? {
          subject,
          what: "amount_cents of its refunds",
          expected: `${totalCents} at most`,
          found: amountOf(foundCents),
        }
        : { subject, what: "refunded_cents", expected: amountOf(foundCents), found: refundedCents };
    },
  );
}

/** Orders cost what their items and adjustments do. */
async function verifyTotals(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  collect(drifts, await findTotalFaults(tx, scope), ({ orderId, totalCents, partsCents }) => ({
    subject: `order ${orderId}`,
    what: "total_cents, of its items and adjustments",
    expected: amountOf(partsCents),
    found: totalCents,
  }));
}

/** What was paid at the source is on record. */
async function verifySources(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  collect(
    drifts,
    await findSourceFaults(tx, scope),
    ({ orderId, status, reference, foundRef }) => ({
      subject: `order ${orderId}`,
      what: `provider_ref of the payment of a ${status} order that was paid at its source`,
      expected: reference,
      found: foundRef,
    }),
  );
}

function placeDrift({ orderId, table, kind }: PlaceFault): Drift {
  const subject = `order ${orderId}`;
  switch (kind) {
    case "live":
      return {
        subject,
        what: `${table} of an archived order`,
        expected: "archived",
        found: "live",
      };
    case "archived":
      return { subject, what: `${table} of a live order`, expected: "live", found: "archived" };
    case "twice":
      return {
        subject,
        what: "its payment, as that of an archived order",
        expected: null,
        found: "one",
      };
  }
}

function orderDrift(fault: OrderFault): Drift {
  const { orderId, status, paymentStatus, retries, foundRetries, kind } = fault;
  const subject = `order ${orderId}`;
  switch (kind) {
    case "source": {
      const isPaid = paymentStatus === "paid";
      const what = `payment at the source of an order whose payment_status is ${paymentStatus}`;
      return { subject, what, expected: isPaid ? "one" : null, found: isPaid ? null : "one" };
    }
    case "unpayable":
      return {
        subject,
        what: "payment_status of an order that costs something",
        expected: "due",
        found: "none",
      };
    case "backordered":
      return { subject, what: `backordered of a ${status} order`, expected: 0, found: 1 };
    case "retries":
      return retries === foundRetries
        ? { subject, what: "retry_id", expected: "its latest retry", found: "another one" }
        : { subject, what: "retries", expected: foundRetries, found: retries };
    case "superseded":
      return {
        subject,
        what: "superseded charges of edits that it never had",
        expected: null,
        found: "some",
      };
  }
}

function handDrift({ orderId, refundId, paymentId, status, kind }: HandFault): Drift {
  const name = refundId === null ? `payment ${paymentId}` : `refund ${refundId}`;
  const subject = `${name} of order ${orderId}`;
  const listed = `a ${status} one that a person has to give back`;
  switch (kind) {
    case "missing":
      return { subject, what: listed, expected: "one", found: null };
    case "over":
      return { subject, what: listed, expected: null, found: "one" };
    case "other":
      return { subject, what: listed, expected: "its own money", found: "other money" };
    case "decided": {
      const what = `what a person said of a ${status} refund by hand`;
      return {
        subject,
        what,
        expected: status === "PROCESSED" ? "given back" : "an answer",
        found: "something else",
      };
    }
  }
}

/**
 * Refunds that a person has to make are on the list of that; those of parts of an order are worth their parts, whose units
 * are where they should be, and no more than bought.
 */
async function verifyRefunds(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  collect(drifts, await findHandFaults(tx, scope), handDrift);
  collect(drifts, await findRefundPartsFaults(tx, scope), (fault) => {
    const { refundId, orderId, status, amountCents, partsCents, foreignLines, wrongUnits } = fault;
    const subject = `refund ${refundId} of order ${orderId}`;
    if (partsCents !== BigInt(amountCents)) {
      const what = "amount_cents of its lines and adjustments";
      return { subject, what, expected: amountCents, found: amountOf(partsCents) };
    }
    if (foreignLines > 0) {
      return { subject, what: "lines of other orders", expected: 0, found: foreignLines };
    }
    if (wrongUnits > 0) {
      const what = status === "PROCESSED"
        ? "units that are not back in stock as its lines say"
        : `units that are back in stock although it is ${status}`;
      return { subject, what, expected: 0, found: wrongUnits };
    }
    return { subject, what: "itemized", expected: 1, found: 0 };
  });
  collect(drifts, await findReturnedFaults(tx, scope), ({ itemId, orderId, qty, returnedQty }) => ({
    subject: `item ${itemId} of order ${orderId}`,
    what: "units that went back",
    expected: `${qty} at most`,
    found: returnedQty,
  }));
  collect(drifts, await findGivenBackFaults(tx, scope), (fault) => ({
    subject: `order ${fault.orderId}`,
    what: `${fault.kind} that went back`,
    expected: `${exactAmount(fault.chargedCents)} at most`,
    found: amountOf(fault.givenBackCents),
  }));
}

function amountOf(cents: bigint | null): number | string | null {
  return cents === null ? null : exactAmount(cents);
}

/** Adds faults of the database as differences: nothing else says how it should be. */
export function collect<T>(
  drifts: Drifts,
  { rows, count }: FaultyRows<T>,
  toDrift: (row: T) => Drift,
) {
  addDrifts(drifts, { list: rows.map(toDrift), count, forPeople: count });
}
