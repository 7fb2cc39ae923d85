/**
 * One database server that follows another, until they change places.
 *
 * @module
 */

import type { Administer } from "../../../engines/administrator.ts";
import type { EngineName } from "../../../engines/programs.ts";
import { until } from "../../harness/until.ts";

/** A server that follows, or is followed. */
export interface Replica {
  readonly engine: EngineName;
  readonly address: string;
  readonly port: number;
  administer: Administer;
}

/** Arguments of a server that may follow and be followed. */
export function replicationArguments(engine: EngineName, id: number): string[] {
  return [
    `--server-id=${id}`,
    "--log-bin=bin",
    "--binlog-format=ROW",
    ...(engine === "mysql"
      ? ["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]
      : ["--log-slave-updates=ON", "--gtid-strict-mode=ON"]),
  ];
}

/**
 * Further arguments of MariaDB by which a commit of the first server is one when its replica has it, however long that takes.
 * A replica that waited for a replica of its own would apply nothing.
 */
export const semiSyncArguments = {
  source: [
    "--rpl-semi-sync-master-enabled=ON",
    "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
    "--rpl-semi-sync-master-timeout=86400000",
  ],
  replica: ["--rpl-semi-sync-slave-enabled=ON"],
};

/** Of the account that follows, within the 32 characters that MySQL lets it have. */
const followerPassword = crypto.randomUUID().slice(0, 30);

/** Creates the account that follows, and forgets all history: both have the same data. */
export async function prepareReplica({ engine, administer }: Replica): Promise<void> {
  await administer(
    "set session sql_log_bin = 0",
    `create user 'follower'@'%' identified by '${followerPassword}'`,
    "grant replication slave on *.* to 'follower'@'%'",
    ...(engine === "mysql" ? ["reset binary logs and gtids"] : ["reset master"]),
  );
}

/** Has a server follow another. */
export async function follow({ engine, administer }: Replica, source: Replica): Promise<void> {
  await administer(
    ...(engine === "mysql"
      ? [
        `change replication source to source_host = '${source.address}', source_port = ${source.port},
          source_user = 'follower', source_password = '${followerPassword}', source_auto_position = 1,
          get_source_public_key = 1, source_ssl = 0`,
        "start replica",
      ]
      : [
        `change master to master_host = '${source.address}', master_port = ${source.port},
          master_user = 'follower', master_password = '${followerPassword}', master_use_gtid = slave_pos`,
        "start slave",
      ]),
  );
}

/** Has a server follow nobody, and lets it be written to, whatever it lacks. */
export async function promote(server: Replica): Promise<void> {
  await server.administer(
    ...(server.engine === "mysql"
      ? ["stop replica", "reset replica all"]
      : ["stop slave", "reset slave all"]),
  );
  await setReadOnly(server, false);
}

/** Changes whether a server takes changes. */
export function setReadOnly({ engine, administer }: Replica, on: boolean): Promise<unknown> {
  const names = engine === "mysql" ? ["super_read_only", "read_only"] : ["read_only"];
  // Taken off in this order, and put on by the first.
  return administer(...names.map((name) => `set global ${name} = ${on ? 1 : 0}`));
}

/** Waits until a server has all that its source has now. */
export async function caughtUp(server: Replica, source: Replica): Promise<void> {
  const position = await positionOf(source);
  await until("the follower has all", 10_000, async () => {
    const own = await positionOf(server);
    return own === position || `it is at ${own}`;
  });
}

async function positionOf({ engine, administer }: Replica): Promise<string> {
  const name = engine === "mysql" ? "gtid_executed" : "gtid_current_pos";
  const [row] = await administer(`select @@global.${name} as position`);
  return String(row!.position);
}
