/**
 * How connections to the database are made, and what they are told.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import mysql from "mysql2/promise";
import { type DatabaseHost, readDatabaseUrl, splitHosts } from "../../config/engine_url.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { type HostChoice, hostChoice, toWritableHost } from "./host_choice.ts";
import { noteOpened, watchOpening } from "./slow_openings.ts";
import { readTlsFiles } from "./tls_files.ts";
import { refuseHangingCommits, refuseReadOnly } from "./writable.ts";

/** The two families of servers that are supported. */
export type EngineKind = "mysql" | "mariadb";

/** Seconds that a statement waits for another's row lock before the transaction is tried again. */
const lockWaitSeconds = 5;

/** How long a connection may take until its server says its first word. */
const connectMs = 10_000;

/** The same where there are others to go on to. */
const connectMsOfSeveral = 3_000;

/** How long each answer of a host may take that is asked whether it takes changes, while others may: some milliseconds are usual. */
export const lookMs = 1_500;

/** Silence of a connection after which the operating system asks whether the other side still exists. */
const keepAliveMs = 10_000;

/** What leads to a database. */
export interface ConnectionWay {
  /** Of the driver. */
  options: mysql.ConnectionOptions;
  /** Where the URL names several hosts. */
  choice: HostChoice | undefined;
}

/**
 * Options of the driver for a URL; of several hosts the first.
 *
 * @param url `mysql://user:pass@host:3306/name`, with parameters as `DATABASE_URL`
 * @throws {WorkflowError} `bad_settings` for a parameter or a file that is not as it should be
 */
export function connectionOptions(url: string): mysql.ConnectionOptions {
  return connectionWay(url).options;
}

/** See {@linkcode connectionOptions}; of several hosts that which was chosen when a connection is opened. */
export function connectionWay(url: string): ConnectionWay {
  const { address: { host, port, hosts, socket, user, password, name, tls }, faults } =
    readDatabaseUrl(url);
  if (faults.length > 0) {
    const lines = faults.map((fault) => `DATABASE_URL ${fault}`);
    throw new WorkflowError("bad_settings", `Bad settings: ${lines.join("; ")}`);
  }
  const choice = hosts === undefined
    ? undefined
    : hostChoice(hosts, (host) => lookAtHost(options, host));
  const stream = choice === undefined ? streamTo({ host, port }) : streamToChosen(choice);
  const options = {
    ...(socket === undefined ? { host, port, ...stream } : { socketPath: socket }),
    user,
    password,
    database: name,
    ...(tls === null ? {} : { ssl: readTlsFiles("DATABASE_URL", tls) }),
    charset: "utf8mb4_unicode_ci",
    timezone: "Z",
    dateStrings: true,
    supportBigNumbers: true,
    // What a transaction asks for at once goes in one packet: every statement is a text of ours with `?` for each value.
    multipleStatements: true,
    connectTimeout: choice === undefined ? connectMs : connectMsOfSeveral,
    trace: false,
  } as mysql.ConnectionOptions;
  return { options, choice };
}

/**
 * Opens one connection that belongs to no pool; of several hosts to the one that takes changes.
 *
 * @param own options beside those of the URL
 */
export async function openConnection(
  { options, choice }: ConnectionWay,
  own: mysql.ConnectionOptions = {},
): Promise<mysql.Connection> {
  const open = () => mysql.createConnection({ ...options, ...own });
  if (choice === undefined) return await open();
  return await toWritableHost(choice, async () => {
    const connection = await open();
    try {
      await refuseReadOnly(connection, connectMsOfSeveral);
      noteOpened(connection);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  });
}

/**
 * Looks whether a host takes changes, over a connection of its own.
 *
 * @throws what it says instead, or that it does not answer
 */
async function lookAtHost(
  { database, ...options }: mysql.ConnectionOptions,
  host: DatabaseHost,
): Promise<void> {
  const connection = await mysql.createConnection({
    ...options,
    ...streamTo(host),
    connectTimeout: lookMs,
  });
  // One that is cut off while nothing is asked of it says so here, and is of no interest.
  connection.on("error", () => {});
  try {
    await refuseReadOnly(connection, lookMs);
    await refuseHangingCommits(connection, lookMs, database);
  } finally {
    connection.destroy();
  }
}

/** What the driver gives whoever makes its streams. */
interface StreamFor {
  config?: DatabaseHost;
}

/** Option of the driver by which a connection is opened to a host. */
export function streamTo(host: DatabaseHost): mysql.ConnectionOptions {
  return { stream: ({ config }: StreamFor) => connectTo(host, config) };
}

/** The same to the host that is chosen in that moment; if that is slow, others are looked at. */
function streamToChosen(choice: HostChoice): mysql.ConnectionOptions {
  const stream = ({ config }: StreamFor) => {
    const host = choice.current();
    const socket = connectTo(host, config);
    if (config !== undefined) watchOpening(choice, host, { socket, config });
    return socket;
  };
  return { stream };
}

/** The host that a connection was opened to, one of several. */
export function hostOf(connection: mysql.PoolConnection): DatabaseHost {
  return (connection.connection as unknown as { config: DatabaseHost }).config;
}

/**
 * What the driver does itself where it is not told of a host by address: it gives TLS the name of the host
 * for the look at the certificate, but of an address nothing, and then the certificate is held against
 * `localhost`. TLS asks the socket for what it was not told. A name is looked up for every connection anew.
 *
 * @param config the connection's own, which is told where it leads to
 */
function connectTo({ host, port }: DatabaseHost, config: DatabaseHost | undefined): Socket {
  if (config !== undefined) Object.assign(config, { host, port });
  const socket = connect(port, host);
  socket.on("connect", () => socket.setKeepAlive(true, keepAliveMs));
  socket.setNoDelay(true);
  return Object.assign(socket, { _host: host });
}

/**
 * Ends a connection on which others may wait for their turn: all of them fail with this error. The driver's own `destroy` tells
 * them nothing, so they would wait for ever.
 */
function breakOff({ connection }: mysql.PoolConnection, error: Error): void {
  // The driver has no other word for it.
  const { stream } = connection as unknown as { stream: { destroy(error: Error): void } };
  stream.destroy(error);
}

/** A URL fit for logs: without password. */
export function withoutSecrets(url: string): string {
  const { hosts, withHost } = splitHosts(url);
  const parsed = URL.parse(withHost(hosts[0]!));
  if (parsed === null) return "(not a URL)";
  if (parsed.password !== "") parsed.password = "***";
  return hosts.length === 1 ? parsed.href : splitHosts(parsed.href).withHost(hosts.join(","));
}

/** Bytes of rows that are read as one text, see `packed_rows.ts`: far more than a batch needs. */
const maxPackedBytes = 64 * 1024 * 1024;

/** What every connection is told, by which statements and times mean the same wherever they go. */
export const sameMeaning = "set time_zone = '+00:00', " +
  "sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'";

/** What every connection of a pool is told first: nothing depends on the server's defaults. */
export const sessionSettings = [
  `${sameMeaning}, innodb_lock_wait_timeout = ${lockWaitSeconds}, group_concat_max_len = ${maxPackedBytes}`,
  "set names utf8mb4 collate utf8mb4_unicode_ci",
  "set session transaction isolation level read committed",
];

/**
 * How the server is told to end this connection's transaction when its client is silent for too long. MariaDB has a
 * limit for transactions alone, which every connection is told first; MySQL has only one for connections,
 * which must not hold for those that wait in the pool.
 *
 * @returns what begins the limit, and what gives the connection its usual limit back, before whatever is asked of it next; an error
 * of that only means that the connection is of no further use, because the transaction has ended by then
 */
export function silenceLimit(
  connection: mysql.PoolConnection,
  engine: EngineKind,
  limits: { usualSeconds: number; ownSeconds: number | undefined },
  timeout: number,
): { begin: string[]; end: () => void } {
  const { usualSeconds, ownSeconds } = limits;
  if (engine === "mariadb" && ownSeconds === undefined) {
    return { begin: [], end: () => {} };
  }
  const variable = engine === "mariadb" ? "idle_transaction_timeout" : "wait_timeout";
  const set = (value: number | "default") => `set session ${variable} = ${value}`;
  const usual = engine === "mariadb" ? usualSeconds : "default";
  return {
    begin: [set(ownSeconds ?? usualSeconds)],
    end: () => {
      connection.query({ sql: set(usual), timeout }).catch((error) => breakOff(connection, error));
    },
  };
}
