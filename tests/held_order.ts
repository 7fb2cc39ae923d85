/**
 * An order for which money is held, as rows.
 *
 * @module
 */

import type { Database } from "../db/connection/database.ts";
import { readCharges } from "../db/orders/orders.ts";
import { readInstallation } from "../db/payments/installation.ts";
import { noteHolds } from "../db/payments/payment_holds.ts";
import { chargeKeyOf } from "../domain/payment/payment_key.ts";
import { storeOrder } from "./routes/api.ts";

/** Stores a `RESERVED` order whose total is held, and returns its id. */
export async function storeHeld(db: Database, totalCents: number): Promise<number> {
  const orderId = await storeOrder(db, { status: "RESERVED", totalCents });
  const charge = (await readCharges(db, [orderId])).get(orderId)!;
  const hold = {
    orderId,
    chargeKey: chargeKeyOf(await readInstallation(db), charge),
    provider: "stripe",
    providerRef: `pi_${orderId}`,
    amountCents: totalCents,
    currency: charge.currency,
    expiresAt: null,
  };
  await db.transaction((tx) =>
    noteHolds(tx, [hold], new Map(), { holdSeconds: 86_400, actor: "test" })
  );
  return orderId;
}
