/**
 * The main scenario: a file is imported, its orders are drained, and the floor writes the same rows.
 *
 * @module
 */

import { runDrain } from "./drain.ts";
import { type Figure, figure, perOrder } from "./figures.ts";
import { readFinalRows, runFloor } from "./floor.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { openBooks, type Stage } from "./stage.ts";

/** Measures import, drain by one process, and the floor, one after the other, each alone. */
export async function benchWorkflow(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  const imports = [], drains = [], floors = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`import, drain and floor, run ${run} of ${stage.runs}`);
    const books = await openBooks(stage);
    imports.push(await runImport(stage, books, file));
    drains.push(await runDrain(stage, books));
    const rows = await readFinalRows(books);
    await books.close();
    floors.push(await runFloor(stage, rows));
  }
  const { orders, rows } = file;
  const importCpu = imports.map(({ cpu }) => perOrder(cpu, orders));
  const drainCpu = drains.map(({ cpu }) => perOrder(cpu, orders));
  const floorCpu = floors.map(({ cpu }) => perOrder(cpu, orders));
  const megabytes = (bytes: number) => bytes / 2 ** 20;
  return [
    figure("floor", "orders/s", floors.map(({ seconds }) => orders / seconds), floorCpu),
    figure("import", "rows/s", imports.map(({ seconds }) => rows / seconds)),
    figure("import", "orders/s", imports.map(({ seconds }) => orders / seconds), importCpu),
    figure("import", "peak MB", imports.map(({ peakBytes }) => megabytes(peakBytes))),
    figure("drain", "orders/s", drains.map(({ seconds }) => orders / seconds), drainCpu),
    figure(
      "drain",
      "orders/s, whole process",
      drains.map(({ wholeSeconds }) => orders / wholeSeconds),
    ),
    figure("drain", "peak MB", drains.map(({ peakBytes }) => megabytes(peakBytes))),
  ];
}

/** Measures the drain by two processes at once. */
export async function benchTwoConsumers(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  const drains = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`drain by two processes, run ${run} of ${stage.runs}`);
    const books = await openBooks(stage);
    await runImport(stage, books, file);
    drains.push(await runDrain(stage, books, 2));
    await books.close();
  }
  return [
    figure(
      "drain, 2 processes",
      "orders/s",
      drains.map(({ seconds }) => file.orders / seconds),
      drains.map(({ cpu }) => perOrder(cpu, file.orders)),
    ),
  ];
}
