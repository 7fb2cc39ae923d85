/**
 * Reads from a replica what may be a little old, and never what is older than was promised.
 *
 * How far a replica is behind no engine tells to everybody and in one way, and behind one address there may be several. So
 * the process writes a mark at the primary now and then, its own row of `processes`, and each read looks on its own connection first
 * whether a mark that is young enough has arrived there. No clock of a server is asked: the age of a mark is this process' own.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import type { Database, Queryable } from "./database.ts";
import { readProcessSign, signAgain } from "./schema_state.ts";

/** Runs reads, each on the replica or on the primary. */
export type Reads = <T>(read: (db: Queryable) => Promise<T>) => Promise<T>;

/** See {@linkcode openReadReplica}. */
export interface ReplicaOptions {
  /** The primary. */
  db: Queryable;
  /** Opens the replica; called again later where it throws. */
  open: () => Promise<Database>;
  /** Of this process' row in `processes`. */
  processId: string;
  /** What is committed for longer than this is in what is read, in milliseconds. */
  stalenessMs: number;
  /** Is told once when reads go over to the primary, and once when they come back. */
  onChange: (change: { reads: "replica" } | { reads: "primary"; why: unknown }) => void;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
}

/** A replica that is read from while it is young enough. */
export interface ReadReplica {
  /**
   * Runs a read on the replica, or on the primary where that lacks what it should have or fails: then it runs a second time,
   * so it must change nothing and keep nothing.
   *
   * @throws what the read throws on the primary; a {@linkcode WorkflowError} at once
   */
  read: Reads;
  /** Writes a mark; once in a while, several times in what a read may be old. */
  mark(): Promise<void>;
  close(): Promise<void>;
}

/** How long the primary is read from after the replica failed or was too old, in milliseconds. */
const restMs = 1_000;

/**
 * How long a replica may take to tell how old it is, in milliseconds. One that hangs would keep lists waiting until its connection is
 * given up, which takes a minute, and nobody waits that long for an answer.
 */
const signMs = 2_000;

/** How long the primary is read from after the replica hung, in milliseconds: each try makes those wait who read meanwhile. */
const hungRestMs = 10_000;

/** A mark at the primary. */
interface Mark {
  /** As the database tells it; later ones are greater. */
  text: string;
  /** By this process' clock, before it was written. */
  at: number;
}

/** What the replica lacks. */
class TooOld extends Error {
  constructor(stalenessMs: number) {
    super(`The replica is more than ${stalenessMs} ms behind`);
  }
}

/** What the replica does. */
class Hangs extends Error {
  constructor() {
    super(`The replica did not answer within ${signMs} ms`);
  }
}

/** Opens nothing yet; the first read does. */
export function openReadReplica(
  { db, open, processId, stalenessMs, onChange, now = () => performance.now() }: ReplicaOptions,
): ReadReplica {
  const marks: Mark[] = [];
  let opening: Promise<Database> | undefined;
  let restsUntil = -Infinity;
  let reads: "replica" | "primary" = "replica";
  const opened = () => {
    const attempt = opening ??= open();
    attempt.catch(() => opening = undefined);
    return attempt;
  };
  /** Of all marks, those that are too old by now among them. */
  let latest = "";
  /** Leaves those that are young enough. */
  const youngMarks = () => {
    const oldest = now() - stalenessMs;
    while (marks.length > 0 && marks[0]!.at < oldest) marks.shift();
    return marks;
  };
  const hasArrived = (seen: string | undefined) => {
    const [first] = youngMarks();
    if (first === undefined || seen === undefined) return false;
    if (marks.some(({ text }) => text === seen)) return true;
    // The process says in other ways, too, that it is there. After the server's clock was set back nothing follows from it.
    return seen > first.text && marks.at(-1)!.text === latest;
  };
  const change = (next: typeof reads, why?: unknown) => {
    if (next === reads) return;
    reads = next;
    onChange(next === "replica" ? { reads: next } : { reads: next, why });
  };
  const checkAge = async (tx: Queryable) => {
    if (!hasArrived(await readProcessSign(tx, processId))) throw new TooOld(stalenessMs);
  };
  return {
    async read(work) {
      // Without one the primary does not answer, or has not been asked yet.
      if (now() < restsUntil || youngMarks().length === 0) return await work(db);
      try {
        const found = await readChecked(opened(), checkAge, work);
        change("replica");
        return found;
      } catch (error) {
        if (error instanceof WorkflowError && error.code !== "unavailable") throw error;
        restsUntil = now() + (error instanceof Hangs ? hungRestMs : restMs);
        change("primary", error);
        return await work(db);
      }
    },
    async mark() {
      const at = now();
      const text = await signAgain(db, processId);
      if (text === undefined) return;
      marks.push({ text, at });
      if (text > latest) latest = text;
      youngMarks();
    },
    async close() {
      await (await opening?.catch(() => undefined))?.close();
    },
  };
}

/** @throws {Hangs} where it is not known in time how old the replica is; the work is not begun then */
async function readChecked<T>(
  opened: Promise<Database>,
  checkAge: (tx: Queryable) => Promise<void>,
  work: (db: Queryable) => Promise<T>,
): Promise<T> {
  const checked = Promise.withResolvers<void>();
  const timer = setTimeout(() => checked.reject(new Hangs()), signMs);
  let isGivenUp = false;
  const found = opened.then((replica) =>
    replica.transaction(async (tx) => {
      await checkAge(tx);
      if (isGivenUp) throw new Hangs();
      checked.resolve();
      return await work(tx);
    })
  );
  // Whatever becomes of one that was given up.
  found.catch(() => {});
  try {
    await Promise.race([checked.promise, found]);
  } catch (error) {
    isGivenUp = true;
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return await found;
}
