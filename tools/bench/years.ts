/**
 * Years of orders in the tables: what one more costs, and what proofs, figures, a start and the pages take.
 *
 * @module
 */

import { formatCount } from "../../domain/text/format_count.ts";
import { startCpuMeter } from "./cpu.ts";
import { type Figure, figure, median } from "./figures.ts";
import { freePort } from "../engines/free_port.ts";
import { untilAnswered } from "./http_load.ts";
import { timePages } from "./pages.ts";
import { fill, measure, type Sample, smallest } from "./sizes.ts";
import { type Deployment, openDeployment, runTask, type Stage, startTask } from "./stage.ts";
import { openYears } from "./years_data.ts";

/** Orders to one measurement of what one costs. */
const sampleOrders = 30_000;

/** A thousandth of ten million, which are spread over so many days. */
const ordersADay = 10_000;

/** The highest id of an order, in {@linkcode verifyFarOrder}. */
const farId = 100_000_000_000;

/**
 * Measures an order on top of 10,000 others; then takes a database with as many as are asked for over nearly three years,
 * sealed, which it makes where it is not kept; and measures the same on top of these, and everything else that must not
 * grow with them. Making ten million takes three quarters of an hour and 20 GB, measuring some minutes.
 */
export async function benchYears(stage: Stage): Promise<Figure[]> {
  const small = await measureSmall(stage);
  const deployment = await openYears(stage);
  const figures: Figure[] = [];
  const at = `at ${formatCount(stage.orders)} orders`;
  const note = async (what: string, task: string, args: string[]) => {
    stage.log(what);
    figures.push(...await timeTask(stage, deployment, `${what} ${at}`, { task, args }));
  };
  await note("recovery with nothing to recover", "recover", []);
  const incremental = ["--incremental", "--json"];
  stage.log(`${ordersADay} orders of today, as many as other days have`);
  await measure(stage, deployment, { seed: seedOfNow(), verified: false, orders: ordersADay });
  await note("verify --incremental", "verify", incremental);
  await loseToday(deployment);
  await note("figures of today alone", "kpis", ["--rebuild", "--recent", "--json"]);
  figures.push(...await measureLarge(stage, deployment, small));
  await note("verify", "verify", ["--json"]);
  await note("verify --incremental after all these orders of today", "verify", incremental);
  await note("rebuild of all figures", "kpis", ["--rebuild", "--json"]);
  for (const task of ["serve", "start"]) {
    stage.log(task);
    figures.push(figure(`${task} ${at}`, "s until ready", await timeStarts(deployment, task)));
  }
  const pages = await timePages(stage, deployment, stage.orders);
  const slowest = pages.toSorted((a, b) => b.value - a.value)[0]!;
  figures.push(...pages, { ...slowest, scenario: `the slowest page ${at}` });
  stage.log("verify with an order of a very high id");
  figures.push(await verifyFarOrder(deployment, at));
  await deployment.close();
  return figures;
}

/** Of other orders than those of runs before on what is kept. */
function seedOfNow(): number {
  return Math.floor(Date.now() / 1_000);
}

/** What orders cost on top of few, on engines of their own where the others are kept. */
async function measureSmall(stage: Stage): Promise<Sample[]> {
  const own = stage.isKept ? await stage.openBeside() : stage;
  try {
    const samples: Sample[] = [];
    for (let run = 1; run <= stage.runs; run++) {
      stage.log(`${sampleOrders} orders on top of ${smallest}, run ${run} of ${stage.runs}`);
      const deployment = await openDeployment(own);
      await fill(own, deployment, { orders: smallest, seed: 1, verified: false });
      samples.push(
        await measure(own, deployment, { seed: 2, verified: false, orders: sampleOrders }),
      );
      await deployment.close();
    }
    return samples;
  } finally {
    if (own !== stage) await own.close();
  }
}

/** The same on top of many, compared with that. */
async function measureLarge(
  stage: Stage,
  deployment: Deployment,
  small: readonly Sample[],
): Promise<Figure[]> {
  const large: Sample[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`${sampleOrders} orders on top of the others, run ${run} of ${stage.runs}`);
    large.push(
      await measure(stage, deployment, {
        seed: seedOfNow(),
        verified: false,
        orders: sampleOrders,
      }),
    );
  }
  const growth = (of: (sample: Sample) => number) => {
    const before = median(small.map(of));
    return large.map((sample) => of(sample) / before);
  };
  const min = formatCount(smallest);
  const max = formatCount(stage.orders);
  const costs = (scenario: string, samples: readonly Sample[]) => [
    figure(scenario, "µs CPU, import", samples.map(({ importUs }) => importUs)),
    figure(scenario, "µs CPU, drain", samples.map(({ drainUs }) => drainUs)),
  ];
  const scenario = `an order at ${max} orders`;
  return [
    ...costs(`an order at ${min} orders`, small),
    ...costs(scenario, large),
    figure(scenario, `× CPU at ${min}, import`, growth(({ importUs }) => importUs)),
    figure(scenario, `× CPU at ${min}, drain`, growth(({ drainUs }) => drainUs)),
    figure(scenario, `× CPU at ${min}`, growth(({ importUs, drainUs }) => importUs + drainUs)),
  ];
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
    figure(scenario, "s of CPU, database", [database]),
    figure(scenario, "s of CPU, others", [deno + redis]),
    figure(scenario, "peak MB", [peakBytes / 2 ** 20]),
  ];
}

/** Takes today's figures away, as a Redis does that was restored to last night. */
async function loseToday({ redis, keys }: Deployment): Promise<void> {
  const today = new Date().toISOString().slice(0, 10);
  const lost = await redis.keys(`${keys.kpi}${today}*`);
  if (lost.length > 0) await redis.del(...lost);
}

/** Starts to one task. */
const starts = 3;

/** From the start of a task to the first 200 of `/readyz`, in seconds. */
async function timeStarts(deployment: Deployment, task: string): Promise<number[]> {
  const times: number[] = [];
  for (let run = 1; run <= starts; run++) {
    const port = await freePort();
    const env = { ...deployment.env, PORT: String(port) };
    const process = await startTask({ ...deployment, env }, task, []);
    await untilAnswered(`http://127.0.0.1:${port}/readyz`);
    times.push((performance.now() - process.startedAt) / 1_000);
    await process.stop();
  }
  return times;
}

/** The memory of `verify` where one order has an id far beyond all others, as after an import from another system. */
async function verifyFarOrder(deployment: Deployment, at: string): Promise<Figure> {
  const { db } = deployment;
  await db.query(
    `
    insert into orders (id, external_order_id, customer_id, status, currency, total_cents, content_hash, placed_at,
      settled_time, payment_status)
    select ?, 'far-away', customer_id, 'CANCELLED', 'EUR', 0, content_hash, placed_at, settled_time, 'none'
    from orders
    where status = 'PAID'
    order by id
    limit 1`,
    [farId],
  );
  await db.query(
    `
    insert into notification_logs (order_id, customer_id, event, channel, status, total_cents, payload, success)
    select id, customer_id, 'order.cancelled', 'log', status, total_cents, '{}', 1
    from orders
    where id = ?`,
    [farId],
  );
  try {
    const { peakBytes } = await runTask(deployment, "verify", ["--json"]);
    return figure(`verify with an order of id 10^11 ${at}`, "peak MB", [peakBytes / 2 ** 20]);
  } finally {
    await db.query("delete from notification_logs where order_id = ?", [farId]);
    await db.query("delete from orders where id = ?", [farId]);
    await db.query("alter table orders auto_increment = 1");
  }
}
