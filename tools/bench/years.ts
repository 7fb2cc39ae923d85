/**
 * Years of orders in the tables: what one more costs, and what proofs, figures, a start and the pages take.
 *
 * @module
 */

import { formatCount } from "../../domain/text/format_count.ts";
import { kpiDayIn } from "../../domain/kpi/kpi.ts";
import { closeDays, sealPiece } from "../../streams/ledger/close_days.ts";
import { sealNext } from "../../streams/seals/seal.ts";
import { backdateOriginals, copyOrders, readOriginals, takeStock } from "./copies.ts";
import { startCpuMeter } from "./cpu.ts";
import { type Figure, figure, median } from "./figures.ts";
import { freePort } from "../engines/free_port.ts";
import { untilAnswered } from "./http_load.ts";
import { bringOriginals, storeDeadLetters, timePages } from "./pages.ts";
import { fill, measure, type Sample, smallest } from "./sizes.ts";
import { type Deployment, openDeployment, runTask, type Stage, startTask } from "./stage.ts";

/** Orders that go all the way through the product; the others are copies of them. */
const originals = 20_000;

/** Days over which the copies are spread. */
const span = 1_000;

/**
 * Measures an order on top of 10,000 others; then fills a database with as many as are asked for, a few by import, drain
 * and refunds and the others as their copies over nearly three years, seals them and closes their days in the ledger; and measures the same on top of
 * these, and everything else that must not grow with them. With ten million it takes an hour and 20 GB.
 */
export async function benchYears(stage: Stage): Promise<Figure[]> {
  const small = await measureSmall(stage);
  const deployment = await openDeployment(stage);
  await fillYears(stage, deployment);
  const figures: Figure[] = [];
  const at = `at ${formatCount(stage.orders)} orders`;
  const note = async (what: string, task: string, args: string[]) => {
    stage.log(what);
    figures.push(...await timeTask(stage, deployment, `${what} ${at}`, { task, args }));
  };
  await note("rebuild of all figures", "kpis", ["--rebuild", "--json"]);
  const large: Sample[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    large.push(await measure(stage, deployment, { seed: 100 + run, verified: false }));
  }
  const before = median(small.map(({ drainUs }) => drainUs));
  figures.push(
    figure(
      `an order ${at}`,
      `× CPU at ${formatCount(smallest)}`,
      large.map(({ drainUs }) => drainUs / before),
    ),
  );
  await note("verify", "verify", ["--json"]);
  await note("verify --incremental", "verify", ["--incremental", "--json"]);
  await loseToday(deployment);
  await note("figures of today alone", "kpis", ["--rebuild", "--recent", "--json"]);
  await note("verify --incremental, once more", "verify", ["--incremental", "--json"]);
  figures.push(figure(`start ${at}`, "s", await timeStarts(stage, deployment)));
  await storeDeadLetters(deployment);
  const pages = await timePages(stage, deployment, stage.orders);
  const slowest = pages.toSorted((a, b) => b.value - a.value)[0]!;
  figures.push(...pages, { ...slowest, scenario: `the slowest page ${at}` });
  await deployment.close();
  return figures;
}

async function measureSmall(stage: Stage): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    const deployment = await openDeployment(stage);
    await fill(stage, deployment, { orders: smallest, seed: 1, verified: false });
    samples.push(await measure(stage, deployment, { seed: 2, verified: true }));
    await deployment.close();
  }
  return samples;
}

/** Orders of nearly three years, sealed. */
async function fillYears(stage: Stage, deployment: Deployment): Promise<void> {
  const { db, redis, keys } = deployment;
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
  stage.log("seals");
  const deps = { db, redis, keys, baseCurrency: "EUR", kpiDay: kpiDayIn("UTC") };
  while ((await sealNext(deps)).goesOn);
  stage.log("closes the days of the ledger");
  await closeDays(db);
  while (await sealPiece(db));
}

/** A task from its start to its end: seconds, CPU of all, and its memory. */
async function timeTask(
  { engines }: Stage,
  deployment: Deployment,
  scenario: string,
  { task, args }: { task: string; args: string[] },
): Promise<Figure[]> {
  const meter = await startCpuMeter({ database: engines.database.pid, redis: engines.redis.pid });
  const { seconds, peakBytes } = await runTask(deployment, task, args);
  const { deno, database, redis } = await meter.read();
  return [
    figure(scenario, "s", [seconds]),
    figure(scenario, "s of CPU", [deno + database + redis]),
    figure(scenario, "peak MB", [peakBytes / 2 ** 20]),
  ];
}

/** Takes today's figures away, as a Redis does that was restored to last night. */
async function loseToday({ redis, keys }: Deployment): Promise<void> {
  const today = new Date().toISOString().slice(0, 10);
  const lost = await redis.keys(`${keys.kpi}${today}*`);
  if (lost.length > 0) await redis.del(...lost);
}

/** From the start of `serve` to its first answer, in seconds. */
async function timeStarts(stage: Stage, deployment: Deployment): Promise<number[]> {
  const times: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    const port = await freePort();
    const env = { ...deployment.env, PORT: String(port) };
    const server = await startTask({ ...deployment, env }, "serve", []);
    await untilAnswered(`http://127.0.0.1:${port}/readyz`);
    times.push((performance.now() - server.startedAt) / 1_000);
    await server.stop();
  }
  return times;
}
