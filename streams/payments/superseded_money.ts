/**
 * Tells answers to charges that an edit has superseded from answers to an order's own.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import type { ChargeFacts } from "../../db/orders/orders.ts";
import { readPaymentsOf, type RecordedPayment } from "../../db/payments/payments.ts";
import type { SupersededCharge } from "../../db/payments/superseded_charges.ts";
import type { CallbackMessage } from "../../domain/messages/messages.ts";

/** What edits of one order have superseded. */
export interface SupersededMoney {
  /** From the first to the last; at least one. */
  charges: readonly SupersededCharge[];
  /** All money that was recorded for the order. */
  payments: readonly RecordedPayment[];
}

/** What edits have superseded, by order id; the others are absent, and cost nothing. */
export async function readSuperseded(
  tx: Queryable,
  orders: readonly ChargeFacts[],
): Promise<Map<number, SupersededMoney>> {
  const found = new Map<number, SupersededMoney>();
  for (const { id, superseded: charges } of orders) {
    if (charges.length > 0) found.set(id, { charges, payments: await readPaymentsOf(tx, id) });
  }
  return found;
}

/** What an answer is about that is not about its order's own charge. */
export type Superseded =
  | { kind: "charge"; charge: SupersededCharge }
  /** A payment beside the order's, which was recorded before. */
  | { kind: "recorded" };

/**
 * What an answer is about, where it is not about its order's own charge.
 *
 * An answer without a key is about the first charge, because all that are asked for after an edit have one. Only a
 * payment that was recorded before is told again without its key: it is known by its name.
 */
export function supersededBy(
  superseded: SupersededMoney | undefined,
  { provider, providerRef, key }: CallbackMessage,
): Superseded | undefined {
  if (superseded === undefined) return undefined;
  const { charges, payments } = superseded;
  if (key !== undefined) {
    const charge = charges.find(({ chargeKey }) => chargeKey === key);
    return charge && { kind: "charge", charge };
  }
  const recorded = payments.find((payment) =>
    payment.provider === provider && payment.providerRef === providerRef
  );
  if (recorded === undefined) return { kind: "charge", charge: charges[0]! };
  return recorded.surplus > 0 ? { kind: "recorded" } : undefined;
}
