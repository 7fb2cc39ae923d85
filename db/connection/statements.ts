/**
 * Statements on one connection, those of a transaction together where they can be.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { isRetryable, isSyntaxError, isUnprepared } from "./faults.ts";
import { refuseTooLarge } from "./packet_size.ts";
import type { Send, SentStatement, Value } from "./queryable.ts";

/** Whether a way of sending statements is used; shared by the connections of a pool. */
export interface Usage {
  /** True while it is not, because the server could not do it lately. */
  isOff(): boolean;
  /** Is told that the server could not. */
  turnOff(): void;
}

/** How long a way of sending is not used that the server could not do, in milliseconds. */
const offMs = 60_000;

/** Makes a way of sending that is used until the server can't do it. */
export function usage(now: () => number = () => performance.now()): Usage {
  let offUntil = -Infinity;
  return { isOff: () => now() < offUntil, turnOff: () => offUntil = now() + offMs };
}

/** The ways of sending. */
export interface Ways {
  /** Prepared statements: every client shares the server's room for them. */
  prepared: Usage;
  /** Several statements in one packet: what stands in between may not know it. */
  together: Usage;
  /** Bytes of a packet that the server takes. */
  maxBytes(): number;
}

interface Waiting extends SentStatement {
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * Sends each statement by itself. One that can't be prepared was not run, and is sent as text.
 *
 * @param timeout milliseconds after which a statement that is not answered has failed
 */
export function sendEach(
  connection: mysql.PoolConnection,
  timeout: number,
  { prepared, maxBytes }: Pick<Ways, "prepared" | "maxBytes">,
): Send {
  const text = async (sql: string, values: (Value | Value[])[]): Promise<unknown> =>
    (await connection.query({ sql, timeout }, values))[0];
  return async ({ sql, values, isPrepared }) => {
    refuseTooLarge(maxBytes(), { sql, values }, () => connection.format(sql, values));
    if (!isPrepared || prepared.isOff()) return await text(sql, values);
    try {
      return (await connection.execute({ sql, timeout }, values as Value[]))[0];
    } catch (error) {
      if (!isUnprepared(error)) throw error;
      prepared.turnOff();
      return await text(sql, values);
    }
  };
}

/**
 * Most characters of statements that go together: of more than that, the way to the server takes a small part of the
 * time, and a prepared statement spares writing all values as text.
 */
const maxPacketText = 65_536;

/**
 * What stands between this process and the server took several statements for one that is wrong. The transaction is to be
 * run again: they go one by one from now on.
 */
export class NotTogether extends Error {
  override name = "NotTogether";
}

/** The statements of one transaction. */
export interface TransactionStatements {
  send: Send;
  /** True once the server was told that the transaction begins. */
  hasBegun(): boolean;
  /** True once it was committed with its statements. */
  hasEnded(): boolean;
  /** See `asksLast` of `Queryable`. */
  asksLast(count?: number): void;
  /** Refuses whatever waits or is asked for from now on: it would be committed by itself, or belong to another transaction. */
  end(reason: unknown): void;
}

/** What goes with the statements of a transaction. */
export interface TransactionEnds {
  /** What begins it. */
  begin: readonly string[];
  /** What commits it with those that it asks for last. */
  commit: string;
  /** Those that it asks for first are all. */
  asksOnce: boolean;
}

/**
 * Sends the statements of a transaction: those that are asked for at the same moment, without waiting for each other's
 * answers, go to the server in one packet, and what begins the transaction goes with the first. On a network each packet
 * costs a round trip. They are run in the order in which they were asked for. After one that fails, none of those asked for with it
 * is run; and after an error by which the server may have ended the transaction, or none has begun, nothing is: it would be
 * committed by itself.
 */
export function sendTogether(
  connection: mysql.PoolConnection,
  timeout: number,
  ways: Ways,
  { begin, commit, asksOnce }: TransactionEnds,
): TransactionStatements {
  const sendOne = sendEach(connection, timeout, ways);
  let waiting: Waiting[] = [];
  let isSending = false;
  let before: readonly string[] = begin;
  let hasBegun = false, hasEnded = false;
  // How many statements are the last; 0 while that is not known.
  let lastCount = asksOnce ? Infinity : 0;
  let over: { error: unknown } | undefined;

  const refuse = (batch: readonly Waiting[], error: unknown) => {
    if (isRetryable(error) || error instanceof NotTogether) over ??= { error };
    for (const { reject } of batch) reject(error);
  };

  const sendWaiting = async () => {
    while (waiting.length > 0) {
      const [batch, first] = [waiting, before];
      waiting = [];
      before = [];
      hasBegun = true;
      if (over !== undefined) {
        refuse(batch, over.error);
        continue;
      }
      try {
        const last = lastCount === Infinity || batch.length === lastCount ? [commit] : [];
        lastCount = 0;
        const texts = ways.together.isOff() || first.length + batch.length + last.length === 1
          ? undefined
          : textsWithin(connection, batch);
        if (texts === undefined) await sendSingly(sendOne, first, batch, () => over);
        else {
          const packet = [...first, ...texts, ...last];
          const results = await sendPacket(connection, timeout, ways, packet);
          hasEnded = last.length > 0;
          if (hasEnded && !asksOnce) {
            over ??= { error: new Error("This transaction has asked for its last") };
          }
          batch.forEach(({ resolve }, index) => resolve(results[first.length + index]));
        }
      } catch (error) {
        refuse(batch, error);
      }
    }
    isSending = false;
  };

  return {
    hasBegun: () => hasBegun,
    hasEnded: () => hasEnded,
    asksLast: (count = 1) => lastCount = count,
    end: (reason) => {
      over ??= { error: reason };
    },
    send: (asked) =>
      new Promise((resolve, reject) => {
        waiting.push({ ...asked, resolve, reject });
        if (isSending) return;
        isSending = true;
        // Whoever asks for several things at once has asked for all of them by then.
        queueMicrotask(() => void sendWaiting());
      }),
  };
}

/**
 * Sends several statements in one packet.
 *
 * @returns the answer to each
 * @throws {NotTogether} where what stands in between can't do that
 */
async function sendPacket(
  connection: mysql.PoolConnection,
  timeout: number,
  { together }: Pick<Ways, "together">,
  texts: readonly string[],
): Promise<unknown[]> {
  try {
    return (await connection.query({ sql: texts.join(";\n"), timeout }))[0] as unknown[];
  } catch (error) {
    if (!isSyntaxError(error)) throw error;
    together.turnOff();
    throw new NotTogether("Statements go one by one", { cause: error });
  }
}

/** Sends statements one after another, and none after one that fails, or once the transaction is over. */
async function sendSingly(
  sendOne: Send,
  first: readonly string[],
  batch: readonly Waiting[],
  whyOver: () => { error: unknown } | undefined,
): Promise<void> {
  for (const sql of first) await sendOne({ sql, values: [], isPrepared: false });
  for (const asked of batch) {
    const over = whyOver();
    if (over !== undefined) throw over.error;
    asked.resolve(await sendOne(asked));
  }
}

/** Statements as text; undefined where they are too long to go together. */
function textsWithin(
  connection: mysql.PoolConnection,
  batch: readonly SentStatement[],
): string[] | undefined {
  const texts: string[] = [];
  let length = 0;
  for (const { sql, values } of batch) {
    for (const value of values) {
      if (typeof value === "string") length += value.length;
    }
    if (length > maxPacketText) return undefined;
    texts.push(connection.format(sql, values));
  }
  return texts.reduce((sum, text) => sum + text.length, 0) > maxPacketText ? undefined : texts;
}
