/**
 * Statements on `discrepancies`.
 *
 * @module
 */

import { storedTime } from "../../domain/database_time.ts";
import { isMendKey } from "../../domain/payment/payment_key.ts";
import {
  directlyBack,
  type DiscrepancyAction,
  type DiscrepancyKind,
  type DiscrepancyState,
  type MovementKind,
} from "../../domain/reconciliation/discrepancy.ts";
import {
  type Queryable,
  type Row,
  toInteger,
  toIsoTime,
  type Value,
} from "../connection/database.ts";
import { insertOnce } from "../connection/insert_once.ts";
import { type MoneySum, toMoneySum } from "../payments/money_sums.ts";

/** A discrepancy that was found. Times are UTC, as the database has them. */
export interface FoundDiscrepancy {
  reconciliationId: number;
  provider: string;
  kind: DiscrepancyKind;
  /** Digest of what it is about, in hexadecimal: found again it is the same one. */
  identity: string;
  /** The reconciled day that it belongs to, `YYYY-MM-DD`. */
  day: string;
  movement: MovementKind;
  /** Of a movement that is of nothing of ours: digest of its name, in hexadecimal. */
  part: string | null;
  orderId: number | null;
  paymentId: number | null;
  refundId: number | null;
  reference: string | null;
  chargeRef: string | null;
  refundRef: string | null;
  movementKey: string | null;
  /** The report's own id of the line. */
  entry: string | null;
  theirCents: number | null;
  theirCurrency: string | null;
  theirFeeCents: number | null;
  theirNetCents: number | null;
  theirTime: string | null;
  ourCents: number | null;
  ourCurrency: string | null;
  ourTime: string | null;
  /** How the balance changed by it, before fees; of what was found before it was kept, null. */
  theirGrossCents: number | null;
  /** Of gross, fees and net. */
  settledCurrency: string | null;
  /** Where a fee differs: what was told before. */
  ourFeeCents: number | null;
  /** What came out by that, or what gross and fee come to. */
  ourNetCents: number | null;
}

const columns = [
  "reconciliation_id",
  "provider",
  "kind",
  "identity",
  "day",
  "movement",
  "part",
  "order_id",
  "payment_id",
  "refund_id",
  "reference",
  "charge_ref",
  "refund_ref",
  "movement_key",
  "entry",
  "their_cents",
  "their_currency",
  "their_fee_cents",
  "their_net_cents",
  "their_time",
  "our_cents",
  "our_currency",
  "our_time",
  "their_gross_cents",
  "settled_currency",
  "our_fee_cents",
  "our_net_cents",
];

/** Rows to a statement. */
const rowsAtOnce = 500;

/**
 * Writes discrepancies down; one that is known, whatever became of it, stays as it is.
 *
 * @returns how many are new
 */
export async function insertDiscrepancies(
  tx: Queryable,
  found: readonly FoundDiscrepancy[],
): Promise<number> {
  let count = 0;
  const known = [...new Map(found.map((one) => [one.identity, one])).values()];
  for (let from = 0; from < known.length; from += rowsAtOnce) {
    const rows = known.slice(from, from + rowsAtOnce);
    const { inserted } = await insertOnce(tx, {
      sql: `
        insert into discrepancies (${columns.join(", ")})
        select line.reconciliation_id, line.provider, line.kind, unhex(line.identity), line.day, line.movement,
          unhex(line.part), ${columns.slice(7).map((column) => `line.${column}`).join(", ")}
        from ${foundTable}
        where 1 = 1`,
      isNew:
        "not exists (select 1 from discrepancies known where known.identity = unhex(line.identity))",
      order: "order by line.place",
      values: [JSON.stringify(rows.map(valuesOf))],
    });
    count += inserted;
  }
  return count;
}

/** What ended a discrepancy that reports have come to agree about. */
export const agreedLater = "reports agree about it by now";

/** What ended discrepancies of one charge that has several lines. */
export const comesTogether = "the lines of this charge come to what we have together";

/**
 * Has discrepancies of which reports had come to agree be known by other names, where a later report than the one that they are of
 * tells otherwise once more: that is found anew.
 */
export async function setAsideAgreed(
  tx: Queryable,
  reconciliationId: number,
  found: readonly FoundDiscrepancy[],
): Promise<void> {
  if (found.length === 0) return;
  await tx.run(
    `
    update discrepancies
    join json_table(?, '$[*]' columns (identity char(32) character set ascii path '$')) line
      on discrepancies.identity = unhex(line.identity)
    set discrepancies.identity = ${anotherIdentity}
    where discrepancies.state = 'MENDED' and discrepancies.answer = ? and discrepancies.reconciliation_id < ?`,
    [JSON.stringify(found.map(({ identity }) => identity)), agreedLater, reconciliationId],
  );
}

/**
 * Writes down once more what was found, as another report's and open.
 *
 * @returns its id
 */
export async function openAnew(
  tx: Queryable,
  id: number,
  { reconciliationId, identity }: { reconciliationId: number; identity: string },
): Promise<number> {
  const same = columns.filter((column) => column !== "reconciliation_id" && column !== "identity");
  const { insertId } = await tx.run(
    `
    insert into discrepancies (reconciliation_id, identity, ${same.join(", ")})
    select ?, unhex(?), ${same.join(", ")} from discrepancies where id = ?`,
    [reconciliationId, identity, id],
  );
  return insertId;
}

/**
 * Names charges as payments are named that came on record since: of several names that a line has for its charge, a discrepancy of
 * nothing of ours keeps the first.
 *
 * @param named by the identities of such discrepancies, in hexadecimal; null leaves the name as it is
 * @returns those that there are, ended ones among them
 */
export async function nameCharges(
  db: Queryable,
  named: readonly { identity: string; chargeRef: string | null }[],
): Promise<DiscrepancyRow[]> {
  if (named.length === 0) return [];
  const given = `json_table(?, '$[*]' columns (
      identity char(32) character set ascii path '$[0]', charge_ref varchar(128) ${text} path '$[1]')) given`;
  const values = [JSON.stringify(named.map(({ identity, chargeRef }) => [identity, chargeRef]))];
  await db.run(
    `
    update discrepancies join ${given} on discrepancies.identity = unhex(given.identity)
    set discrepancies.charge_ref = coalesce(given.charge_ref, discrepancies.charge_ref)
    where discrepancies.part is not null`,
    values,
  );
  const rows = await db.query(
    `
    select ${shown} from discrepancies
    where identity in (select unhex(given.identity) from ${given}) and part is not null
    order by id`,
    values,
  );
  return rows.map(toDiscrepancy);
}

/**
 * Has a discrepancy of a line that was one too many be one of the first line of its name, because there is none before it any more: of
 * what is open nothing is proposed then that is not under way, and what was given back stays so. What a person has explained, and what
 * reports had come to agree about, stays what it was.
 *
 * @param before the identity of the one, in hexadecimal
 * @param found the other one; it is known as that where nothing else is
 */
export async function noteFirst(
  tx: Queryable,
  before: string,
  { kind, identity, part }: Pick<FoundDiscrepancy, "kind" | "identity" | "part">,
): Promise<void> {
  const isDropped = "approved_at is null and state = 'OPEN'";
  await tx.run(
    `
    update discrepancies
    set kind = ?, part = unhex(?), action = if(${isDropped}, null, action), note = if(${isDropped}, null, note),
      proposed_by = if(${isDropped}, null, proposed_by), proposed_at = if(${isDropped}, null, proposed_at),
      answer = if(${isDropped}, null, answer),
      identity = if(exists (
        select 1 from (select 1 from discrepancies where identity = unhex(?)) taken), identity, unhex(?))
    where identity = unhex(?)
      and (state = 'OPEN' or (state = 'MENDED' and coalesce(answer, '') not in (?, ?)))`,
    [kind, part, identity, identity, before, agreedLater, comesTogether],
  );
}

/** By what a discrepancy is known that may be found anew. */
export const anotherIdentity =
  "unhex(left(sha2(concat(hex(discrepancies.identity), ' ', discrepancies.id), 256), 32))";

const ascii = "character set ascii";
const text = "character set utf8mb4";
const foundTable = `json_table(?, '$[*]' columns (
  place for ordinality,
  reconciliation_id bigint unsigned path '$[0]',
  provider varchar(32) ${ascii} path '$[1]',
  kind varchar(32) ${ascii} path '$[2]',
  identity char(32) ${ascii} path '$[3]',
  day date path '$[4]',
  movement varchar(12) ${ascii} path '$[5]',
  part char(32) ${ascii} path '$[6]',
  order_id bigint unsigned path '$[7]',
  payment_id bigint unsigned path '$[8]',
  refund_id bigint unsigned path '$[9]',
  reference varchar(64) ${text} path '$[10]',
  charge_ref varchar(128) ${text} path '$[11]',
  refund_ref varchar(128) ${text} path '$[12]',
  movement_key varchar(64) ${ascii} path '$[13]',
  entry varchar(128) ${text} path '$[14]',
  their_cents bigint path '$[15]',
  their_currency char(3) ${ascii} path '$[16]',
  their_fee_cents bigint path '$[17]',
  their_net_cents bigint path '$[18]',
  their_time datetime(6) path '$[19]',
  our_cents bigint path '$[20]',
  our_currency char(3) ${ascii} path '$[21]',
  our_time datetime(6) path '$[22]',
  their_gross_cents bigint path '$[23]',
  settled_currency char(3) ${ascii} path '$[24]',
  our_fee_cents bigint path '$[25]',
  our_net_cents bigint path '$[26]')) line`;

function valuesOf(found: FoundDiscrepancy): Value[] {
  return [
    found.reconciliationId,
    found.provider,
    found.kind,
    found.identity,
    found.day,
    found.movement,
    found.part,
    found.orderId,
    found.paymentId,
    found.refundId,
    found.reference,
    found.chargeRef,
    found.refundRef,
    found.movementKey,
    found.entry,
    found.theirCents,
    found.theirCurrency,
    found.theirFeeCents,
    found.theirNetCents,
    found.theirTime,
    found.ourCents,
    found.ourCurrency,
    found.ourTime,
    found.theirGrossCents,
    found.settledCurrency,
    found.ourFeeCents,
    found.ourNetCents,
  ];
}

/** A discrepancy as it stands. Times are ISO 8601 in UTC. */
export interface DiscrepancyRow extends Omit<FoundDiscrepancy, "identity"> {
  id: number;
  /** The shop's own id of the order behind it, whatever `reference` says; null where no order is known. */
  externalOrderId: string | null;
  state: DiscrepancyState;
  /** What was proposed; null where nothing was. */
  action: DiscrepancyAction | null;
  note: string | null;
  proposedBy: string | null;
  proposedAt: string | null;
  approvedBy: string | null;
  approvedAt: string | null;
  /** What came of the action, or what the provider said. */
  answer: string | null;
  /** The key of a refund that mends it. */
  mendKey: string | null;
  /** What that refund is of, once it is asked for; null before, and where none is. */
  mendCents: number | null;
  endedAt: string | null;
  foundAt: string;
}

const shown = `
  id, reconciliation_id, provider, kind, lower(state) as state, date_format(day, '%Y-%m-%d') as day, movement,
  lower(hex(part)) as part, order_id, payment_id, refund_id, reference, charge_ref, refund_ref, movement_key, entry,
  their_cents, their_currency, their_fee_cents, their_net_cents, their_time, our_cents, our_currency, our_time,
  their_gross_cents, settled_currency, our_fee_cents, our_net_cents, action, note, proposed_by, proposed_at,
  approved_by, approved_at, answer, mend_key, ended_at, created_at,
  (select amount_cents from discrepancy_mends where discrepancy_id = discrepancies.id) as mend_cents,
  (select external_order_id from orders where orders.id = discrepancies.order_id) as external_order_id`;

/** Which discrepancies are wanted. */
export interface DiscrepancyFilter {
  state?: DiscrepancyState;
  kind?: DiscrepancyKind;
  provider?: string;
  reconciliationId?: number;
  orderId?: number;
  id?: number;
  /** Only those that were approved, and wait for what comes of it. */
  approved?: boolean;
}

/** Some of them, by their ids. */
export async function listDiscrepancies(
  db: Queryable,
  { filter, afterId, limit }: { filter: DiscrepancyFilter; afterId: number; limit: number },
): Promise<DiscrepancyRow[]> {
  const conditions: string[] = ["id > ?"];
  const values: Value[] = [afterId];
  const add = (condition: string, value?: Value) => {
    conditions.push(condition);
    if (value !== undefined) values.push(value);
  };
  if (filter.state !== undefined) add("state = ?", filter.state.toUpperCase());
  if (filter.kind !== undefined) add("kind = ?", filter.kind);
  if (filter.provider !== undefined) add("provider = ?", filter.provider);
  if (filter.reconciliationId !== undefined) add("reconciliation_id = ?", filter.reconciliationId);
  if (filter.orderId !== undefined) add("order_id = ?", filter.orderId);
  if (filter.id !== undefined) add("id = ?", filter.id);
  if (filter.approved) add("being_mended = 1");
  const rows = await db.query(
    `
    select ${shown} from discrepancies force index (${indexFor(filter)})
    where ${conditions.join(" and ")} order by id limit ?`,
    [...values, limit],
  );
  return rows.map(toDiscrepancy);
}

/** The index that has what is wanted in the order of its ids: optimizers walk all rows for fear of sorting some. */
function indexFor(filter: DiscrepancyFilter): string {
  const { id, orderId, reconciliationId, approved, kind, state, provider } = filter;
  if (id !== undefined) return "primary";
  if (approved) return "discrepancies_being_mended";
  if (orderId !== undefined) return "discrepancies_order";
  if (reconciliationId !== undefined) return "discrepancies_reconciliation";
  if (kind !== undefined) {
    return state === undefined ? "discrepancies_kind" : "discrepancies_kind_state";
  }
  if (provider !== undefined) {
    return state === undefined ? "discrepancies_provider" : "discrepancies_provider_state";
  }
  return state === undefined ? "primary" : "discrepancies_state";
}

/**
 * Further lines of some charges that are open, and of which nothing was approved: what came once more, or was taken back of the charge
 * itself. A refund that came back brings money, and one that was told twice takes some: neither is a part of what was charged.
 */
export async function listOpenParts(
  db: Queryable,
  provider: string,
  chargeRefs: readonly string[],
): Promise<DiscrepancyRow[]> {
  if (chargeRefs.length === 0) return [];
  const rows = await db.query(
    `
    select ${shown} from discrepancies
    where unended = 1 and provider = ? and charge_ref in (?) and part is not null and approved_at is null
      and ((kind = 'twice' and movement = 'charge')
        or (kind = 'corrected' and movement = 'correction' and their_gross_cents < 0))
    order by id`,
    [provider, [...chargeRefs]],
  );
  return rows.map(toDiscrepancy);
}

/** One of them; undefined where there is none. */
export async function readDiscrepancy(
  db: Queryable,
  id: number,
  { lock = false }: { lock?: boolean } = {},
): Promise<DiscrepancyRow | undefined> {
  const [row] = await db.query(
    `select ${shown} from discrepancies where id = ?${lock ? " for update" : ""}`,
    [id],
  );
  return row === undefined ? undefined : toDiscrepancy(row);
}

function toDiscrepancy(row: Row): DiscrepancyRow {
  const integer = (value: Row[string] | undefined) =>
    value === null || value === undefined ? null : toInteger(value);
  const said = (value: Row[string] | undefined) =>
    value === null || value === undefined ? null : String(value);
  return {
    id: toInteger(row.id),
    reconciliationId: toInteger(row.reconciliation_id),
    provider: String(row.provider),
    kind: row.kind as DiscrepancyKind,
    state: row.state as DiscrepancyState,
    day: String(row.day),
    movement: row.movement as MovementKind,
    part: said(row.part),
    orderId: integer(row.order_id),
    externalOrderId: said(row.external_order_id),
    paymentId: integer(row.payment_id),
    refundId: integer(row.refund_id),
    reference: said(row.reference),
    chargeRef: said(row.charge_ref),
    refundRef: said(row.refund_ref),
    movementKey: said(row.movement_key),
    entry: said(row.entry),
    theirCents: integer(row.their_cents),
    theirCurrency: said(row.their_currency),
    theirFeeCents: integer(row.their_fee_cents),
    theirNetCents: integer(row.their_net_cents),
    theirTime: toIsoTime(row.their_time),
    ourCents: integer(row.our_cents),
    ourCurrency: said(row.our_currency),
    ourTime: toIsoTime(row.our_time),
    theirGrossCents: integer(row.their_gross_cents),
    settledCurrency: said(row.settled_currency),
    ourFeeCents: integer(row.our_fee_cents),
    ourNetCents: integer(row.our_net_cents),
    action: row.action as DiscrepancyAction | null,
    note: said(row.note),
    proposedBy: said(row.proposed_by),
    proposedAt: toIsoTime(row.proposed_at),
    approvedBy: said(row.approved_by),
    approvedAt: toIsoTime(row.approved_at),
    answer: said(row.answer),
    mendKey: said(row.mend_key),
    mendCents: integer(row.mend_cents),
    endedAt: toIsoTime(row.ended_at),
    foundAt: toIsoTime(row.created_at)!,
  };
}

/** Proposes what is to be done about an open discrepancy, in the place of what was proposed before and not approved. */
export async function proposeAction(
  tx: Queryable,
  { id, action, note, by }: {
    id: number;
    action: DiscrepancyAction;
    note: string | null;
    by: string;
  },
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set action = ?, note = ?, proposed_by = ?, proposed_at = current_timestamp(6), answer = null
    where id = ? and state = 'OPEN' and approved_at is null`,
    [action, note, by, id],
  );
  return affectedRows === 1;
}

/** Approves what was proposed: it may be carried out from then on. */
export async function approveAction(
  tx: Queryable,
  { id, action, by, mendKey }: {
    id: number;
    action: DiscrepancyAction;
    by: string;
    mendKey: string | null;
  },
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set approved_by = ?, approved_at = current_timestamp(6), mend_key = ?
    where id = ? and state = 'OPEN' and approved_at is null and action = ?`,
    [by, mendKey, id, action],
  );
  return affectedRows === 1;
}

/**
 * Drops an approved action that came to nothing, with why: nothing is proposed any more, and it or another one can be. What was
 * approved since is not dropped by who comes late.
 *
 * @param of.approvedAt when the action was approved that came to nothing
 * @param refusedKey the last key under which its provider has refused to give it back, which stays known: approved again it needs
 * another one. What is another discrepancy's key stays with that one
 */
export async function dropAction(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  answer: string,
  refusedKey: string | null = null,
): Promise<void> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set answer = ?, action = null, note = null, proposed_by = null, proposed_at = null, approved_by = null,
      approved_at = null,
      mend_key = if(exists (
        select 1 from (select id from discrepancies where mend_key = ?) taken where taken.id <> discrepancies.id), null, ?)
    where id = ? and state = 'OPEN' and approved_at = ?`,
    [answer, refusedKey, refusedKey, id, storedTime(approvedAt)],
  );
  // What was mended meanwhile keeps what it was mended by.
  if (affectedRows === 0) return;
  await tx.run("delete from discrepancy_mends where discrepancy_id = ?", [id]);
}

/**
 * Notes how much the refund that mends it is of, before it is asked for: what was noted first stays.
 *
 * @param of.approvedAt when the action was approved by which it is asked for
 * @param cents nothing is noted where it is not above zero
 * @returns what is noted; undefined where nothing is, or the action was dropped or ended, or approved anew, meanwhile: nothing is to
 * be asked for then
 */
export async function noteMendCents(
  db: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  cents: number,
): Promise<number | undefined> {
  const approved = [id, storedTime(approvedAt)];
  if (cents > 0) {
    await db.run(
      `
      insert into discrepancy_mends (discrepancy_id, amount_cents)
      select id, ? from discrepancies
      where id = ? and state = 'OPEN' and approved_at = ?
        and not exists (select 1 from discrepancy_mends where discrepancy_id = discrepancies.id)
      for update`,
      [cents, ...approved],
    );
  }
  const [row] = await db.execute(
    `
    select discrepancy_mends.amount_cents
    from discrepancies
    straight_join discrepancy_mends on discrepancy_mends.discrepancy_id = discrepancies.id
    where discrepancies.id = ? and discrepancies.state = 'OPEN' and discrepancies.approved_at = ?`,
    approved,
  );
  return row === undefined ? undefined : toInteger(row.amount_cents);
}

/**
 * Has a discrepancy be known as mended by the refund of an earlier key, which its provider made after all; nothing where something else
 * was approved meanwhile, or where the key is that of another one.
 */
export async function takeMendKey(
  db: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  key: string,
): Promise<void> {
  await db.run(
    `
    update discrepancies
    set mend_key = ?
    where id = ? and state = 'OPEN' and approved_at = ?
      and not exists (select 1 from (select 1 from discrepancies where mend_key = ?) taken)`,
    [key, id, storedTime(approvedAt), key],
  );
}

/** What reports tell that went back of a discrepancy's charge, and that is on record for nothing. */
export async function sumToldBack(
  db: Queryable,
  { provider, chargeRef, theirCurrency }: Pick<
    DiscrepancyRow,
    "provider" | "chargeRef" | "theirCurrency"
  >,
): Promise<number> {
  const [row] = await db.query(
    `
    select coalesce(sum(their_cents), 0) as cents
    from discrepancies
    where unended = 1 and provider = ? and charge_ref = ? and kind = 'refund_without_refund'
      and their_currency = ?`,
    [provider, chargeRef, theirCurrency],
  );
  return toInteger(row!.cents);
}

/** What mending gave back of a discrepancy's charge directly, or is about to, by the discrepancies that it mends. */
export async function readMendsOf(
  db: Queryable,
  { provider, chargeRef }: Pick<DiscrepancyRow, "provider" | "chargeRef">,
): Promise<{ id: number; cents: number }[]> {
  const rows = await db.query(
    `
    select discrepancies.id, discrepancy_mends.amount_cents
    from discrepancy_mends
    straight_join discrepancies on discrepancies.id = discrepancy_mends.discrepancy_id
    where discrepancies.provider = ? and discrepancies.charge_ref = ?`,
    [provider, chargeRef],
  );
  return rows.map((row) => ({ id: toInteger(row.id), cents: toInteger(row.amount_cents) }));
}

/** Notes how far an approved action is; nothing where that was dropped, and something approved anew, by who comes late. */
export async function noteAnswer(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  answer: string,
): Promise<void> {
  await tx.run(
    `
    update discrepancies
    set answer = ?
    where id = ? and state = 'OPEN' and approved_at = ? and coalesce(answer, '') <> ?`,
    [answer, id, storedTime(approvedAt), answer],
  );
}

/** Notes beside a mended discrepancy what became of the refund that mended it. */
export async function noteReturn(tx: Queryable, id: number, what: string): Promise<void> {
  await tx.run(
    `
    update discrepancies
    set answer = left(case when answer is null then ? else concat(answer, '; ', ?) end, 255)
    where id = ? and state = 'MENDED'`,
    [what, what, id],
  );
}

/**
 * Ends an open discrepancy.
 *
 * @returns false where it was ended before
 */
export async function endDiscrepancy(
  tx: Queryable,
  id: number,
  state: "EXPLAINED" | "MENDED",
  answer: string | null,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set state = ?, ended_at = current_timestamp(6), answer = coalesce(?, answer)
    where id = ? and state = 'OPEN'`,
    [state, answer, id],
  );
  return affectedRows === 1;
}

/**
 * Ends an open discrepancy that our books or reports have come to agree about, whatever was being done about it. What was to go back
 * directly is forgotten: made after all, it is a refund of what is on record by now, and has to be found as that.
 *
 * @returns false where it was ended before
 */
export async function endAgreed(tx: Queryable, id: number, answer: string): Promise<boolean> {
  if (!await endDiscrepancy(tx, id, "MENDED", answer)) return false;
  await tx.run("update discrepancies set mend_key = null where id = ? and mend_key is not null", [
    id,
  ]);
  await tx.run("delete from discrepancy_mends where discrepancy_id = ?", [id]);
  return true;
}

/**
 * Ends a discrepancy by what was approved about it; nothing where that was dropped, and something approved anew, while a process
 * that carries it out stood still: what it has found out may not be true any more.
 *
 * @returns whether it was this that ended it
 */
export async function endByAction(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  state: "EXPLAINED" | "MENDED",
  answer: string,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set state = ?, ended_at = current_timestamp(6), answer = ?
    where id = ? and state = 'OPEN' and approved_at = ?`,
    [state, answer, id, storedTime(approvedAt)],
  );
  return affectedRows === 1;
}

/**
 * Ends discrepancies as mended, all of them or, where one was ended or approved meanwhile, none.
 *
 * @param ids each once
 * @returns how many were ended
 */
export async function endTogether(
  tx: Queryable,
  ids: readonly number[],
  answer: string,
): Promise<number> {
  const rows = await tx.query(
    `
    select id from discrepancies force index (primary)
    where id in (?) and state = 'OPEN' and approved_at is null
    order by id
    for update`,
    [ids.toSorted((a, b) => a - b)],
  );
  if (rows.length < ids.length) return 0;
  for (const id of ids) await endDiscrepancy(tx, id, "MENDED", answer);
  return ids.length;
}

/**
 * Notes what is known by now of a discrepancy that was about nothing of ours. It is known again as one of ours from then on, where
 * no other one is, and as of nothing of ours no more: its line may come to be that again.
 *
 * @param of.approvedAt when what is being done about it was approved, as it was looked at
 * @returns false, and nothing is noted, where it was ended or something approved anew meanwhile: it is to be looked at again
 */
export async function noteOurs(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  { kind, identity, orderId, paymentId, refundId, ourCents, ourCurrency }: {
    kind: DiscrepancyKind;
    identity: string;
    orderId: number;
    paymentId: number | null;
    refundId: number | null;
    ourCents: number;
    ourCurrency: string;
  },
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set kind = ?, order_id = nullif(?, 0), payment_id = ?, refund_id = ?, our_cents = ?, our_currency = ?, part = null,
      identity = if(exists (
        select 1 from (select 1 from discrepancies where identity = unhex(?) and id <> ?) taken), ${anotherIdentity}, unhex(?))
    where id = ? and state = 'OPEN' and approved_at <=> ?`,
    [
      kind,
      orderId,
      paymentId,
      refundId,
      ourCents,
      ourCurrency,
      identity,
      id,
      identity,
      id,
      storedTime(approvedAt),
    ],
  );
  return affectedRows === 1;
}

/**
 * Some of a provider's discrepancies of a kind, by their ids, of charges that were of nothing when a report told of them, and that
 * somebody has ended since.
 */
export async function listEndedStrangers(
  db: Queryable,
  provider: string,
  { kind, afterId, limit }: {
    kind: "missing_with_us" | "twice";
    afterId: number;
    limit: number;
  },
): Promise<DiscrepancyRow[]> {
  const rows = await db.query(
    `
    select ${shown}
    from discrepancies force index (discrepancies_kind)
    where kind = ? and id > ? and provider = ? and unended is null and movement = 'charge'
      and part is not null and charge_ref is not null
    order by id
    limit ?`,
    [kind, afterId, provider, limit],
  );
  return rows.map(toDiscrepancy);
}

/** Notes of such a discrepancy that its charge is on record by now. What became of it stays. */
export async function noteNoStranger(tx: Queryable, id: number): Promise<void> {
  await tx.run("update discrepancies set part = null where id = ? and state <> 'OPEN'", [id]);
}

/** Takes the action back by which money came on record that differs still: done again it would be on record twice. */
export async function forgetRecording(tx: Queryable, id: number): Promise<void> {
  await tx.run(
    `
    update discrepancies
    set action = null, note = null, proposed_by = null, proposed_at = null, approved_by = null, approved_at = null
    where id = ? and state = 'OPEN' and action = 'record'`,
    [id],
  );
}

/** A refund that was made directly at the provider, by the discrepancy that it mends. */
export interface DirectRefund {
  /** Database id of the discrepancy. */
  id: number;
  orderId: number | null;
  chargeRef: string;
  /** What it is of, in minor units of `currency`. */
  cents: number;
  currency: string;
  /** Of the discrepancy. */
  state: DiscrepancyState;
}

/** Discrepancies of a provider by the keys of the refunds that mend them. */
export async function readMended(
  db: Queryable,
  provider: string,
  keys: readonly string[],
): Promise<Map<string, DirectRefund>> {
  const possible = keys.filter(isMendKey);
  if (possible.length === 0) return new Map();
  const rows = await db.query(`select ${shown} from discrepancies where mend_key in (?)`, [
    possible,
  ]);
  const mended = rows.map(toDiscrepancy).filter((row) => row.provider === provider);
  return new Map(mended.map((row) => [row.mendKey!, {
    id: row.id,
    orderId: row.orderId,
    chargeRef: row.chargeRef!,
    cents: row.mendCents ?? directlyBack(row) ?? 0,
    currency: row.theirCurrency!,
    state: row.state,
  }]));
}

/** The discrepancy that is mended by a refund of such a key; undefined where none is. */
export async function readMendedBy(
  db: Queryable,
  key: string,
): Promise<DiscrepancyRow | undefined> {
  const [row] = await db.query(`select ${shown} from discrepancies where mend_key = ?`, [key]);
  return row === undefined ? undefined : toDiscrepancy(row);
}

/** Which of some identities are of discrepancies that were found, whatever became of these. */
export async function readFoundIdentities(
  db: Queryable,
  identities: readonly string[],
): Promise<Set<string>> {
  if (identities.length === 0) return new Set();
  const rows = await db.query(
    `
    select lower(hex(discrepancies.identity)) as identity
    from json_table(?, '$[*]' columns (identity char(32) character set ascii path '$')) line
    straight_join discrepancies on discrepancies.identity = unhex(line.identity)`,
    [JSON.stringify(identities)],
  );
  return new Set(rows.map(({ identity }) => String(identity)));
}

/** How much is open, by currency; what the provider says counts, and else what we have. */
export async function sumOpenDiscrepancies(
  db: Queryable,
  options: { olderThanHours: number },
): Promise<MoneySum[]> {
  const rows = await db.query(
    `
    select coalesce(their_currency, our_currency) as currency, sum(coalesce(their_cents, our_cents)) as cents,
      count(*) as n
    from discrepancies
    where unended = 1 and created_at <= current_timestamp(6) - interval ? hour
    group by 1 order by 1`,
    [options.olderThanHours],
  );
  return rows.map(toMoneySum);
}

/** How many discrepancies are open. */
export async function countOpenDiscrepancies(db: Queryable): Promise<number> {
  const [row] = await db.query("select count(*) as n from discrepancies where unended = 1");
  return toInteger(row!.n);
}
