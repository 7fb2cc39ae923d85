/**
 * Which of several hosts connections are opened to: the one that takes changes, and after a switch-over its successor.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import type { DatabaseHost } from "../../config/engine_url.ts";
import { messageOf } from "../../domain/errors.ts";
import { isFatal, isWrongServer } from "./faults.ts";

/** The hosts of one URL, of which one is used at a time by all connections of a pool. */
export interface HostChoice {
  readonly hosts: readonly DatabaseHost[];
  /** Where the next connection is opened to. */
  current(): DatabaseHost;
  /** Has the next connection opened to the host after this one, unless somebody has gone on from it already. */
  leave(host: DatabaseHost): void;
  /** Has the next connection opened to this host. */
  choose(host: DatabaseHost): void;
}

/** Begins with the first host; which one it is later is known to this process alone. */
export function hostChoice(hosts: readonly DatabaseHost[]): HostChoice {
  let at = 0;
  return {
    hosts,
    current: () => hosts[at]!,
    leave: (host) => {
      if (isSameHost(hosts[at]!, host)) at = (at + 1) % hosts.length;
    },
    choose: (host) => at = hosts.findIndex((one) => isSameHost(one, host)),
  };
}

/** Whether both are the same server by name and port. */
export function isSameHost(one: DatabaseHost, other: DatabaseHost): boolean {
  return one.host === other.host && one.port === other.port;
}

/** None of several hosts takes changes; `errno` and `code` are those of the last that was asked. */
export class NoWritableHost extends Error {
  override name = "NoWritableHost";
  readonly errno: number | undefined;
  readonly code: string | undefined;
  readonly sqlState: string | undefined;
  /** No connection came of it, so that whoever wanted one may try again. */
  readonly fatal = true;

  constructor(readonly tried: readonly { host: DatabaseHost; error: unknown }[]) {
    super(
      tried.map(({ host: { host, port }, error }) => `${host}:${port}: ${messageOf(error)}`)
        .join("; "),
    );
    const { errno, code, sqlState } = (tried.at(-1)?.error ?? {}) as Partial<NoWritableHost>;
    this.errno = errno;
    this.code = code;
    this.sqlState = sqlState;
  }
}

/**
 * Opens a connection to the host that takes changes: asks each until one does.
 *
 * @param open opens and prepares a connection to the current host, or throws
 * @throws {NoWritableHost} where none does
 * @throws what `open` throws for another reason, such as a wrong password
 */
export async function toWritableHost<T>(choice: HostChoice, open: () => Promise<T>): Promise<T> {
  const tried: { host: DatabaseHost; error: unknown }[] = [];
  for (const _ of choice.hosts) {
    const host = choice.current();
    try {
      return await open();
    } catch (error) {
      if (!isFatal(error) && !isWrongServer(error)) throw error;
      tried.push({ host, error });
      choice.leave(host);
    }
  }
  throw new NoWritableHost(tried);
}

/** Milliseconds to wait for a statement that every server answers at once. */
const lookMs = 3_000;

/**
 * Looks whether a server takes changes: a replica does not, whoever asks, although administrators may write to it.
 *
 * @throws as the server would throw for a change
 */
export async function refuseReadOnly(connection: mysql.Connection): Promise<void> {
  const [rows] = await connection.query({
    sql: "select @@global.read_only as server, @@global.innodb_read_only as tables",
    timeout: lookMs,
  });
  const { server, tables } = (rows as { server: unknown; tables: unknown }[])[0]!;
  if (isOff(server) && isOff(tables)) return;
  throw readOnlyError();
}

/** What a server throws for a change while it only reads. */
export function readOnlyError(): Error {
  return Object.assign(new Error("it is read-only"), {
    errno: 1290,
    code: "ER_OPTION_PREVENTS_STATEMENT",
    sqlState: "HY000",
  });
}

function isOff(value: unknown): boolean {
  return /^(0|off)$/i.test(String(value));
}
