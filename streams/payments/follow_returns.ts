/**
 * What follows from refunds that their providers took back: the figures, and the customers' notices.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { listUncountedReturns, markReturnsCounted } from "../../db/verification/kpi_sums.ts";
import { returnKpiEvents } from "../../domain/kpi/kpi.ts";
import { applyKpis, type KpiDeps } from "../kpis/kpis.ts";
import { publish, type PublishDeps } from "../workflow/publish.ts";

/** What following works with. */
export interface FollowReturnsDeps extends KpiDeps, PublishDeps {
  db: Database;
  /** The KPI day of a database time. */
  kpiDay: (at: string) => string;
}

/** Refunds to one page. */
const pageSize = 500;

/**
 * Takes the refunds that were taken back out of the figures, and has their customers told. Their rows are the list of what is
 * to be done; each counts once by its own key, and is told once by its event, so a crash at any moment leaves nothing but a look
 * more for the next one.
 *
 * @returns how many there were
 * @throws {WorkflowError} `unavailable` where the figures are counted by another currency or zone
 */
export async function followReturns(deps: FollowReturnsDeps): Promise<number> {
  let followed = 0;
  for (;;) {
    const page = await listUncountedReturns(deps.db, pageSize);
    if (page.length === 0) return followed;
    await publish(
      deps,
      page.map(({ id: refundId, orderId, amountCents, currency }) => ({
        message: { type: "notify.refund" as const, orderId, refundId, amountCents, currency },
      })),
    );
    await applyKpis(deps, page.flatMap((refund) => returnKpiEvents(refund, deps.kpiDay)));
    // Only now: one that was marked and not counted would be missed in the figures.
    await markReturnsCounted(deps.db, page.map(({ id }) => id));
    followed += page.length;
  }
}
