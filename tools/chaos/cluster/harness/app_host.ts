/**
 * A host that runs the product.
 *
 * @module
 */

import { freePort } from "../../../engines/free_port.ts";
import type { Place } from "../../../engines/place.ts";
import { type Process, startTask } from "../../harness/process.ts";
import { until } from "../../harness/until.ts";

/** A host with the processes of the product that it runs. */
export interface AppHost {
  readonly name: string;
  /** Of its API. */
  readonly url: string;
  readonly processes: readonly Process[];
  /** The one that has the consumers. */
  readonly consumer: Process;
  /** Sends a signal to all of its processes, as if that happened to the host. */
  signal(signal: Deno.Signal): void;
}

/** Longest wait for a host to serve, in milliseconds. */
const readyMs = 60_000;

/**
 * Starts a host.
 *
 * @param options.processes `one` has everything in one process (`start`), `two` one for the API and one for the consumers
 */
export async function openAppHost(
  name: string,
  options: { place: Place; env: Record<string, string>; processes: "one" | "two" },
): Promise<AppHost> {
  const { place: { address, enter }, env, processes: kind } = options;
  const port = await freePort();
  const own = { ...env, HOST: address, PORT: String(port), ALLOW_ANONYMOUS: "1" };
  const tasks = kind === "one" ? ["start"] : ["serve", "consume"];
  const processes = await Promise.all(tasks.map((task) => startTask(task, [], own, { enter })));
  const url = `http://${address}:${port}`;
  const signal = (name: Deno.Signal) => processes.forEach((process) => process.kill(name));
  const consumer = processes.at(-1)!;
  try {
    await consumer.logged("consumers started");
    await until(`host ${name} serves`, readyMs, async () => {
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
      const text = await answer.text();
      return answer.ok || text;
    });
  } catch (error) {
    signal("SIGKILL");
    await Promise.all(processes.map(({ ended }) => ended));
    throw error;
  }
  return { name, url, processes, consumer, signal };
}
