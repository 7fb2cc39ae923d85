/**
 * A million orders: the memory of the process that drains them at once, and what one more order costs in
 * tables that are small and in tables that are large.
 *
 * @module
 */

import { formatCount } from "../../domain/text/format_count.ts";
import { join } from "node:path";
import { costChart, type CostPoint } from "./chart.ts";
import { cpuSecondsOf } from "./cpu.ts";
import { type DrainRun, runDrain } from "./drain.ts";
import { type Figure, figure, median, perOrder } from "./figures.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { type Deployment, openDeployment, type Stage } from "./stage.ts";

/** Orders in the tables when the cost is measured for the first time. */
export const smallest = 10_000;

/** Orders to one measurement, at every size: the same share of it is a process that starts. */
const sampleOrders = 10_000;

/** Orders to one file while the database is filled. */
const ordersPerFile = 100_000;

/** A database that uses less than this share of a core between two looks is quiet. */
const quietShare = 0.05;

/** Milliseconds between two looks. */
const lookMs = 500;

/** Looks after which it is not waited for any longer. */
const maxLooks = 60;

/** What the orders of one measurement took, each in microseconds. */
export interface Sample {
  importUs: number;
  drainUs: number;
  /** Of the clock, while they were drained. */
  drainClockUs: number;
}

/**
 * Measures what an order costs on top of 10,000 others, in a deployment of their own for each run; then fills one
 * to a tenth, to three tenths and to all of the largest size, the last by one drain of so many orders, and
 * measures on top of each. All by import and drain.
 *
 * @param chartPath where the SVG chart is written
 */
export async function benchSizes(stage: Stage, chartPath: string): Promise<Figure[]> {
  const points: CostPoint[] = [];
  const figures: Figure[] = [];
  const samples = new Map<number, Sample[]>();
  const note = (size: number, found: Sample[]) => {
    samples.set(size, found);
    const middle = (of: (sample: Sample) => number) => median(found.map(of));
    points.push({
      size,
      importUs: middle(({ importUs }) => importUs),
      drainUs: middle(({ drainUs }) => drainUs),
    });
    const scenario = `an order at ${formatCount(size)} orders`;
    figures.push(
      figure(scenario, "µs CPU, import", found.map(({ importUs }) => importUs)),
      figure(scenario, "µs CPU, drain", found.map(({ drainUs }) => drainUs)),
      figure(scenario, "µs, drain", found.map(({ drainClockUs }) => drainClockUs)),
    );
  };

  const small: Sample[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`${sampleOrders} orders on top of ${smallest}, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    await fill(stage, deployment, { orders: smallest, seed: 1, verified: false });
    small.push(await measure(stage, deployment, { seed: 2, verified: true }));
    await deployment.close();
  }
  note(smallest, small);

  const deployment = await openDeployment(stage);
  let seed = 0, inTables = 0;
  let last: DrainRun | undefined;
  for (const share of [0.1, 0.3, 1]) {
    const size = Math.round(stage.largest * share);
    // The last one is as many as there are to be drained at once, whatever is there already.
    const orders = share === 1 ? stage.largest : Math.max(1, size - inTables);
    stage.log(`${orders} orders on top of ${inTables}`);
    last = await fill(stage, deployment, { orders, seed: ++seed, verified: false });
    inTables += orders;
    const found: Sample[] = [];
    for (let run = 1; run <= stage.runs; run++) {
      stage.log(`${sampleOrders} orders on top of ${inTables}, run ${run} of ${stage.runs}`);
      found.push(await measure(stage, deployment, { seed: ++seed, verified: run === stage.runs }));
      inTables += sampleOrders;
    }
    note(size, found);
  }
  await deployment.close();
  await Deno.writeTextFile(chartPath, costChart(points));
  stage.log(`chart written to ${chartPath}`);

  const large = samples.get(stage.largest)!;
  const growth = (of: (sample: Sample) => number) => {
    const before = median(small.map(of));
    return large.map((sample) => of(sample) / before);
  };
  const max = formatCount(stage.largest);
  const scenario = `an order at ${max} orders`;
  const min = formatCount(smallest);
  return [
    ...figures,
    figure(scenario, `× CPU at ${min}`, growth(({ drainUs }) => drainUs)),
    figure(scenario, `× time at ${min}`, growth(({ drainClockUs }) => drainClockUs)),
    figure(`drain of ${max} orders`, "orders/s", [stage.largest / last!.seconds], [
      perOrder(last!.cpu, stage.largest),
    ]),
    figure(`drain of ${max} orders`, "peak MB", [last!.peakBytes / 2 ** 20]),
  ];
}

/** The chart's place among the benchmarks. */
export const chartPath = join(import.meta.dirname!, "cost_by_size.svg");

export interface Part {
  /** Of the orders: every part has its own. */
  seed: number;
  /** Whether `verify` looks at the database afterwards, which takes its time in large tables. */
  verified: boolean;
}

/** Imports orders, file by file, and drains all of them at once. */
export async function fill(
  stage: Stage,
  deployment: Deployment,
  { orders, seed, verified }: Part & { orders: number },
): Promise<DrainRun> {
  for (let from = 0; from < orders; from += ordersPerFile) {
    const file = await makeOrdersFile(stage, {
      orders: Math.min(ordersPerFile, orders - from),
      seed: seed + from,
    });
    await runImport(stage, deployment, file);
    await Deno.remove(file.path);
  }
  const drain = await runDrain(stage, deployment, { verified });
  await untilQuiet(stage);
  return drain;
}

/**
 * Waits until the database has cleaned up behind itself: what it does for the orders before would be counted
 * among the costs of those that follow.
 */
async function untilQuiet({ engines: { database } }: Stage): Promise<void> {
  let before = await cpuSecondsOf(database.pid);
  for (let look = 1; look <= maxLooks; look++) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const now = await cpuSecondsOf(database.pid);
    if (now - before <= quietShare * lookMs / 1_000) return;
    before = now;
  }
}

/** Imports and drains so many more orders, and tells what each of them took. */
export async function measure(
  stage: Stage,
  deployment: Deployment,
  { seed, verified, orders = sampleOrders }: Part & { orders?: number },
): Promise<Sample> {
  const file = await makeOrdersFile(stage, { orders, seed });
  const imported = await runImport(stage, deployment, file);
  await Deno.remove(file.path);
  const drain = await runDrain(stage, deployment, { verified });
  const usPerOrder = (cpu: DrainRun["cpu"]) => {
    const { deno, database, redis } = perOrder(cpu, orders);
    return deno + database + redis;
  };
  return {
    importUs: usPerOrder(imported.cpu),
    drainUs: usPerOrder(drain.cpu),
    drainClockUs: drain.seconds * 1e6 / orders,
  };
}
