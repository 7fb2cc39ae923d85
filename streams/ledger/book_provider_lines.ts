/**
 * Books what providers have paid out, as their reports tell it.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { postMovements } from "../../db/ledger/post_movements.ts";
import { takeUnbookedPayouts } from "../../db/ledger/provider_rows.ts";
import { entriesOf } from "../../domain/ledger/movement.ts";

/**
 * Books what of a day's payouts is not in the ledger yet: from what the provider has for us to the bank, and back where a payout
 * came back. In the transaction that writes down what the day comes to, with the provider's days locked; the number of the
 * booking is the once-key. Booked on the day on which it is told, because the days before may be closed; a report that tells
 * of other payouts, or is taken back, books the difference.
 *
 * @param span.from UTC, the first moment of the day
 * @param span.until the first moment behind it
 */
export async function bookPayouts(
  tx: Queryable,
  provider: string,
  span: { day: string; from: string; until: string },
): Promise<void> {
  const unbooked = await takeUnbookedPayouts(tx, provider, span);
  await postMovements(
    tx,
    unbooked.map(({ id, currency, amountCents, booking }) => ({
      orderId: 0,
      source: "payout",
      sourceId: id,
      step: booking,
      currency,
      at: null,
      entries: entriesOf({ bank: amountCents, clearing: -amountCents }),
    })),
    null,
  );
}
