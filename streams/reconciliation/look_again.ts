/**
 * Looks again at what is open: whether our books, or a later report, have mended it.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import {
  type DiscrepancyFilter,
  type DiscrepancyRow,
  listDiscrepancies,
} from "../../db/reconciliation/discrepancies.ts";
import {
  endAgreed,
  endDiscrepancy,
  forgetRecording,
} from "../../db/reconciliation/discrepancy_actions.ts";
import {
  listEndedStrangers,
  noteNoStranger,
  noteOurs,
} from "../../db/reconciliation/discrepancy_identities.ts";
import { agreedLater, toldLater } from "../../db/reconciliation/ending_answers.ts";
import { insertDiscrepancies, openAnew } from "../../db/reconciliation/found_discrepancies.ts";
import {
  type NamedPayment,
  readChargebacksNamed,
  readPaymentsNamed,
} from "../../db/reconciliation/named_money.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import {
  attributeMovement,
  readMovementsOf,
  readUnattributed,
} from "../../db/reconciliation/provider_movements.ts";
import { movementName, readKeptMovements } from "../../db/reconciliation/retold_movements.ts";
import { storedTime } from "../../domain/database_time.ts";
import { comesToAgree, kindsOfTelling } from "../../domain/reconciliation/comes_to_agree.ts";
import { decideLine, type LineRules } from "../../domain/reconciliation/decide_line.ts";
import { isOfBank, toldGrossCents } from "../../domain/reconciliation/discrepancy.ts";
import {
  isOfNoOrder,
  type LineKind,
  type ProviderLine,
} from "../../domain/reconciliation/provider_line.ts";
import { bookDays } from "./book_days.ts";
import { foundDiscrepancy, identityOf, rowOf } from "./found_discrepancy.ts";
import { againOf, findFacts, partOf } from "./find_facts.ts";
import { lookAtParts } from "./look_at_parts.ts";
import { readMovementKeys } from "./movement_keys.ts";
import { readReturnedMends } from "./returned_mends.ts";

/** Discrepancies that are looked at together. */
const together = 500;

/**
 * Looks at every open discrepancy once, and ends those that are none any more: what was missing came, or is on record by
 * now, or has gone back. Done again it changes nothing.
 *
 * @returns how many were mended
 */
export async function lookAgain(
  db: Database,
  { provider, rules, filter = {} }: {
    provider?: string;
    rules: LineRules;
    filter?: DiscrepancyFilter;
  },
): Promise<number> {
  if (provider !== undefined) {
    for (const kind of ["missing_with_us", "twice"] as const) await lookAtEnded(db, provider, kind);
  }
  let mended = 0;
  for (let afterId = 0;;) {
    const rows = await listDiscrepancies(db, {
      filter: { ...filter, state: "open", ...(provider === undefined ? {} : { provider }) },
      afterId,
      limit: together,
    });
    if (rows.length === 0) return mended;
    for (const [of, some] of Map.groupBy(rows, ({ provider }) => provider)) {
      mended += await lookAt(db, of, some, rules);
    }
    afterId = rows.at(-1)!.id;
  }
}

/**
 * Gives charges that were given back while nothing was known of them to the payments that have come on record since: told
 * again as of these they would count twice. Of what was given back directly an order has the money no more that it was paid by: that is
 * a discrepancy of its own.
 */
async function lookAtEnded(
  db: Database,
  provider: string,
  kind: "missing_with_us" | "twice",
): Promise<void> {
  for (let afterId = 0;;) {
    const all = await listEndedStrangers(db, provider, { kind, afterId, limit: together });
    if (all.length === 0) return;
    afterId = all.at(-1)!.id;
    // What was told once more of a charge stays one too many.
    const rows = all.filter((row) =>
      row.state === "mended" && row.part === partOf(provider, toldLine(row))
    );
    const refs = rows.map(({ chargeRef }) => chargeRef!);
    const payments = await readPaymentsNamed(db, provider, refs);
    const returned = await readReturnedMends(db, provider, rows.map(({ id }) => id));
    for (const row of rows) {
      const payment = payments.get(row.chargeRef!);
      if (payment === undefined || payment.status === "DECLINED") continue;
      const wentBack = row.state === "mended" && row.mendCents !== null && !returned.has(row.id);
      const of = { kind: "charge", subjectId: payment.id } as const;
      await attribute(db, row, of, async (tx) => {
        // While nobody has decided what it is, nor is it anybody's loss.
        if (wentBack && payment.status === "DISPUTED") return;
        if (wentBack && payment.status === "SUCCEEDED") {
          await insertDiscrepancies(tx, [wentBackBefore(row, payment)]);
        }
        await noteNoStranger(tx, row.id);
      });
    }
  }
}

/**
 * Gives what a discrepancy is about to what it is of, in one transaction with what else is written. Where that had been told by another line
 * already its day was added up with both, and is anew; after a crash in between by the next report that tells of it.
 *
 * @param also throws {@linkcode overtaken} where nothing is to be written
 * @returns whether it was
 */
async function attribute(
  db: Database,
  { provider, movement: kind, part }: DiscrepancyRow,
  to: Parameters<typeof attributeMovement>[2],
  also: (tx: Queryable) => Promise<void>,
): Promise<boolean> {
  try {
    const gone = await db.transaction(async (tx) => {
      const at = await attributeMovement(tx, { kind, part: part! }, to);
      await also(tx);
      return at;
    });
    if (gone !== undefined) await bookDays(db, provider, { first: gone, last: gone });
    return true;
  } catch (error) {
    if (error !== overtaken) throw error;
    return false;
  }
}

/** What is done about a discrepancy was ended or approved anew while somebody looked at it: the next look sees how it is. */
const overtaken = new Error("A discrepancy is not what it was any more");

/** What was given back directly of the charge that an order turns out to be paid by. */
function wentBackBefore(row: DiscrepancyRow, { id: paymentId, orderId }: NamedPayment) {
  const { id, reconciliationId, provider, chargeRef, reference, mendKey, mendCents } = row;
  return foundDiscrepancy({
    reconciliationId,
    provider,
    kind: "refund_without_refund",
    identity: identityOf(
      provider,
      { kind: "mend", subjectId: id, part: null },
      "refund_without_refund",
    ),
    day: row.day,
    movement: "mend",
    orderId,
    paymentId,
    reference,
    chargeRef,
    movementKey: mendKey,
    theirCents: mendCents,
    theirCurrency: row.theirCurrency,
    theirTime: storedTime(row.endedAt),
  });
}

/**
 * Looks at what was explained as of nothing of ours: what has come on record since is told by its line, which would count once more
 * when it is told again. What then differs is found anew. What is known by its amount alone stays explained until just this line is
 * told again: another one may be of it. Done again it changes nothing.
 */
export async function lookAtExplained(
  db: Database,
  { provider, rules }: { provider: string; rules: LineRules },
): Promise<void> {
  for (let afterId = 0;;) {
    const rows = await listDiscrepancies(db, {
      filter: { state: "explained", provider },
      afterId,
      limit: together,
    });
    if (rows.length === 0) return;
    const named = rows.filter(({ movement, chargeRef, movementKey }) =>
      movementKey !== null || movement === "chargeback" ||
      (movement === "charge" && chargeRef !== null)
    );
    await lookAtLines(db, provider, await keptOf(db, named), rules);
    afterId = rows.at(-1)!.id;
  }
}

/** Those of which a line is kept as of nothing of ours, and that may be of something. */
async function keptOf(
  db: Queryable,
  rows: readonly DiscrepancyRow[],
): Promise<DiscrepancyRow[]> {
  const some = rows.filter(({ part, movement }) => part !== null && !isOfNoOrder(movement));
  const kept = new Set<string>();
  for (const [movement, of] of Map.groupBy(some, ({ movement }) => movement)) {
    const parts = of.map(({ part }) => part!);
    for (const part of (await readUnattributed(db, movement as LineKind, parts)).keys()) {
      kept.add(`${movement} ${part}`);
    }
  }
  return some.filter(({ movement, part }) => kept.has(`${movement} ${part}`));
}

/** The same of some that were found to be of something of ours by another name of their charge. */
export async function lookAtNamed(
  db: Database,
  provider: string,
  rows: readonly DiscrepancyRow[],
  rules: LineRules,
): Promise<void> {
  await lookAtLines(db, provider, await keptOf(db, rows), rules);
}

async function lookAt(
  db: Database,
  provider: string,
  rows: readonly DiscrepancyRow[],
  rules: LineRules,
): Promise<number> {
  const lines = rows.filter(({ part }) => part !== null);
  const rest = rows.filter(({ part }) => part === null);
  return await lookAtLines(db, provider, lines, rules) + await lookAtMissing(db, provider, rest) +
    await lookAtTwice(db, provider, rest) + await lookAtTellings(db, provider, rows) +
    await lookAtParts(db, provider, rows);
}

/** What one report told otherwise than another one, or by itself did not add up, may be agreed about by now. */
async function lookAtTellings(
  db: Database,
  provider: string,
  rows: readonly DiscrepancyRow[],
): Promise<number> {
  const some = rows.filter(({ kind }) => kindsOfTelling.some((one) => one === kind));
  if (some.length === 0) return 0;
  const keysOf = await readMovementKeys(db, provider, some);
  const kept = await readKeptMovements(db, some.flatMap(keysOf));
  let ended = 0;
  for (const row of some) {
    const found = keysOf(row).flatMap((key) => kept.get(movementName(key)) ?? []);
    if (!comesToAgree(row, found)) continue;
    if (await db.transaction((tx) => endAgreed(tx, row.id, agreedLater))) ended++;
  }
  return ended;
}

/** What was of nothing of ours may be of something by now. */
async function lookAtLines(
  db: Database,
  provider: string,
  rows: readonly DiscrepancyRow[],
  rules: LineRules,
): Promise<number> {
  if (rows.length === 0) return 0;
  const lines = rows.map(toldLine);
  const facts = await findFacts(db, provider, lines);
  let mended = 0;
  const taken = new Set<string>();
  for (const [index, row] of rows.entries()) {
    const of = facts[index]!;
    const { ours, subject } = of;
    if (ours === null || !ours.moved) continue;
    // Another line than this one is of it.
    if (ours.movement !== null && ours.movement.entry !== of.entry) continue;
    // What told of the same before may be gone: then this is what our money is told by, and not money once more.
    const isOneTooMany = row.part === againOf(provider, lines[index]!);
    const isFirst = { ...of, ours: { ...ours, movement: null } };
    const decision = decideLine(lines[index]!, of.entry, isFirst, rules);
    // What was on record for nothing has come to be on record later than it moved.
    const isRecordedLate = !isOneTooMany || row.ourCents === null;
    const because = decision.kind === "differs" && !(decision.because === "late" && isRecordedLate)
      ? decision.because
      : undefined;
    // It may have been written down as what it is by now already, by somebody who looked while the first one went.
    const isFirstGone = row.part !== of.part;
    // It is kept as of nothing still, and comes before this one.
    if (isFirstGone && ours.movement === null && of.unattributed !== null) continue;
    // One of several that were one too many is it, and what is left of them is held against that by the next look.
    if (isFirstGone && taken.has(`${subject} ${ours.id}`)) continue;
    taken.add(`${subject} ${ours.id}`);
    const isOnly = isOneTooMany || (of.isSettling && isFirstGone);
    const isTwice = row.kind === "twice" && !isOnly;
    const isOver = because === undefined && !isTwice;
    const kind = isTwice ? "twice" : because ?? row.kind;
    const movement = { kind: subject, subjectId: ours.id, part: null };
    const isDone = await attribute(db, row, movement, async (tx) => {
      const known: Parameters<typeof noteOurs>[2] = {
        kind,
        identity: identityOf(provider, movement, kind),
        orderId: ours.orderId || row.orderId || 0,
        ...rowOf(subject, ours.id),
        ourCents: ours.amountCents,
        ourCurrency: ours.currency,
      };
      if (row.state !== "open") {
        if (because !== undefined) await findAnew(tx, row, known);
        return;
      }
      if (!await noteOurs(tx, row, known)) throw overtaken;
      if (isOver) await endAgreed(tx, row.id, "it is on record");
      else await forgetRecording(tx, row.id);
    });
    if (isOver && isDone && row.state === "open") mended++;
  }
  return mended;
}

/** What was explained as of nothing of ours is of something by now, and differs from it: nobody has explained that. */
async function findAnew(
  tx: Queryable,
  { id, reconciliationId }: DiscrepancyRow,
  known: Parameters<typeof noteOurs>[2],
): Promise<void> {
  try {
    const { identity } = known;
    const anew = await openAnew(tx, id, { reconciliationId, identity });
    await noteOurs(tx, { id: anew, approvedAt: null }, known);
  } catch (error) {
    // It was found before, of another report.
    if (!isDuplicateKey(error)) throw error;
  }
}

/** A discrepancy as the line that it was found by. */
function toldLine(row: DiscrepancyRow): ProviderLine {
  return {
    kind: row.movement as LineKind,
    line: 0,
    entry: row.entry,
    chargeRefs: row.chargeRef === null ? [] : [row.chargeRef],
    refundRef: row.refundRef,
    key: row.movementKey,
    reference: row.reference,
    amountCents: row.theirCents ?? 0,
    currency: row.theirCurrency ?? "",
    grossCents: toldGrossCents(row),
    feeCents: row.theirFeeCents ?? 0,
    netCents: row.theirNetCents,
    settledCurrency: row.settledCurrency ?? row.theirCurrency ?? "",
    at: storedTime(row.theirTime ?? ""),
  };
}

/** What no report told of may have been told of by a later one. */
async function lookAtMissing(
  db: Queryable,
  provider: string,
  rows: readonly DiscrepancyRow[],
): Promise<number> {
  let mended = 0;
  const missing = rows.filter(({ kind }) => kind === "missing_with_them");
  const names = missing.filter(({ movement }) => isOfBank(movement))
    .flatMap(({ refundRef }) => refundRef ?? []);
  const chargebacks = await readChargebacksNamed(db, provider, names);
  for (const [movement, some] of Map.groupBy(missing, ({ movement }) => movement)) {
    const idOf = (row: DiscrepancyRow) =>
      isOfBank(movement)
        ? chargebacks.get(row.refundRef ?? "")?.id ?? 0
        : movement === "refund" || movement === "returned"
        ? row.refundId!
        : row.paymentId!;
    const told = await readMovementsOf(db, movement, some.map(idOf));
    for (const row of some) {
      if (!told.has(idOf(row))) continue;
      if (await endDiscrepancy(db, row.id, "MENDED", toldLater)) mended++;
    }
  }
  return mended;
}

/** What came twice is mended once it has gone back. */
async function lookAtTwice(
  db: Queryable,
  provider: string,
  rows: readonly DiscrepancyRow[],
): Promise<number> {
  const twice = rows.filter(({ kind, chargeRef }) => kind === "twice" && chargeRef !== null);
  const payments = await readPaymentsNamed(db, provider, twice.map(({ chargeRef }) => chargeRef!));
  let mended = 0;
  for (const row of twice) {
    const status = payments.get(row.chargeRef!)?.status;
    if (status === "REVERSED") {
      if (await endDiscrepancy(db, row.id, "MENDED", "it has gone back")) mended++;
    } else if (status === "DISMISSED") {
      await endDiscrepancy(db, row.id, "EXPLAINED", "the payment was dismissed");
    }
  }
  return mended;
}
