/**
 * What a benchmark ran on.
 *
 * @module
 */

import type { Stage } from "./stage.ts";

/** Part of every result: figures mean nothing without it. */
export interface Machine {
  /** Date and time of the benchmark, ISO 8601. */
  date: string;
  cpu: string;
  cores: number;
  memoryGb: number;
  system: string;
  deno: string;
  database: string;
  redis: string;
}

/** Describes this machine and the engines of a stage. */
export async function describeMachine({ engine, engines }: Stage): Promise<Machine> {
  const cpuInfo = await Deno.readTextFile("/proc/cpuinfo");
  return {
    date: new Date().toISOString(),
    cpu: /^model name\s*:\s*(.+)$/m.exec(cpuInfo)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryGb: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    system: `${Deno.build.os} ${Deno.osRelease()}`,
    deno: Deno.version.deno,
    database: `${engine} ${engines.database.version}`,
    redis: engines.redis.version,
  };
}
