/**
 * The consumers, from a backlog to nothing left.
 *
 * @module
 */

import { type CpuSeconds, startCpuMeter } from "./cpu.ts";
import { type Deployment, expectVerified, type Stage, startTask } from "./stage.ts";

/** What draining took, by the processes' own clocks and by the kernel's account of them. */
export interface DrainRun {
  /** From when the first process was ready to read to when the last had nothing left to do. */
  seconds: number;
  /** The same from the start of the processes to their end. */
  wholeSeconds: number;
  cpu: CpuSeconds;
  /** The most memory that one of the processes had. */
  peakBytes: number;
}

/**
 * Drains published orders by `consume --drain`, then lets `verify` look at the result.
 *
 * @param options.processes that drain at the same time, all four groups each; default 1
 * @param options.verified false leaves the proof to a later drain of the same database
 * @throws {Error} when verify finds a drift
 */
export async function runDrain(
  { engines }: Stage,
  deployment: Deployment,
  { processes = 1, verified = true }: { processes?: number; verified?: boolean } = {},
): Promise<DrainRun> {
  const meter = await startCpuMeter({
    database: engines.database.pid,
    redis: engines.redis.pid,
  });
  const start = performance.now();
  const consumers = await Promise.all(
    Array.from({ length: processes }, () => startTask(deployment, "consume", ["--drain"])),
  );
  const readied = await Promise.all(consumers.map(({ logged }) => logged("consumers started")));
  const stopped = await Promise.all(consumers.map(({ logged }) => logged("consumers stopped")));
  const ended = await Promise.all(consumers.map(({ ended }) => ended));
  const wholeSeconds = (performance.now() - start) / 1000;
  const cpu = await meter.read();
  if (verified) await expectVerified(deployment);

  const firstReady = Math.min(...readied.map(({ timeMs }) => timeMs));
  const lastStop = Math.max(...stopped.map(({ timeMs }) => timeMs));
  return {
    seconds: (lastStop - firstReady) / 1000,
    wholeSeconds,
    cpu,
    peakBytes: Math.max(...ended.map(({ peakBytes }) => peakBytes)),
  };
}
