/**
 * The main scenario: a file is imported, its orders are drained, and the floor writes the same rows.
 *
 * @module
 */

import type { CpuSeconds } from "./cpu.ts";
import { type DrainRun, runDrain } from "./drain.ts";
import { type Figure, figure, perOrder } from "./figures.ts";
import { type FloorRun, readFinalRows, runFloor } from "./floor.ts";
import { type ImportRun, makeOrdersFile, runImport } from "./import.ts";
import { openDeployment, type Stage } from "./stage.ts";

/** Measures import, drain by one process, and the floor, one after the other, each alone. */
export async function benchWorkflow(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  const imports: ImportRun[] = [], drains: DrainRun[] = [], floors: FloorRun[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`import, drain and floor, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    imports.push(await runImport(stage, deployment, file));
    drains.push(await runDrain(stage, deployment));
    const rows = await readFinalRows(deployment);
    await deployment.close();
    floors.push(await runFloor(stage, rows));
  }
  const { orders, rows } = file;
  const ofFloor = (runs: readonly { seconds: number }[]) =>
    runs.map(({ seconds }, run) => floors[run]!.seconds / seconds);
  const importCpu = imports.map(({ cpu }) => perOrder(cpu, orders));
  const drainCpu = drains.map(({ cpu }) => perOrder(cpu, orders));
  const floorCpu = floors.map(({ cpu }) => perOrder(cpu, orders));
  const megabytes = (bytes: number) => bytes / 2 ** 20;
  return [
    figure("floor", "orders/s", floors.map(({ seconds }) => orders / seconds), floorCpu),
    figure("import", "rows/s", imports.map(({ seconds }) => rows / seconds)),
    figure("import", "orders/s", imports.map(({ seconds }) => orders / seconds), importCpu),
    figure("import", "× floor", ofFloor(imports)),
    figure("import", "peak MB", imports.map(({ peakBytes }) => megabytes(peakBytes))),
    figure("drain", "orders/s", drains.map(({ seconds }) => orders / seconds), drainCpu),
    figure(
      "drain",
      "orders/s, whole process",
      drains.map(({ wholeSeconds }) => orders / wholeSeconds),
    ),
    figure("drain", "× floor", ofFloor(drains)),
    figure("drain", "peak MB", drains.map(({ peakBytes }) => megabytes(peakBytes))),
  ];
}

/** Measures the drain by two processes at once, beside one of the same orders by one process. */
export async function benchTwoConsumers(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  const singles: DrainRun[] = [], doubles: DrainRun[] = [], floors: FloorRun[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`drain by one process and by two, run ${run} of ${stage.runs}`);
    for (const [processes, drains] of [[1, singles], [2, doubles]] as const) {
      const deployment = await openDeployment(stage);
      await runImport(stage, deployment, file);
      drains.push(await runDrain(stage, deployment, { processes }));
      const rows = processes === 2 ? await readFinalRows(deployment) : undefined;
      await deployment.close();
      if (rows !== undefined) floors.push(await runFloor(stage, rows));
    }
  }
  const rates = (runs: readonly { seconds: number }[]) =>
    runs.map(({ seconds }) => file.orders / seconds);
  const cpu = (runs: readonly { cpu: CpuSeconds }[]) =>
    runs.map(({ cpu }) => perOrder(cpu, file.orders));
  return [
    figure("floor", "orders/s", rates(floors), cpu(floors)),
    figure("drain, 1 process", "orders/s", rates(singles), cpu(singles)),
    figure("drain, 2 processes", "orders/s", rates(doubles), cpu(doubles)),
    figure(
      "drain, 2 processes",
      "× one process",
      doubles.map(({ seconds }, run) => singles[run]!.seconds / seconds),
    ),
  ];
}

/** Measures orders with two adjustments by turns with the same ones without. */
export async function benchAdjustments(stage: Stage): Promise<Figure[]> {
  const { orders } = stage;
  const plain = await makeOrdersFile(stage, { orders });
  const adjusted = await makeOrdersFile(stage, { orders, adjusted: true });
  const runsOf = (file: typeof plain) => ({
    file,
    imports: [] as ImportRun[],
    drains: [] as DrainRun[],
  });
  const kinds = [runsOf(plain), runsOf(adjusted)] as const;
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`plain and adjusted orders, run ${run} of ${stage.runs}`);
    for (const { file, imports, drains } of kinds) {
      const deployment = await openDeployment(stage);
      imports.push(await runImport(stage, deployment, file));
      drains.push(await runDrain(stage, deployment));
      await deployment.close();
    }
  }
  return (["imports", "drains"] as const).flatMap((what) => {
    const [before, after] = kinds.map((kind) => kind[what]);
    const rates = (runs: readonly { seconds: number }[]) =>
      runs.map(({ seconds }) => orders / seconds);
    const cpu = (runs: readonly { cpu: CpuSeconds }[]) =>
      runs.map(({ cpu }) => perOrder(cpu, orders));
    const name = what === "imports" ? "import" : "drain";
    return [
      figure(`${name}, plain`, "orders/s", rates(before!), cpu(before!)),
      figure(`${name}, two adjustments`, "orders/s", rates(after!), cpu(after!)),
      figure(
        `${name}, two adjustments`,
        "× plain",
        after!.map(({ seconds }, run) => before![run]!.seconds / seconds),
      ),
    ];
  });
}
