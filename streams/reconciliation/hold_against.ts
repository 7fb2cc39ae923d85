/**
 * Holds what a provider says against our books, from its first line to what is missing.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { coverDays, type CoveredDay } from "../../db/reconciliation/reconciled_days.ts";
import {
  beginReconciliation,
  failReconciliation,
  finishReconciliation,
  noteReconciled,
  readReconciliation,
  readTold,
  runAgain,
} from "../../db/reconciliation/reconciliations.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { dayLater } from "../../domain/kpi/day.ts";
import { lineRules } from "../../domain/reconciliation/decide_line.ts";
import type { ProviderLine } from "../../domain/reconciliation/provider_line.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { bookDays } from "./book_days.ts";
import { countRetoldOpen } from "./count_retold_open.ts";
import { findMissing } from "./find_missing.ts";
import type { LineSource } from "./line_source.ts";
import { openLoader } from "./line_loader.ts";
import { requireTelling } from "./load_lines.ts";
import { lookAgain, lookAtExplained } from "./look_again.ts";
import { addUpWaiting, reportToBook } from "./report_to_book.ts";

/** Lines to a batch: some 300 KB of a statement, which every server takes. */
const linesTogether = 2_000;

/** Lines between two notes of how far it is: each one waits until the batches that are being written are. */
const noteEvery = 50_000;

/** Characters of why it failed that are kept. */
const maxError = 255;

/** How a provider's books are held against ours. */
export interface HoldOptions {
  provider: string;
  /** Who does it. */
  actor: string;
  /** Days for which a provider may leave out money that moved. */
  graceDays: number;
  signal?: AbortSignal;
  /** Is told how many lines were looked at. */
  onProgress?: (lines: number) => void;
}

/**
 * Begins a reconciliation, or takes up the one that the same lines over the same days had begun: see
 * {@linkcode runReconciliation}.
 *
 * @returns its id
 * @throws {WorkflowError} `reconciliation_conflict` while it is being taken back
 */
export async function begin(
  db: Database,
  source: LineSource,
  { provider, actor, feesWait }: {
    provider: string;
    actor: string;
    /** Whether its fees wait until somebody else has approved them. */
    feesWait: boolean;
  },
): Promise<number> {
  const { source: kind, name, digest, formerDigest, from, to } = source;
  const { id, isBeingWithdrawn } = await beginReconciliation(db, {
    provider,
    source: kind,
    name: cutText(name, 255),
    digest,
    ...(formerDigest === undefined ? {} : { formerDigest }),
    from,
    to,
    actor,
    feesWait,
  });
  if (!isBeingWithdrawn) return id;
  throw new WorkflowError(
    "reconciliation_conflict",
    `Reconciliation ${id} of the same is being taken back: bring it again when that is over`,
  );
}

/**
 * Holds every line against our books, then looks what of ours no line tells of, adds up the provider's days, and looks
 * again at what was open before. Every batch is a transaction of its own and can be done again: run again after a kill at
 * any moment, it ends as if it had run once; and run again when it is finished, it changes nothing but what our books have
 * brought about meanwhile.
 *
 * @param id of {@linkcode begin}
 * @throws {WorkflowError} `reconciliation_conflict` where it was taken back meanwhile, or has to be brought again
 * because one was of which it tells
 * @throws what reading the lines throws, after noting it
 */
export async function runReconciliation(
  db: Database,
  id: number,
  source: LineSource,
  options: HoldOptions,
): Promise<void> {
  const { provider, graceDays, signal, onProgress } = options;
  const loading = { db, provider, reconciliationId: id, rules: lineRules(graceDays) };
  let lines = 0, noted = 0;
  await runAgain(db, id);
  try {
    await lookAgain(db, { provider, rules: loading.rules });
    await lookAtExplained(db, { provider, rules: loading.rules });
    const loader = openLoader(loading, async (count) => {
      lines = count;
      onProgress?.(lines);
      if (lines - noted >= noteEvery) await noteReconciled(db, id, noted = lines);
    });
    let batch: ProviderLine[] = [];
    let first = source.from, last = source.to;
    for await (const some of source.batches(signal)) {
      for (const line of some) {
        if (line.at < first) first = line.at;
        if (line.at > last) last = line.at;
        batch.push(line);
      }
      if (batch.length < linesTogether) continue;
      await loader.add(batch);
      batch = [];
    }
    if (batch.length > 0) await loader.add(batch);
    await loader.end();
    await db.transaction(async (tx) => {
      await requireTelling(tx, loading);
      await coverDays(tx, provider, daysOf(source));
    });
    const reported = { from: source.from, until: source.to };
    const require = (tx: Queryable) => requireTelling(tx, loading);
    const told = await readTold(db, id);
    if (told !== undefined && told.first < first) first = told.first;
    if (told !== undefined && told.last > last) last = told.last;
    await together([
      bookDays(db, provider, { first, last }),
      findMissing({ db, provider, reconciliationId: id, reported, graceDays, require }),
    ]);
    await lookAgain(db, { provider, rules: loading.rules });
    await finish(db, provider, { id, lines });
    await addUpWaiting(db, provider);
  } catch (error) {
    await failReconciliation(db, id, cutText(messageOf(error), maxError));
    throw error;
  }
}

/** Waits until all of some work is over, so that none of it goes on once another part has failed. */
async function together(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}

async function finish(
  db: Database,
  provider: string,
  { id, lines }: { id: number; lines: number },
): Promise<void> {
  const isAsked = (await readReconciliation(db, id))?.feesWait === true;
  const toBook = isAsked ? await reportToBook(db, id) : null;
  const retoldOpen = await countRetoldOpen(db, provider, id);
  await db.transaction((tx) => finishReconciliation(tx, id, { lines, toBook, retoldOpen }));
  const { state, error } = (await readReconciliation(db, id))!;
  if (state === "DONE") return;
  throw new WorkflowError(
    "reconciliation_conflict",
    error ?? `Reconciliation ${id} was taken back meanwhile`,
  );
}

/** The days of a period; the last one may be covered in part. */
export function daysOf({ from, to }: Pick<LineSource, "from" | "to">): CoveredDay[] {
  const days: CoveredDay[] = [];
  for (let day = from.slice(0, 10); `${day} 00:00:00.000` < to; day = dayLater(day, 1)) {
    const begins = `${day} 00:00:00.000`, ends = `${dayLater(day, 1)} 00:00:00.000`;
    days.push({ day, from: begins > from ? begins : from, until: ends < to ? ends : to });
  }
  return days;
}
