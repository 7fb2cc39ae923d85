/**
 * Measures how long it takes until work goes on.
 *
 * @module
 */

import type { Stage } from "./stage.ts";
import { until } from "./until.ts";

/** The bound on it, in milliseconds. */
const progressBoundMs = 15_000;

/**
 * Waits until one more order is settled than when it was called.
 *
 * @returns milliseconds
 */
export async function progress(stage: Stage): Promise<number> {
  let before: number | undefined;
  return await until("an order is settled", progressBoundMs, async () => {
    const [row] = await stage.db.query(
      "select count(*) as n from orders where settled_at is not null",
    );
    const settled = Number(row!.n);
    before ??= settled;
    return settled > before || `${settled} orders are settled, as before`;
  });
}
