/**
 * What every connection of a pool is told before it is lent, and what is known of the server since.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { type EngineKind, sessionSettings } from "./connection.ts";
import { isFatal } from "./faults.ts";
import { type Queryable, queryable, type Row } from "./queryable.ts";
import {
  sendEach,
  sendTogether,
  type TransactionEnds,
  type TransactionStatements,
  usage,
  type Ways,
} from "./statements.ts";

/** How long sessions wait. */
export interface SessionLimits {
  /** Milliseconds after which a statement that is not answered has failed. */
  statementMs: number;
  /** Seconds after which the server ends a transaction whose client is silent. */
  idleSeconds: number;
}

/** What is known of a server. */
export interface KnownServer {
  engine: EngineKind;
  /** Its own words. */
  version: string;
  /** Longest packet that it takes, `max_allowed_packet`. */
  maxPacketBytes: number;
  /** It is a node of Galera: others take changes as well, and this one has them a moment later. */
  isGalera: boolean;
  /** Has a session of a member of Group Replication read nothing old; null where there is nothing to say. */
  groupWait: string | null;
  /** Its binary log has statements, unless a session is told otherwise. */
  logsStatements: boolean;
}

/** Not all servers have all of these, so they are not selected. */
const whatServer = "show variables where variable_name in " +
  "('version', 'max_allowed_packet', 'wsrep_on', 'log_bin', 'binlog_format', 'group_replication_group_name', " +
  "'group_replication_single_primary_mode', 'group_replication_consistency')";

/** Reads the answer to {@linkcode whatServer}. */
function knownServer(rows: readonly Row[]): KnownServer {
  const values = new Map(rows.map((row) => [String(row.Variable_name), String(row.Value)]));
  const version = values.get("version")!;
  return {
    engine: /mariadb/i.test(version) ? "mariadb" : "mysql",
    version,
    maxPacketBytes: Number(values.get("max_allowed_packet")),
    isGalera: values.get("wsrep_on") === "ON",
    groupWait: groupWait(values),
    logsStatements: values.get("log_bin") === "ON" && values.get("binlog_format") === "STATEMENT",
  };
}

/**
 * Has the binary log have rows: a server that logs statements refuses every change at READ COMMITTED. Where the user may not say
 * so, `readServerFacts` tells, and nothing starts.
 */
async function logRows(tell: (sql: string) => Promise<unknown>): Promise<void> {
  try {
    await tell("set session binlog_format = 'ROW'");
  } catch (error) {
    if (isFatal(error)) throw error;
  }
}

/**
 * Waits, before a transaction begins and with each statement outside of one, until a node has what all others had taken by
 * then: whoever is told of an order by one node's process finds it on another. Bits for reads (and what begins a
 * transaction), updates and deletes, inserts.
 */
const waitForOthers = "set session wsrep_sync_wait = 7";

/**
 * The same for a member of Group Replication: where each of them takes changes, what begins a transaction waits until this one has
 * what the others had committed by then; where one does, only while a new one still applies what the old one left. Sessions
 * of a group that is told to wait for more already are left as they are. Every user may say so.
 */
function groupWait(values: ReadonlyMap<string, string>): string | null {
  if ((values.get("group_replication_group_name") ?? "") === "") return null;
  const own = values.get("group_replication_consistency") ?? "";
  const wanted = values.get("group_replication_single_primary_mode") === "OFF"
    ? "BEFORE"
    : "BEFORE_ON_PRIMARY_FAILOVER";
  const weaker = ["EVENTUAL", "BEFORE_ON_PRIMARY_FAILOVER"].filter((level) => level !== wanted);
  return weaker.includes(own) ? `set session group_replication_consistency = '${wanted}'` : null;
}

/** Sessions with whatever server stands behind an address. */
export interface DatabaseSessions {
  limits: SessionLimits;
  /** The server that the connection which was prepared last leads to; another one may have taken its place since. */
  latest(): KnownServer;
  /** The server that a connection leads to. */
  serverOf(connection: mysql.PoolConnection): KnownServer;
  /** Tells a new connection its settings. */
  prepare(connection: mysql.PoolConnection): Promise<void>;
  /** Statements on one connection. */
  on(connection: mysql.PoolConnection, timeout?: number): Queryable;
  /** Statements on one connection, in one packet where they are asked for at once; of no transaction. */
  together(connection: mysql.PoolConnection): Queryable;
  /** Statements of a transaction on one connection. */
  within(
    connection: mysql.PoolConnection,
    ends: TransactionEnds,
    timeout: number,
  ): { tx: Queryable } & Omit<TransactionStatements, "send">;
}

/** What is known of the server before any connection was prepared. */
const unknownServer: KnownServer = {
  engine: "mysql",
  version: "",
  maxPacketBytes: Infinity,
  isGalera: false,
  groupWait: null,
  logsStatements: false,
};

/**
 * Makes what connections are told, and remembers of each what its server said of itself: behind the address another one may
 * stand after a failover, of another version or engine, and with other settings.
 */
export function sessionsOf(limits: SessionLimits): DatabaseSessions {
  const { statementMs, idleSeconds } = limits;
  const prepared = usage(), together = usage();
  const waysOf = (server: KnownServer): Ways => ({
    prepared,
    // A node of Galera that ends a transaction between two statements of a packet tells nobody, and runs the second one
    // by itself.
    together: { ...together, isOff: () => server.isGalera || together.isOff() },
    maxBytes: () => server.maxPacketBytes,
  });
  const known = new WeakMap<object, { server: KnownServer; ways: Ways }>();
  let latest = { server: unknownServer, ways: waysOf(unknownServer) };
  // The driver wraps a connection anew each time that it is lent.
  const knownOf = ({ connection }: mysql.PoolConnection) => known.get(connection) ?? latest;
  return {
    limits,
    latest: () => latest.server,
    serverOf: (connection) => knownOf(connection).server,
    async prepare(connection) {
      const tell = (sql: string) => connection.query({ sql, timeout: statementMs });
      const [rows] = await tell(whatServer);
      const server = knownServer(rows as Row[]);
      latest = { server, ways: waysOf(server) };
      known.set(connection.connection, latest);
      for (const sql of sessionSettings) await tell(sql);
      if (server.isGalera) await tell(waitForOthers);
      if (server.groupWait !== null) await tell(server.groupWait);
      if (server.logsStatements) await logRows(tell);
      if (server.engine === "mariadb") {
        await tell(
          `set in_predicate_conversion_threshold = 0, idle_transaction_timeout = ${idleSeconds}`,
        );
      }
    },
    on: (connection, timeout = statementMs) => {
      const { server, ways } = knownOf(connection);
      return queryable(sendEach(connection, timeout, ways), server.engine);
    },
    together: (connection) => {
      const { server, ways } = knownOf(connection);
      const none = { begin: [], commit: "", asksOnce: false };
      return queryable(sendTogether(connection, statementMs, ways, none).send, server.engine);
    },
    within: (connection, ends, timeout) => {
      const { server, ways } = knownOf(connection);
      const { send, ...state } = sendTogether(connection, timeout, ways, ends);
      return { tx: queryable(send, server.engine), ...state };
    },
  };
}
