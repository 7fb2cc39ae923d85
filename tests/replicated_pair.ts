import { type OwnDatabase, ownDatabase } from "./own_engines.ts";
import { until } from "../tools/chaos/harness/until.ts";

/** Two servers of which the second follows the first, until they change places. */
export interface ReplicatedPair {
  readonly first: OwnDatabase;
  readonly second: OwnDatabase;
  /** Names both, the first one first. */
  readonly url: string;
  /** Makes the first read-only, waits until the second has everything, and lets that be written to. */
  switchOver(): Promise<void>;
  /** Waits until the second has all that the first has now. */
  caughtUp(): Promise<void>;
  /** Has the second get nothing more of what the first commits. */
  stopFollowing(): Promise<void>;
  /** Lets the second be written to, whatever it lacks. */
  promote(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Changes whether a server takes changes. */
export function setReadOnly(server: OwnDatabase, on: boolean): Promise<unknown> {
  const names = server.engine === "mysql" ? ["super_read_only", "read_only"] : ["read_only"];
  // Taken off in this order, and put on by the first.
  return server.administer(...names.map((name) => `set global ${name} = ${on ? 1 : 0}`));
}

/** Of the account that follows, within the 32 characters that MySQL lets it have. */
const followerPassword = crypto.randomUUID().slice(0, 30);

const isMysql = Deno.env.get("TEST_ENGINE") === "mysql";

function settingsOf(id: number): string[] {
  return [
    `--server-id=${id}`,
    "--log-bin=bin",
    "--binlog-format=ROW",
    ...(isMysql
      ? ["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]
      : ["--log-slave-updates=ON", "--gtid-strict-mode=ON"]),
  ];
}

/** Starts both; the second is read-only, and has nothing yet but an empty database. */
export async function replicatedPair(extra: string[] = []): Promise<ReplicatedPair> {
  const [first, second] = await Promise.all([
    ownDatabase([...settingsOf(1), ...extra]),
    ownDatabase([...settingsOf(2), ...extra]),
  ]);
  const dispose = async () => {
    await Promise.all([first, second].map((server) => server[Symbol.asyncDispose]()));
  };
  try {
    // One password for both, as whoever switches from one to the other has.
    const password = new URL(first.url).password;
    for (const server of [first, second]) {
      await server.administer(
        "set session sql_log_bin = 0",
        `alter user 'orders'@'%' identified by '${password}'`,
        `create user 'follower'@'%' identified by '${followerPassword}'`,
        "grant replication slave on *.* to 'follower'@'%'",
        ...(isMysql ? ["reset binary logs and gtids"] : ["reset master"]),
      );
    }
    await follow(second, first);
    await setReadOnly(second, true);
    return {
      first,
      second,
      url: first.url.replace(/(:\d+)\/orders$/, `$1,127.0.0.1:${second.port}/orders`),
      async switchOver() {
        await setReadOnly(first, true);
        await caughtUp(second, first);
        await promote(second);
        await follow(first, second);
      },
      stopFollowing: async () => {
        await second.administer(isMysql ? "stop replica" : "stop slave");
      },
      promote: () => promote(second),
      caughtUp: () => caughtUp(second, first),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function follow(server: OwnDatabase, source: OwnDatabase): Promise<void> {
  await server.administer(
    ...(isMysql
      ? [
        `change replication source to source_host = '127.0.0.1', source_port = ${source.port},
          source_user = 'follower', source_password = '${followerPassword}', source_auto_position = 1,
          get_source_public_key = 1, source_ssl = 0`,
        "start replica",
      ]
      : [
        `change master to master_host = '127.0.0.1', master_port = ${source.port},
          master_user = 'follower', master_password = '${followerPassword}', master_use_gtid = slave_pos`,
        "start slave",
      ]),
  );
}

async function promote(server: OwnDatabase): Promise<void> {
  await server.administer(
    ...(isMysql ? ["stop replica", "reset replica all"] : ["stop slave", "reset slave all"]),
  );
  await setReadOnly(server, false);
}

async function caughtUp(server: OwnDatabase, source: OwnDatabase): Promise<void> {
  const position = await positionOf(source);
  await until("the follower has all", 10_000, async () => {
    const own = await positionOf(server);
    return own === position || `it is at ${own}`;
  });
}

async function positionOf(server: OwnDatabase): Promise<string> {
  const name = isMysql ? "gtid_executed" : "gtid_current_pos";
  const [row] = await server.administer(`select @@global.${name} as position`);
  return String(row!.position);
}
