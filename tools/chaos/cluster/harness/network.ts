/**
 * Several hosts on this machine, and lines between them that fail.
 *
 * @module
 */

import { capture } from "../../../engines/capture.ts";
import type { Place } from "../../../engines/place.ts";

/** What happens to packets in one direction. */
export interface LinePolicy {
  drop?: boolean;
  delayMs?: number;
  /** Part of the packets that are lost, 0 to 1. */
  loss?: number;
}

/** Hosts with lines from each to each. */
export interface Network {
  readonly hosts: ReadonlyMap<string, Place>;
  /** Changes one direction. */
  set(from: string, to: string, policy: LinePolicy): Promise<void>;
  /** All lines are whole again. */
  heal(): Promise<void>;
  end(): Promise<void>;
}

/** The name of this machine itself, from which processes are watched; its lines stay whole. */
const watcher = "watcher";

/** Packets that wait in an interface: a burst of a bulk load. */
const queueLength = 5_000;

/**
 * What a network needs that is not here; undefined where it can be made.
 */
export async function missingForNetwork(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "network namespaces need Linux";
  if (Deno.uid() !== 0) return "network namespaces need root";
  for (const [program, name] of [["ip", "iproute2"], ["nsenter", "util-linux"]] as const) {
    const found = await capture(program, ["-V"]).catch(() => undefined);
    if (!found?.success) return `the package ${name} is not installed`;
  }
  const probe = await startSwitch(["10.254.254.1"].map((address) => `${watcher}=${address}`))
    .catch((error) => error as Error);
  if (probe instanceof Error) return probe.message;
  await probe.end();
  return undefined;
}

/** Makes hosts of these names. */
export async function openNetwork(names: readonly string[]): Promise<Network> {
  // Two runs at once have other addresses, and devices of the kernel's own numbering.
  const subnet = `10.254.${Deno.pid % 250}`;
  const addresses = new Map([watcher, ...names].map((name, at) => [name, `${subnet}.${at + 1}`]));
  const started = await startSwitch([...addresses].map(([name, address]) => `${name}=${address}`));
  const hosts = new Map<string, Place>();
  try {
    for (const [name, address] of addresses) {
      const { device, namespace } = started.hosts[name]!;
      const enter = name === watcher
        ? []
        : ["nsenter", `--net=/proc/${started.pid}/fd/${namespace}`];
      const ip = (line: string) => run([...enter, "ip", ...line.split(" ")]);
      await ip(`addr add ${address}/24 dev ${device}`);
      await ip(`link set ${device} up mtu 1500 txqueuelen ${queueLength}`);
      if (name === watcher) continue;
      await ip("link set lo up");
      hosts.set(name, { address, enter });
    }
  } catch (error) {
    await started.end();
    throw error;
  }
  return {
    hosts,
    set: (from, to, policy) => started.tell({ from, to, ...policy }),
    heal: () => started.tell({ clear: true }),
    end: started.end,
  };
}

/** Cuts a host off from some others, in both directions. */
export async function cutBothWays(
  network: Network,
  host: string,
  others: readonly string[],
): Promise<void> {
  for (const other of others) {
    await network.set(host, other, { drop: true });
    await network.set(other, host, { drop: true });
  }
}

async function run([command, ...args]: string[]): Promise<void> {
  const { success, stderr } = await capture(command!, args);
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${stderr.trim()}`);
}

interface StartedSwitch {
  pid: number;
  hosts: Record<string, { device: string; namespace: number }>;
  tell(order: Record<string, unknown>): Promise<void>;
  end(): Promise<void>;
}

/** @throws {Error} which says what is missing */
async function startSwitch(hosts: readonly string[]): Promise<StartedSwitch> {
  const program = new URL("network_switch.ts", import.meta.url).href;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--allow-ffi", program, ...hosts],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error((await new Response(child.stderr).text()).trim());
    said += value;
  }
  const writer = child.stdin.getWriter();
  return {
    ...JSON.parse(said),
    tell: (order) => writer.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`)),
    end: async () => {
      await writer.close().catch(() => {});
      await Promise.all([reader.cancel(), child.stderr.cancel()]);
      await child.status;
    },
  };
}
