/**
 * An import while another process drains what it publishes.
 *
 * @module
 */

import { groups } from "../../domain/messages/messages.ts";
import { isDrained } from "../../streams/run_consumers.ts";
import { startCpuMeter } from "./cpu.ts";
import { type Figure, figure, perOrder } from "./figures.ts";
import { readFinalRows, runFloor } from "./floor.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { expectVerified, openDeployment, type Stage, startTask } from "./stage.ts";

/** How often to look whether the consumers have nothing left, once the import has ended. */
const lookMs = 20;

/** Measures from the start of the import to the last order's end. */
export async function benchBeside(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  const { database, redis } = stage.engines;
  const rates: number[] = [], cpu = [], floors = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`import beside drain, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    const consumer = await startTask(deployment, "consume", []);
    await consumer.logged("consumers started");
    const meter = await startCpuMeter({ database: database.pid, redis: redis.pid });
    const start = performance.now();
    await runImport(stage, deployment, file);
    while (!await isDrained(deployment, groups)) {
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
    rates.push(file.orders / (performance.now() - start) * 1000);
    await consumer.stop();
    cpu.push(perOrder(await meter.read(), file.orders));
    await expectVerified(deployment);
    const rows = await readFinalRows(deployment);
    await deployment.close();
    floors.push(await runFloor(stage, rows));
  }
  return [
    figure(
      "floor",
      "orders/s",
      floors.map(({ orders, seconds }) => orders / seconds),
      floors.map(({ cpu }) => perOrder(cpu, file.orders)),
    ),
    figure("import beside drain", "orders/s", rates, cpu),
  ];
}
