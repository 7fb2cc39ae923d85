/**
 * Whether the database is older than what was published from it: restored from a dump, or taken over by a
 * server that lacked the last commits.
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
  /** The highest number in use, or known to have been in use, by table; other tables than the marked ones too. */
  numbers: Readonly<Record<MarkedTable, number> & Record<string, number | undefined>>;
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

/**
 * Compares the database with what Redis has heard of it.
 *
 * @param marks of the database as it is, read after `heard`
 * @param heard what Redis knows; zeros where it knows nothing
 * @returns null where the database is as new
 */
export function findLoss(marks: DatabaseMarks, heard: DatabaseMarks): DatabaseLoss | null {
  const lost = {} as Record<MarkedTable, number>;
  for (const table of markedTables) {
    lost[table] = Math.max(0, heard.numbers[table] - marks.numbers[table]);
  }
  if (heard.ticks <= marks.ticks && markedTables.every((table) => lost[table] === 0)) return null;
  return { lostFrom: marks.tickedAt ?? "", lostUntil: heard.tickedAt, lost };
}

/** Numbers that are left out after a loss: some may be known to others and not to Redis. */
const gap = 1_000_000;

/** Rows of other tables to one order, refund or step, at the most usual. */
const rowsPerLost = 8;

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

/** True for a table whose highest number is noted with whatever is published. */
export function isMarked(table: string): table is MarkedTable {
  return (markedTables as readonly string[]).includes(table);
}

/** The latest loss of the database, as `doctor` and the alert tell of it. */
export interface RecordedLoss {
  /** When it was found, ISO 8601. */
  foundAt: string;
  /** Since when commits are gone, ISO 8601. */
  lostFrom: string;
  /** Until when; null where Redis did not know. */
  lostUntil: string | null;
  /** Numbers of orders that no row has: an upper bound. */
  ordersLost: number;
  /** The same for refunds. */
  refundsLost: number;
}

/** A loss in words. */
export function describeLoss(
  { lostFrom, lostUntil, ordersLost, refundsLost }: RecordedLoss,
): string {
  const second = (time: string) => `${time.slice(0, 19)}Z`;
  return `what was committed from ${second(lostFrom)} to ${
    second(lostUntil ?? lostFrom)
  } is gone, up to ` +
    `${counted(ordersLost, "order")} and ${
      counted(refundsLost, "refund")
    }: have shops send their orders again, import files again`;
}
