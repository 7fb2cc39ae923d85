/**
 * Lends connections, and throws those away that are of no further use.
 *
 * @module
 */

import mysql from "mysql2/promise";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionWay, hostOf, lookMs as answerMs, streamTo } from "./connection.ts";
import { noteAccount } from "./grants.ts";
import { type HostChoice, isSameHost, toWritableHost } from "./host_choice.ts";
import { hangs, isFatal, isOverTimeLimit, isWrongServer } from "./faults.ts";
import { watchSilentConnections } from "./silent_connections.ts";
import { noteOpened } from "./slow_openings.ts";
import { refuseHangingCommits, refuseReadOnly } from "./writable.ts";

/** How many connections a pool has, and what they do. */
export interface ConnectionCounts {
  /** All that there are, those that are being opened included. */
  open: number;
  /** Those that run something, or are held by a transaction. */
  inUse: number;
  /** Callers that wait for one. */
  waiting: number;
}

/** Connections to one address, or to the one of several hosts that takes changes. */
export interface ConnectionPool {
  /**
   * Lends a connection for as long as `work` takes. One that died, or that leads to a server that is not the
   * one to write to any more, does not come back, and none of those that were opened before it is lent again:
   * behind the address another server may stand by now.
   *
   * @throws what `work` throws, or what opening a connection throws
   */
  use<T>(work: (connection: mysql.PoolConnection) => Promise<T>): Promise<T>;
  /** The connections at this moment. */
  counts(): ConnectionCounts;
  /** Ends all connections; statements that still run are abandoned. Closing again is nothing. */
  close(): Promise<void>;
}

/** Longest wait for an orderly end of connections that nobody uses. */
const maxCloseMs = 500;

/**
 * While a server stays read-only every write fails, and would have all others opened anew: once in this time
 * is enough to meet its successor. What is asked for sooner comes at its end, because it may be about those opened meanwhile.
 */
const minRenewalMs = 1_000;

/** Looks at a silent connection before its server is asked about it. */
const looksAtOne = 6;

/** The same where another host may take its place, which costs the less the sooner it is known. */
const looksAtSeveral = 2;

/** The driver's own lists: it has no other word for them, and counting along would cost every statement. */
interface Lists {
  _allConnections: { length: number };
  _freeConnections: { length: number; get(index: number): { destroy(): void } };
  _connectionQueue: { length: number };
}

/**
 * Opens a pool; no connection is made yet.
 *
 * @param prepare is run on every connection before it is lent for the first time
 * @param lookMs how often connections are looked at whose statements are not answered
 */
export function openPool(
  way: ConnectionWay & { options: mysql.PoolOptions },
  prepare: (connection: mysql.PoolConnection) => Promise<void>,
  lookMs = 1_000,
): ConnectionPool {
  const { choice } = way;
  const pool = mysql.createPool(way.options);
  const lists = pool.pool as unknown as Lists;
  const lent = new Set<mysql.PoolConnection>();
  const generations = generationsOf(lists);
  const unwatch = watchSilentConnections({
    lent,
    looks: choice === undefined ? looksAtOne : looksAtSeveral,
    ask: () => askForConnections(way),
    isReplaced: () => choice === undefined ? Promise.resolve(false) : isReplaced(choice),
    isLeft: (host) => choice !== undefined && !isSameHost(choice.current(), host),
    onDead: generations.renew,
  }, lookMs);
  let closed: Promise<void> | undefined;
  return {
    use: lender(pool, { lent, generations, prepare, choice }),
    counts: () => countsOf(lists),
    close: () => {
      unwatch();
      generations.end();
      return closed ??= closePool(pool, lent);
    },
  };
}

/** Which connections may be lent again: those that were opened since the last renewal. */
interface Generations {
  /** The one of today. */
  current(): number;
  /** The one that a connection was prepared in; undefined before. */
  of(connection: object): number | undefined;
  note(connection: object, generation: number): void;
  /** Has none of the open connections lent again, and ends those that are free; at once or a moment later. */
  renew(): void;
  /** Renews no more. */
  end(): void;
}

function generationsOf({ _freeConnections: free }: Lists): Generations {
  const generations = new WeakMap<object, number>();
  let generation = 0;
  let renewedAt = -Infinity;
  let soon: ReturnType<typeof setTimeout> | undefined;
  const renew = () => {
    clearTimeout(soon);
    soon = undefined;
    renewedAt = performance.now();
    generation++;
    const idle = Array.from({ length: free.length }, (_, index) => free.get(index));
    for (const connection of idle) connection.destroy();
  };
  return {
    current: () => generation,
    of: (connection) => generations.get(connection),
    note: (connection, opened) => generations.set(connection, opened),
    renew() {
      const restMs = renewedAt + minRenewalMs - performance.now();
      if (restMs <= 0) renew();
      else soon ??= setTimeout(renew, restMs);
    },
    end: () => clearTimeout(soon),
  };
}

/** What connections are lent by. */
interface Lending {
  lent: Set<mysql.PoolConnection>;
  generations: Generations;
  prepare: (connection: mysql.PoolConnection) => Promise<void>;
  choice: HostChoice | undefined;
}

/** Lends connections, each prepared before its first use. */
function lender(pool: mysql.Pool, lending: Lending): ConnectionPool["use"] {
  const { lent, generations, choice } = lending;
  const take = async (): Promise<mysql.PoolConnection> => {
    const connection = await pool.getConnection();
    if (choice !== undefined && !isSameHost(hostOf(connection), choice.current())) {
      connection.destroy();
      generations.renew();
      return await take();
    }
    lent.add(connection);
    if (generations.of(connection.connection) === undefined) {
      await prepareNew(connection, lending);
    }
    return connection;
  };
  return async (work) => {
    const connection = choice === undefined ? await take() : await toWritableHost(choice, take);
    let broken = true;
    try {
      const result = await work(connection);
      broken = false;
      return result;
    } catch (error) {
      broken = isFatal(error) || isWrongServer(error) || isOverTimeLimit(error);
      await noteFault(connection, error, lending);
      throw error;
    } finally {
      lent.delete(connection);
      const itself = connection.connection;
      if (broken || generations.of(itself) !== generations.current()) connection.destroy();
      else connection.release();
    }
  };
}

/** @throws what preparing throws; the connection is gone then */
async function prepareNew(connection: mysql.PoolConnection, lending: Lending): Promise<void> {
  const { lent, generations, prepare, choice } = lending;
  const opened = generations.current();
  try {
    if (choice !== undefined) await refuseReadOnly(connection, maxAskMs);
    await prepare(connection);
    noteOpened(connection);
    generations.note(connection.connection, opened);
  } catch (error) {
    await noteFault(connection, error, lending);
    lent.delete(connection);
    connection.destroy();
    throw error;
  }
}

/** Has other connections opened anew where an error says that the server is another one by now. */
async function noteFault(
  connection: mysql.PoolConnection,
  error: unknown,
  { generations, choice }: Lending,
): Promise<void> {
  const opened = generations.of(connection.connection) ?? generations.current();
  if (opened === generations.current() && (isWrongServer(error) || hangs(error))) {
    generations.renew();
  }
  if (isWrongServer(error)) choice?.leave(hostOf(connection));
  await noteAccount(connection, error);
}

function countsOf(
  { _allConnections, _freeConnections, _connectionQueue }: Lists,
): ConnectionCounts {
  const open = _allConnections.length;
  return { open, inUse: open - _freeConnections.length, waiting: _connectionQueue.length };
}

async function closePool(
  pool: mysql.Pool,
  lent: ReadonlySet<mysql.PoolConnection>,
): Promise<void> {
  for (const connection of lent) connection.destroy();
  // One that the server has closed meanwhile is closed all the same.
  await Promise.race([pool.end().catch(() => {}), sleep(maxCloseMs)]);
}

/** Longest wait for the server's list of its connections. */
const maxAskMs = 3_000;

/** See {@linkcode SilenceWatch}. */
async function askForConnections(
  { options, choice }: ConnectionWay,
): Promise<ReadonlyMap<number, string> | null> {
  const timeout = choice === undefined ? maxAskMs : answerMs;
  const stream = choice === undefined ? {} : streamTo(choice.current());
  const connection = await openAlone({ ...options, ...stream, connectTimeout: timeout });
  try {
    if (choice !== undefined) {
      await refuseReadOnly(connection, timeout);
      await refuseHangingCommits(connection, timeout, undefined);
    }
    const [rows] = await connection.query({ sql: "show processlist", timeout });
    const known = new Map(
      (rows as { Id: number; Command: string }[]).map(({ Id, Command }) => [Number(Id), Command]),
    );
    return known.has(connection.threadId) ? known : null;
  } finally {
    connection.destroy();
  }
}

/** See {@linkcode SilenceWatch}. */
async function isReplaced(choice: HostChoice): Promise<boolean> {
  const silent = choice.current();
  choice.leave(silent);
  await choice.search();
  return !isSameHost(choice.current(), silent);
}

/** Opens a connection that only asks. */
async function openAlone(
  { connectionLimit: _limit, maxIdle: _idle, ...options }: mysql.PoolOptions,
): Promise<mysql.Connection> {
  const connection = await mysql.createConnection(options);
  // One that is cut off while nothing is asked of it says so here, and is of no interest.
  connection.on("error", () => {});
  return connection;
}
