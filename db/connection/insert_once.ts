/**
 * Inserts rows that may be there already, whose ids the database draws.
 *
 * `INSERT … SELECT … ON DUPLICATE KEY UPDATE` (and `IGNORE`) draws ids one after the other without knowing how many it
 * needs. Where nobody holds the table's counter meanwhile (`innodb_autoinc_lock_mode=2`, which Galera needs), MariaDB goes on
 * behind the id of a row that it found, takes the next one for its own although somebody else has it, and then
 * updates that one's row: the new row is lost without an error. Rows that are listed have their ids reserved in one piece,
 * and a plain INSERT fails where it meets another's row. So those two are what is used.
 *
 * @module
 */

import { isDuplicateKey } from "./faults.ts";
import type { Queryable, Value } from "./queryable.ts";

/** Tries to insert what others insert at the same moment. */
const maxTries = 10;

/** Rows as VALUES lists them. */
export interface ListedRows {
  /** Such as `(?, ?), (?, ?)`. */
  sql: string;
  values: Value[];
}

/**
 * Lists rows.
 *
 * @param form of one, such as `(?, unhex(?))`
 */
export function listRows(form: string, rows: readonly (readonly Value[])[]): ListedRows {
  return { sql: rows.map(() => form).join(", "), values: rows.flat() };
}

/** An INSERT of what a SELECT finds. */
export interface InsertOnce {
  /** All up to the end of the condition by which rows are selected. It selects no row twice. */
  sql: string;
  /** A condition that is true of rows that are not there yet. */
  isNew: string;
  /** What follows. */
  order?: string;
  values: (Value | Value[])[];
  /** Its shape is always the same, and no value is a list: it is prepared, and its values are sent as they are. */
  isFixed?: true;
}

/**
 * Inserts what is not there yet; what is stays as it is. As a rule nothing is, so nobody looks before one is met.
 *
 * @returns how many rows were inserted, and whether there were others
 * @throws the database's error for a duplicate key where others come in between again and again
 */
export async function insertOnce(
  tx: Queryable,
  { sql, isNew, order = "", values, isFixed }: InsertOnce,
): Promise<{ inserted: number; metOthers: boolean }> {
  for (let attempt = 1;; attempt++) {
    const metOthers = attempt > 1;
    try {
      const text = `${sql} ${metOthers ? `and ${isNew}` : ""} ${order}`;
      const { affectedRows } = isFixed === true
        ? await tx.run(text, values as Value[])
        : await tx.runText(text, values);
      return { inserted: affectedRows, metOthers };
    } catch (error) {
      if (!isDuplicateKey(error) || attempt >= maxTries) throw error;
    }
  }
}
