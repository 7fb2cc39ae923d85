/**
 * Books what providers settle in another currency than customers paid in, as their reports tell it.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { postMovements } from "../../db/ledger/post_movements.ts";
import { takeUnbookedConversions } from "../../db/ledger/provider_conversions.ts";
import { entriesOf, type Movement } from "../../domain/ledger/movement.ts";

/**
 * Books what of a day's conversions is not in the ledger yet: what customers paid goes from what the provider has for us, what was settled
 * for it comes there, and the account `conversion` stands between, so that each movement and each currency comes to nothing. In the
 * transaction that writes down what the day comes to, with the provider's days locked; the numbers of the bookings are the once-keys.
 * Booked as payouts are: on the day on which it is told, and the difference where a report tells of other ones, or is taken back.
 *
 * @param span.from UTC, the first moment of the day
 * @param span.until the first moment behind it
 * @param span.isTold whether any of the day's movements was converted
 */
export async function bookConversions(
  tx: Queryable,
  provider: string,
  span: { day: string; from: string; until: string; isTold: boolean },
): Promise<void> {
  const unbooked = await takeUnbookedConversions(tx, provider, span);
  const movements = unbooked.flatMap(({ id, customer, settled, bookings }): Movement[] => {
    const sides = [
      { currency: customer.currency, conversionCents: customer.amountCents },
      { currency: settled.currency, conversionCents: -settled.amountCents },
    ].filter(({ conversionCents }) => conversionCents !== 0);
    return sides.map(({ currency, conversionCents }, place) => ({
      orderId: 0,
      source: "conversion",
      sourceId: id,
      step: bookings + 1 + place,
      currency,
      at: null,
      entries: entriesOf({ conversion: conversionCents, clearing: -conversionCents }),
    }));
  });
  await postMovements(tx, movements, null);
}
