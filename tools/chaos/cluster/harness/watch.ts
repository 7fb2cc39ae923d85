/**
 * Looks at the database servers, past the product: who takes changes, and how work goes on.
 *
 * @module
 */

import mysql from "mysql2/promise";
import { pauseMs } from "../../harness/until.ts";
import type { DatabaseNode } from "../engines/database_node.ts";

/** What was seen. Times are `performance.now()`. */
export interface Watch {
  /** When more orders were settled than ever before. */
  readonly progress: readonly number[];
  /** Writes that succeeded, each since when it was tried. */
  readonly writes: readonly { node: string; at: number }[];
  /** Counts anew: a server was put in the place of another one that had more. */
  forget(): void;
  stop(): Promise<void>;
}

/** Between two looks at a server, in milliseconds. */
const lookMs = 100;

/** A server that answers later than this does not, in milliseconds. */
const answerMs = 1_000;

/** What the looks write to; nothing of the product's. */
const probeTable = "orders_probe.writes";

/** Creates what the looks write to. */
export async function prepareWatch(node: DatabaseNode): Promise<void> {
  await node.administer(
    "create database if not exists orders_probe",
    `create table if not exists ${probeTable} (node varchar(16) primary key, n int not null)`,
    ...["1", "2", "3"].map((n) => `replace into ${probeTable} values ('${n}', 0)`),
  );
}

/** Looks at all servers until it is stopped. */
export function openWatch(nodes: readonly DatabaseNode[]): Watch {
  const progress: number[] = [];
  const writes: { node: string; at: number }[] = [];
  let most = -1;
  let stopped = false;
  const watchNode = async (node: DatabaseNode, number: number): Promise<void> => {
    let connection: mysql.Connection | undefined;
    while (!stopped) {
      try {
        connection ??= await connect(node);
        const settled = await countSettled(connection);
        if (most >= 0 && settled > most) progress.push(performance.now());
        most = Math.max(most, settled);
        const at = performance.now();
        await connection.query({
          sql: `update ${probeTable} set n = n + 1 where node = '${number}'`,
          timeout: answerMs,
        });
        writes.push({ node: node.name, at });
      } catch (error) {
        // A server that takes no changes still tells how work goes on.
        if ((error as { errno?: number }).errno !== 1290) {
          connection?.destroy();
          connection = undefined;
        }
      }
      await pauseMs(lookMs);
    }
    connection?.destroy();
  };
  const all = Promise.all(nodes.map((node, at) => watchNode(node, at + 1)));
  return {
    progress,
    writes,
    forget: () => most = -1,
    stop: async () => {
      stopped = true;
      await all;
    },
  };
}

async function connect(node: DatabaseNode): Promise<mysql.Connection> {
  const url = new URL(node.url);
  const connection = await mysql.createConnection({
    host: node.address,
    port: node.port,
    user: url.username,
    password: url.password,
    database: url.pathname.slice(1),
    connectTimeout: answerMs,
  });
  connection.on("error", () => {});
  return connection;
}

async function countSettled(connection: mysql.Connection): Promise<number> {
  const [rows] = await connection.query<mysql.RowDataPacket[]>({
    sql: "select count(*) as n from orders where settled_at is not null",
    timeout: answerMs,
  });
  return Number(rows[0]!.n);
}

/** The longest time without one of these moments, in milliseconds. */
export function longestGap(moments: readonly number[], from: number, to: number): number {
  let before = from, longest = 0;
  for (
    const moment of [...moments.filter((at) => at > from && at < to).sort((a, b) => a - b), to]
  ) {
    longest = Math.max(longest, moment - before);
    before = moment;
  }
  return longest;
}
