/**
 * Three MySQL servers in a replication group: one takes changes, or each of them.
 *
 * @module
 */

import { freePort } from "../../../engines/free_port.ts";
import { here } from "../../../engines/place.ts";
import { until } from "../../harness/until.ts";
import {
  type ClusterFolder,
  type DatabaseNode,
  type DatabaseNodes,
  makeSeed,
  startNode,
  stopNodes,
} from "./database_node.ts";

const size = 3;

/** Longest wait for a member to have everything, in milliseconds. */
const joinMs = 60_000;

/** Of this group; it has to be a UUID. */
const groupName = "8a94f357-aab4-11ef-9b51-0242ac110002";

/** A group with its ways to be asked. */
export interface ReplicationGroup extends DatabaseNodes {
  /** The member that takes changes, as another one says it. */
  primary(asked: DatabaseNode): Promise<DatabaseNode>;
  /** Has another member take changes from now on; sessions of the old one live on. */
  setPrimary(node: DatabaseNode): Promise<void>;
}

/** Of the account by which a member that comes back gets what it missed. */
const recoveryPassword = crypto.randomUUID().slice(0, 30);

const argumentsOfReturn = ["--super-read-only=ON", "--group-replication-start-on-boot=ON"];

/** Starts a group whose first member takes changes, or whose members all do. */
export async function startReplicationGroup(
  folder: ClusterFolder & { multiPrimary: boolean },
): Promise<ReplicationGroup> {
  const members = await Promise.all(Array.from({ length: size }, async (_, at) => {
    return `${(folder.places?.[at] ?? here).address}:${await freePort()}`;
  }));
  const seed = await makeSeed("mysql", folder.dir, ["--innodb-redo-log-capacity=128M"]);
  const nodes: DatabaseNode[] = [];
  try {
    for (let at = 0; at < size; at++) {
      const name = `m${at + 1}`;
      let starts = 0;
      const node = await startNode(seed, folder, {
        name,
        number: at + 1,
        extra: memberArguments(at, members, folder.multiPrimary),
        // One that comes back takes no changes until it is a member again.
        beforeStart: () => Promise.resolve(++starts > 1 ? argumentsOfReturn : []),
      });
      nodes.push(node);
      await prepareMember(node);
      await (at === 0 ? bootstrap(node) : node.administer("start group_replication"));
      await untilOnline(node);
    }
  } catch (error) {
    await stopNodes(nodes);
    throw error;
  }
  return {
    nodes,
    primary: async (asked) => {
      const [row] = await asked.administer(`
        select member_port as port, member_host as address
        from performance_schema.replication_group_members
        where member_role = 'PRIMARY' and member_state = 'ONLINE'`);
      const found = nodes.find(({ address, port }) =>
        address === row?.address && port === Number(row?.port)
      );
      if (found === undefined) throw new Error(`${asked.name} knows no primary`);
      return found;
    },
    setPrimary: async (node) => {
      const [row] = await node.administer("select @@server_uuid as id");
      await node.administer(`select group_replication_set_as_primary('${row!.id}')`);
    },
    rejoin: async (node) => {
      if (await hasEnded(node)) await node.restart();
      // One that was expelled and could not come back by itself waits for somebody to say so.
      else if (await memberState(node) === "ERROR") {
        await node.administer("stop group_replication", "start group_replication");
      }
      await untilOnline(node);
    },
    stop: () => stopNodes(nodes),
  };
}

function memberArguments(at: number, members: readonly string[], multiPrimary: boolean): string[] {
  const networks = [...new Set(members.map((member) => member.replace(/\.\d+:\d+$/, ".0/24")))];
  return [
    `--server-id=${at + 1}`,
    "--log-bin=bin",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    "--performance-schema=ON",
    `--report-host=${members[at]!.split(":")[0]}`,
    "--innodb-redo-log-capacity=128M",
    "--plugin-load-add=group_replication.so",
    `--group-replication-group-name=${groupName}`,
    `--group-replication-local-address=${members[at]}`,
    `--group-replication-group-seeds=${members.join(",")}`,
    "--group-replication-start-on-boot=OFF",
    "--group-replication-bootstrap-group=OFF",
    `--group-replication-ip-allowlist=127.0.0.1/8,${networks.join(",")}`,
    "--group-replication-recovery-get-public-key=ON",
    "--group-replication-ssl-mode=DISABLED",
    "--group-replication-recovery-use-ssl=OFF",
    ...(multiPrimary
      ? [
        "--group-replication-single-primary-mode=OFF",
        "--group-replication-enforce-update-everywhere-checks=ON",
      ]
      : []),
  ];
}

async function prepareMember({ administer }: DatabaseNode): Promise<void> {
  await administer(
    "set session sql_log_bin = 0",
    `create user 'recovery'@'%' identified by '${recoveryPassword}'`,
    "grant replication slave, connection_admin, backup_admin, group_replication_stream on *.* to 'recovery'@'%'",
    "reset binary logs and gtids",
    `change replication source to source_user = 'recovery', source_password = '${recoveryPassword}'
      for channel 'group_replication_recovery'`,
  );
}

async function bootstrap({ administer }: DatabaseNode): Promise<void> {
  await administer(
    "set global group_replication_bootstrap_group = ON",
    "start group_replication",
    "set global group_replication_bootstrap_group = OFF",
  );
}

async function untilOnline(node: DatabaseNode): Promise<void> {
  await until(`${node.name} is a member`, joinMs, async () => {
    const state = await memberState(node);
    return state === "ONLINE" || state;
  });
}

/** What a member says of itself, such as `ONLINE`. */
export async function memberState({ administer }: DatabaseNode): Promise<string> {
  const [row] = await administer(`
    select member_state as state from performance_schema.replication_group_members
    where member_id = @@server_uuid`);
  return String(row?.state);
}

async function hasEnded(node: DatabaseNode): Promise<boolean> {
  return await Promise.race([
    node.exited.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, 100, false)),
  ]);
}
