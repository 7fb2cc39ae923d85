/**
 * Closed days of the ledger: pieces of their rows, each with a digest over the piece before.
 *
 * @module
 */

import { type Queryable, type Row, toInteger, type Value } from "../connection/database.ts";

/** Rows of one account and day, of orders behind the first up to the last id. */
export interface LedgerPiece {
  /** `YYYY-MM-DD`, UTC. */
  day: string;
  /** Its number. */
  account: number;
  /** -1 for all from the first. */
  afterOrderId: number;
  /** {@linkcode lastOrderId} for all that there are. */
  uptoOrderId: number;
}

/** A piece that is sealed. */
export interface LedgerSeal extends LedgerPiece {
  /** Counts them from 1, without a gap. */
  number: number;
  sealedRows: number;
  /** Of the rows of each order, by its id. */
  checksums: Map<number, number>;
  /** Over the digest of the piece before and all rows of this one. */
  digest: Uint8Array;
  isBroken: boolean;
}

/** A row as it is sealed. */
export interface SealedEntry {
  orderId: number;
  amountCents: number;
  currency: string;
  /** All of it. */
  text: string;
}

/** Higher than every order's id. */
export const lastOrderId = Number.MAX_SAFE_INTEGER;

/** The rows of a piece in their order. */
export async function readPieceEntries(
  db: Queryable,
  { day, account, afterOrderId, uptoOrderId }: LedgerPiece,
  limit: number,
): Promise<SealedEntry[]> {
  const rows = await db.query(
    `
    select order_id, amount_cents, currency, concat_ws('|', order_id, source, source_id, step, account, amount_cents,
      cast(currency as binary), cast(day as binary), cast(booked_at as binary)) as text
    from ledger_entries force index (ledger_entries_day)
    where day = ? and account = ? and order_id > ? and order_id <= ?
    order by day, account, order_id, source, source_id, step
    limit ?`,
    [day, account, afterOrderId, uptoOrderId, limit],
  );
  return rows.map((row) => ({
    orderId: toInteger(row.order_id),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    text: textOf(row.text!),
  }));
}

/** Text of a mixed concatenation comes as bytes from one engine, and as text from the other. */
function textOf(value: Value): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

/** The next account and day that has rows; undefined where none follows up to a day. */
export async function nextAccount(
  db: Queryable,
  { afterDay, upToDay }: { afterDay: string | null; upToDay: string },
  behind: Pick<LedgerPiece, "day" | "account"> | undefined,
): Promise<{ day: string; account: number } | undefined> {
  const from = "select day, account from ledger_entries force index (ledger_entries_day)";
  const order = "order by day, account limit 1";
  const [same] = behind === undefined ? [] : await db.query(
    `${from} where day = ? and account > ? ${order}`,
    [behind.day, behind.account],
  );
  const [row] = same !== undefined ? [same] : await db.query(
    `${from} where day > ? and day <= ? ${order}`,
    [behind?.day ?? afterDay ?? "1000-01-01", upToDay],
  );
  return row && { day: String(row.day), account: toInteger(row.account) };
}

/** The last seal; undefined before the first. Whoever seals locks `ledger_marks` before. */
export async function readLastSeal(db: Queryable): Promise<LedgerSeal | undefined> {
  const [row] = await db.query("select * from ledger_seals order by number desc limit 1");
  return row && toSeal(row);
}

/** Writes a seal. */
export async function insertLedgerSeal(tx: Queryable, seal: LedgerSeal): Promise<void> {
  const firstId = Math.min(...seal.checksums.keys());
  const bytes = new Uint8Array(8 * seal.checksums.size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [id, checksum] of seal.checksums) {
    view.setUint32(at, id - firstId);
    view.setUint32(at + 4, checksum);
    at += 8;
  }
  await tx.run(
    `
    insert into ledger_seals (number, day, account, after_order_id, upto_order_id, first_order_id, sealed_rows,
      checksums, digest)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      seal.number,
      seal.day,
      seal.account,
      seal.afterOrderId,
      seal.uptoOrderId,
      firstId,
      seal.sealedRows,
      bytes,
      seal.digest,
    ],
  );
}

/** The digest of a seal; undefined where there is none. */
export async function readDigest(db: Queryable, number: number): Promise<Uint8Array | undefined> {
  const [row] = await db.query("select digest from ledger_seals where number = ?", [number]);
  return row && row.digest as Uint8Array;
}

/** The seals that were looked at the longest ago, of those that are broken or of the others. */
export async function readStalestLedgerSeals(
  db: Queryable,
  isBroken: boolean,
  limit: number,
): Promise<LedgerSeal[]> {
  const rows = await db.query(
    "select * from ledger_seals where is_broken = ? order by proven_at, number limit ?",
    [isBroken ? 1 : 0, limit],
  );
  return rows.map(toSeal);
}

/** Notes that a seal was looked at just now, and whether its piece is not as it was sealed. */
export async function noteLedgerSealProven(
  db: Queryable,
  number: number,
  isBroken: boolean,
): Promise<void> {
  await db.run(
    "update ledger_seals set proven_at = current_timestamp(6), is_broken = ? where number = ?",
    [isBroken ? 1 : 0, number],
  );
}

/** How many rows a day has, and how many of them were sealed. */
export async function countDay(
  db: Queryable,
  day: string,
): Promise<{ rows: number; sealed: number }> {
  const [row] = await db.query(
    `
    select (select count(*) from ledger_entries where day = ?) as found,
      (select coalesce(sum(sealed_rows), 0) from ledger_seals where day = ?) as sealed`,
    [day, day],
  );
  return { rows: toInteger(row!.found), sealed: toInteger(row!.sealed) };
}

/** Days up to the last that was sealed which have rows and no seal, the first ones. */
export async function listUnsealedDays(db: Queryable, upToDay: string): Promise<string[]> {
  const rows = await db.query(
    `
    select days.day
    from (select distinct day from ledger_entries where day <= ?) days
    where not exists (select 1 from ledger_seals where ledger_seals.day = days.day)
    order by days.day
    limit 20`,
    [upToDay],
  );
  return rows.map((row) => String(row.day));
}

/** Adds what a piece comes to to the sums of its day, in the transaction that seals it. */
export async function addToLedgerDay(
  tx: Queryable,
  { day, account }: Pick<LedgerPiece, "day" | "account">,
  entries: readonly SealedEntry[],
): Promise<void> {
  for (const [currency, rows] of Map.groupBy(entries, ({ currency }) => currency)) {
    const sum = (sign: 1 | -1) =>
      rows.reduce((cents, { amountCents }) => {
        const signed = sign * amountCents;
        return signed > 0 ? cents + BigInt(signed) : cents;
      }, 0n);
    await tx.run(
      `
      insert into ledger_days (day, account, currency, sealed_rows, debit_cents, credit_cents)
      values (?, ?, ?, ?, ?, ?)
      on duplicate key update sealed_rows = sealed_rows + values(sealed_rows),
        debit_cents = debit_cents + values(debit_cents), credit_cents = credit_cents + values(credit_cents)`,
      [day, account, currency, rows.length, String(sum(1)), String(sum(-1))],
    );
  }
}

/** Forgets all seals and their sums; the marks must be locked. */
export async function deleteLedgerSeals(tx: Queryable): Promise<void> {
  await tx.runText("delete from ledger_seals");
  await tx.runText("delete from ledger_days");
}

/** The day before today, of the database's clock less so many seconds. */
export async function readYesterday(db: Queryable, seconds: number): Promise<string> {
  const [row] = await db.query(
    "select date(current_timestamp(6) - interval ? second) - interval 1 day as yesterday",
    [seconds],
  );
  return String(row!.yesterday);
}

function toSeal(row: Row): LedgerSeal {
  const bytes = row.checksums as Uint8Array;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const firstId = toInteger(row.first_order_id);
  const checksums = new Map<number, number>();
  for (let at = 0; at < bytes.byteLength; at += 8) {
    checksums.set(firstId + view.getUint32(at), view.getUint32(at + 4));
  }
  return {
    number: toInteger(row.number),
    day: String(row.day),
    account: toInteger(row.account),
    afterOrderId: toInteger(row.after_order_id),
    uptoOrderId: toInteger(row.upto_order_id),
    sealedRows: toInteger(row.sealed_rows),
    checksums,
    digest: row.digest as Uint8Array,
    isBroken: toInteger(row.is_broken) === 1,
  };
}
