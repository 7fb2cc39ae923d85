/**
 * Seals what is over and done with: orders that have ended and refunds that are finished, once their day is closed.
 *
 * @module
 */

import {
  addSealedSums,
  addSealedUnits,
  addUnsealed,
  beginSealsAnew,
  keepOpenPayments,
  listOldPayments,
  listTakenBack,
  listUnsealed,
  moveSealMark,
  readOrderCandidates,
  readRefundCandidates,
  readSealMarks,
  readSealOver,
  removeUnsealed,
  type SealCandidate,
  type SealedSum,
  type SealKind,
  type SealMarks,
  sealSpan,
  secondsAgo,
  settledSeconds,
  writeSeal,
} from "../../db/verification/seals.ts";
import type { Scope } from "../../db/verification/scope.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { kpiKindOf } from "../../domain/kpi/kpi_table.ts";
import { withKeptBasis } from "../kpis/kpi_basis.ts";
import type { KpiDeps } from "../kpis/kpis.ts";
import { faultyIds } from "./faulty_ids.ts";

/** What sealing works with. */
export interface SealDeps extends KpiDeps {
  db: Database;
  /** The KPI day of a database time. */
  kpiDay: (at: string) => string;
}

/** Rows to one seal, and to one transaction. */
const pieceRows = 5_000;

/** What a step of sealing did. */
export interface SealStep {
  /** Rows that were sealed. */
  sealed: number;
  /** Rows that were passed, because they are open or wrong. */
  passed: number;
  /** Orders that were taken up again and are sealed no longer. */
  takenBack: number;
  /** Whether there may be more to do at once. */
  goesOn: boolean;
}

/**
 * One step: seals the next piece of orders and of refunds whose rows were all made on closed days, and of those that were
 * passed before what has ended since; takes back the seals of orders that were taken up again. Rows that are wrong in
 * themselves are not sealed, so that the proof goes on telling of them.
 *
 * A row is sealed once its day is closed: then nothing that ended on that day is still being written, and what an order
 * came to is never changed again, but by taking it up again, which has a row of its own. A later refund is sealed for
 * itself. Where the figures are counted by another zone than the seals were, all begins anew.
 *
 * Each part is one transaction under the lock of the marks, so of many processes one seals at a time, and a crash leaves
 * a piece sealed with all of its sums or not at all.
 */
export async function sealNext(deps: SealDeps): Promise<SealStep> {
  const { db, kpiDay, keys } = await withKeptBasis(deps);
  const timeZone = keys.kpiBasis.slice(keys.kpiBasis.indexOf(" ") + 1);
  const today = kpiDay(await secondsAgo(db, settledSeconds));
  const isClosed = (at: string) => kpiDay(at) < today;
  const sealing: Sealing = { kpiDay, isClosed };
  const step: SealStep = { sealed: 0, passed: 0, takenBack: 0, goesOn: false };
  const part = (work: (tx: Queryable, marks: SealMarks) => Promise<void>) =>
    db.transaction(async (tx) => {
      const marks = await readSealMarks(tx, "for update");
      if (marks.timeZone !== timeZone) {
        await beginSealsAnew(tx, timeZone);
        return await work(tx, { timeZone, order: 0, refund: 0, payment: 0, retry: 0 });
      }
      await work(tx, marks);
    });
  for (const kind of ["order", "refund"] as const) {
    await part(async (tx, marks) => {
      const { sealed, passed } = await sealPiece(tx, sealing, kind, marks[kind]);
      step.sealed += sealed;
      step.passed += passed;
      step.goesOn ||= sealed + passed > 0;
    });
  }
  await part(async (tx, marks) => {
    step.takenBack += await takeBack(tx, sealing, marks);
    step.goesOn ||= await passPayments(tx, marks) === pieceRows;
  });
  return step;
}

/** What is common to the parts of a step. */
interface Sealing {
  kpiDay: (at: string) => string;
  isClosed: (at: string) => boolean;
}

const readCandidates: Readonly<
  Record<SealKind, (tx: Queryable, scope: Scope, limit: number) => Promise<SealCandidate[]>>
> = { order: readOrderCandidates, refund: readRefundCandidates };

async function sealPiece(
  tx: Queryable,
  sealing: Sealing,
  kind: SealKind,
  after: number,
): Promise<{ sealed: number; passed: number }> {
  const rows = await readCandidates[kind](tx, { after }, pieceRows);
  const firstId = rows[0]?.id ?? 0;
  const end = rows.findIndex(({ id, createdAt }) =>
    !sealing.isClosed(createdAt) || id - firstId >= sealSpan
  );
  const piece = end === -1 ? rows : rows.slice(0, end);
  if (piece.length === 0) return { sealed: 0, passed: 0 };
  const lastId = piece.at(-1)!.id;
  const { good, rest } = await sortOut(tx, sealing, kind, piece, { after, upTo: lastId });
  await writeSeal(tx, {
    kind,
    firstId,
    lastId,
    checksums: new Map(good.map(({ id, checksum }) => [id, checksum])),
    isBroken: false,
  });
  await addSums(tx, sealing, kind, good);
  await addUnsealed(tx, kind, rest);
  await moveSealMark(tx, kind, lastId);
  return { sealed: good.length, passed: rest.length };
}

/** Which of these rows can be sealed. */
async function sortOut(
  tx: Queryable,
  { isClosed }: Sealing,
  kind: SealKind,
  rows: readonly SealCandidate[],
  scope: Scope,
): Promise<{ good: SealCandidate[]; rest: number[] }> {
  const ended = rows.filter(({ endedAt }) => endedAt !== null && isClosed(endedAt));
  const faulty = ended.length === 0 ? new Set<number>() : await faultyIds(tx, kind, {
    scope,
    ids: ended.map(({ id }) => id),
  });
  const good = ended.filter(({ id }) => !faulty.has(id));
  const sealed = new Set(good.map(({ id }) => id));
  return { good, rest: rows.map(({ id }) => id).filter((id) => !sealed.has(id)) };
}

async function addSums(
  tx: Queryable,
  { kpiDay }: Sealing,
  kind: SealKind,
  rows: readonly SealCandidate[],
): Promise<void> {
  const sums = new Map<string, SealedSum>();
  for (const { status, settledAt, currency, cents } of rows) {
    const counted = kpiKindOf(kind, status);
    if (counted === undefined || settledAt === null) continue;
    const day = kpiDay(settledAt);
    const name = `${day}:${currency}:${counted}`;
    const sum = sums.get(name) ?? { day, currency, kind: counted, events: 0, cents: 0n };
    sum.events++;
    sum.cents += BigInt(cents);
    sums.set(name, sum);
  }
  await addSealedSums(tx, [...sums.values()]);
  await addSealedUnits(tx, kind, rows.map(({ id }) => id));
}

/**
 * Seals what was passed before and has ended since, a page of it.
 *
 * @param afterId where the page begins
 * @returns the last id of the page, and how many of it were sealed; 0 as the id where no more follow
 */
export async function sealLate(
  deps: SealDeps,
  kind: SealKind,
  afterId: number,
): Promise<{ afterId: number; sealed: number }> {
  const { db, kpiDay } = await withKeptBasis(deps);
  const today = kpiDay(await secondsAgo(db, settledSeconds));
  const sealing: Sealing = { kpiDay, isClosed: (at) => kpiDay(at) < today };
  return await db.transaction(async (tx) => {
    await readSealMarks(tx, "for update");
    const ids = await listUnsealed(tx, kind, { afterId, limit: pieceRows });
    if (ids.length === 0) return { afterId: 0, sealed: 0 };
    const rows = await readCandidates[kind](tx, { ids }, pieceRows);
    const { good } = await sortOut(tx, sealing, kind, rows, { ids });
    const left = new Map(good.map(({ id, checksum }) => [id, checksum]));
    for (const { id } of good) {
      if (!left.has(id)) continue;
      const seal = await readSealOver(tx, kind, id, "for update");
      if (seal === null) throw new Error(`no seal lies over ${kind} ${id}, which was passed`);
      for (const [other, checksum] of left) {
        if (other < seal.firstId || other > seal.lastId) continue;
        seal.checksums.set(other, checksum);
        left.delete(other);
      }
      await writeSeal(tx, seal);
    }
    await addSums(tx, sealing, kind, good);
    await removeUnsealed(tx, kind, good.map(({ id }) => id));
    return { afterId: ids.length < pieceRows ? 0 : ids.at(-1)!, sealed: good.length };
  });
}

/** Takes orders out of their seals that were taken up again since they were sealed as failed. */
async function takeBack(tx: Queryable, { kpiDay }: Sealing, marks: SealMarks): Promise<number> {
  const retries = await listTakenBack(tx, {
    afterId: marks.retry,
    limit: pieceRows,
    ordersUpTo: marks.order,
  });
  let count = 0;
  for (const { orderId, currency, cents, settledAt, checksum } of retries) {
    const seal = await readSealOver(tx, "order", orderId, "for update");
    if (seal?.checksums.get(orderId) !== checksum) continue;
    seal.checksums.delete(orderId);
    await writeSeal(tx, seal);
    await addSealedSums(tx, [{
      day: kpiDay(settledAt),
      currency,
      kind: "failed",
      events: -1,
      cents: -BigInt(cents),
    }]);
    await addUnsealed(tx, "order", [orderId]);
    count++;
  }
  const young = retries.findIndex(({ isOld }) => !isOld);
  const old = young === -1 ? retries : retries.slice(0, young);
  if (old.length > 0) await moveSealMark(tx, "retry", old.at(-1)!.id);
  return count;
}

/** Passes payments that are no longer new, and keeps in mind which of them are not over. */
async function passPayments(tx: Queryable, marks: SealMarks): Promise<number> {
  const payments = await listOldPayments(tx, { afterId: marks.payment, limit: pieceRows });
  await addUnsealed(tx, "payment", payments.flatMap(({ id, isOpen }) => isOpen ? [id] : []));
  if (payments.length > 0) await moveSealMark(tx, "payment", payments.at(-1)!.id);
  const known = await listUnsealed(tx, "payment", { afterId: 0, limit: pieceRows });
  const open = new Set(await keepOpenPayments(tx, known));
  await removeUnsealed(tx, "payment", known.filter((id) => !open.has(id)));
  return payments.length;
}
