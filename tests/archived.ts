/**
 * Orders of closed months, for tests that archive them.
 *
 * @module
 */

import { archivedTables } from "../db/archive/archived_tables.ts";
import { rebuildKpis } from "../streams/kpis/kpis_rebuild.ts";
import { archiveOrdersBefore } from "../streams/upkeep/archive_orders.ts";
import { anOrder, type Workflow } from "./workflow.ts";

/** Days that everything is put back: more than any order has to stay. */
export const agedDays = 100;

/** Columns that say when something happened, of what belongs to orders. */
const moments: Readonly<Record<string, readonly string[]>> = {
  orders: ["settled_time", "reserved_time", "created_at"],
  refunds: ["processed_at", "created_at"],
  payments: ["paid_at", "created_at"],
  order_events: ["created_at"],
  notification_logs: ["sent_at", "created_at"],
  notification_attempts: ["attempted_at"],
};

/** Lets everything that there is have happened long ago, and counts the figures anew: those of the days since are gone. */
export async function age(flow: Workflow): Promise<void> {
  for (const [table, columns] of Object.entries(moments)) {
    const set = columns.map((column) =>
      `${column} = if(${column} > '2000-01-01', ${column} - interval ${agedDays} day, ${column})`
    );
    await flow.rows(`update ${table} set ${set.join(", ")}`);
  }
  await rebuildKpis(flow);
}

/** The beginning of the month, UTC: everything that was aged ended before. */
export function thisMonth(): string {
  return `${new Date().toISOString().slice(0, 7)}-01 00:00:00`;
}

/** Archives what can be. @returns how many orders */
export async function archiveAll(flow: Workflow): Promise<number> {
  return await archiveOrdersBefore(flow, thisMonth());
}

/** Puts all that there is into closed months and archives it, behind an order of today. */
export async function archiveEverything(flow: Workflow, name = "latest"): Promise<void> {
  await flow.rows("delete from notification_deliveries");
  await flow.rows("update notification_logs set success = 1 where no_address = 0");
  await age(flow);
  await flow.add([anOrder(name, [{ sku: "z", qty: 1 }])]);
  await flow.drain();
  await archiveAll(flow);
}

/** Ids of archived orders. */
export async function archivedIds({ rows }: Workflow): Promise<number[]> {
  return (await rows("select order_id from archived_orders order by order_id")).map((row) =>
    Number(row.order_id)
  );
}

/** All rows of both places with all their columns, by table, in the order of ids. */
export async function bothPlaces({ rows }: Workflow): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const { name, columns } of archivedTables) {
    const from = (table: string) => `select ${columns.join(", ")} from ${table}`;
    all[name] = await rows(`${from(name)} union all ${from(`archived_${name}`)} order by id`);
  }
  return all;
}

/** How many rows are archived, by table. */
export async function archivedCounts({ rows }: Workflow): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name } of archivedTables) {
    counts[name] = Number((await rows(`select count(*) as n from archived_${name}`))[0]!.n);
  }
  return counts;
}
