import { freePort } from "../tools/engines/free_port.ts";
import { type OwnDatabase, ownDatabase } from "./own_engines.ts";

/** Any name; both members must have the same. */
const group = "8a94f357-aab4-11ef-9b51-0242ac110002";

/** MySQL lets it have 32 characters. */
const followerPassword = crypto.randomUUID().slice(0, 30);

function settingsOf(id: number, ports: readonly number[]): string[] {
  return [
    `--server-id=${id}`,
    "--performance-schema=ON",
    "--log-bin=bin",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    "--report-host=127.0.0.1",
    "--plugin-load-add=group_replication.so",
    `--group-replication-group-name=${group}`,
    `--group-replication-local-address=127.0.0.1:${ports[id - 1]}`,
    `--group-replication-group-seeds=${ports.map((port) => `127.0.0.1:${port}`).join(",")}`,
    "--group-replication-start-on-boot=OFF",
    "--group-replication-ip-allowlist=127.0.0.1/8",
    "--group-replication-recovery-get-public-key=ON",
    "--group-replication-ssl-mode=DISABLED",
    "--group-replication-recovery-use-ssl=OFF",
    "--group-replication-single-primary-mode=OFF",
  ];
}

/** Has a member that has lost the others give up soon; by default it waits for them for ever. */
export const givesUp: readonly string[] = [
  "--group-replication-unreachable-majority-timeout=4",
  "--group-replication-member-expel-timeout=0",
];

/** Two servers of a group. */
export interface ReplicationGroup {
  readonly first: OwnDatabase;
  readonly second: OwnDatabase;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Two members, both of which take changes; one alone has no quorum.
 *
 * @param extra further arguments of the servers
 */
export async function twoMembers(extra = givesUp): Promise<ReplicationGroup> {
  const ports = [await freePort(), await freePort()];
  const members = await Promise.all(
    [1, 2].map((id) => ownDatabase([...settingsOf(id, ports), ...extra])),
  );
  const [first, second] = members as [OwnDatabase, OwnDatabase];
  const password = new URL(first.url).password;
  for (const member of members) {
    await member.administer(
      "set session sql_log_bin = 0",
      `alter user 'orders'@'%' identified by '${password}'`,
      `create user 'follower'@'%' identified by '${followerPassword}'`,
      "grant replication slave, group_replication_stream, connection_admin, backup_admin on *.* to 'follower'@'%'",
      "set session sql_log_bin = 1",
      "reset binary logs and gtids",
      `change replication source to source_user = 'follower', source_password = '${followerPassword}'
        for channel 'group_replication_recovery'`,
    );
  }
  await first.administer(
    "set global group_replication_bootstrap_group = ON",
    "start group_replication",
    "set global group_replication_bootstrap_group = OFF",
  );
  await second.administer("start group_replication");
  return {
    first,
    second,
    async [Symbol.asyncDispose]() {
      for (const member of members) await member[Symbol.asyncDispose]();
    },
  };
}
