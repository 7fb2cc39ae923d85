/**
 * Imports as JSON.
 *
 * @module
 */

import type { ImportRow } from "../../../db/imports/imports.ts";

/** An import as the API shows it. */
export function importJson(row: ImportRow) {
  const { counts } = row;
  return {
    id: row.id,
    source: row.source,
    dry_run: row.dryRun,
    profile: row.profile,
    plan: row.plan,
    actor: row.actor,
    status: row.status,
    cancel_requested: row.cancelRequested,
    cancelled_by: row.cancelledBy,
    error: row.error,
    reasons: row.reasons,
    rows: counts.rows,
    rows_rejected: counts.rowsRejected,
    orders: counts.orders,
    orders_new: counts.ordersNew,
    orders_updated: counts.ordersUpdated,
    orders_unchanged: counts.ordersUnchanged,
    orders_rejected: counts.ordersRejected,
    orders_conflict: counts.ordersConflict,
    published: counts.published,
    money: row.money,
    created_at: row.createdAt,
    finished_at: row.finishedAt,
  };
}
