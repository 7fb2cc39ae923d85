/**
 * Statements by which somebody else approves a report.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** Notes that somebody else has approved a report; what it tells is to be booked. */
export async function noteReportApproved(tx: Queryable, id: number, by: string): Promise<void> {
  await tx.run(
    `
    update reconciliations set fees_wait = 2, approved_by = ?, approved_at = current_timestamp(6)
    where id = ? and fees_wait = 1`,
    [by, id],
  );
}

/** What was approved is booked. */
export async function noteReportBooked(db: Queryable, id: number): Promise<void> {
  await db.run("update reconciliations set fees_wait = 0 where id = ? and fees_wait = 2", [id]);
}

/**
 * Which of some reports' lines may be booked: nobody has to approve them, or somebody has. Locked, so that nobody approves one until the
 * transaction ends.
 */
export async function lockBookedReports(
  tx: Queryable,
  ids: readonly number[],
): Promise<number[]> {
  if (ids.length === 0) return [];
  const rows = await tx.query(
    "select id, fees_wait from reconciliations where id in (?) order by id for update",
    [[...ids]],
  );
  return rows.filter((row) => toInteger(row.fees_wait) !== 1).map(({ id }) => toInteger(id));
}

/** Which of some reports wait for somebody's approval. */
export async function readWaitingOf(tx: Queryable, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const rows = await tx.query(
    "select id from reconciliations where id in (?) and fees_wait = 1 order by id",
    [[...ids]],
  );
  return rows.map(({ id }) => toInteger(id));
}

/** A finished report that waits for somebody else's approval. */
export interface WaitingReport {
  id: number;
  /** What of it is to be booked, as its column has it; null where nobody has added it up. */
  toBook: string | null;
  /** False while lines of another report are becoming its own. */
  isFinished: boolean;
}

/** Those of a provider, or one of them, locked. */
export async function listWaitingReports(
  db: Queryable,
  provider: string,
  { id }: { id?: number } = {},
): Promise<WaitingReport[]> {
  const rows = await db.query(
    `
    select id, fees, finished_at is not null as is_finished from reconciliations
    where provider = ? and state = 'DONE' and fees_wait = 1 ${
      id === undefined ? "order by id" : "and id = ? for update"
    }`,
    id === undefined ? [provider] : [provider, id],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    toBook: row.fees === null ? null : String(row.fees),
    isFinished: toInteger(row.is_finished) === 1,
  }));
}

/** Writes down what of a report is to be booked, as of now. */
export async function noteToBook(tx: Queryable, id: number, toBook: string): Promise<void> {
  await tx.run(
    "update reconciliations set fees = ?, finished_at = current_timestamp(6) where id = ?",
    [toBook, id],
  );
}

/**
 * Notes that lines of a report that is taken back become another's, whose sums are others then: it is approved no more by what
 * somebody has seen of it, and where nobody had approved those lines, it waits for approval again.
 */
export async function inheritWaiting(tx: Queryable, from: number, heir: number): Promise<void> {
  await tx.run(
    `
    update reconciliations heir
    join reconciliations gone on gone.id = ?
    set heir.finished_at = if(heir.state = 'DONE', null, heir.finished_at), heir.fees_wait = 1, heir.approved_by = null,
      heir.approved_at = null
    where heir.id = ? and (gone.fees_wait = 1 or heir.fees_wait = 1)`,
    [from, heir],
  );
}
