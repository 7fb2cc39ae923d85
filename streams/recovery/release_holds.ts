/**
 * Finds money that is still held for orders that are over.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { takeForgottenHolds } from "../../db/payments/payment_holds.ts";
import { publish, type PublishDeps } from "../workflow/publish.ts";

/** Seconds for which the messages of an order that is over are left to let go of it. */
const forgottenSeconds = 600;

/** Most of one look; the next one finds the others. */
const pageSize = 1_000;

/**
 * Has the provider let go of money that is held for orders that failed or were cancelled, where the messages that would
 * have seen to it got lost. A crash before they are published leaves it to the look after the next ten minutes.
 *
 * @returns of how many orders
 */
export async function releaseHolds(deps: PublishDeps & { db: Database }): Promise<number> {
  const forgotten = await takeForgottenHolds(deps.db, {
    forSeconds: forgottenSeconds,
    limit: pageSize,
  });
  await publish(
    deps,
    forgotten.map(({ orderId, totalCents: amountCents, currency }) => ({
      message: { type: "payment.charge", orderId, amountCents, currency },
    })),
    { lane: "bulk" },
  );
  return forgotten.length;
}
