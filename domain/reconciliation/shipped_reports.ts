/**
 * The forms of reports that come along.
 *
 * @module
 */

import { plainName } from "../import/profile/column_plan.ts";
import type { ReportProfile } from "./report_profile.ts";
import { native } from "./shipped/native.ts";
import { stripe, stripePayouts } from "./shipped/stripe.ts";

/** In the order in which a file is recognised. */
export const shippedReports: readonly ReportProfile[] = [native, stripePayouts, stripe];

/** The form whose columns a header has; undefined where none has. */
export function recognisedReport(header: readonly string[]): ReportProfile | undefined {
  const names = new Set(header.map(plainName));
  return shippedReports.find(({ recognisedBy = [] }) =>
    recognisedBy.every((name) => names.has(plainName(name)))
  );
}
