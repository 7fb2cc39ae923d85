/**
 * Measures how long Redis is not whole after it has lost something.
 *
 * @module
 */

import { readEpoch } from "../../../streams/recovery/epoch.ts";
import { productDeps, type Stage } from "./stage.ts";
import { until } from "./until.ts";

/** The bound on it, in milliseconds. */
const wholeBoundMs = 15_000;

/** Waits until the product says that Redis holds everything, and notes how long that took. */
export async function wholeAgain(stage: Stage, since: number): Promise<number> {
  await until("Redis is whole again", wholeBoundMs, async () => {
    const { state } = await readEpoch(productDeps(stage));
    return state === "complete" || `it is ${state}`;
  });
  const ms = performance.now() - since;
  stage.recovered(ms);
  return ms;
}
