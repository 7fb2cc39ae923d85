/**
 * Books what providers have paid out, hold back, or took off and added for reasons of their own, as their reports tell it.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { postMovements } from "../../db/ledger/post_movements.ts";
import { bookedLines, takeUnbookedLines } from "../../db/ledger/provider_rows.ts";
import { providerAccounts } from "../../domain/ledger/chart.ts";
import { entriesOf } from "../../domain/ledger/movement.ts";

/**
 * Books what of a day's payouts, reserves and adjustments is not in the ledger yet: from what the provider has for us to the account
 * of each, and back where it came back. In the transaction that writes down what the day comes to, with the provider's days
 * locked; the number of the booking is the once-key. Booked on the day on which it is told, because the days before may be
 * closed; a report that tells of other ones, or is taken back, books the difference.
 *
 * @param span.from UTC, the first moment of the day
 * @param span.until the first moment behind it
 */
export async function bookProviderLines(
  tx: Queryable,
  provider: string,
  span: { day: string; from: string; until: string },
): Promise<void> {
  for (const source of bookedLines) {
    const { account } = providerAccounts[source];
    const unbooked = await takeUnbookedLines(tx, provider, source, span);
    await postMovements(
      tx,
      unbooked.map(({ id, currency, amountCents, booking }) => ({
        orderId: 0,
        source,
        sourceId: id,
        step: booking,
        currency,
        at: null,
        entries: entriesOf({ [account]: amountCents, clearing: -amountCents }),
      })),
      null,
    );
  }
}
