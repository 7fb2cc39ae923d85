import { rm } from "node:fs/promises";
import { join } from "node:path";
import { until } from "../tools/chaos/harness/until.ts";
import { freePort } from "../tools/engines/free_port.ts";
import { findGalera } from "../tools/engines/galera.ts";
import { mariadbSeries } from "../tools/engines/programs.ts";
import { type OwnDatabase, ownDatabase } from "./own_engines.ts";

/** Servers of which each takes changes, and all have what one of them took. */
export interface GaleraCluster {
  readonly nodes: readonly OwnDatabase[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** The library, or why there is none, for which a test is skipped. */
export const galera: { path?: string; why: string } = Deno.env.get("TEST_ENGINE") === "mysql"
  ? { why: "MySQL has no Galera" }
  : Deno.env.has(mariadbSeries)
  ? { why: "the library is made for the machine's own MariaDB" }
  : { path: await findGalera(), why: "the package galera-4 can't be had here" };

/** Where a node listens for the others. */
interface Ports {
  group: number;
  state: number;
}

/**
 * Starts nodes on this machine, none of which needs another's state: all begin with copies of one folder.
 *
 * @param count of nodes
 * @param extra further arguments of each
 */
export async function galeraCluster(count: number, extra: string[] = []): Promise<GaleraCluster> {
  const ports: Ports[] = [];
  for (let at = 0; at < count; at++) {
    ports.push({ group: await freePort(), state: await freePort() });
  }
  const others = `gcomm://${ports.map(({ group }) => `127.0.0.1:${group}`).join(",")}`;
  const alone = ["--wsrep-new-cluster"];
  const seedArgs = [...argsOf(ports[0]!, "gcomm://"), ...alone, ...extra];
  await using seed = await ownDatabase(seedArgs, { onDisk: true });
  await seed.stop();
  for (const name of ["galera.cache", "gvwstate.dat"]) {
    await rm(join(seed.dir, "data", name), { force: true });
  }
  const nodes: OwnDatabase[] = [];
  const dispose = async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  };
  try {
    for (const [at, own] of ports.entries()) {
      if (at > 0) await noteState(seed, nodes[0]!);
      const args = [...argsOf(own, others), ...(at === 0 ? alone : []), ...extra];
      nodes.push(await ownDatabase(args, { like: seed }));
      await joined(nodes.at(-1)!, at + 1);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { nodes, [Symbol.asyncDispose]: dispose };
}

function argsOf({ group, state }: Ports, cluster: string): string[] {
  const options = [
    `base_port=${group}`,
    `gmcast.listen_addr=tcp://127.0.0.1:${group}`,
    `ist.recv_addr=127.0.0.1:${state}`,
    "gcache.size=16M",
  ];
  return [
    "--wsrep-on=ON",
    `--wsrep-provider=${galera.path}`,
    `--wsrep-cluster-address=${cluster}`,
    "--binlog-format=ROW",
    "--innodb-autoinc-lock-mode=2",
    "--innodb-log-file-size=32M",
    `--wsrep-node-address=127.0.0.1:${group}`,
    `--wsrep-provider-options=${options.join(";")}`,
    "--wsrep-slave-threads=2",
  ];
}

/**
 * Has copies of a folder say that they have what a node has: nothing but members has come or gone since. So no state is
 * transferred, which would take further programs.
 */
async function noteState(seed: OwnDatabase, node: OwnDatabase): Promise<void> {
  const [row] = await node.administer("show global status like 'wsrep_last_committed'");
  const file = join(seed.dir, "data", "grastate.dat");
  const state = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, state.replace(/^seqno:.*$/m, `seqno: ${row!.Value}`));
}

/** Waits until a node is one of so many, and has all that they have. */
async function joined(node: OwnDatabase, count: number): Promise<void> {
  await until(`a node is one of ${count}`, 30_000, async () => {
    const rows = await node.administer(
      "show global status where variable_name in ('wsrep_cluster_size', 'wsrep_local_state_comment')",
    );
    const values = rows.map(({ Value }) => String(Value));
    return values.includes(String(count)) && values.includes("Synced") || values.join(", ");
  });
}
