/**
 * Statements on one connection, those of a transaction together where they can be.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { isRetryable, isSyntaxError, isUnprepared } from "./faults.ts";
import type { Value } from "./queryable.ts";

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
}

/** A statement to send. */
interface Asked {
  sql: string;
  values: (Value | Value[])[];
  /** Whether it is prepared where it goes alone. */
  isPrepared: boolean;
}

interface Waiting extends Asked {
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/** Sends statements on one connection, and gives what the driver gives. */
export type Send = (asked: Asked) => Promise<unknown>;

/**
 * Sends each statement by itself. One that can't be prepared was not run, and is sent as text.
 *
 * @param timeout milliseconds after which a statement that is not answered has failed
 */
export function sendEach(
  connection: mysql.PoolConnection,
  timeout: number,
  { prepared }: Pick<Ways, "prepared">,
): Send {
  const text = async (sql: string, values: (Value | Value[])[]): Promise<unknown> =>
    (await connection.query({ sql, timeout }, values))[0];
  return async ({ sql, values, isPrepared }) => {
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
const maxTogether = 65_536;

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
}

/** What goes with the statements of a transaction. */
export interface TransactionEnds {
  /** What begins it. */
  begin: readonly string[];
  /** What commits it with those that it asks for first, where these are all. */
  commit?: string;
}

/**
 * Sends the statements of a transaction: those that are asked for at the same moment, without waiting for each other's
 * answers, go to the server in one packet, and what begins the transaction goes with the first. On a network each packet
 * costs a round trip. They are run in the order in which they were asked for. After one that fails, none of those asked for with it
 * is run; and after an error by which the server may have ended the transaction, nothing is: it would be committed by itself.
 */
export function sendTogether(
  connection: mysql.PoolConnection,
  timeout: number,
  ways: Ways,
  { begin, commit }: TransactionEnds,
): TransactionStatements {
  const sendOne = sendEach(connection, timeout, ways);
  let waiting: Waiting[] = [];
  let isSending = false;
  let before: readonly string[] = begin;
  let hasBegun = false, hasEnded = false;
  let over: { error: unknown } | undefined;

  const refuse = (batch: readonly Waiting[], error: unknown) => {
    if (isRetryable(error)) over ??= { error };
    for (const { reject } of batch) reject(error);
  };

  const sendPacket = async (
    first: readonly string[],
    texts: readonly string[],
    batch: readonly Waiting[],
  ) => {
    const isAll = commit !== undefined && first.length > 0;
    const all = [...first, ...texts, ...(isAll ? [commit] : [])];
    try {
      const [results] = await connection.query({ sql: all.join(";\n"), timeout });
      hasEnded = isAll;
      const own = (results as unknown[]).slice(first.length);
      batch.forEach(({ resolve }, index) => resolve(own[index]));
    } catch (error) {
      const isRefused = isSyntaxError(error);
      if (isRefused) ways.together.turnOff();
      refuse(
        batch,
        isRefused ? new NotTogether("Statements go one by one", { cause: error }) : error,
      );
    }
  };

  const sendSingly = async (begin: readonly string[], batch: readonly Waiting[]) => {
    let sent = 0;
    try {
      for (const sql of begin) await sendOne({ sql, values: [], isPrepared: false });
      for (; sent < batch.length; sent++) batch[sent]!.resolve(await sendOne(batch[sent]!));
    } catch (error) {
      refuse(batch.slice(sent), error);
    }
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
      const texts = ways.together.isOff() || first.length + batch.length === 1
        ? undefined
        : textsWithin(connection, batch);
      if (texts === undefined) await sendSingly(first, batch);
      else await sendPacket(first, texts, batch);
    }
    isSending = false;
  };

  return {
    hasBegun: () => hasBegun,
    hasEnded: () => hasEnded,
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

/** Statements as text; undefined where they are too long to go together. */
function textsWithin(
  connection: mysql.PoolConnection,
  batch: readonly Asked[],
): string[] | undefined {
  const texts: string[] = [];
  let length = 0;
  for (const { sql, values } of batch) {
    for (const value of values) {
      if (typeof value === "string") length += value.length;
    }
    if (length > maxTogether) return undefined;
    texts.push(connection.format(sql, values));
  }
  return texts.reduce((sum, text) => sum + text.length, 0) > maxTogether ? undefined : texts;
}
