/**
 * Writes down what a provider's days come to, and books what it kept.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import { postMovements } from "../../db/ledger/post_movements.ts";
import {
  type DaySums,
  emptyDay,
  lockDays,
  readToldCurrencies,
  readToldDays,
  sumMovements,
  writeDay,
} from "../../db/reconciliation/reconciled_days.ts";
import { entriesOf } from "../../domain/ledger/movement.ts";
import { bookConversions } from "../ledger/book_conversions.ts";
import { bookProviderLines } from "../ledger/book_provider_lines.ts";
import { dayLater } from "../../domain/kpi/day.ts";

/** How often somebody else may write the same day meanwhile. */
const maxTries = 10;

/**
 * Adds up the days of a report anew, and books what of their fees is not in the ledger yet: each day in one transaction with
 * its booking, under a key that counts once. Fees are booked on the day on which they are told, because the days before
 * may be closed; a later report that tells of other fees books the difference, and so does one that is taken back.
 *
 * @param told a moment of the first day and one of the last, UTC
 */
export async function bookDays(
  db: Database,
  provider: string,
  told: { first: string; last: string },
): Promise<void> {
  const span = {
    from: `${told.first.slice(0, 10)} 00:00:00`,
    until: `${dayLater(told.last.slice(0, 10), 1)} 00:00:00`,
  };
  const days = new Set([
    ...(await sumMovements(db, provider, span)).map(({ day }) => day),
    ...await readToldDays(db, provider, span),
  ]);
  for (const day of days) {
    for (let attempt = 1;; attempt++) {
      try {
        await bookDay(db, provider, day);
        break;
      } catch (error) {
        if (!isDuplicateKey(error) || attempt >= maxTries) throw error;
      }
    }
  }
}

/** What a day comes to is read behind its lock, or two reports at once could each book what the other has not seen. */
async function bookDay(db: Database, provider: string, day: string): Promise<void> {
  const span = { from: `${day} 00:00:00`, until: `${dayLater(day, 1)} 00:00:00` };
  await db.transaction(async (tx) => {
    await lockDays(tx, provider);
    const sums = await sumMovements(tx, provider, span);
    const told = new Set(sums.map(({ currency }) => currency));
    const gone = (await readToldCurrencies(tx, provider, day)).filter((one) => !told.has(one));
    for (const one of [...sums, ...gone.map((currency) => emptyDay(day, currency))]) {
      await writeAndBook(tx, provider, one);
    }
    await bookProviderLines(tx, provider, { day, ...span });
    const isTold = sums.some(({ converted }) => converted > 0);
    await bookConversions(tx, provider, { day, ...span, isTold });
  });
}

async function writeAndBook(
  tx: Parameters<typeof writeDay>[0],
  provider: string,
  sums: DaySums,
): Promise<void> {
  const fees = await writeDay(tx, provider, sums);
  if (fees === undefined) return;
  await postMovements(tx, [{
    orderId: 0,
    source: "fee",
    sourceId: fees.id,
    step: fees.booking,
    currency: fees.currency,
    at: null,
    entries: entriesOf({ fees: fees.amountCents, clearing: -fees.amountCents }),
  }], null);
}
