/**
 * What every connection of a pool is told before it is lent, and what is known of the server since.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { type EngineKind, sessionSettings } from "./connection.ts";
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
  /** It is a node of Galera: others take changes as well, and this one has them a moment later. */
  isGalera: boolean;
}

/**
 * Waits, before a transaction begins and with each statement outside of one, until a node has what all others had taken by
 * then: whoever is told of an order by one node's process finds it on another. Bits for reads (and what begins a
 * transaction), updates and deletes, inserts.
 */
const waitForOthers = "set session wsrep_sync_wait = 7";

/** DatabaseSessions with one server. */
export interface DatabaseSessions {
  limits: SessionLimits;
  /** Which server it is; known once a connection was prepared. */
  server: KnownServer;
  /** Tells a new connection its settings. */
  prepare(connection: mysql.PoolConnection): Promise<void>;
  /** Statements on one connection. */
  on(connection: mysql.PoolConnection, timeout?: number): Queryable;
  /** Statements of a transaction on one connection. */
  within(
    connection: mysql.PoolConnection,
    ends: TransactionEnds,
    timeout: number,
  ): { tx: Queryable } & Omit<TransactionStatements, "send">;
}

/** Makes what connections are told, and remembers what the server said of itself. */
export function sessionsOf(limits: SessionLimits): DatabaseSessions {
  const { statementMs, idleSeconds } = limits;
  const server: KnownServer = { engine: "mysql", version: "", isGalera: false };
  const together = usage();
  const ways: Ways = {
    prepared: usage(),
    // A node of Galera that ends a transaction between two statements of a packet tells nobody, and runs the second one
    // by itself.
    together: { ...together, isOff: () => server.isGalera || together.isOff() },
  };
  return {
    limits,
    server,
    async prepare(connection) {
      const tell = (sql: string) => connection.query({ sql, timeout: statementMs });
      if (server.version === "") {
        const [rows] = await tell("select version() as version");
        server.engine = /mariadb/i.test(String((rows as Row[])[0]?.version)) ? "mariadb" : "mysql";
        if (server.engine === "mariadb") {
          const [found] = await tell("show variables like 'wsrep_on'");
          server.isGalera = (found as Row[])[0]?.Value === "ON";
        }
        server.version = String((rows as Row[])[0]?.version);
      }
      for (const sql of sessionSettings) await tell(sql);
      if (server.isGalera) await tell(waitForOthers);
      if (server.engine === "mariadb") {
        await tell(
          `set in_predicate_conversion_threshold = 0, idle_transaction_timeout = ${idleSeconds}`,
        );
      }
    },
    on: (connection, timeout = statementMs) =>
      queryable(sendEach(connection, timeout, ways), server.engine),
    within: (connection, ends, timeout) => {
      const { send, ...state } = sendTogether(connection, timeout, ways, ends);
      return { tx: queryable(send, server.engine), ...state };
    },
  };
}
