/**
 * Dead letters: messages that no handler could finish, kept until a person retries or discards them.
 *
 * @module
 */

import { databaseTime } from "../../domain/database_time.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { type Group, groups } from "../../domain/messages/messages.ts";
import {
  type Queryable,
  type Row,
  toBigInteger,
  toInteger,
  toIsoTime,
} from "../connection/database.ts";
import { listRows } from "../connection/insert_once.ts";

/** What a dead letter says of its message. */
interface DeadMessage {
  group: Group;
  /** Id of the stream entry, after its lane where that is not the live one: see `laneName`. */
  messageId: string;
  /** Null where the message does not say. */
  orderId: number | null;
  refundId: number | null;
  amountCents: number;
  currency: string | null;
  /** JSON array of the entry's flat fields. */
  payload: string;
  /** Why it could not be handled; cut to {@linkcode maxErrorLength} characters. */
  error: string;
  /** How often a handler failed on it or died with it. */
  attempts: number;
}

/** A message that nobody could handle, as it is kept. */
export interface DeadLetter extends DeadMessage {
  /** When the message was published, in ms since 1970. */
  firstSeenMs: number;
  /** 16 bytes in hexadecimal, equal for messages with one purpose; null for what nobody understands. */
  cause?: string | null;
}

/** Where a dead letter stands. */
export type DeadLetterStatus = "DEAD" | "RETRIED" | "DISCARDED";

/** A dead-lettered message as it stands in the table. Times are ISO 8601 UTC. */
export interface DeadLetterRow extends DeadMessage {
  id: number;
  firstSeenAt: string;
  diedAt: string;
}

/** Which dead letters are meant. */
export interface DeadLetterFilter {
  group?: Group;
  id?: number;
  ids?: readonly number[];
  /** About this order. */
  orderId?: number;
  /** Of ids up to this one: leaves out what came since somebody looked. */
  upToId?: number;
  /** Part of the error's text. */
  error?: string;
  currency?: string;
  minCents?: number;
  maxCents?: number;
  /** Died before this time, UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  diedBefore?: string;
}

/** Characters of an error that are kept. */
export const maxErrorLength = 2_000;

/** The last millisecond that a datetime can hold. */
const lastTimeMs = 253_402_300_799_999;

/**
 * Writes dead letters. The same message dead-lettered again (its dead-lettering was not acknowledged) is one row still,
 * and keeps what a person has decided about it since.
 *
 * While a letter waits for a decision, further messages of the same cause are no letters of their own: they raise
 * its attempts and bring its error up to date, so that what is wrong once is told, and counted in money, once.
 */
export async function deadLetterMessages(
  db: Queryable,
  letters: readonly DeadLetter[],
): Promise<void> {
  if (letters.length === 0) return;
  const listed = listRows(
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unhex(?))",
    letters.map((letter) => [
      letter.group,
      letter.messageId,
      letter.orderId,
      letter.refundId,
      letter.amountCents,
      letter.currency,
      letter.payload.toWellFormed(),
      cutText(letter.error, maxErrorLength),
      letter.attempts,
      timeOf(letter.firstSeenMs),
      letter.cause ?? null,
    ]),
  );
  await db.runText(
    `
    insert into dead_letters
      (group_name, message_id, order_id, refund_id, amount_cents, currency, payload, error, attempts,
       first_seen_at, cause)
    values ${listed.sql}
    on duplicate key update
      error = case when dead_letters.message_id = values(message_id)
        then dead_letters.error else values(error) end,
      amount_cents = greatest(dead_letters.amount_cents, values(amount_cents)),
      attempts = case when dead_letters.message_id = values(message_id)
        then greatest(dead_letters.attempts, values(attempts))
        else dead_letters.attempts + values(attempts) end`,
    listed.values,
  );
}

/**
 * A page of the messages that wait for a decision, oldest first.
 *
 * @param afterId the last id of the page before, 0 for the first page
 */
export function listDeadLetters(
  db: Queryable,
  filter: DeadLetterFilter,
  afterId: number,
  limit: number,
): Promise<DeadLetterRow[]> {
  return readPage(db, filter, { afterId, limit, lock: "" });
}

/**
 * A page of the messages that wait for a decision, those with the most money at stake first.
 *
 * @param after amount and id of the last row of the page before
 */
export async function listCostliestDeadLetters(
  db: Queryable,
  filter: DeadLetterFilter,
  after: { amountCents: number; id: number } | undefined,
  limit: number,
): Promise<DeadLetterRow[]> {
  const { sql, values } = conditionsOf(filter);
  const rows = await db.query(
    `
    select ${columns}
    from dead_letters
    where status = 'DEAD' ${sql}
      ${after === undefined ? "" : "and (amount_cents < ? or (amount_cents = ? and id < ?))"}
    order by amount_cents desc, id desc
    limit ?`,
    [
      ...values,
      ...(after === undefined ? [] : [after.amountCents, after.amountCents, after.id]),
      limit,
    ],
  );
  return rows.map(toDeadLetter);
}

/** What a decision would be about. */
export interface DeadLetterSum {
  currency: string | null;
  count: number;
  /** A sum, so it may be larger than a number holds. */
  amountCents: bigint;
  /** The newest of them. */
  highestId: number;
}

/**
 * How many messages wait for a decision, and the money in them, by currency: what an order or a refund is worth once,
 * however many letters are about it. Answers of the payment provider are money of their own.
 */
export async function sumDeadLetters(
  db: Queryable,
  filter: DeadLetterFilter,
): Promise<DeadLetterSum[]> {
  const { sql, values } = conditionsOf(filter);
  const rows = await db.query(
    `
    select currency, sum(letters) as letters, sum(cents) as cents, max(highest_id) as highest_id
    from (
      select currency, count(*) as letters, max(amount_cents) as cents, max(id) as highest_id
      from dead_letters
      where status = 'DEAD' ${sql}
      group by currency, order_id, refund_id,
        case when order_id is null or payload like '%"payment.callback %' then id else 0 end
    ) about_one
    group by currency
    order by currency`,
    values,
  );
  return rows.map((row) => ({
    currency: row.currency === null ? null : String(row.currency),
    count: toInteger(row.letters),
    amountCents: toBigInteger(row.cents),
    highestId: toInteger(row.highest_id),
  }));
}

/** The id of the newest dead letter, whatever was decided about it; 0 where there is none. */
export async function readNewestDeadLetter(db: Queryable): Promise<number> {
  const [row] = await db.query("select coalesce(max(id), 0) as id from dead_letters");
  return toInteger(row!.id);
}

/**
 * Locks a page of the messages that wait for a decision, so that nobody else decides about them before
 * the transaction ends.
 *
 * @param afterId the last id of the page before, 0 for the first page
 */
export function lockDeadLetters(
  tx: Queryable,
  filter: DeadLetterFilter,
  afterId: number,
  limit: number,
): Promise<DeadLetterRow[]> {
  return readPage(tx, filter, { afterId, limit, lock: "for update" });
}

async function readPage(
  db: Queryable,
  filter: DeadLetterFilter,
  { afterId, limit, lock }: { afterId: number; limit: number; lock: "" | "for update" },
): Promise<DeadLetterRow[]> {
  const { sql, values } = conditionsOf(filter);
  const rows = await db.query(
    `
    select ${columns}
    from dead_letters force index (${indexOf(filter)})
    where status = 'DEAD' ${sql} and id > ?
    order by id
    limit ?
    ${lock}`,
    [...values, afterId, limit],
  );
  return rows.map(toDeadLetter);
}

/**
 * Records what was decided about locked messages, in their rows and in the timelines of their orders
 * (an order that does not exist has none).
 *
 * @param actor who decided
 * @returns how many were waiting until now
 */
export async function resolveDeadLetters(
  tx: Queryable,
  ids: readonly number[],
  status: Exclude<DeadLetterStatus, "DEAD">,
  actor: string,
): Promise<number> {
  if (ids.length === 0) return 0;
  await tx.runText(
    `
    insert into order_events (order_id, refund_id, event, detail, actor, attempt)
    select o.id, d.refund_id, ?, left(concat(d.group_name, ': ', d.error), 255), ?, d.attempts
    from dead_letters d
    join orders o on o.id = d.order_id
    where d.id in (?) and d.status = 'DEAD'
    order by o.id, d.id`,
    [`dead_letter_${status.toLowerCase()}`, actor, [...ids]],
  );
  const { affectedRows } = await tx.runText(
    `
    update dead_letters
    set status = ?, resolved_by = ?, resolved_at = current_timestamp(6)
    where id in (?) and status = 'DEAD'`,
    [status, actor, [...ids]],
  );
  return affectedRows;
}

/** A letter whatever was decided about it. */
export interface DecidedLetter extends DeadLetterRow {
  status: DeadLetterStatus;
  /** Who decided; null while nobody has. */
  resolvedBy: string | null;
  /** ISO 8601 UTC. */
  resolvedAt: string | null;
}

/** One dead letter, whether it waits or not; undefined where there is none. */
export async function readDeadLetter(
  db: Queryable,
  id: number,
): Promise<DecidedLetter | undefined> {
  const [row] = await db.execute(
    `select ${columns}, status, resolved_by, resolved_at from dead_letters where id = ?`,
    [id],
  );
  if (row === undefined) return undefined;
  return {
    ...toDeadLetter(row),
    status: row.status as DeadLetterStatus,
    resolvedBy: row.resolved_by === null ? null : String(row.resolved_by),
    resolvedAt: toIsoTime(row.resolved_at),
  };
}

/** The index by which the letters that wait are walked through by their ids. */
function indexOf({ id, ids, orderId, group }: DeadLetterFilter): string {
  if (id !== undefined || ids !== undefined) return "primary";
  if (orderId !== undefined) return "dead_letters_order";
  return group === undefined ? "dead_letters_waiting" : "dead_letters_status";
}

const columns = `id, group_name, message_id, order_id, refund_id, amount_cents, currency, payload,
      error, attempts, first_seen_at, created_at`;

function conditionsOf(
  filter: DeadLetterFilter,
): { sql: string; values: (string | number | (string | number)[])[] } {
  const error = filter.error?.replace(/[\\%_]/g, "\\$&");
  const { group, ids } = filter;
  const conditions: [sql: string, value: string | number | (string | number)[] | undefined][] = [
    ["group_name in (?)", group === undefined ? [...groups] : [group]],
    ["id = ?", filter.id],
    // Nothing is in an empty list, and the engines refuse to be asked so.
    ["id in (?)", ids === undefined ? undefined : ids.length === 0 ? [0] : [...ids]],
    ["order_id = ?", filter.orderId],
    ["id <= ?", filter.upToId],
    ["error like ?", error === undefined ? undefined : `%${error}%`],
    ["currency = ?", filter.currency],
    ["amount_cents >= ?", filter.minCents],
    ["amount_cents <= ?", filter.maxCents],
    ["created_at < ?", filter.diedBefore],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  return {
    sql: given.map(([sql]) => `and ${sql}`).join(" "),
    values: given.map(([, value]) => value!),
  };
}

function toDeadLetter(row: Row): DeadLetterRow {
  return {
    id: toInteger(row.id),
    group: row.group_name as Group,
    messageId: String(row.message_id),
    orderId: row.order_id === null ? null : toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    amountCents: toInteger(row.amount_cents),
    currency: row.currency === null ? null : String(row.currency),
    payload: String(row.payload),
    error: String(row.error),
    attempts: toInteger(row.attempts),
    firstSeenAt: toIsoTime(row.first_seen_at)!,
    diedAt: toIsoTime(row.created_at)!,
  };
}

function timeOf(ms: number): string {
  const bounded = Math.min(Math.max(0, Math.trunc(ms) || 0), lastTimeMs);
  return databaseTime(bounded);
}
