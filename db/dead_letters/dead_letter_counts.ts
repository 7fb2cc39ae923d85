/**
 * How many dead letters there are.
 *
 * @module
 */

import { maxCounted } from "../../domain/bounded_count.ts";
import { type Group, groups } from "../../domain/messages/messages.ts";
import { type Queryable, toInteger } from "../connection/database.ts";

/**
 * Dead letters that nobody has dealt with yet, by group, up to so many of each; a group without any is
 * absent. A count over all of them would read every one, every second that somebody looks at a page.
 */
export async function countDeadLetters(
  db: Queryable,
  maxOfGroup: number = maxCounted,
): Promise<Map<Group, number>> {
  const rows = await db.query(
    groups.map(() => `
    select ? as group_name, count(*) as letters
    from (
      select 1
      from dead_letters
      where status = 'DEAD' and group_name = ?
      limit ?
    ) found`).join(" union all "),
    groups.flatMap((group) => [group, group, maxOfGroup]),
  );
  return new Map(
    rows.map((row) => [row.group_name as Group, toInteger(row.letters)] as const)
      .filter(([, letters]) => letters > 0),
  );
}
