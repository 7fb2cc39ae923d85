/**
 * Checks 1 and 2 of the proof: stock and money, from the database alone.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  type FaultyRows,
  findDisputeFaults,
  findHandFaults,
  findPaymentsForNothing,
  findRefundFaults,
  findRefundPartsFaults,
  findReturnedFaults,
  findStockFaults,
  findUnpaidOrders,
} from "../../db/verification/verify.ts";
import { exactAmount } from "../../domain/money.ts";
import { addDrifts, type Drift, type Drifts, noDrifts } from "./drift.ts";

/** Every unit that is gone is held by a reserved or paid order and was not put back, and none is lacking. */
export async function verifyStock(tx: Queryable): Promise<Drifts> {
  const drifts = noDrifts();
  collect(drifts, await findStockFaults(tx), ({ productId, sku, stockQty, takenQty, heldQty }) => {
    const subject = `product ${productId} (${sku})`;
    return takenQty === heldQty
      ? { subject, what: "units left", expected: "0 or more", found: stockQty }
      : { subject, what: "units that are gone", expected: heldQty, found: takenQty };
  });
  return drifts;
}

/** Paid orders were paid once and in full, nobody else paid, and refunds add up. */
export async function verifyMoney(tx: Queryable): Promise<Drifts> {
  const drifts = noDrifts();
  collect(drifts, await findUnpaidOrders(tx), ({ orderId, totalCents, foundCents }) => ({
    subject: `order ${orderId}`,
    what: "amount_cents of its succeeded payment",
    expected: totalCents,
    found: amountOf(foundCents),
  }));
  collect(drifts, await findPaymentsForNothing(tx), ({ orderId, status, foundCents }) => ({
    subject: `order ${orderId}`,
    what: `amount_cents of a succeeded payment for a ${status} order`,
    expected: null,
    found: amountOf(foundCents),
  }));
  collect(drifts, await findDisputeFaults(tx), ({ paymentId, orderId, status }) => ({
    subject: `payment ${paymentId} of order ${orderId}`,
    what: "a decision that it waits for",
    expected: status === "DISPUTED" ? "one" : null,
    found: status === "DISPUTED" ? null : "one",
  }));
  collect(
    drifts,
    await findHandFaults(tx),
    ({ orderId, refundId, paymentId, status, isListed }) => ({
      subject: `${
        refundId === null ? `payment ${paymentId}` : `refund ${refundId}`
      } of order ${orderId}`,
      what: `a ${status} one that a person has to give back`,
      expected: isListed ? null : "one",
      found: isListed ? "one" : null,
    }),
  );
  collect(
    drifts,
    await findRefundFaults(tx),
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
  await verifyRefundParts(tx, drifts);
  return drifts;
}

/** Refunds of parts of an order are worth their parts, whose units are where they should be, and no more than bought. */
async function verifyRefundParts(tx: Queryable, drifts: Drifts): Promise<void> {
  collect(drifts, await findRefundPartsFaults(tx), (fault) => {
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
  collect(drifts, await findReturnedFaults(tx), ({ itemId, orderId, qty, returnedQty }) => ({
    subject: `item ${itemId} of order ${orderId}`,
    what: "units that went back",
    expected: `${qty} at most`,
    found: returnedQty,
  }));
}

function amountOf(cents: bigint | null): number | string | null {
  return cents === null ? null : exactAmount(cents);
}

/** Adds faults of the database as differences: nothing else says how the books should be. */
export function collect<T>(
  drifts: Drifts,
  { rows, count }: FaultyRows<T>,
  toDrift: (row: T) => Drift,
) {
  addDrifts(drifts, { list: rows.map(toDrift), count, forPeople: count });
}
