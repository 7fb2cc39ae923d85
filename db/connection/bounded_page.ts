/**
 * Pages of lists that walk down the ids of a table, each of which reads a bounded number of rows.
 *
 * @module
 */

import { type Queryable, toInteger } from "./database.ts";

/** Ids that one page walks through at the most. */
const maxWalked = 100_000;

/** Which page of a list is wanted. */
export interface BoundedPageRequest {
  /** Only ids below it; undefined for the start of the list. */
  beforeId: number | undefined;
  limit: number;
  /** Ids that the page walks through at the most; 100,000 where it is not given. */
  maxWalked?: number;
}

/** What one page may read. */
export interface PageReach {
  /** The highest id, included. */
  top: number;
  /** The lowest id, included. */
  least: number;
  limit: number;
}

/** A page of a list. */
export interface BoundedPage<Item> {
  items: Item[];
  /** Where the next page begins: ids below it; undefined where nothing more can follow. */
  nextBeforeId: number | undefined;
}

/**
 * Reads a page from the newest id down. One that found too little within `maxWalked` ids is short and says where
 * to go on; stretches of ids that no row has are jumped over.
 *
 * @param walked.table whose ids the list walks down
 * @param walked.id its column of ids, which is its primary key
 * @param walked.isIndexed an index leads to the rows that fit and to no others, so that nothing is walked in vain
 * @param read gives the rows that fit, the highest id first
 */
export async function readBoundedPage<Item extends { id: number }>(
  db: Queryable,
  walked: { table: string; id: string; isIndexed: boolean },
  request: BoundedPageRequest,
  read: (reach: PageReach) => Promise<Item[]>,
): Promise<BoundedPage<Item>> {
  const { table, id, isIndexed } = walked;
  const highestBelow = async (below: number): Promise<number | undefined> => {
    const [row] = await db.execute(
      `select ${id} as id from ${table} where ${id} < ? order by ${id} desc limit 1`,
      [below],
    );
    return row === undefined ? undefined : toInteger(row.id);
  };
  const { limit } = request;
  const below = request.beforeId ?? Number.MAX_SAFE_INTEGER;
  const top = isIndexed ? below - 1 : await highestBelow(below);
  if (top === undefined) return { items: [], nextBeforeId: undefined };
  const min = isIndexed ? 0 : Math.max(0, top + 1 - (request.maxWalked ?? maxWalked));
  const found = await read({ top, least: min, limit: limit + 1 });
  const items = found.slice(0, limit);
  if (found.length > limit) return { items, nextBeforeId: items.at(-1)!.id };
  const next = min === 0 ? undefined : await highestBelow(min);
  return { items, nextBeforeId: next === undefined ? undefined : next + 1 };
}
