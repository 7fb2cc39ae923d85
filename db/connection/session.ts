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

/** DatabaseSessions with one server. */
export interface DatabaseSessions {
  limits: SessionLimits;
  /** Which engine it is, and its own words; known once a connection was prepared. */
  server: { engine: EngineKind; version: string };
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
  const server: DatabaseSessions["server"] = { engine: "mysql", version: "" };
  const ways: Ways = { prepared: usage(), together: usage() };
  return {
    limits,
    server,
    async prepare(connection) {
      const tell = (sql: string) => connection.query({ sql, timeout: statementMs });
      if (server.version === "") {
        const [rows] = await tell("select version() as version");
        server.version = String((rows as Row[])[0]?.version);
        server.engine = /mariadb/i.test(server.version) ? "mariadb" : "mysql";
      }
      for (const sql of sessionSettings) await tell(sql);
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
