/**
 * Imports as JSON.
 *
 * @module
 */

import { countsJson } from "../../../domain/import/import_counts.ts";
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
    ...countsJson(counts),
    published: counts.published,
    money: row.money,
    created_at: row.createdAt,
    finished_at: row.finishedAt,
  };
}
