/**
 * Years of orders, made in little time.
 *
 * @module
 */

import { toInteger } from "../../db/connection/database.ts";
import { readSealMarks } from "../../db/verification/seals.ts";
import { kpiDayIn } from "../../domain/kpi/kpi.ts";
import { closeDays, sealPiece } from "../../streams/ledger/close_days.ts";
import { sealNext } from "../../streams/seals/seal.ts";
import { backdateOriginals, copyOrders, readOriginals, takeStock } from "./copies.ts";
import { bringOriginals, storeDeadLetters } from "./pages.ts";
import {
  becomeReady,
  type Deployment,
  openDeployment,
  openKeptDeployment,
  runTask,
  type Stage,
} from "./stage.ts";

/** Orders that go all the way through the product; the others are copies of them. */
const originals = 20_000;

/** Days over which the copies are spread. */
const span = 1_000;

/** Opens a deployment with as many orders as the stage says; a kept one that has them is left as it is. */
export async function openYears(stage: Stage): Promise<Deployment> {
  if (!stage.isKept) {
    const deployment = await openDeployment(stage);
    await fillYears(stage, deployment);
    return deployment;
  }
  const deployment = await openKeptDeployment(stage);
  const { order: sealed } = await readSealMarks(deployment.db);
  const [row] = await deployment.db.query("select coalesce(max(id), 0) as id from orders");
  const highest = toInteger(row!.id);
  if (highest === 0) {
    await becomeReady(deployment);
    await fillYears(stage, deployment);
  } else if (sealed < stage.orders) {
    throw new Error(`What is kept has ${highest} orders, ${sealed} of them sealed: remove it`);
  } else {
    await closeAndSeal(stage, deployment);
  }
  return deployment;
}

/** Orders of nearly three years, sealed and counted, their days closed in the ledger, with dead letters beside them. */
async function fillYears(stage: Stage, deployment: Deployment): Promise<void> {
  const { db } = deployment;
  const first = Math.min(originals, stage.orders);
  stage.log(`${first} orders by import, drain and refunds`);
  await bringOriginals(stage, deployment, first);
  const copies = Math.floor(stage.orders / first) - 1;
  const daysApart = span / (copies + 1);
  const found = await readOriginals(db);
  await backdateOriginals(db, found, span);
  stage.log(`${copies} copies of them`);
  for (let copy = 1; copy <= copies; copy++) {
    await copyOrders(db, found, copy, -Math.floor(copy * daysApart));
  }
  await takeStock(db, copies);
  await closeAndSeal(stage, deployment);
  stage.log("dead letters and figures");
  await storeDeadLetters(deployment);
  await runTask(deployment, "kpis", ["--rebuild", "--json"]);
}

/** What a service that runs does beside its work: seals what closed days have, with the orders that an earlier run left there. */
async function closeAndSeal(stage: Stage, deployment: Deployment): Promise<void> {
  stage.log("seals");
  const { db, redis, keys } = deployment;
  const deps = { db, redis, keys, baseCurrency: "EUR", kpiDay: kpiDayIn("UTC") };
  while ((await sealNext(deps)).goesOn);
  stage.log("closes the days of the ledger");
  await closeDays(db);
  while (await sealPiece(db));
}
