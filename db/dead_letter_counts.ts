/**
 * How many dead letters there are.
 *
 * @module
 */

import type { Group } from "../domain/messages.ts";
import { type Queryable, toInteger } from "./database.ts";

/** Dead letters that nobody has dealt with yet, by group; a group without any is absent. */
export async function countDeadLetters(db: Queryable): Promise<Map<Group, number>> {
  const rows = await db.execute(`
    select group_name, count(*) as letters
    from dead_letters
    where status = 'DEAD'
    group by group_name`);
  return new Map(rows.map((row) => [row.group_name as Group, toInteger(row.letters)]));
}
