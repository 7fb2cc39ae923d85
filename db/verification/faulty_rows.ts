/**
 * What checks find, in the tables of live orders and in those of archived ones.
 *
 * @module
 */

import { placesOf } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";

/** What a check found wrong. */
export interface FaultyRows<T> {
  /** The first ones, in the order of their ids. */
  rows: T[];
  /** How many there are in all. */
  count: number;
}

/** FaultyRows of one kind that are told in full. */
export const maxRows = 20;

/** What a statement found whose rows say in `faults` how many there are. */
export function faultsOf<T>(rows: readonly Row[], toFault: (row: Row) => T): FaultyRows<T> {
  return { rows: rows.map(toFault), count: rows.length === 0 ? 0 : toInteger(rows[0]!.faults) };
}

/** A check of live tables that looks at the archived ones as well, where something is archived. */
export function inEveryPlace<T, Rest extends unknown[]>(
  find: (tx: Queryable, ...rest: Rest) => Promise<FaultyRows<T>>,
): (tx: Queryable, ...rest: Rest) => Promise<FaultyRows<T>> {
  return async (tx, ...rest) => {
    const all: FaultyRows<T> = { rows: [], count: 0 };
    for (const place of await placesOf(tx)) {
      const { rows, count } = await find(place, ...rest);
      all.rows.push(...rows.slice(0, maxRows - all.rows.length));
      all.count += count;
    }
    return all;
  };
}
