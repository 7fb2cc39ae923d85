/**
 * What an order costs in tables that are small and in tables that are large.
 *
 * @module
 */

import { join } from "node:path";
import { costChart } from "./chart.ts";
import { runDrain } from "./drain.ts";
import { type Figure, figure, perOrder } from "./figures.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { openBooks, type Stage } from "./stage.ts";

/** Orders in the tables at the end of each step, from the first to the last. */
const steps = [10_000, 20_000, 50_000, 100_000, 200_000, 400_000, 600_000, 800_000, 1_000_000];

/**
 * Fills the same books step by step to a million orders, all by import and drain, and measures the CPU
 * time of all processes together that an order of a step costs. Takes some minutes.
 *
 * @param chartPath where the SVG chart is written
 */
export async function benchSizes(stage: Stage, chartPath: string): Promise<Figure[]> {
  const books = await openBooks(stage);
  const figures: Figure[] = [];
  const points: { size: number; importUs: number; drainUs: number }[] = [];
  let before = 0, peakBytes = 0;
  for (const size of steps) {
    const orders = size - before;
    stage.log(`${orders} orders on top of ${before}`);
    const file = await makeOrdersFile(stage, { orders, seed: size });
    const importCpu = perOrder((await runImport(stage, books, file)).cpu, orders);
    const drain = await runDrain(stage, books);
    const drainCpu = perOrder(drain.cpu, orders);
    await Deno.remove(file.path);
    const total = (cpu: typeof drainCpu) => cpu.deno + cpu.database + cpu.redis;
    points.push({ size, importUs: total(importCpu), drainUs: total(drainCpu) });
    peakBytes = Math.max(peakBytes, drain.peakBytes);
    figures.push(
      figure(`up to ${size.toLocaleString("en")}`, "orders/s", [orders / drain.seconds], [
        drainCpu,
      ]),
    );
    before = size;
  }
  await books.close();
  await Deno.writeTextFile(chartPath, costChart(points));
  stage.log(`chart written to ${chartPath}`);
  const { 0: first, [points.length - 1]: last } = points;
  return [
    ...figures,
    figure("cost at 1,000,000 orders", "× cost at 10,000", [last!.drainUs / first!.drainUs]),
    figure("drain", "peak MB", [peakBytes / 2 ** 20]),
  ];
}

/** The chart's place among the benchmarks. */
export const chartPath = join(import.meta.dirname!, "cost_by_size.svg");
