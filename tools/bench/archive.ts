/**
 * A drain beside an archiver that moves orders of closed months out of the way.
 *
 * @module
 */

import { kpiDayIn } from "../../domain/kpi/kpi.ts";
import { countArchived } from "../../db/archive/archive.ts";
import { rebuildKpis } from "../../streams/kpis/kpis_rebuild.ts";
import { archiveOrdersBefore } from "../../streams/upkeep/archive_orders.ts";
import { type DrainRun, runDrain } from "./drain.ts";
import { type Figure, figure, perOrder } from "./figures.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { type Deployment, expectVerified, openDeployment, type Stage, startTask } from "./stage.ts";

/** Days that what is to be archived is put back. */
const agedDays = 100;

/** Drains by turns alone and beside `archive`, in one database whose older half can be archived; then archives by itself. */
export async function benchArchive(stage: Stage): Promise<Figure[]> {
  const alone: DrainRun[] = [], beside: DrainRun[] = [], rates: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`drain alone and beside archive, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    await addOrders(stage, deployment, 1);
    await runDrain(stage, deployment);
    await putBack(deployment);
    // Each is first in every other run: what lies in the tables grows meanwhile.
    const turns = run % 2 === 0 ? [beside, alone] : [alone, beside];
    for (const [turn, drains] of turns.entries()) {
      await addOrders(stage, deployment, 2 + turn);
      drains.push(
        drains === alone
          ? await runDrain(stage, deployment, { verified: false })
          : await drainBesideArchive(stage, deployment),
      );
    }
    const start = performance.now();
    const moved = await archiveOrdersBefore(deployment, thisMonth());
    rates.push(moved / (performance.now() - start) * 1000);
    await expectVerified(deployment);
    await deployment.close();
  }
  const ratesOf = (runs: readonly DrainRun[]) => runs.map(({ seconds }) => stage.orders / seconds);
  const cpuOf = (runs: readonly DrainRun[]) => runs.map(({ cpu }) => perOrder(cpu, stage.orders));
  return [
    figure("drain, nothing archived", "orders/s", ratesOf(alone), cpuOf(alone)),
    figure("drain beside archive", "orders/s", ratesOf(beside), cpuOf(beside)),
    figure(
      "drain beside archive",
      "× alone",
      beside.map(({ seconds }, run) => alone[run]!.seconds / seconds),
    ),
    figure("archive, nobody else working", "orders/s", rates),
  ];
}

async function addOrders(stage: Stage, deployment: Deployment, seed: number): Promise<void> {
  const file = await makeOrdersFile(stage, { orders: stage.orders, seed });
  await runImport(stage, deployment, file);
}

/** Lets all that there is have happened long ago, and counts the figures anew. */
async function putBack({ db, redis, keys }: Deployment): Promise<void> {
  await db.query(
    `update orders
    set settled_time = settled_time - interval ${agedDays} day,
      reserved_time = if(reserved_time > '2000-01-01', reserved_time - interval ${agedDays} day, reserved_time),
      created_at = created_at - interval ${agedDays} day`,
  );
  const day = kpiDayIn("UTC");
  await rebuildKpis({ db, redis, keys, baseCurrency: "EUR", kpiDay: day });
}

async function drainBesideArchive(stage: Stage, deployment: Deployment): Promise<DrainRun> {
  const archiver = await startTask(deployment, "archive", [`--before=${thisMonth().slice(0, 10)}`]);
  while (await countArchived(deployment.db) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const before = await countArchived(deployment.db);
  const drain = await runDrain(stage, deployment, { verified: false });
  const moved = await countArchived(deployment.db) - before;
  await archiver.stop();
  stage.log(`${moved} orders were archived beside it`);
  if (moved === 0) throw new Error("nothing was archived beside the drain");
  return drain;
}

function thisMonth(): string {
  return `${new Date().toISOString().slice(0, 7)}-01 00:00:00`;
}
