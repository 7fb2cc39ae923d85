/**
 * Statements by which a report is taken back.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { anotherIdentity } from "./discrepancy_identities.ts";
import { agreedLater, comesTogether, toldLater } from "./ending_answers.ts";
import { type FoundDiscrepancy, openAnew } from "./found_discrepancies.ts";
import { widenTold } from "./reconciliations.ts";
import type { MovementKey } from "./retold_movements.ts";

/** Notes who wants a report taken back, until somebody else does, too, or it is over by itself. */
export async function askForWithdrawal(tx: Queryable, id: number, by: string): Promise<void> {
  await tx.run(
    "update reconciliations set withdrawal_by = ?, withdrawal_at = current_timestamp(6) where id = ?",
    [by, id],
  );
}

/** A report counts no more from here on; what it told of goes step by step. */
export async function beginWithdrawal(
  tx: Queryable,
  id: number,
  { by, span }: { by: string; span: { first: string; last: string } | undefined },
): Promise<void> {
  await tx.run(
    `
    update reconciliations
    set state = 'WITHDRAWING', withdrawal_by = ?, withdrawal_at = current_timestamp(6)
    where id = ?`,
    [by, id],
  );
  if (span !== undefined) await widenTold(tx, id, span);
}

/** A report that is being taken back. Times are UTC, as the database has them. */
export interface Withdrawal {
  id: number;
  provider: string;
  /** What it covers. */
  from: string;
  until: string;
  /** The first and the last moment that it told of; null for nothing. */
  first: string | null;
  last: string | null;
}

/** Of a report that is being taken back, its row, locked; undefined where it is not. */
export async function lockWithdrawal(tx: Queryable, id: number): Promise<Withdrawal | undefined> {
  const [row] = await tx.query(
    `
    select id, provider, period_from, period_to, withdrawn_from, withdrawn_until
    from reconciliations where id = ? and state = 'WITHDRAWING' for update`,
    [id],
  );
  return row === undefined ? undefined : {
    id: toInteger(row.id),
    provider: String(row.provider),
    from: String(row.period_from),
    until: String(row.period_to),
    first: row.withdrawn_from as string | null,
    last: row.withdrawn_until as string | null,
  };
}

/** It is taken back. The same lines over the same days are another report from then on. */
export async function endWithdrawal(tx: Queryable, id: number): Promise<void> {
  await tx.run(
    `
    update reconciliations
    set state = 'WITHDRAWN', fees_wait = 0, digest = unhex(sha2(concat(hex(digest), ' ', id), 256))
    where id = ? and state = 'WITHDRAWING'`,
    [id],
  );
}

/**
 * Reports that have told otherwise of what is gone: they don't count until they are brought again. What they tell is theirs then, and
 * its fees are others than somebody may have approved.
 */
export async function wantAgain(
  tx: Queryable,
  ids: readonly number[],
  because: string,
): Promise<void> {
  if (ids.length === 0) return;
  await tx.runText(
    `
    update reconciliations
    set state = 'FAILED', error = ?, fees_wait = if(approved_by is null, fees_wait, 1), approved_by = null,
      approved_at = null
    where id in (?) and state in ('RUNNING', 'DONE', 'FAILED')`,
    [because, [...ids]],
  );
}

/** Reports of a provider that count and cover some of a span. Times are UTC. */
export async function listCounting(
  db: Queryable,
  provider: string,
  { from, until }: { from: string; until: string },
): Promise<{ id: number; from: string; until: string }[]> {
  const rows = await db.query(
    `
    select id, period_from, period_to from reconciliations
    where provider = ? and state = 'DONE' and period_from < ? and period_to > ?
    order by id`,
    [provider, until, from],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    from: String(row.period_from),
    until: String(row.period_to),
  }));
}

/** Discrepancies of a report that are being mended. */
export async function listBeingMended(db: Queryable, reconciliationId: number): Promise<number[]> {
  const rows = await db.query(
    `
    select id from discrepancies force index (discrepancies_being_mended)
    where being_mended = 1 and reconciliation_id = ? order by id limit 5`,
    [reconciliationId],
  );
  return rows.map(({ id }) => toInteger(id));
}

/**
 * Deletes some of what a report has found and nobody has ended; how many. What went back by mending and came back is owed whatever
 * becomes of the report, and what went back of the charge that an order has come to be paid by is gone.
 */
export async function deleteOpenOf(
  tx: Queryable,
  reconciliationId: number,
  limit: number,
): Promise<number> {
  const rows = await tx.query(
    `
    select id from discrepancies force index (discrepancies_found)
    where reconciliation_id = ? and unended = 1 and movement <> 'unmended'
      and not (movement = 'mend' and kind = 'refund_without_refund')
    order by id limit ? for update`,
    [reconciliationId, limit],
  );
  await deleteDiscrepancies(tx, rows.map(({ id }) => toInteger(id)));
  return rows.length;
}

async function deleteDiscrepancies(tx: Queryable, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await tx.runText("delete from discrepancies where id in (?)", [[...ids]]);
}

/**
 * Notes beside some of what a report has found, and what was ended, that the report is gone; how many. What was explained is
 * explained of what this report told, so that another one which tells it of the same money is not silenced by it; that money of ours is
 * missing is the same whatever report lacks it, and so is what mending has moved.
 */
export async function noteOnEnded(
  tx: Queryable,
  reconciliationId: number,
  { note, limit }: { note: string; limit: number },
): Promise<number> {
  const rows = await tx.query(
    `
    select id from discrepancies force index (discrepancies_found)
    where reconciliation_id = ? and unended is null and coalesce(answer, '') not like concat('%', ?)
    order by id limit ? for update`,
    [reconciliationId, note, limit],
  );
  if (rows.length > 0) await noteOn(tx, rows.map(({ id }) => toInteger(id)), note);
  return rows.length;
}

async function noteOn(tx: Queryable, ids: readonly number[], note: string): Promise<void> {
  await tx.runText(
    `
    update discrepancies
    set identity = if((state = 'EXPLAINED' and kind <> 'missing_with_them') or answer in (?), ${anotherIdentity}, identity),
      answer = case when answer is null then ? else concat(left(answer, ?), '; ', ?) end
    where id in (?)`,
    // What ended by what reports tell holds of these reports alone.
    [[agreedLater, comesTogether], note, 253 - note.length, note, [...ids]],
  );
}

/**
 * Has discrepancies of movements that are gone, of which reports had come to agree, be known by other names: that was so of what is gone,
 * and whoever told otherwise differs anew.
 */
export async function forgetAgreed(
  tx: Queryable,
  identities: readonly string[],
): Promise<void> {
  if (identities.length === 0) return;
  await tx.run(
    `
    update discrepancies
    join json_table(?, '$[*]' columns (identity char(32) character set ascii path '$')) line
      on discrepancies.identity = unhex(line.identity)
    set discrepancies.identity = ${anotherIdentity}
    where discrepancies.state = 'MENDED' and discrepancies.answer = ?`,
    [JSON.stringify(identities), agreedLater],
  );
}

/**
 * Opens some of what has ended again because it came to what we have together with a part of a charge that a report told of which is
 * gone, beside whose own end that is noted; how many. What still comes together another look ends again.
 */
export async function reopenParts(
  tx: Queryable,
  id: number,
  { note, limit }: { note: string; limit: number },
): Promise<number> {
  const rows = await tx.query(
    `
    select distinct others.id
    from discrepancies gone force index (discrepancies_found)
    straight_join discrepancies others force index (discrepancies_order)
      on others.order_id = gone.order_id and others.provider = gone.provider and others.charge_ref = gone.charge_ref
    where gone.reconciliation_id = ? and gone.unended is null and gone.answer = ?
      and others.reconciliation_id <> gone.reconciliation_id and others.state = 'MENDED' and others.answer = ?
    order by others.id limit ?`,
    [id, `${comesTogether}; ${note}`, comesTogether, limit],
  );
  if (rows.length === 0) return 0;
  await tx.runText(
    "update discrepancies set state = 'OPEN', ended_at = null, answer = null where id in (?) and answer = ?",
    [rows.map((row) => toInteger(row.id)), comesTogether],
  );
  return rows.length;
}

/**
 * Opens again what was explained of movements that another report has told as well, as that one's, or came together with others: it
 * was so of what the first one told alone. What was said of that stays beside, with a note.
 */
export async function reopenExplained(
  tx: Queryable,
  from: number,
  to: number,
  { identities, note }: { identities: readonly string[]; note: string },
): Promise<void> {
  const rows = await tx.query(
    `
    select discrepancies.id, lower(hex(discrepancies.identity)) as identity
    from json_table(?, '$[*]' columns (identity char(32) character set ascii path '$')) line
    straight_join discrepancies on discrepancies.identity = unhex(line.identity)
    where discrepancies.reconciliation_id = ? and (discrepancies.state = 'EXPLAINED' or discrepancies.answer = ?)
    order by discrepancies.id`,
    [JSON.stringify(identities), from, comesTogether],
  );
  for (const row of rows) {
    const id = toInteger(row.id);
    await noteOn(tx, [id], note);
    await openAnew(tx, id, { reconciliationId: to, identity: String(row.identity) });
  }
}

/** Gives what was found of movements to the report whose they are from now on. */
export async function giveDiscrepancies(
  tx: Queryable,
  from: number,
  to: number,
  identities: readonly string[],
): Promise<void> {
  await tx.runText(
    `
    update discrepancies
    join json_table(?, '$[*]' columns (identity char(32) character set ascii path '$')) line
      on discrepancies.identity = unhex(line.identity)
    set discrepancies.reconciliation_id = ?
    where discrepancies.reconciliation_id = ? and discrepancies.unended = 1`,
    [JSON.stringify(identities), to, from],
  );
}

/**
 * Gives what is open of a movement, wherever it was found, to the report whose that is from now on, as this one tells it: what was
 * proposed about other money is dropped. What is being given back stays as it was told when that was approved.
 */
export async function takeDiscrepancy(tx: Queryable, found: FoundDiscrepancy): Promise<void> {
  const { theirCents, theirCurrency } = found;
  const proposed = ["action", "note", "proposed_by", "proposed_at"];
  const isOther = "approved_at is null and not (their_cents <=> ? and their_currency <=> ?)";
  const told = {
    day: found.day,
    entry: found.entry,
    their_cents: theirCents,
    their_currency: theirCurrency,
    their_fee_cents: found.theirFeeCents,
    their_net_cents: found.theirNetCents,
    their_time: found.theirTime,
    their_gross_cents: found.theirGrossCents,
    settled_currency: found.settledCurrency,
  };
  const isGoingBack = "approved_at is not null and action = 'give_back'";
  await tx.run(
    `
    update discrepancies
    set reconciliation_id = ?,
      ${proposed.map((name) => `${name} = if(${isOther}, null, ${name})`).join(", ")},
      ${Object.keys(told).map((name) => `${name} = if(${isGoingBack}, ${name}, ?)`).join(", ")}
    where identity = unhex(?) and unended = 1`,
    [
      found.reconciliationId,
      ...proposed.flatMap(() => [theirCents, theirCurrency]),
      ...Object.values(told),
      found.identity,
    ],
  );
}

/** The orders behind movements that are of something of ours. */
export async function readOrdersBehind(
  db: Queryable,
  keys: readonly MovementKey[],
): Promise<number[]> {
  const ids = (kinds: readonly string[]) =>
    keys.filter(({ kind, subjectId }) => subjectId > 0 && kinds.includes(kind))
      .map(({ subjectId }) => subjectId);
  const orders = new Set<number>();
  const add = async (
    table: string,
    some: readonly number[],
    read = (sql: string, values: number[][]) => db.query(sql, values),
  ) => {
    if (some.length === 0) return;
    const rows = await read(`select order_id from ${table} where id in (?)`, [[...some]]);
    for (const { order_id: id } of rows) if (id !== null) orders.add(toInteger(id));
  };
  const everywhere = (sql: string, values: number[][]) => readEverywhere(db, sql, values);
  await add("payments", ids(["charge", "reversal", "unreversed"]), everywhere);
  await add("refunds", ids(["refund", "returned"]));
  await add("chargebacks", ids(["chargeback", "won_back"]));
  return [...orders].sort((a, b) => a - b);
}

/** Opens again what was missing of orders until a report told of it that is gone. */
export async function reopenMissing(
  tx: Queryable,
  provider: string,
  orderIds: readonly number[],
): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.runText(
    `
    update discrepancies force index (discrepancies_order)
    set state = 'OPEN', ended_at = null, answer = null
    where order_id in (?) and provider = ? and kind = 'missing_with_them' and state = 'MENDED' and answer = ?`,
    [[...orderIds], provider, toldLater],
  );
}

/**
 * Opens again what other reports told of orders' charges and came to what we have together, beside what one told that is gone: a line
 * that was one too many may be what its order is paid by. What still comes together another look ends again.
 */
export async function reopenTogether(
  tx: Queryable,
  { id, provider }: Pick<Withdrawal, "id" | "provider">,
  orderIds: readonly number[],
): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.runText(
    `
    update discrepancies force index (discrepancies_order)
    set state = 'OPEN', ended_at = null, answer = null
    where order_id in (?) and provider = ? and reconciliation_id <> ? and state = 'MENDED' and answer = ?`,
    [[...orderIds], provider, id, comesTogether],
  );
}

/** Deletes what is missing of days that no report covers any more. */
export async function deleteUncovered(tx: Queryable, provider: string): Promise<void> {
  await tx.run(
    `
    delete from discrepancies
    where unended = 1 and provider = ? and kind = 'missing_with_them' and approved_at is null
      and not exists (
        select 1 from reconciled_days
        where reconciled_days.provider = discrepancies.provider and reconciled_days.day = discrepancies.day)`,
    [provider],
  );
}
