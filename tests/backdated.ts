/**
 * Has everything in the books of a workflow have come about some days ago.
 *
 * @module
 */

import { rebuildKpis } from "../streams/kpis/kpis_rebuild.ts";
import type { Workflow } from "./workflow.ts";

const times: Readonly<Record<string, readonly string[]>> = {
  orders: ["created_at", "reserved_time", "settled_time"],
  refunds: ["created_at", "processed_at"],
  payments: ["created_at"],
  order_retries: ["created_at", "failed_at"],
};

/** Puts orders, refunds, payments and retries so many days back, and counts the figures anew. */
export async function backdate(flow: Workflow, days: number): Promise<void> {
  for (const [table, columns] of Object.entries(times)) {
    const changes = columns.map((column) =>
      `${column} = if(${column} < '2000-01-01', ${column}, ${column} - interval ${days} day)`
    );
    await flow.db.runText(`update ${table} set ${changes.join(", ")}`);
  }
  await rebuildKpis(flow);
}
