/**
 * Bringing back the messages that a Redis without its data has lost.
 *
 * @module
 */

import { formatCount } from "../../domain/text/format_count.ts";
import { type Figure, figure } from "./figures.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { expectVerified, openDeployment, runTask, type Stage } from "./stage.ts";

/** Messages that are lost. */
const lost = 100_000;

/** Imports orders, empties Redis and lets `recover` publish them again. */
export async function benchRecover(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: lost });
  const seconds: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`recovery of ${lost} messages, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    await runImport(stage, deployment, file);
    await deployment.redis.flushall();
    seconds.push((await runTask(deployment, "recover", [])).seconds);
    const held = await deployment.redis.xlen(deployment.keys.stream("orders", "bulk"));
    if (held !== lost) throw new Error(`${held} of ${lost} messages came back`);
    await expectVerified(deployment);
    await deployment.close();
  }
  return [figure(`recover ${formatCount(lost)} messages`, "s", seconds)];
}
