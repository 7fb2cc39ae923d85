/**
 * Where the orders are that a run of the importer has created.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";
import type { ImportedOrders } from "../orders/order_search.ts";
import type { ImportRow } from "./imports.ts";

/** Ids are given out in the order of time, but transactions that overlap, and clocks, differ by so many seconds. */
const slackSeconds = 60;

/**
 * Finds the orders that a run has created, by their ids: those that it may have created follow each other, and their
 * timelines say which it has. No index on times is needed, which every order would have to be written to: the bounds
 * are found by halving the primary key, some twenty reads of one row each.
 */
export async function findImportedOrders(
  db: Queryable,
  { id, actor }: Pick<ImportRow, "id" | "actor">,
): Promise<ImportedOrders> {
  const [fromId, beforeId] = await Promise.all([
    firstId(db, `>= imports.created_at - interval ${slackSeconds} second`, id),
    firstId(
      db,
      `> coalesce(imports.finished_at, current_timestamp(6)) + interval ${slackSeconds} second`,
      id,
    ),
  ]);
  return { actor: [actor ?? "", `import:${id}`].join(" ").trim(), fromId, beforeId };
}

/** The lowest id from which on orders were created so; one beyond all where none was. */
async function firstId(db: Queryable, since: string, importId: number): Promise<number> {
  const [ends] = await db.execute("select min(id) as lowest, max(id) as highest from orders");
  if (ends?.highest == null) return 1;
  let low = toInteger(ends.lowest), high = toInteger(ends.highest) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await db.query(
      `
      select orders.id, orders.created_at ${since} as is_since
      from orders force index (primary)
      join imports on imports.id = ?
      where orders.id >= ?
      order by orders.id
      limit 1`,
      [importId, middle],
    );
    if (row === undefined || toInteger(row.is_since) === 1) high = middle;
    else low = toInteger(row.id) + 1;
  }
  return low;
}
