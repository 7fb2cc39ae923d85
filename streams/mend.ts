/**
 * Mends by itself what a proof has found.
 *
 * @module
 */

import { recover, type RecoverDeps } from "./recover.ts";
import type { CheckName, VerifyReport } from "./verify.ts";

/** What Redis says otherwise than the books: the books are the truth, so it can be made anew. */
const mendable: readonly CheckName[] = ["kpis", "notifications", "homes"];

/**
 * Where figures, notices or messages differ from the books, republishes what is missing and counts the
 * figures anew. Stock and money stand in the books themselves: a difference there is for a person.
 *
 * @returns true if something was mended
 */
export async function mend(deps: RecoverDeps, report: VerifyReport): Promise<boolean> {
  const found = report.checks.filter(({ name, ok }) => !ok && mendable.includes(name));
  if (found.length === 0) return false;
  const mended = await recover(deps);
  if (mended.kind === "busy") return false;
  const { republished, kpis, seconds } = mended;
  deps.log.warn("drift mended", {
    found: found.map(({ name, drift_count: count }) => `${name}: ${count}`).join(", "),
    ...republished,
    settled_orders: kpis.orders,
    seconds,
  });
  return true;
}
