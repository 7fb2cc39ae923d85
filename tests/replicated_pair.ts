import {
  caughtUp,
  follow,
  prepareReplica,
  promote,
  replicationArguments,
  setReadOnly,
} from "../tools/chaos/cluster/engines/replication.ts";
import { type OwnDatabase, ownDatabase } from "./own_engines.ts";

export { setReadOnly };

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
  /** Has it go on with that. */
  followOn(): Promise<void>;
  /** Lets the second be written to, whatever it lacks. */
  promote(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const isMysql = Deno.env.get("TEST_ENGINE") === "mysql";

const engine = isMysql ? "mysql" : "mariadb";

/** Starts both; the second is read-only, and has nothing yet but an empty database. */
export async function replicatedPair(extra: string[] = []): Promise<ReplicatedPair> {
  const [first, second] = await Promise.all(
    [1, 2].map((id) => ownDatabase([...replicationArguments(engine, id), ...extra])),
  ) as [OwnDatabase, OwnDatabase];
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
      );
      await prepareReplica(server);
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
      followOn: async () => {
        await second.administer(isMysql ? "start replica" : "start slave");
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
