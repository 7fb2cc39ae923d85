/**
 * Whether the database is older than what was published from it, restored from a dump or taken over by a server that
 * lacked the last commits; or another one: one that went its own way, or never was this one.
 *
 * @module
 */

import { counted } from "../text/plural.ts";

/** Tables whose highest numbers are noted with whatever is published or counted. */
export const markedTables = ["orders", "refunds", "order_events"] as const;

/** A table whose highest number is noted. */
export type MarkedTable = (typeof markedTables)[number];

/** How far the database is. */
export interface DatabaseMarks {
  /** Grows while work goes on. */
  ticks: number;
  /** When it last grew, a database time; null where that is not known. */
  tickedAt: string | null;
  /** The random name of the last tick; null where it has none, as those of versions before. */
  tickName: string | null;
  /** The name of the installation; null where it is not known. */
  installation: string | null;
  /** The highest number in use, or known to have been in use, by table; other tables than the marked ones too. */
  numbers: Readonly<Record<MarkedTable, number> & Record<string, number | undefined>>;
}

/** What a database says of itself when it is held against what Redis has heard. */
export interface OwnMarks extends DatabaseMarks {
  /** What it calls the last tick that Redis has heard of; null where it has no such tick. */
  nameOfHeard: string | null;
  /** The first tick of which it still has the name; null where it has none. */
  oldestTick: number | null;
}

/** Numbers that went with another history: of rows that this one does not have, after the first, up to the second. */
export type Gap = readonly [after: number, upTo: number];

/** All gaps that losses left, by table and for the ticks. */
export type Gaps = Partial<Record<MarkedTable | "ticks", readonly Gap[]>>;

/** What Redis has heard of the database. */
export interface HeardMarks extends DatabaseMarks {
  /** Numbers of another history. */
  gaps: Gaps;
}

/**
 * What Redis has heard of the database, with what a process knows that it does not know: how far the process itself has
 * committed and, where Redis has lost everything, what it had heard before. One that has gone back is another matter: it also
 * holds messages of then.
 *
 * @param before what Redis had heard by the time of the process' last look; undefined at the first
 * @param step the last one of the timelines that the process has committed
 */
export function recalledMarks(
  heard: HeardMarks,
  before: HeardMarks | undefined,
  step: number,
): HeardMarks {
  const known = before !== undefined && heard.ticks === 0 ? before : heard;
  const numbers: Record<string, number | undefined> = { ...known.numbers };
  for (const table of markedTables) {
    numbers[table] = Math.max(known.numbers[table], heard.numbers[table]);
  }
  numbers.order_events = Math.max(numbers.order_events!, step);
  return { ...known, numbers: numbers as HeardMarks["numbers"] };
}

/** Whether anything is known that Redis does not know. */
export function isForgotten(known: HeardMarks, heard: HeardMarks): boolean {
  return known.ticks > heard.ticks ||
    markedTables.some((table) => known.numbers[table] > heard.numbers[table]);
}

/** What an older database lacks of what Redis has heard of. */
export interface DatabaseLoss {
  /** The last tick that the database knows of, a database time. */
  lostFrom: string;
  /** The last tick that Redis knows of; null where it knows of none. */
  lostUntil: string | null;
  /** Numbers that no row has, by table: upper bounds. */
  lost: Record<MarkedTable, number>;
}

/** What holding a database against what Redis has heard of it has shown. */
export type DatabaseJudgement =
  | { kind: "current" }
  /** It lacks what it had: it can be made good, and the loss told. */
  | { kind: "older"; loss: DatabaseLoss }
  /**
   * It has a name of its own (`installation`), or has commits that are none of the history that Redis knows (`fork`): a
   * primary that was left behind and is back. Which of both counts is for a person to say.
   */
  | { kind: "other"; why: "installation" | "fork"; loss: DatabaseLoss };

/**
 * Compares the database with what Redis has heard of it.
 *
 * @param marks of the database as it is, read after `heard`
 * @param heard what Redis knows; zeros where it knows nothing
 * @returns null where the database is as new
 */
export function findLoss(
  marks: Pick<DatabaseMarks, "ticks" | "tickedAt" | "numbers">,
  heard: Pick<DatabaseMarks, "ticks" | "tickedAt" | "numbers">,
): DatabaseLoss | null {
  const loss = lossOf(marks, heard);
  const isBehind = heard.ticks > marks.ticks || markedTables.some((table) => loss.lost[table] > 0);
  return isBehind ? loss : null;
}

function lossOf(
  marks: Pick<DatabaseMarks, "tickedAt" | "numbers">,
  heard: Pick<DatabaseMarks, "tickedAt" | "numbers">,
): DatabaseLoss {
  const lost = {} as Record<MarkedTable, number>;
  for (const table of markedTables) {
    lost[table] = Math.max(0, heard.numbers[table] - marks.numbers[table]);
  }
  return { lostFrom: marks.tickedAt ?? "", lostUntil: heard.tickedAt, lost };
}

/**
 * Judges a database by its ticks' names, and by how far it is.
 *
 * - Where it calls the last tick that Redis has heard of by another name, it went another way: a fork.
 * - Where it has no such tick but earlier and later ones, it passed over it when it was made good, and Redis is the one
 *   that has gone back: what it holds speaks of rows that are gone, so the database is made good once more.
 * - Where it is behind, and its own last tick is one that Redis knows by another name or that went with another history, or it has
 *   rows of numbers that went with one, it has commits of its own that are no part of this one: a fork. Else it is this
 *   history, up to that tick.
 *
 * @param namesOfLast the names by which Redis knows the database's own last tick; empty where it knows it not, or not any more
 */
export function judgeDatabase(
  marks: OwnMarks,
  heard: HeardMarks,
  namesOfLast: readonly string[],
): DatabaseJudgement {
  const behind = findLoss(marks, heard);
  const loss = behind ?? lossOf(marks, heard);
  if (heard.installation !== null && marks.installation !== heard.installation) {
    return { kind: "other", why: "installation", loss };
  }
  const { nameOfHeard, oldestTick, tickName } = marks;
  if (heard.tickName !== null && heard.ticks <= marks.ticks && nameOfHeard !== heard.tickName) {
    if (nameOfHeard !== null) return { kind: "other", why: "fork", loss };
    if (oldestTick !== null && oldestTick < heard.ticks) return { kind: "older", loss };
  }
  if (behind === null) return { kind: "current" };
  const isAnothers = tickName !== null && namesOfLast.length > 0 && !namesOfLast.includes(tickName);
  const isLeft = (heard.gaps.ticks ?? []).some((gap) => isWithin(gap, marks.ticks));
  if (isAnothers || isLeft || hasLeftRows(marks, heard)) {
    return { kind: "other", why: "fork", loss };
  }
  return { kind: "older", loss };
}

/** Whether a database with so many ticks stands where one that was made good went on from: that one counts, and not this one. */
export function isLeftBehind(ticks: number, { ticks: gaps = [] }: Gaps): boolean {
  return gaps.some(([after, upTo]) => ticks >= after && ticks <= upTo);
}

/**
 * Whether the last row of a table has a number that went with another history: a primary that was left between two ticks has no
 * tick of its own, but what it committed after the last. The end of a gap is the floor of the database that was made good,
 * which counts as used there before any row is.
 */
function hasLeftRows({ numbers }: OwnMarks, { gaps }: HeardMarks): boolean {
  return markedTables.some((table) =>
    (gaps[table] ?? []).some(([after, upTo]) => numbers[table] > after && numbers[table] < upTo)
  );
}

function isWithin([after, upTo]: Gap, number: number): boolean {
  return number > after && number <= upTo;
}

/** Numbers that are left out after a loss: some may be known to others and not to Redis. */
const gap = 1_000_000;

/** Rows of other tables to one order, refund or step, at the most usual. */
const rowsPerLost = 8;

/** The tick of a database that was made good: so far ahead that no server left behind gets there by itself. */
export function tickAfter(marks: DatabaseMarks, heard: DatabaseMarks): number {
  return Math.max(marks.ticks, heard.ticks) + gap;
}

/**
 * The last number of each table that counts as used after a loss, so that no row ever gets the number of one
 * that is gone.
 *
 * @param tables every table with numbers of its own
 */
export function floorsAfter(
  loss: DatabaseLoss,
  marks: DatabaseMarks,
  heard: DatabaseMarks,
  tables: readonly string[],
): Map<string, number> {
  const rows = Object.values(loss.lost).reduce((sum, count) => sum + count, 0);
  return new Map(tables.map((table) => {
    const known = Math.max(marks.numbers[table] ?? 0, heard.numbers[table] ?? 0);
    return [table, known + gap + (isMarked(table) ? 0 : rows * rowsPerLost)];
  }));
}

/** The gap that a loss leaves, by table and for the ticks: whatever has one of these numbers is of another history. */
export type NewGaps = Record<MarkedTable | "ticks", Gap>;

/**
 * The gap that is left when a database is made good.
 *
 * @param tick see {@linkcode tickAfter}
 */
export function gapsOfLoss(
  marks: DatabaseMarks,
  floors: ReadonlyMap<string, number>,
  tick: number,
): NewGaps {
  return {
    ticks: [marks.ticks, tick - 1],
    ...Object.fromEntries(
      markedTables.map((table): [string, Gap] => [
        table,
        [marks.numbers[table], floors.get(table)!],
      ]),
    ) as Record<MarkedTable, Gap>,
  };
}

/** The gaps of a database with a new one. */
export function withGaps(gaps: Gaps, added: NewGaps): Gaps {
  return Object.fromEntries(
    Object.entries(added).map((
      [name, gap],
    ) => [name, [...(gaps[name as keyof Gaps] ?? []).slice(-keptGaps), gap]]),
  );
}

/** Gaps that are kept beside the newest: every message is held against them. */
const keptGaps = 20;

/** True for a table whose highest number is noted with whatever is published. */
export function isMarked(table: string): table is MarkedTable {
  return (markedTables as readonly string[]).includes(table);
}

/** What a loss took, and what became of it. */
export interface RecordedLoss {
  /** Of its row. */
  id: number;
  /** When it was found, ISO 8601. */
  foundAt: string;
  /** Since when commits are gone, ISO 8601. */
  lostFrom: string;
  /** Until when; null where Redis did not know. */
  lostUntil: string | null;
  /** Orders that were acknowledged. */
  ordersLost: number;
  /** Numbers of orders that may have been in use: an upper bound. */
  numbersLost: number;
  /** Numbers of refunds that no row has: an upper bound. */
  refundsLost: number;
  /** Numbers of chargebacks that no row has and that are named: an upper bound. */
  chargebacksLost: number;
  /** Steps of timelines, of these orders and of others: an upper bound. */
  stepsLost: number;
  /** When somebody said that it is reconciled, ISO 8601; null while it is open. */
  reconciledAt: string | null;
  /** Who said so. */
  reconciledBy: string | null;
  /** What they said of it. */
  note: string | null;
}

/** A loss in words, without what is to be done. */
export function tellLoss(
  { lostFrom, lostUntil, ordersLost, numbersLost, refundsLost, chargebacksLost, stepsLost }: Omit<
    RecordedLoss,
    "id" | "foundAt" | "reconciledAt" | "reconciledBy" | "note"
  >,
): string {
  const second = (time: string) => `${time.slice(0, 19)}Z`;
  const numbers = numbersLost > ordersLost ? ` (of ${counted(numbersLost, "number")})` : "";
  const refunds = counted(refundsLost, "refund");
  const others = chargebacksLost === 0
    ? ` and ${refunds}`
    : `, ${refunds} and ${counted(chargebacksLost, "chargeback")}`;
  return `${counted(ordersLost, "acknowledged order")}${numbers}${others} were lost between ${
    second(lostFrom)
  } and ${second(lostUntil ?? lostFrom)}, with ${counted(stepsLost, "step")} of timelines`;
}

/**
 * Open losses in words: the oldest, and how many there are besides.
 *
 * @param losses at least one, the oldest first
 */
export function describeLosses(losses: readonly RecordedLoss[]): string {
  const others = losses.length - 1;
  return `${tellLoss(losses[0]!)}${
    others === 0 ? "" : `; ${counted(others, "loss", "losses")} more`
  }: have shops send their orders again, import files again, hold the provider's report against the books, then say ` +
    "that it is reconciled";
}
