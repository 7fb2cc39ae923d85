/**
 * Steps of timelines in the order of their ids, whether their orders are archived or not.
 *
 * @module
 */

import { type Queryable, type Row, toInteger, type Value } from "../connection/database.ts";
import { readEverywhere } from "./archived_tables.ts";

/**
 * Those of a page of live steps before which nothing can come in any more, with the archived ones among them: most who ask
 * have read past these, and then it costs a look-up. Both places are read by one statement, because a step may be moved
 * meanwhile. No step is archived beyond the latest that is not.
 *
 * @param rows a page of live steps in the order of their ids, with `is_settled`
 * @param page.columns what is read of each, beginning with `id`
 * @param page.values what these take
 */
export async function withArchivedSteps(
  db: Queryable,
  rows: Row[],
  { afterId, limit, columns, values = [] }: {
    afterId: number;
    limit: number;
    columns: string;
    values?: Value[];
  },
): Promise<Row[]> {
  const end = rows.findIndex((row) => toInteger(row.is_settled) === 0);
  const settled = end < 0 ? rows : rows.slice(0, end);
  const last = end < 0 ? rows.at(-1) : rows[end];
  if (last === undefined) return settled;
  const upToId = toInteger(last.id) - (end < 0 ? 0 : 1);
  const [archived] = await db.query(
    "select id from archived_order_events where id > ? and id <= ? order by id limit 1",
    [afterId, upToId],
  );
  if (archived === undefined) return settled;
  return await readEverywhere(
    db,
    `
    select ${columns}
    from order_events force index (primary)
    where id > ? and id <= ?
    order by id
    limit ?`,
    [...values, afterId, upToId, limit],
    `order by id limit ${Number(limit)}`,
  );
}
