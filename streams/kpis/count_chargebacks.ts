/**
 * Counts what chargebacks moved into the figures.
 *
 * @module
 */

import { listUncountedMovements, markCounted } from "../../db/verification/kpi_sums.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { chargebackKpiEvents } from "../../domain/kpi/kpi.ts";
import { applyKpis, type KpiDeps } from "./kpis.ts";

/** What counting works with. */
export interface CountChargebacksDeps extends KpiDeps {
  db: Queryable;
  /** The KPI day of a database time. */
  kpiDay: (happenedAt: string) => string;
}

/** Movements to one page. */
const pageSize = 500;

/**
 * Counts the movements that are not known to be counted. Their rows are the list of what is to be done, and each counts once by
 * its own key, so a crash at any moment leaves nothing but a look more for the next one.
 *
 * @returns how many were counted
 * @throws {WorkflowError} `unavailable` where the figures are counted by another currency or zone
 */
export async function countChargebacks(deps: CountChargebacksDeps): Promise<number> {
  let counted = 0;
  for (;;) {
    const page = await listUncountedMovements(deps.db, pageSize);
    if (page.length === 0) return counted;
    const events = page.flatMap((movement) => chargebackKpiEvents(movement, deps.kpiDay));
    counted += await applyKpis(deps, events);
    // Only now: one that was marked and not counted would be missed in the figures.
    await markCounted(deps.db, page.map(({ id }) => id));
  }
}
