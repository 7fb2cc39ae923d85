/**
 * Statements on `reconciliations` and the days that they cover.
 *
 * @module
 */

import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { isDuplicateKey } from "../connection/faults.ts";

/** Where what the provider says comes from: a report, or the list that it gives when it is asked. */
export type ReconciliationSource = "report" | "api";

/** How far a reconciliation is. */
export type ReconciliationState = "RUNNING" | "DONE" | "FAILED" | "WITHDRAWING" | "WITHDRAWN";

/** What is to be held against the books. Times are UTC. */
export interface ReconciliationToBegin {
  provider: string;
  source: ReconciliationSource;
  /** Of the file; only shown. */
  name: string;
  /** SHA-256 of what it says, in hexadecimal. */
  digest: string;
  /** What it may have been begun under before; left out for nothing else. */
  formerDigest?: string;
  /** The first moment that it covers, and the first that it does not. */
  from: string;
  to: string;
  actor: string;
  /** Whether its fees wait until somebody else has approved them. */
  feesWait: boolean;
}

/** A reconciliation as it is shown. Times are ISO 8601 in UTC. */
export interface ReconciliationRow {
  id: number;
  provider: string;
  source: ReconciliationSource;
  name: string;
  from: string;
  to: string;
  state: ReconciliationState;
  lines: number;
  agreed: number;
  /** Discrepancies that it was the first to find. */
  found: number;
  /** Of these, those that are open. */
  open: number;
  actor: string;
  /** Whether what it tells is not booked yet: nobody else has approved it. False for one that is finished and books nothing. */
  feesWait: boolean;
  /** What it keeps, by currency in minor units, of those in which it keeps something; null where nobody has to approve it, or before it is finished. */
  fees: Record<string, number> | null;
  /** What went to the bank by it, below zero what came from there, in the currencies in which it tells of payouts; as `fees`. */
  payouts: Record<string, number> | null;
  /** What is held back, below zero what was given free; as `payouts`. */
  reserves: Record<string, number> | null;
  /** What was taken off for other reasons, below zero what was added; as `payouts`. */
  adjustments: Record<string, number> | null;
  /** What customers paid in a currency and was settled in another one, less what was settled in it; as `payouts`. */
  conversions: Record<string, number> | null;
  approvedBy: string | null;
  approvedAt: string | null;
  /** Whether it is known which lines are its own. */
  isNoted: boolean;
  /** Who has it taken back, or wants it: null a day after that was wished for, and once it is brought again. */
  withdrawalBy: string | null;
  withdrawalAt: string | null;
  error: string | null;
  startedAt: string;
  finishedAt: string | null;
}

/**
 * Begins a reconciliation, or takes the one up that the same file by the same profile over the same days had begun.
 *
 * @returns its id, and whether it is being taken back: then nothing may be told by it
 */
export async function beginReconciliation(
  db: Queryable,
  { provider, source, name, digest, formerDigest, from, to, actor, feesWait }:
    ReconciliationToBegin,
): Promise<{ id: number; isBeingWithdrawn: boolean }> {
  const known = async (digest: string, condition = "") => {
    const [row] = await db.query(
      `
      select id, state from reconciliations
      where provider = ? and digest = unhex(?) and period_from = ? and period_to = ? ${condition}`,
      [provider, digest, from, to],
    );
    return row === undefined
      ? undefined
      : { id: toInteger(row.id), isBeingWithdrawn: row.state === "WITHDRAWING" };
  };
  // What was begun so and not finished goes on; where two people are needed, only what is the same in every respect.
  const before = await known(digest) ??
    (formerDigest === undefined || feesWait
      ? undefined
      : await known(formerDigest, "and (state in ('RUNNING', 'FAILED') or is_noted = 0)"));
  if (before !== undefined) return before;
  try {
    const { insertId } = await db.run(
      `
      insert into reconciliations (provider, source, name, digest, period_from, period_to, state, is_noted, fees_wait, actor)
      values (?, ?, ?, unhex(?), ?, ?, 'RUNNING', 1, ?, ?)`,
      [provider, source, name, digest, from, to, feesWait ? 1 : 0, actor],
    );
    return { id: insertId, isBeingWithdrawn: false };
  } catch (error) {
    const taken = isDuplicateKey(error) ? await known(digest) : undefined;
    if (taken === undefined) throw error;
    return taken;
  }
}

/**
 * Notes that one which was not finished is run again; one that was stays so. Whoever wanted it taken back has to want so anew: it was
 * brought again since.
 */
export async function runAgain(db: Queryable, id: number): Promise<void> {
  await db.run(
    `
    update reconciliations set withdrawal_by = null, withdrawal_at = null
    where id = ? and withdrawal_by is not null and state in ('RUNNING', 'DONE', 'FAILED')`,
    [id],
  );
  await db.run(
    "update reconciliations set state = 'RUNNING', error = null where id = ? and state in ('RUNNING', 'FAILED')",
    [id],
  );
}

/**
 * Holds a report's row as it is until the transaction ends, so that nobody begins to take it back before.
 *
 * @returns false where somebody has: nothing may be told by it then
 */
export async function holdReport(tx: Queryable, id: number): Promise<boolean> {
  const [row] = await tx.query(
    "select state from reconciliations where id = ? lock in share mode",
    [id],
  );
  return row?.state !== "WITHDRAWING" && row?.state !== "WITHDRAWN";
}

/**
 * Notes that days of a report are to be added up anew which are none of its lines': a movement stood there that it tells of on another
 * one. And, of one that is being taken back, what it has told of, and what another one had told first and left to it meanwhile.
 */
export async function widenTold(
  tx: Queryable,
  id: number,
  { first, last }: { first: string; last: string },
): Promise<void> {
  await tx.run(
    `
    update reconciliations
    set withdrawn_from = least(coalesce(withdrawn_from, ?), ?), withdrawn_until = greatest(coalesce(withdrawn_until, ?), ?)
    where id = ?`,
    [first, first, last, last, id],
  );
}

/** What {@linkcode widenTold} has noted of a report; undefined for nothing. */
export async function readTold(
  db: Queryable,
  id: number,
): Promise<{ first: string; last: string } | undefined> {
  const [row] = await db.query(
    "select withdrawn_from, withdrawn_until from reconciliations where id = ?",
    [id],
  );
  return row?.withdrawn_from == null
    ? undefined
    : { first: String(row.withdrawn_from), last: String(row.withdrawn_until) };
}

/** Notes how many lines were read; of one that was finished before nothing changes. */
export async function noteReconciled(db: Queryable, id: number, lines: number): Promise<void> {
  await db.run(
    "update reconciliations set lines_read = ? where id = ? and state = 'RUNNING'",
    [lines, id],
  );
}

/** What a report books once somebody else has approved it, by currency in minor units. */
export interface ReportToBook {
  /** Of the currencies alone in which something is kept. */
  fees: Record<string, number>;
  /** Of the currencies alone in which something was paid out, or came from the bank. */
  payouts: Record<string, number>;
  /** Of the currencies alone in which something is held back, or was given free. */
  reserves: Record<string, number>;
  /** Of the currencies alone in which something was taken off or added for another reason. */
  adjustments: Record<string, number>;
  /**
   * Of the currencies alone in which something was converted: what customers paid in them, less what it was settled for in them.
   */
  conversions: Record<string, number>;
}

/**
 * Finishes a reconciliation that runs with its counts; one that was finished before stays as it is.
 *
 * @param of.retoldOpen how many of its lines an earlier one has told, of which something is open: they agree no more than they did
 */
export async function finishReconciliation(
  tx: Queryable,
  id: number,
  { lines, toBook, retoldOpen }: { lines: number; toBook: ReportToBook | null; retoldOpen: number },
): Promise<void> {
  await tx.run(
    `
    update reconciliations
    set state = 'DONE', error = null, lines_read = ?, fees = ?, finished_at = current_timestamp(6),
      found = (select count(*) from discrepancies where discrepancies.reconciliation_id = reconciliations.id),
      lines_agreed = lines_read - (
        select count(*) from discrepancies
        where discrepancies.reconciliation_id = reconciliations.id and discrepancies.kind <> 'missing_with_them'
          and discrepancies.movement <> 'unmended') - least(lines_read, ?)
    where id = ? and state = 'RUNNING'`,
    [lines, toBook === null ? null : toBookText(toBook), retoldOpen, id],
  );
  await tx.run("update reconciliations set is_noted = 1 where id = ? and is_noted = 0", [id]);
}

/** As the column `fees` has it, which had fees alone before. */
export function toBookText({ fees, ...others }: ReportToBook): string {
  const some = Object.entries(others).filter(([, sums]) => Object.keys(sums).length > 0);
  return JSON.stringify({ ...fees, ...Object.fromEntries(some) });
}

/** What becomes its own later, and is to be booked, waits all the same: the column stays as it is. */
function booksNothing(row: Row): boolean {
  return row.state === "DONE" && row.finished_at !== null && row.fees === nothingToBook;
}

/** As the column `fees` has nothing at all. */
const nothingToBook = toBookText({
  fees: {},
  payouts: {},
  reserves: {},
  adjustments: {},
  conversions: {},
});

function toBookOf(
  text: string | null,
): ReportToBook | Record<keyof ReportToBook, null> {
  if (text === null) {
    return { fees: null, payouts: null, reserves: null, adjustments: null, conversions: null };
  }
  const { payouts = {}, reserves = {}, adjustments = {}, conversions = {}, ...fees } = JSON.parse(
    text,
  );
  return { fees, payouts, reserves, adjustments, conversions };
}

/** Notes why a reconciliation was given up; it may be begun again. */
export async function failReconciliation(db: Queryable, id: number, error: string): Promise<void> {
  await db.run(
    "update reconciliations set state = 'FAILED', error = ? where id = ? and state = 'RUNNING'",
    [error, id],
  );
}

/** A wish that nobody has joined for a day is none any more; who has taken a report back stays known. */
const isWishOver =
  "state in ('RUNNING', 'DONE', 'FAILED') and withdrawal_at < current_timestamp(6) - interval 1 day";

const columns = `
  id, provider, source, name, period_from, period_to, state, lines_read, lines_agreed, found, actor, error,
  is_noted, fees_wait, fees, approved_by, approved_at, created_at, finished_at,
  if(${isWishOver}, null, withdrawal_by) as withdrawal_by, if(${isWishOver}, null, withdrawal_at) as withdrawal_at,
  (select count(*) from discrepancies
   where discrepancies.reconciliation_id = reconciliations.id and discrepancies.unended = 1) as open`;

/** Reports that are being taken back, and those whose fees are approved and not booked yet. */
export async function listUnfinishedReports(
  db: Queryable,
): Promise<{ id: number; isWithdrawn: boolean }[]> {
  const rows = await db.query(
    `
    select id, state = 'WITHDRAWING' as is_withdrawn from reconciliations
    where state = 'WITHDRAWING' or fees_wait = 2 order by id`,
  );
  return rows.map(({ id, is_withdrawn }) => ({
    id: toInteger(id),
    isWithdrawn: toInteger(is_withdrawn) === 1,
  }));
}

/** One of them; undefined where there is none. */
export async function readReconciliation(
  db: Queryable,
  id: number,
  { lock = false }: { lock?: boolean } = {},
): Promise<ReconciliationRow | undefined> {
  const [row] = await db.query(
    `select ${columns} from reconciliations where id = ?${lock ? " for update" : ""}`,
    [id],
  );
  return row === undefined ? undefined : toReconciliation(row);
}

/** The latest, the newest first. */
export async function listReconciliations(
  db: Queryable,
  { beforeId, limit }: { beforeId: number | null; limit: number },
): Promise<ReconciliationRow[]> {
  const rows = await db.query(
    `select ${columns} from reconciliations where id < ? order by id desc limit ?`,
    [beforeId ?? Number.MAX_SAFE_INTEGER, limit],
  );
  return rows.map(toReconciliation);
}

function toReconciliation(row: Row): ReconciliationRow {
  return {
    id: toInteger(row.id),
    provider: String(row.provider),
    source: row.source as ReconciliationSource,
    name: String(row.name),
    from: toIsoTime(row.period_from)!,
    to: toIsoTime(row.period_to)!,
    state: row.state as ReconciliationState,
    lines: toInteger(row.lines_read),
    agreed: toInteger(row.lines_agreed),
    found: toInteger(row.found),
    open: toInteger(row.open),
    actor: String(row.actor),
    feesWait: toInteger(row.fees_wait) === 1 && !booksNothing(row),
    ...toBookOf(row.fees as string | null),
    approvedBy: row.approved_by as string | null,
    approvedAt: toIsoTime(row.approved_at),
    isNoted: toInteger(row.is_noted) === 1,
    withdrawalBy: row.withdrawal_by as string | null,
    withdrawalAt: toIsoTime(row.withdrawal_at),
    error: row.error as string | null,
    startedAt: toIsoTime(row.created_at)!,
    finishedAt: toIsoTime(row.finished_at),
  };
}
