/**
 * What processes use, from Linux' `/proc`.
 *
 * @module
 */

/** Kernel ticks to a second in `/proc/PID/stat`: 100 on every Linux that Deno runs on. */
const ticksPerSecond = 100;

/** CPU seconds by part of the system. */
export interface CpuSeconds {
  /** Processes of the product. */
  deno: number;
  database: number;
  redis: number;
}

/** Measures from its making until it is asked. */
export interface CpuMeter {
  /** CPU seconds used since then; for `deno` by child processes that have ended. */
  read(): Promise<CpuSeconds>;
}

/**
 * Starts measuring. What child processes of the benchmark use is known to the kernel to the tick once
 * they have ended; the engines are child processes too, but do not end in between.
 */
export async function startCpuMeter(
  pids: { database: number; redis: number },
): Promise<CpuMeter> {
  const read = async (): Promise<CpuSeconds> => ({
    deno: (await readTicks("self")).endedChildren,
    database: (await readTicks(pids.database)).own,
    redis: (await readTicks(pids.redis)).own,
  });
  const before = await read();
  return {
    read: async () => {
      const after = await read();
      return {
        deno: after.deno - before.deno,
        database: after.database - before.database,
        redis: after.redis - before.redis,
      };
    },
  };
}

/** CPU seconds that a process has used so far, all of its threads together. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  return (await readTicks(pid)).own;
}

/** The most memory that a running process ever had, in bytes; undefined once it has ended. */
export async function peakMemoryOf(pid: number): Promise<number | undefined> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** utime, stime, cutime and cstime of proc(5). */
async function readTicks(pid: number | "self"): Promise<{ own: number; endedChildren: number }> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The name in brackets may hold spaces and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const seconds = (at: number) => Number(fields[at]) / ticksPerSecond;
  return { own: seconds(11) + seconds(12), endedChildren: seconds(13) + seconds(14) };
}
