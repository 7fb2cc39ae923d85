/**
 * Takes back what a report has told, as if it had never been brought.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { coverDaysAnew, lockDays, readToldSpan } from "../../db/reconciliation/reconciled_days.ts";
import {
  deleteMovements,
  giveMovements,
  lockMovementsOf,
  type MovementKey,
  movementName,
  readRetellings,
} from "../../db/reconciliation/retold_movements.ts";
import { noPart } from "../../db/reconciliation/provider_movements.ts";
import { widenTold } from "../../db/reconciliation/reconciliations.ts";
import {
  inheritWaiting,
  lockBookedReports,
  readWaitingOf,
} from "../../db/reconciliation/report_approvals.ts";
import {
  deleteOpenOf,
  deleteUncovered,
  endWithdrawal,
  forgetAgreed,
  giveDiscrepancies,
  listCounting,
  lockWithdrawal,
  noteOnEnded,
  readOrdersBehind,
  reopenExplained,
  reopenMissing,
  reopenParts,
  reopenTogether,
  wantAgain,
  type Withdrawal,
} from "../../db/reconciliation/withdrawals.ts";
import { dayLater } from "../../domain/kpi/day.ts";
import { lineRules } from "../../domain/reconciliation/decide_line.ts";
import { bookDays } from "./book_days.ts";
import { findMissing } from "./find_missing.ts";
import { identitiesOf } from "./found_discrepancy.ts";
import { daysOf } from "./hold_against.ts";
import { lookAgain } from "./look_again.ts";
import { addUpWaiting } from "./report_to_book.ts";

/** Rows to a transaction. */
const together = 500;

/** What is noted beside discrepancies that were ended. */
const note = "the report that told of it was taken back";

/**
 * Goes on with a report that is being taken back, to its end. Each step is a small transaction behind the lock of the
 * report's row, and done again it finds nothing to do: run again after a kill at any moment, it ends as if it had run once.
 *
 * What another report has told as well is that one's from then on, with what was found of it, and waits for approval with
 * it where one of them does; what was explained of it is open again. Where one told otherwise, that one has to be brought
 * again and counts no more until it is. What is open of the report goes, what was ended stays with a note, and what was
 * missing until the report told of it is missing again, and what came to ours together with a part that it told is open
 * again. Fees that were booked are booked back.
 *
 * @param graceDays for which a provider may leave out money that moved
 */
export async function withdrawReport(
  db: Database,
  id: number,
  { graceDays }: { graceDays: number },
): Promise<void> {
  const step = (work: (tx: Queryable, report: Withdrawal) => Promise<number>): Promise<number> =>
    db.transaction(async (tx) => {
      const report = await lockWithdrawal(tx, id);
      return report === undefined ? 0 : await work(tx, report);
    });
  while (await step(takeMovements) > 0);
  while (await step((tx) => deleteOpenOf(tx, id, together)) > 0);
  while (await step((tx) => noteOnEnded(tx, id, { note, limit: together })) > 0);
  while (await step((tx) => reopenParts(tx, id, { note, limit: together })) > 0);
  const report = await db.transaction(async (tx) => {
    const one = await lockWithdrawal(tx, id);
    if (one !== undefined) await uncover(tx, one);
    return one;
  });
  if (report === undefined) return;
  await bookAnew(db, report);
  await findAnew(db, report, graceDays);
  await addUpWaiting(db, report.provider);
  await db.transaction((tx) => endWithdrawal(tx, id));
}

/** @returns how many movements it was about */
async function takeMovements(tx: Queryable, { id, provider }: Withdrawal): Promise<number> {
  const keys = await lockMovementsOf(tx, id, together);
  if (keys.length === 0) return 0;
  const times = keys.map(({ at }) => at).sort();
  await widenTold(tx, id, { first: times[0]!, last: times.at(-1)! });
  const told = await readRetellings(tx, keys);
  const heirs = new Map<number, MovementKey[]>();
  const gone: MovementKey[] = [];
  const again = new Set<number>();
  for (const key of keys) {
    const others = told.get(movementName(key)) ?? [];
    const heir = others.find(({ isSame }) => isSame)?.reconciliationId;
    if (heir !== undefined) {
      heirs.set(heir, [...heirs.get(heir) ?? [], key]);
      continue;
    }
    gone.push(key);
    for (const { reconciliationId } of others) again.add(reconciliationId);
  }
  const booked = await lockBookedReports(tx, [...heirs.keys(), ...again]);
  for (const [heir, some] of heirs) {
    await giveMovements(tx, heir, some);
    await inheritWaiting(tx, id, heir);
    const identities = identitiesOfAll(provider, some);
    await giveDiscrepancies(tx, id, heir, identities);
    await reopenExplained(tx, id, heir, { identities, note });
  }
  await reopenMissing(tx, provider, await readOrdersBehind(tx, gone));
  const charges = gone.filter(({ kind }) => kind === "charge");
  await reopenTogether(tx, { id, provider }, await readOrdersBehind(tx, charges));
  await forgetAgreed(tx, identitiesOfAll(provider, gone));
  await deleteMovements(tx, gone);
  await wantAgain(
    tx,
    [...again],
    `report ${id}, which told first of some of it, was taken back: bring it again`,
  );
  await widenByWaiting(tx, id, booked);
  return keys.length;
}

/** Of every discrepancy that a report may have found of some movements. */
function identitiesOfAll(provider: string, keys: readonly MovementKey[]): string[] {
  return keys.flatMap(({ kind, subjectId, part }) =>
    identitiesOf(provider, { kind, subjectId, part: part === noPart ? null : part })
  );
}

/** What reports have booked that nobody stands behind any more goes with this one, on whatever days it was told. */
async function widenByWaiting(tx: Queryable, id: number, booked: readonly number[]): Promise<void> {
  for (const waiting of await readWaitingOf(tx, booked)) {
    const span = await readToldSpan(tx, waiting);
    if (span !== undefined) await widenTold(tx, id, span);
  }
}

/** Covers the report's days by the others alone. */
async function uncover(tx: Queryable, { provider, from, until }: Withdrawal): Promise<void> {
  await lockDays(tx, provider);
  const first = from.slice(0, 10);
  const span = {
    from: `${first} 00:00:00.000`,
    until: `${dayLater(until.slice(0, 10), 1)} 00:00:00.000`,
  };
  const others = await listCounting(tx, provider, span);
  const days = others.flatMap((other) => daysOf({ from: other.from, to: other.until }))
    .filter(({ day }) => day >= first && day < span.until.slice(0, 10));
  await coverDaysAnew(tx, provider, span, days);
  await deleteUncovered(tx, provider);
}

/** What is left of the days of which it told. */
async function bookAnew(db: Database, { provider, first, last }: Withdrawal): Promise<void> {
  if (first === null || last === null) return;
  await bookDays(db, provider, { first, last });
}

/** What is missing in the other reports of the same days, now that this one does not tell of it. */
async function findAnew(
  db: Database,
  { provider, from, until }: Withdrawal,
  graceDays: number,
): Promise<void> {
  for (const other of await listCounting(db, provider, { from, until })) {
    const { id: reconciliationId } = other;
    await findMissing({ db, provider, reconciliationId, reported: other, graceDays });
  }
  await lookAgain(db, { provider, rules: lineRules(graceDays) });
}
