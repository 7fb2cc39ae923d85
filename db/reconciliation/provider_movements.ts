/**
 * Money that moved at providers, as their reports say it.
 *
 * @module
 */

import type { MovementKind } from "../../domain/reconciliation/discrepancy.ts";
import type {
  KnownMovement,
  UnattributedMovement,
} from "../../domain/reconciliation/decide_line.ts";
import type { CustomerSide, LineKind } from "../../domain/reconciliation/provider_line.ts";
import { archivedForm, hasArchived } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger, type Value } from "../connection/database.ts";
import { insertOnce } from "../connection/insert_once.ts";
import { isOfUnknownTime } from "./named_money.ts";
import {
  keepFirstTeller,
  type MovementKey,
  moveRetellings,
  samenesses,
  toCustomer,
} from "./retold_movements.ts";

/** A movement as it is written down. */
export interface MovementRow {
  kind: MovementKind;
  /** What of ours it is of; 0 for nothing. */
  subjectId: number;
  /** Digest of the provider's name for it, in hexadecimal, where it is of nothing of ours; else null. */
  part: string | null;
  /** Digest of the line's own id, in hexadecimal; null where it has none. */
  entry: string | null;
  /** UTC. */
  at: string;
  currency: string;
  grossCents: number;
  feeCents: number;
  netCents: number;
  /** What the customer paid or got back of what was converted; null where nothing was. */
  customer: CustomerSide | null;
}

/** `part` of what is of something of ours. */
export const noPart = "0".repeat(32);

/** A charge of a report that is likely to say just what we have. */
export interface ChargeLine {
  /** The provider's name of the charge. */
  ref: string;
  /** Digest, in hexadecimal. */
  entry: string;
  amountCents: number;
  /** ISO 4217, as all currencies. */
  currency: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`, or to the microsecond. */
  at: string;
  settledCurrency: string;
  grossCents: number;
  feeCents: number;
}

/** Whose books are told, and by which report. */
export interface Telling {
  provider: string;
  reconciliationId: number;
}

/**
 * Lines as a table. Each is two texts: the engines look for each column from the beginning of a line's JSON, and of nine columns that
 * takes as long as finding the payments. What has a fixed length stands first.
 */
const chargeTable = `(
      select said.place - 1 as place, said.ref, unhex(left(said.rest, 32)) as entry,
        cast(substr(said.rest, 33, 26) as datetime(6)) as happened_at, substr(said.rest, 59, 3) as currency,
        substr(said.rest, 62, 3) as settled_currency,
        cast(substring_index(substr(said.rest, 65), ',', 1) as signed) as amount_cents,
        cast(substring_index(substring_index(said.rest, ',', 2), ',', -1) as signed) as gross_cents,
        cast(substring_index(said.rest, ',', -1) as signed) as fee_cents
      from json_table(?, '$[*]' columns (
        place for ordinality,
        ref varchar(128) character set utf8mb4 collate utf8mb4_bin path '$[0]',
        rest varchar(128) character set ascii collate ascii_bin path '$[1]')) said) line`;

/** Whether a charge was settled in another currency than its customer paid in. */
const isConverted = "line.currency <> line.settled_currency";

function chargeRows(lines: readonly ChargeLine[]): string {
  return JSON.stringify(lines.map((line) => {
    const { ref, entry, at, currency, settledCurrency, amountCents, grossCents, feeCents } = line;
    const fixed = entry + at.padEnd(26, "0") + currency + settledCurrency;
    return [ref, `${fixed}${amountCents},${grossCents},${feeCents}`];
  }));
}

/**
 * Writes down those charges that are of payments of just this money, of which no report has told yet: all of a batch by
 * one statement, and most batches need no other one.
 *
 * @param lines each of another charge, whose net is what its gross and fee come to
 * @param rules.lateSeconds that the provider's time and ours may be apart
 * @returns how many were written down
 */
export async function insertAgreeingCharges(
  db: Queryable,
  { provider, reconciliationId, rules }: Telling & { rules: { lateSeconds: number } },
  lines: readonly ChargeLine[],
): Promise<number> {
  if (lines.length === 0) return 0;
  const sql = `
    insert into provider_movements
      (kind, subject_id, part, provider, entry, reconciliation_id, happened_at, currency, gross_cents, fee_cents,
        net_cents, customer_cents, customer_currency)
    select 'charge', payments.id, unhex('${noPart}'), ?, line.entry, ?, line.happened_at,
      line.settled_currency, line.gross_cents, line.fee_cents, line.gross_cents - line.fee_cents,
      if(${isConverted}, line.amount_cents, null), if(${isConverted}, line.currency, null)
    from ${chargeTable}
    straight_join payments force index (payments_provider_ref)
      on payments.provider = ? and payments.provider_ref = line.ref
    straight_join orders on orders.id = payments.order_id
    where payments.status <> 'DECLINED' and payments.amount_cents = line.amount_cents
      and coalesce(payments.currency, orders.currency) = line.currency
      and (abs(timestampdiff(microsecond, payments.paid_at, line.happened_at)) <= ? * 1000000
        or ${isOfUnknownTime})`;
  const places = await hasArchived(db) ? [sql, archivedForm(sql)] : [sql];
  const told = chargeRows(lines);
  let count = 0;
  for (const one of places) {
    const { inserted } = await insertOnce(db, {
      sql: one,
      isNew: `not exists (
        select 1 from provider_movements
        where provider_movements.kind = 'charge' and provider_movements.subject_id = payments.id
          and provider_movements.part = unhex('${noPart}'))`.replaceAll(
        "payments.id",
        one === sql ? "payments.id" : "archived_payments.id",
      ),
      values: [provider, reconciliationId, told, provider, rules.lateSeconds],
      isFixed: true,
    });
    count += inserted;
  }
  return count;
}

/** Movements that say the very same as a line, by the table of their payments. */
const toldCharges = (table: string) => `
      ${table} payments force index (payments_provider_ref)
      straight_join provider_movements movement
        on movement.kind = 'charge' and movement.subject_id = payments.id
          and movement.part = unhex('${noPart}')`;
const sameCharge = `
      payments.provider = ? and payments.provider_ref = line.ref
        and movement.entry = line.entry and movement.gross_cents = line.gross_cents
        and movement.fee_cents = line.fee_cents and movement.currency = line.settled_currency
        and movement.net_cents = movement.gross_cents - movement.fee_cents
        and (not ${isConverted}
          or (movement.customer_cents = line.amount_cents and movement.customer_currency = line.currency))`;

/**
 * Places of those charges of which no movement is on record that says the same, and of which it is noted that this report
 * has told of it.
 */
export async function readUntoldCharges(
  db: Queryable,
  { provider, reconciliationId }: Telling,
  lines: readonly ChargeLine[],
): Promise<number[]> {
  if (lines.length === 0) return [];
  const told = (table: string) => `
    not exists (
      select 1 from ${toldCharges(table)}
      where ${sameCharge}
        and (movement.reconciliation_id = ? or exists (
          select 1 from provider_retellings told
          where told.kind = 'charge' and told.subject_id = payments.id and told.part = unhex('${noPart}')
            and told.reconciliation_id = ?)))`;
  const tables = await hasArchived(db) ? ["payments", "archived_payments"] : ["payments"];
  const rows = await db.execute(
    `select line.place from ${chargeTable} where ${
      tables.map(told).join(" and ")
    } order by line.place`,
    [chargeRows(lines), ...tables.flatMap(() => [provider, reconciliationId, reconciliationId])],
  );
  return rows.map(({ place }) => toInteger(place));
}

/**
 * Notes that this report tells the very same of charges as another one has; behind `holdReports`.
 *
 * @returns false where none has
 */
export async function noteRetoldCharges(
  tx: Queryable,
  { provider, reconciliationId }: Telling,
  lines: readonly ChargeLine[],
): Promise<boolean> {
  let isAny = false;
  for (const table of await hasArchived(tx) ? ["payments", "archived_payments"] : ["payments"]) {
    const { affectedRows } = await tx.run(
      `
      insert into provider_retellings (kind, subject_id, part, reconciliation_id, is_same)
      select 'charge', payments.id, unhex('${noPart}'), ?,
        if(date(movement.happened_at) = date(line.happened_at) and (${isConverted} or movement.customer_cents is null),
          ${samenesses.all}, ${samenesses.money})
      from ${chargeTable} straight_join ${toldCharges(table)}
      where ${sameCharge} and movement.reconciliation_id <> ?
      on duplicate key update is_same = provider_retellings.is_same`,
      [reconciliationId, chargeRows(lines), provider, reconciliationId],
    );
    isAny ||= affectedRows > 0;
  }
  return isAny;
}

/**
 * Writes movements down; no statement for none.
 *
 * @throws the database's error for a duplicate key where somebody else has told of one of them meanwhile
 */
export async function insertMovements(
  tx: Queryable,
  { provider, reconciliationId }: Telling,
  rows: readonly MovementRow[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.run(
    `
    insert into provider_movements
      (kind, subject_id, part, provider, entry, reconciliation_id, happened_at, currency, gross_cents, fee_cents,
        net_cents, customer_cents, customer_currency)
    select line.kind, line.subject_id, unhex(line.part), ?, unhex(line.entry), ?, line.happened_at, line.currency,
      line.gross_cents, line.fee_cents, line.net_cents, line.customer_cents, line.customer_currency
    from json_table(?, '$[*]' columns (
      kind varchar(12) character set ascii path '$[0]',
      subject_id bigint unsigned path '$[1]',
      part char(32) character set ascii path '$[2]',
      entry char(32) character set ascii path '$[3]',
      happened_at datetime(6) path '$[4]',
      currency char(3) character set ascii path '$[5]',
      gross_cents bigint path '$[6]',
      fee_cents bigint path '$[7]',
      net_cents bigint path '$[8]',
      customer_cents bigint path '$[9]',
      customer_currency char(3) character set ascii path '$[10]')) line`,
    [provider, reconciliationId, JSON.stringify(rows.map(valuesOf).sort(byKey))],
  );
}

function valuesOf(row: MovementRow): Value[] {
  const { kind, subjectId, part, entry, at, currency, grossCents, feeCents, netCents, customer } =
    row;
  return [
    kind,
    subjectId,
    part ?? noPart,
    entry,
    at,
    currency,
    grossCents,
    feeCents,
    netCents,
    customer?.cents ?? null,
    customer?.currency ?? null,
  ];
}

function byKey(a: readonly Value[], b: readonly Value[]): number {
  const [left, right] = [a, b].map(([kind, id, part]) =>
    `${kind} ${String(id).padStart(20)} ${part}`
  );
  return left! < right! ? -1 : 1;
}

/** What a report has told of things of ours, by id. */
export async function readMovementsOf(
  db: Queryable,
  kind: MovementKind,
  subjectIds: readonly number[],
): Promise<Map<number, KnownMovement & { at: string }>> {
  if (subjectIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select subject_id, hex(entry) as entry, gross_cents, fee_cents, net_cents, currency, customer_cents, customer_currency,
      happened_at, reconciliation_id
    from provider_movements
    where kind = ? and subject_id in (?) and part = unhex('${noPart}')`,
    [kind, [...subjectIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.subject_id), {
    ...toKnown(row),
    at: String(row.happened_at),
  }]));
}

/** What was told of that is of nothing of ours, by digest. */
export async function readUnattributed(
  db: Queryable,
  kind: LineKind,
  parts: readonly string[],
): Promise<Map<string, UnattributedMovement & { at: string }>> {
  if (parts.length === 0) return new Map();
  const rows = await db.query(
    `
    select lower(hex(movement.part)) as part, hex(movement.entry) as entry, movement.gross_cents, movement.fee_cents,
      movement.net_cents, movement.currency, movement.customer_cents, movement.customer_currency, movement.happened_at, movement.reconciliation_id
    from json_table(?, '$[*]' columns (part char(32) character set ascii path '$')) line
    straight_join provider_movements movement
      on movement.kind = ? and movement.subject_id = 0 and movement.part = unhex(line.part)`,
    [JSON.stringify(parts), kind],
  );
  return new Map(rows.map((row) => [String(row.part), {
    kind,
    ...toKnown(row),
    at: String(row.happened_at),
  }]));
}

function toKnown(row: Row): KnownMovement {
  return {
    entry: row.entry === null ? null : String(row.entry).toLowerCase(),
    grossCents: toInteger(row.gross_cents),
    feeCents: toInteger(row.fee_cents),
    netCents: toInteger(row.net_cents),
    currency: String(row.currency),
    customer: toCustomer(row),
    reconciliationId: row.reconciliation_id === null ? null : toInteger(row.reconciliation_id),
  };
}

/**
 * Takes what a report says of a movement that the provider's list had told of: its own id, its fee and its day. It is the
 * report's from then on.
 *
 * @returns when it happened as it was told before, UTC; undefined where it is gone, or another report has done so
 */
export async function adoptMovement(
  tx: Queryable,
  { reconciliationId }: Telling,
  { kind, subjectId, part, entry, at, currency, grossCents, feeCents, netCents, customer }:
    MovementRow,
): Promise<string | undefined> {
  const key = { kind, subjectId, part: part ?? noPart };
  await keepFirstTeller(tx, reconciliationId, key);
  const before = await readHappenedAt(tx, key);
  const { affectedRows } = await tx.run(
    `
    update provider_movements
    set entry = unhex(?), reconciliation_id = ?, happened_at = ?, currency = ?, gross_cents = ?, fee_cents = ?, net_cents = ?,
      customer_cents = ?, customer_currency = ?
    where kind = ? and subject_id = ? and part = unhex(?) and entry is null`,
    [
      entry,
      reconciliationId,
      at,
      currency,
      grossCents,
      feeCents,
      netCents,
      customer?.cents ?? null,
      customer?.currency ?? null,
      kind,
      subjectId,
      part ?? noPart,
    ],
  );
  return affectedRows === 1 ? before : undefined;
}

/**
 * Takes the net of a report that gross and fee come to, in the place of one that they do not come to, and what the customer paid where
 * no report has said so. The movement is the report's from then on, on the day that this one has; whoever told of it before told
 * otherwise.
 *
 * @returns when it happened as it was told before, UTC; undefined where it is gone, or others have told otherwise
 */
export async function completeMovement(
  tx: Queryable,
  { reconciliationId }: Telling,
  { kind, subjectId, part, at, currency, grossCents, feeCents, netCents, customer }: MovementRow,
): Promise<string | undefined> {
  const key = { kind, subjectId, part: part ?? noPart };
  await keepFirstTeller(tx, reconciliationId, key);
  const before = await readHappenedAt(tx, key);
  const { affectedRows } = await tx.run(
    `
    update provider_movements
    set reconciliation_id = ?, happened_at = ?, net_cents = ?, customer_cents = coalesce(customer_cents, ?),
      customer_currency = coalesce(customer_currency, ?)
    where kind = ? and subject_id = ? and part = unhex(?) and gross_cents = ? and fee_cents = ?
      and currency = ? and (net_cents <> ? or (customer_cents is null and ? is not null))`,
    [
      reconciliationId,
      at,
      netCents,
      customer?.cents ?? null,
      customer?.currency ?? null,
      kind,
      subjectId,
      part ?? noPart,
      grossCents,
      feeCents,
      currency,
      netCents,
      customer?.cents ?? null,
    ],
  );
  return affectedRows === 1 ? before : undefined;
}

/** When a movement happened as it is kept, UTC; undefined where it is gone. */
async function readHappenedAt(
  tx: Queryable,
  { kind, subjectId, part }: MovementKey,
): Promise<string | undefined> {
  const [row] = await tx.query(
    `
    select happened_at from provider_movements
    where kind = ? and subject_id = ? and part = unhex(?) for update`,
    [kind, subjectId, part],
  );
  return row === undefined ? undefined : String(row.happened_at);
}

/**
 * Gives a movement that was of nothing to what it is of; one that this has already goes.
 *
 * @param part digest of its name
 * @returns when that one happened, UTC: its day comes to less; undefined where none went
 */
export async function attributeMovement(
  tx: Queryable,
  from: { kind: MovementKind; part: string },
  to: { kind: MovementKind; subjectId: number },
): Promise<string | undefined> {
  await moveRetellings(tx, { ...from, subjectId: 0 }, { ...to, part: noPart });
  const { affectedRows } = await tx.run(
    `
    update provider_movements
    set kind = ?, subject_id = ?, part = unhex('${noPart}')
    where kind = ? and subject_id = 0 and part = unhex(?)
      and not exists (
        select 1 from (
          select 1 from provider_movements
          where kind = ? and subject_id = ? and part = unhex('${noPart}')) taken)`,
    [to.kind, to.subjectId, from.kind, from.part, to.kind, to.subjectId],
  );
  if (affectedRows > 0) return undefined;
  const before = await readHappenedAt(tx, { ...from, subjectId: 0 });
  if (before === undefined) return undefined;
  await tx.run(
    "delete from provider_movements where kind = ? and subject_id = 0 and part = unhex(?)",
    [from.kind, from.part],
  );
  return before;
}
