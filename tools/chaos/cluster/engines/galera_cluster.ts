/**
 * Three MariaDB servers in a Galera cluster: each takes changes, and a commit is one when all have it.
 *
 * @module
 */

import { join } from "node:path";
import { freePort } from "../../../engines/free_port.ts";
import { here, type Place } from "../../../engines/place.ts";
import { ensurePrograms } from "../../../engines/programs.ts";
import { until } from "../../harness/until.ts";
import {
  type ClusterFolder,
  type DatabaseNode,
  type DatabaseNodes,
  makeSeed,
  startNode,
  stopNodes,
} from "./database_node.ts";

/** How many, so that two are a majority. */
const size = 3;

/** Longest wait for a node to have everything, in milliseconds. */
const syncMs = 60_000;

/** How a node gets what it missed, as the script of this name says. */
const transferMethod = "missed";

/**
 * Has a node that comes back take what it missed from another's cache, and nothing else: a transfer of everything would need
 * further programs, and no node lacks as much. The one that asks names a file, to which the one that gives writes where it
 * begins; both are on this machine.
 */
const transferScript = `#!/bin/sh
bypass=
while [ $# -gt 0 ]; do
  case $1 in
    --role) role=$2; shift ;;
    --address) address=$2; shift ;;
    --gtid) position=$2; shift ;;
    --parent) parent=$2; shift ;;
    --datadir) data=$2; shift ;;
    --bypass) bypass=1 ;;
  esac
  shift
done
if [ "$role" = joiner ]; then
  file=\${data%/}/missed_from
  rm -f "$file"
  echo "ready $address/$file"
  until [ -s "$file" ]; do
    kill -0 "$parent" || exit 1
    sleep 0.05
  done
  cat "$file"
else
  [ -n "$bypass" ] || exit 93
  file=/\${address#*//}
  echo "$position" >"$file.new" && mv "$file.new" "$file"
  echo "done $position"
fi
`;

/** What a cluster is started with. */
interface GaleraOptions extends ClusterFolder {
  /** The provider, as `findGalera` found it. */
  library: string;
}

/**
 * Starts a cluster. State transfers would need programs of their own, so one node is made and copied, and one that comes
 * back gets what it missed from the others' caches.
 */
export async function startGaleraCluster(options: GaleraOptions): Promise<DatabaseNodes> {
  const { dir, library } = options;
  const places = await placesWithScript(options);
  const members = await Promise.all(places.map(async ({ address }): Promise<Member> => {
    return { address, group: await freePort(), missed: await freePort() };
  }));
  const [first] = members;
  // Alone, and on this machine itself, it writes down which cluster its data belong to.
  const alone = nodeArguments(library, { ...first!, address: here.address }, []);
  const seed = await makeSeed("mariadb", dir, [...alone, "--wsrep-new-cluster"]);
  const nodes: DatabaseNode[] = [];
  try {
    for (const [at, member] of members.entries()) {
      const name = `g${at + 1}`;
      let starts = 0;
      const node = await startNode(seed, { dir, places }, {
        name,
        number: at + 1,
        extra: nodeArguments(library, member, members),
        beforeStart: async () => {
          if (++starts > 1) return [await positionArgument(join(dir, name), library)];
          return at === 0 ? ["--wsrep-new-cluster"] : [];
        },
      });
      nodes.push(node);
      await untilSynced(node);
    }
  } catch (error) {
    await stopNodes(nodes);
    throw error;
  }
  return {
    nodes,
    rejoin: async (node) => {
      await node.restart();
      await untilSynced(node);
    },
    stop: () => stopNodes(nodes),
  };
}

/** Where a node is found by the others, and where it takes what it missed. */
interface Member {
  address: string;
  group: number;
  missed: number;
}

function nodeArguments(library: string, own: Member, all: readonly Member[]): string[] {
  const groupAddress = ({ address, group }: Member) => `${address}:${group}`;
  const provider = [
    `base_host=${own.address}`,
    `base_port=${own.group}`,
    `gmcast.listen_addr=tcp://${groupAddress(own)}`,
    `ist.recv_addr=${own.address}:${own.missed}`,
    "gcache.size=64M",
  ];
  return [
    "--wsrep-on=ON",
    `--wsrep-provider=${library}`,
    "--wsrep-cluster-name=orders",
    `--wsrep-cluster-address=gcomm://${all.map(groupAddress).join(",")}`,
    "--binlog-format=ROW",
    "--innodb-autoinc-lock-mode=2",
    `--wsrep-node-address=${groupAddress(own)}`,
    `--wsrep-provider-options=${provider.join(";")}`,
    `--wsrep-sst-method=${transferMethod}`,
    "--wsrep-slave-threads=2",
    "--innodb-log-file-size=64M",
  ];
}

/** The places of the nodes, at which the script of the transfer is found. */
async function placesWithScript({ dir, places }: ClusterFolder): Promise<Place[]> {
  const scripts = join(dir, "scripts");
  await Deno.mkdir(scripts, { recursive: true });
  await Deno.writeTextFile(`${scripts}/wsrep_sst_${transferMethod}`, transferScript, {
    mode: 0o700,
  });
  return Array.from({ length: size }, (_, at) => {
    const { address, enter } = places?.[at] ?? here;
    return { address, enter: [...enter, "env", `PATH=${scripts}:${Deno.env.get("PATH")}`] };
  });
}

async function untilSynced(node: DatabaseNode): Promise<void> {
  await until(`${node.name} has everything`, syncMs, async () => {
    const state = await galeraStatus(node, "wsrep_local_state_comment");
    return state === "Synced" || state;
  });
}

/** A figure of `show status`, such as `wsrep_cluster_status`. */
export async function galeraStatus(node: DatabaseNode, name: string): Promise<string> {
  const [row] = await node.administer(`show status like '${name}'`);
  return String(row?.Value);
}

/** Takes a node's network away from it, or gives it back: its sessions live on. */
export async function isolateGaleraNode(node: DatabaseNode, on: boolean): Promise<void> {
  await node.administer(`set global wsrep_provider_options = 'gmcast.isolate=${on ? 1 : 0}'`);
}

/** Longest wait for a node to find out how far its data are, in milliseconds. */
const recoverMs = 60_000;

/** How far the data of a node that was killed are, which it does not find out by itself. */
async function positionArgument(dir: string, library: string): Promise<string> {
  const { database } = await ensurePrograms({ engine: "mariadb", log: () => {} });
  const log = `${dir}/recovered.log`;
  await Deno.writeTextFile(log, "");
  const child = new Deno.Command(database.command, {
    args: [
      ...database.args,
      ...(Deno.uid() === 0 ? ["--user=root"] : []),
      `--datadir=${dir}/data`,
      `--socket=${dir}/recovery.sock`,
      `--pid-file=${dir}/recovery.pid`,
      "--skip-networking",
      "--binlog-format=ROW",
      "--innodb-log-file-size=64M",
      "--wsrep-on=ON",
      `--wsrep-provider=${library}`,
      "--wsrep-cluster-address=gcomm://",
      "--wsrep-recover",
      `--log-error=${log}`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let position = "";
  try {
    await until(`${dir} knows its position`, recoverMs, async () => {
      const said = await Deno.readTextFile(log);
      position = /Recovered position: ([^\s,]+)/.exec(said)?.[1] ?? "";
      return position !== "" || said.slice(-2_000);
    });
  } finally {
    // Its data are as they should be by then, and MariaDB 10.11 now and then does not come to an end here.
    child.kill("SIGKILL");
    await child.status;
  }
  return `--wsrep-start-position=${position}`;
}
