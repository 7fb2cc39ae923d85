/**
 * Where people are named beside their own rows, and how their names leave.
 *
 * @module
 */

import { databaseTime } from "../../domain/database_time.ts";
import type { TimelineStep } from "../../domain/order/timeline_step.ts";
import { erasedText } from "../../domain/customer/erased_customer.ts";
import { packedPrefix } from "../clients/packed_text.ts";
import { beforeChargebackNote } from "../../domain/payment/chargeback.ts";
import { noAddressError } from "../../domain/notification/notification.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { returnedByHandErased } from "../payments/returned_reversals.ts";
import { endingAnswers } from "../reconciliation/ending_answers.ts";

/** An order, and the hash of what it says, in hexadecimal. */
export interface HashedOrder {
  id: number;
  contentHash: string;
}

/**
 * Locks the next orders of customers, by id.
 *
 * @param page.afterId only those with higher ids
 */
export async function lockNextOrders(
  tx: Queryable,
  customerIds: readonly number[],
  page: { afterId: number; limit: number },
): Promise<HashedOrder[]> {
  const rows = await tx.query(
    `
    select id, content_hash
    from orders force index (orders_customer)
    where customer_id in (?) and id > ?
    order by id
    limit ?
    for update`,
    [[...customerIds], page.afterId, page.limit],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    contentHash: (row.content_hash as Uint8Array).toHex(),
  }));
}

/** Takes whom orders were for off them, and gives them other hashes; where none is given, they keep theirs. */
export async function eraseRecipients(
  tx: Queryable,
  orders: readonly (Pick<HashedOrder, "id"> & Partial<HashedOrder>)[],
): Promise<void> {
  await tx.run(
    `
    update json_table(?, '$[*]' columns (
        id bigint unsigned path '$[0]',
        hash char(32) character set ascii collate ascii_bin path '$[1]')) j
      straight_join orders force index (primary) on orders.id = j.id
    set orders.recipient_name = ?, orders.recipient_email = null, orders.language = null,
      orders.content_hash = coalesce(unhex(j.hash), orders.content_hash)`,
    [JSON.stringify(orders.map(({ id, contentHash }) => [id, contentHash ?? null])), erasedText],
  );
  await tx.query("delete from order_addresses where order_id in (?)", [orders.map(({ id }) => id)]);
}

/**
 * Whether the detail of a step is what somebody typed or a receiver said: nobody can tell whom it names. Of the other steps
 * it is an amount, a code or a provider's own id.
 */
const isTyped: Readonly<Record<TimelineStep, boolean>> = {
  created: false,
  updated: false,
  edited: false,
  reserved: false,
  backordered: false,
  retried: false,
  paid: false,
  failed: false,
  cancelled: false,
  payment_late: false,
  payment_disputed: false,
  payment_authorized: false,
  payment_capture_asked: false,
  payment_released: false,
  payment_second: false,
  payment_superseded: false,
  payment_accepted: false,
  payment_given_back: false,
  payment_dismissed: false,
  payment_reversed: false,
  payment_reversal_returned: false,
  payment_by_hand: true,
  payment_returned: true,
  payment_given_twice: false,
  chargeback_opened: false,
  chargeback_updated: false,
  // But for what a person noted, which is cut off.
  chargeback_closed: false,
  refund_requested: true,
  refund_by_hand: true,
  refund_completed: true,
  refund_refused: true,
  refund_processed: false,
  refund_given_twice: false,
  given_twice_dismissed: true,
  refund_failed: true,
  refund_returned: true,
  customer_erased: false,
};

/** The steps whose detail goes where the person is erased. */
export const typedSteps: readonly TimelineStep[] = (Object.keys(isTyped) as TimelineStep[])
  .filter((step) => isTyped[step]);

/** Takes away what people wrote about orders: in timelines, as reasons of refunds, and what their receivers answered. */
export async function eraseFreeTexts(tx: Queryable, orderIds: readonly number[]): Promise<void> {
  await tx.runText(
    `
    update order_events force index (order_events_order)
    set detail = case event
      when 'payment_returned' then ${returnedByHandErased}
      when 'chargeback_closed' then substring_index(detail, '${beforeChargebackNote}', 1)
      else null end
    where order_id in (?) and detail is not null and event in (?)`,
    [[...orderIds], [...typedSteps, "chargeback_closed"]],
  );
  await tx.runText(
    `
    update refunds force index (refunds_order)
    set reason = null, failure_reason = if(failure_reason is null, null, ?)
    where order_id in (?) and (reason is not null or failure_reason is not null)`,
    [erasedText, [...orderIds]],
  );
  await tx.query("update payment_attempts set says = null where order_id in (?)", [[...orderIds]]);
  await eraseInstructions(tx, orderIds);
  await tx.query("delete from payment_actions where order_id in (?)", [[...orderIds]]);
  await tx.runText(
    `
    update discrepancies force index (discrepancies_order)
    set note = null, answer = if(answer is null or answer in (?), answer, ?)
    where order_id in (?) and (note is not null or answer is not null)`,
    [[...endingAnswers], erasedText, [...orderIds]],
  );
  await tx.runText(
    `
    update dead_letters force index (dead_letters_order)
    set error = ?
    where order_id in (?)`,
    [erasedText, [...orderIds]],
  );
}

/**
 * Ends what was to be sent to people: an e-mail that waits has no address any more. A webhook still tells the shop's own
 * systems that something happened, without whom it is about.
 */
export async function eraseNotices(tx: Queryable, orderIds: readonly number[]): Promise<void> {
  // Locked first, and in the order of all who write: what a process has sent meanwhile is settled before or after this.
  const logs = await tx.query(
    `
    select id
    from notification_logs force index (notification_logs_once)
    where order_id in (?) and channel <> 'log'
    order by id
    for update`,
    [[...orderIds]],
  );
  const ids = logs.map((row) => toInteger(row.id));
  for (let from = 0; from < ids.length; from += 1_000) {
    const some = ids.slice(from, from + 1_000);
    await tx.runText(
      `
      update notification_logs
      set error = case when channel = 'email' and success = 0 then ? when error is null then null else ? end,
        no_address = if(channel = 'email' and success = 0, 1, no_address)
      where id in (?)`,
      [noAddressError, erasedText, some],
    );
    await tx.runText(
      "delete from notification_deliveries where notification_log_id in (?) and channel = 'email'",
      [some],
    );
    await tx.runText(
      `
      update notification_attempts force index (notification_attempts_log)
      set reply = null, error = if(error is null, null, ?)
      where notification_log_id in (?) and (reply is not null or error is not null)`,
      [erasedText, some],
    );
  }
}

/** A text of a row. */
export interface TextOfRow {
  id: number;
  text: string;
}

/** Texts of orders that may name somebody, each with how a row is changed that does. */
const orderTexts = {
  order_events: { key: "order_events_order", column: "detail" },
  order_adjustments: { key: "order_adjustments_order", column: "label" },
  refunds: { key: "refunds_order", column: "idempotency_key" },
  dead_letters: { key: "dead_letters_order", column: "payload" },
} as const;

/** A table of {@linkcode readOrderTexts}. */
export type OrderTextTable = keyof typeof orderTexts;

/** All of them. */
export const orderTextTables = Object.keys(orderTexts) as OrderTextTable[];

/** The texts of a table that belong to orders. */
export async function readOrderTexts(
  tx: Queryable,
  table: OrderTextTable,
  orderIds: readonly number[],
): Promise<TextOfRow[]> {
  const { key, column } = orderTexts[table];
  const rows = await tx.query(
    `
    select id, ${column} as text
    from ${table} force index (${key})
    where order_id in (?) and ${column} is not null`,
    [[...orderIds]],
  );
  return rows.map((row) => ({ id: toInteger(row.id), text: String(row.text) }));
}

/** Replaces texts of {@linkcode readOrderTexts} that name somebody; a key under which something was requested ends. */
export async function eraseOrderTexts(
  tx: Queryable,
  table: OrderTextTable,
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  const { column } = orderTexts[table];
  await tx.runText(
    table === "refunds"
      ? "update refunds set idempotency_key = null, key_owner = null where id in (?)"
      : `update ${table} set ${column} = '${erasedText}' where id in (?)`,
    [[...ids]],
  );
}

/** What orders are paid by, as far as it has texts of the shop's own. */
export async function readInstructionTexts(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<TextOfRow[]> {
  const rows = await tx.query(
    `
    select order_id as id, concat_ws('\n', customer, description, metadata) as text
    from payment_instructions
    where order_id in (?)`,
    [[...orderIds]],
  );
  return rows.map((row) => ({ id: toInteger(row.id), text: String(row.text) }));
}

/** Forgets what orders were paid by. */
export async function eraseInstructions(tx: Queryable, orderIds: readonly number[]): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.query("delete from payment_instructions where order_id in (?)", [[...orderIds]]);
}

/** Tables of texts that belong to no order, or mostly are a code, with what is to be read of them. */
const looseTexts = {
  // What somebody called a file.
  imports: { columns: ["source", "error", "reasons"], where: "" },
  dead_letters: { columns: ["payload", "error"], where: "order_id is null and" },
  chargebacks: { columns: ["reason"], where: "" },
  discrepancies: { columns: ["note", "answer"], where: "order_id is null and" },
  reconciliations: { columns: ["name", "error"], where: "" },
  stock_files: { columns: ["name"], where: "" },
  stock_movements: { columns: ["detail"], where: "detail is not null and" },
} as const;

/** A table of {@linkcode readLooseTexts}. */
export type LooseTextTable = keyof typeof looseTexts;

/** All of them. */
export const looseTextTables = Object.keys(looseTexts) as LooseTextTable[];

/** Statements look for so many texts at once. */
const needlesAtOnce = 20;

/** Conditions that a column has one of some texts in it. */
function holdsOne(columns: readonly string[], needles: readonly string[]) {
  const patterns = needles.map((needle) => `%${needle.replace(/[\\%_]/g, "\\$&")}%`);
  return {
    sql: columns.flatMap((column) => patterns.map(() => `${column} like ?`)).join(" or "),
    values: columns.flatMap(() => patterns),
  };
}

/** @yields needles, some at a time */
function* inParts(needles: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < needles.length; from += needlesAtOnce) {
    yield needles.slice(from, from + needlesAtOnce);
  }
}

/** Rows whose texts have one of the needles in them, with all their texts. */
export async function readLooseTexts(
  db: Queryable,
  table: LooseTextTable,
  needles: readonly string[],
): Promise<{ id: number; texts: Record<string, string | null> }[]> {
  const { columns, where } = looseTexts[table];
  const found = new Map<number, Record<string, string | null>>();
  for (const some of inParts(needles)) {
    const { sql, values } = holdsOne(columns, some);
    const rows = await db.query(
      `select id, ${columns.join(", ")} from ${table} where ${where} (${sql})`,
      values,
    );
    for (const row of rows) {
      found.set(
        toInteger(row.id),
        Object.fromEntries(columns.map((name) => [name, row[name] as string | null])),
      );
    }
  }
  return [...found].map(([id, texts]) => ({ id, texts }));
}

/** Writes texts of {@linkcode readLooseTexts} anew. */
export async function writeLooseTexts(
  db: Queryable,
  table: LooseTextTable,
  id: number,
  texts: Readonly<Record<string, string | null>>,
): Promise<void> {
  const { columns } = looseTexts[table];
  await db.run(
    `update ${table} set ${columns.map((name) => `${name} = ?`).join(", ")} where id = ?`,
    [...columns.map((name) => texts[name] ?? null), id],
  );
}

/** Pieces of rejects files that have one of the needles in them. */
export async function findRejects(
  db: Queryable,
  needles: readonly string[],
): Promise<{ importId: number; piece: number }[]> {
  const found = new Map<string, { importId: number; piece: number }>();
  for (const some of inParts(needles)) {
    const { sql, values } = holdsOne(["csv"], some);
    const rows = await db.query(
      `select import_id, piece from import_rejects where piece > 0 and (${sql})`,
      values,
    );
    for (const row of rows) {
      const one = { importId: toInteger(row.import_id), piece: toInteger(row.piece) };
      found.set(`${one.importId} ${one.piece}`, one);
    }
  }
  return [...found.values()];
}

/** Locks a piece of a rejects file, and reads it; undefined where it is gone. */
export async function lockRejects(
  tx: Queryable,
  importId: number,
  piece: number,
): Promise<string | undefined> {
  const [row] = await tx.execute(
    "select csv from import_rejects where import_id = ? and piece = ? for update",
    [importId, piece],
  );
  return row === undefined ? undefined : String(row.csv);
}

/** Writes a piece of a rejects file anew. */
export async function writeRejects(
  tx: Queryable,
  importId: number,
  piece: number,
  csv: string,
): Promise<void> {
  await tx.run("update import_rejects set csv = ? where import_id = ? and piece = ?", [
    csv,
    importId,
    piece,
  ]);
}

/** A stored answer. */
export interface StoredAnswer {
  owner: string;
  key: string;
  /** JSON. */
  answer: string;
}

/** Minutes of answers that one statement looks through. */
const answersMinutes = 30;

/**
 * The last hours in pieces, as far as answers are kept of them. Any of them may name a person: an order that is sent again is
 * answered hours after anything was done about it.
 *
 * @returns UTC, from and to; none where no answer is kept
 */
export async function readAnsweredTimes(
  db: Queryable,
  hours: number,
): Promise<{ from: string; to: string }[]> {
  const [row] = await db.query(
    `
    select date_format(min(created_at), '%Y-%m-%d %H:%i:00') as oldest, current_timestamp(6) as now
    from idempotency_keys force index (idempotency_keys_age)
    where created_at > current_timestamp(6) - interval ? hour`,
    [hours],
  );
  if (row === undefined || row.oldest === null) return [];
  const timeOf = (text: unknown) => Date.parse(`${String(text).replace(" ", "T")}Z`);
  const textOf = (ms: number) => databaseTime(ms, 0);
  const times: { from: string; to: string }[] = [];
  for (let at = timeOf(row.oldest); at <= timeOf(row.now);) {
    const from = textOf(at);
    at += answersMinutes * 60_000;
    times.push({ from, to: textOf(at) });
  }
  return times;
}

/** Stored answers of a piece of time that have one of the needles in them. */
export async function readAnswers(
  db: Queryable,
  { from, to }: { from: string; to: string },
  needles: readonly string[],
): Promise<StoredAnswer[]> {
  const found: StoredAnswer[] = [];
  for (const some of inParts(needles)) {
    const { sql, values } = holdsOne(["answer"], some);
    const rows = await db.query(
      `
      select owner, idempotency_key, answer
      from idempotency_keys force index (idempotency_keys_age)
      where created_at between ? and ? and (${sql})`,
      [from, to, ...values],
    );
    found.push(...rows.map((row) => ({
      owner: String(row.owner),
      key: String(row.idempotency_key),
      answer: String(row.answer),
    })));
  }
  return found;
}

/** Keys of a piece of time whose answers are packed, so that nothing is found in them by looking at the row. */
export async function listPackedAnswers(
  db: Queryable,
  { from, to }: { from: string; to: string },
): Promise<Omit<StoredAnswer, "answer">[]> {
  const rows = await db.query(
    `
    select owner, idempotency_key
    from idempotency_keys force index (idempotency_keys_age)
    where created_at between ? and ? and answer like ?`,
    [from, to, `"${packedPrefix}%`],
  );
  return rows.map((row) => ({ owner: String(row.owner), key: String(row.idempotency_key) }));
}

/** An answer of {@linkcode listPackedAnswers}; undefined where it is gone. */
export async function readPackedAnswer(
  db: Queryable,
  { owner, key }: Omit<StoredAnswer, "answer">,
): Promise<string | undefined> {
  const [row] = await db.query(
    "select answer from idempotency_keys where owner = ? and idempotency_key = ? and answer like ?",
    [owner, key, `"${packedPrefix}%`],
  );
  return row === undefined ? undefined : String(row.answer);
}

/** Stores an answer anew. */
export async function writeAnswer(
  db: Queryable,
  { owner, key, answer }: StoredAnswer,
): Promise<void> {
  await db.run(
    "update idempotency_keys set answer = ? where owner = ? and idempotency_key = ?",
    [answer, owner, key],
  );
}
