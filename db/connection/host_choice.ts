/**
 * Which of several hosts connections are opened to: the one that takes changes, and after a switch-over its successor.
 *
 * @module
 */

import type { DatabaseHost } from "../../config/engine_url.ts";
import { messageOf } from "../../domain/errors.ts";
import { isFatal, isWrongServer } from "./faults.ts";

/** The hosts of one URL, of which one is used at a time by all connections of a pool. */
export interface HostChoice {
  readonly hosts: readonly DatabaseHost[];
  /** Where the next connection is opened to. */
  current(): DatabaseHost;
  /** Has a host searched for before the next connection is lent, unless somebody has gone on from this one already. */
  leave(host: DatabaseHost): void;
  /** Whether a host is to be searched for first: in the beginning, and after the last one was left. */
  isSought(): boolean;
  /** Has this host be the last that is asked when next one is searched for. */
  doubt(host: DatabaseHost): void;
  /**
   * Asks all hosts, and has the first that takes changes be the current one; whoever searches at the same time shares it.
   *
   * @throws {NoWritableHost} where none does
   * @throws what a host said to another reason, such as a wrong password
   */
  search(): Promise<void>;
}

/** Milliseconds after which a host is asked beside those that have not answered yet. */
const staggerMs = 100;

/**
 * Has nothing chosen yet; what is later is known to this process alone.
 *
 * @param look resolves if a host takes changes, within seconds
 */
export function hostChoice(
  hosts: readonly DatabaseHost[],
  look: (host: DatabaseHost) => Promise<void>,
): HostChoice {
  let at = 0;
  let isSought = true;
  let searching: Promise<void> | undefined;
  /** When a host was found wanting, by a monotonic clock. */
  const doubted = new Map<number, number>();
  const indexOf = (host: DatabaseHost) => hosts.findIndex((one) => isSameHost(one, host));
  const doubt = (host: DatabaseHost) => void doubted.set(indexOf(host), performance.now());
  const search = async () => {
    const inTurn = hosts.map((_, step) => (at + step) % hosts.length)
      .sort((one, other) => (doubted.get(one) ?? 0) - (doubted.get(other) ?? 0));
    at = indexOf(await firstWritable(inTurn.map((index) => hosts[index]!), look, doubt));
    doubted.delete(at);
    isSought = false;
  };
  return {
    hosts,
    current: () => hosts[at]!,
    leave(host) {
      doubt(host);
      if (isSameHost(hosts[at]!, host)) isSought = true;
    },
    isSought: () => isSought,
    doubt,
    search: () => searching ??= search().finally(() => searching = undefined),
  };
}

/**
 * Asks hosts side by side, each a moment after the one before or as soon as that has refused: one that is dead, or
 * can't be reached, holds up nobody.
 */
function firstWritable(
  hosts: readonly DatabaseHost[],
  look: (host: DatabaseHost) => Promise<void>,
  doubt: (host: DatabaseHost) => void,
): Promise<DatabaseHost> {
  const { promise, resolve, reject } = Promise.withResolvers<DatabaseHost>();
  const waiting = [...hosts];
  const tried: { host: DatabaseHost; error: unknown }[] = [];
  let soon: ReturnType<typeof setTimeout> | undefined;
  const askNext = () => {
    clearTimeout(soon);
    const host = waiting.shift();
    if (host === undefined) return;
    soon = setTimeout(askNext, staggerMs);
    look(host).then(() => {
      clearTimeout(soon);
      waiting.length = 0;
      resolve(host);
    }, (error) => {
      doubt(host);
      tried.push({ host, error });
      if (tried.length === hosts.length) reject(whyNone(tried));
      else askNext();
    });
  };
  askNext();
  return promise;
}

/** What is wrong with all hosts; a reason that time won't mend goes before those of an outage. */
function whyNone(tried: readonly { host: DatabaseHost; error: unknown }[]): unknown {
  const other = tried.find(({ error }) => !isFatal(error) && !isWrongServer(error));
  return other?.error ?? new NoWritableHost(tried);
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
 * Opens a connection to the host that takes changes, and searches for another where that does not any more.
 *
 * @param open opens and prepares a connection to the current host, or throws
 * @throws {NoWritableHost} where none does
 * @throws what `open` throws for another reason, such as a wrong password
 */
export async function toWritableHost<T>(choice: HostChoice, open: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    if (choice.isSought()) await choice.search();
    const host = choice.current();
    try {
      return await open();
    } catch (error) {
      if (!isFatal(error) && !isWrongServer(error)) throw error;
      choice.leave(host);
      if (attempt > choice.hosts.length) throw error;
    }
  }
}
