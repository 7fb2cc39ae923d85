/**
 * What follows from units that came in.
 *
 * @module
 */

import type { ServiceDeps } from "./publish_after_commit.ts";

/**
 * Is called after every commit that made units of products available by hand: added, set to more, or brought by a new
 * product. Nothing follows from it yet. A crash between the commit and this leaves it undone, so nothing may depend on
 * it alone.
 *
 * @param productIds each once; where there are none, nothing follows
 */
export function stockArrived(
  _deps: Omit<ServiceDeps, "db">,
  _productIds: readonly number[],
): Promise<void> {
  return Promise.resolve();
}
