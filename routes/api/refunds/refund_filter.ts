/**
 * The refunds that a list or file is asked for.
 *
 * @module
 */

import type { z } from "zod";
import type { RefundFilter } from "../../../db/refunds/refund_list.ts";
import { periodOf } from "../../../domain/kpi/day.ts";
import type { AppDeps } from "../../deps.ts";
import type { refundFileQuery } from "../description/queries.ts";

/** What the parameters ask for, as the database is asked for it. */
export function refundFilterOf(
  { kpiDay }: Pick<AppDeps, "kpiDay">,
  { status, settled, currency, from, to }: z.output<typeof refundFileQuery>,
): RefundFilter {
  const day = settled === undefined ? undefined : periodOf(kpiDay, settled);
  return {
    status,
    currency,
    settledFrom: day?.from,
    settledBefore: day?.before,
    requestedFrom: from,
    requestedTo: to,
  };
}
