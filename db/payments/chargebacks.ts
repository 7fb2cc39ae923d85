/**
 * Statements on chargebacks, and the one place where their money moves.
 *
 * @module
 */

import { chargebackEntries, type Movement } from "../../domain/ledger/movement.ts";
import { postMovements } from "../ledger/post_movements.ts";
import type {
  ChargebackMove,
  ChargebackState,
  ChargedBack,
  KnownChargeback,
  LowersRevenue,
} from "../../domain/payment/chargeback.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { lostCents, lostOf } from "./lost_cents.ts";

/** A chargeback by its provider's names. */
export interface ChargebackNames {
  /** Stands in `payments.provider`. */
  provider: string;
  /** The provider's name for the chargeback. */
  providerRef: string;
  /** Names of the charge that it is of, any of which a payment may have: one or two. */
  chargeRefs: readonly string[];
}

/** A chargeback as it is kept. Times are UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
export interface ChargebackRow extends KnownChargeback, ChargebackNames {
  id: number;
  /** Null while no payment here has one of the charge's names. */
  orderId: number | null;
  paymentId: number | null;
  lowersRevenue: LowersRevenue;
  /** How often it has changed. */
  changes: number;
}

const columns = `
  chargebacks.id, chargebacks.provider, chargebacks.provider_ref, chargebacks.charge_ref,
  chargebacks.further_ref, chargebacks.order_id, chargebacks.payment_id, chargebacks.state,
  chargebacks.amount_cents, chargebacks.currency, chargebacks.reason, chargebacks.due_by,
  chargebacks.opened_at, chargebacks.withdrawn_at, chargebacks.told_at,
  chargebacks.lowers_revenue, chargebacks.changes`;

/** One by its names, not locked. */
export async function findChargeback(
  db: Queryable,
  { provider, providerRef }: Pick<ChargebackNames, "provider" | "providerRef">,
): Promise<ChargebackRow | undefined> {
  const [row] = await db.query(
    `select ${columns} from chargebacks where provider = ? and provider_ref = ?`,
    [provider, providerRef],
  );
  return row === undefined ? undefined : toChargeback(row);
}

/** The same, locked. Its order, where it has one, has to be locked before. */
export async function lockChargeback(
  tx: Queryable,
  { provider, providerRef }: Pick<ChargebackNames, "provider" | "providerRef">,
): Promise<ChargebackRow | undefined> {
  const [row] = await tx.query(
    `select ${columns} from chargebacks where provider = ? and provider_ref = ? for update`,
    [provider, providerRef],
  );
  return row === undefined ? undefined : toChargeback(row);
}

/** A payment whose money a chargeback contests. */
export interface ChargedPayment {
  paymentId: number;
  orderId: number;
  amountCents: number;
  /** ISO 4217. */
  currency: string;
  /** True for the one that the order was settled by, as `PAID`: what it brought is revenue. */
  isRevenue: boolean;
}

/** The payment that a provider knows by one of some names; undefined where none here is. */
export async function findChargedPayment(
  db: Queryable,
  { provider, chargeRefs }: ChargebackNames,
): Promise<ChargedPayment | undefined> {
  const [row] = await readEverywhere(
    db,
    `
    select payments.id, payments.order_id, payments.amount_cents,
      coalesce(payments.currency, orders.currency) as currency,
      payments.surplus = 0 and payments.status = 'SUCCEEDED' and orders.status = 'PAID' as is_revenue
    from payments
    straight_join orders on orders.id = payments.order_id
    where payments.provider = ? and payments.provider_ref in (?)`,
    [provider, [...chargeRefs]],
    "order by id limit 1",
  );
  if (row === undefined) return undefined;
  return {
    paymentId: toInteger(row.id),
    orderId: toInteger(row.order_id),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    isRevenue: toInteger(row.is_revenue) === 1,
  };
}

/** What is written of a chargeback that nobody knew. */
export type NewChargeback = Omit<ChargebackRow, "id" | "changes">;

/**
 * Writes down a chargeback that nobody knew.
 *
 * @returns its id
 * @throws a duplicate key where somebody else has just written it down
 */
export async function insertChargeback(tx: Queryable, one: NewChargeback): Promise<number> {
  const { insertId } = await tx.run(
    `
    insert into chargebacks (provider, provider_ref, charge_ref, further_ref, order_id, payment_id, lowers_revenue,
      opened_at, state, amount_cents, currency, reason, due_by, withdrawn_at, told_at, changes)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
    [
      one.provider,
      one.providerRef,
      one.chargeRefs[0]!,
      one.chargeRefs[1] ?? null,
      one.orderId,
      one.paymentId,
      one.lowersRevenue,
      one.openedAt,
      ...factsOf(one),
    ],
  );
  return insertId;
}

/**
 * Writes down how a chargeback is now, guarded by how often it had changed. Whoever has seen it in another state has not seen
 * this one; of an unknown charge, nobody has to look again.
 *
 * @throws {Error} where it has changed meanwhile: nothing may be committed then
 */
export async function updateChargeback(
  tx: Queryable,
  { id, changes }: Pick<ChargebackRow, "id" | "changes">,
  after: KnownChargeback & Pick<ChargebackRow, "orderId" | "paymentId" | "lowersRevenue">,
): Promise<void> {
  const { affectedRows } = await tx.run(
    `
    update chargebacks
    set seen_at = if(state = ? or (order_id is null and ? is null), seen_at, null), state = ?, amount_cents = ?,
      currency = ?, reason = ?, due_by = ?, withdrawn_at = ?, told_at = ?, order_id = ?, payment_id = ?,
      lowers_revenue = ?, changes = changes + 1
    where id = ? and changes = ?`,
    [
      after.state,
      after.orderId,
      ...factsOf(after),
      after.orderId,
      after.paymentId,
      after.lowersRevenue,
      id,
      changes,
    ],
  );
  if (affectedRows !== 1) throw new Error(`chargeback ${id} has changed meanwhile`);
}

function factsOf(one: KnownChargeback) {
  const { state, amountCents, currency, reason, dueBy, withdrawnAt, toldAt } = one;
  return [state, amountCents, currency, reason, dueBy, withdrawnAt, toldAt];
}

/** Notes that a chargeback was still the same at a later time; it must be locked. */
export async function noteToldAgain(tx: Queryable, id: number, toldAt: string): Promise<void> {
  await tx.run("update chargebacks set told_at = ? where id = ? and told_at < ?", [
    toldAt,
    id,
    toldAt,
  ]);
}

/**
 * Moves the money of a chargeback: the one place where that is written. The unique key on the change is the once-key.
 *
 * @param of.change the number of the change that it belongs to
 */
export async function moveChargeback(
  tx: Queryable,
  of: { id: number; orderId: number; change: number; lowersRevenue: LowersRevenue },
  moves: readonly ChargebackMove[],
): Promise<void> {
  if (moves.length === 0) return;
  const { id, orderId, change, lowersRevenue } = of;
  const counts = (kind: ChargebackMove["kind"]) =>
    kind === "opened" || kind === "changed" || lowersRevenue === "opened" ||
    (lowersRevenue === "lost" && kind === "lost");
  await tx.run(
    `
    insert into chargeback_movements (chargeback_id, order_id, change_number, move_number, kind, amount_cents, currency,
      happened_at, counts, counted)
    select ?, ?, ?, moved.move_number, moved.kind, moved.amount_cents, moved.currency, moved.happened_at, moved.counts,
      1 - moved.counts
    from json_table(?, '$[*]' columns (
      move_number int path '$[0]',
      kind varchar(8) character set ascii path '$[1]',
      amount_cents bigint path '$[2]',
      currency char(3) character set ascii path '$[3]',
      happened_at datetime(6) path '$[4]',
      counts int path '$[5]')) moved`,
    [
      id,
      orderId,
      change,
      JSON.stringify(moves.map(({ kind, amountCents, currency, happenedAt }, index) => [
        index,
        kind,
        amountCents,
        currency,
        happenedAt,
        counts(kind) ? 1 : 0,
      ])),
    ],
  );
  await postMovements(tx, bookedMoves(of, moves), null);
}

/** Currencies of one change at most. */
const maxCurrencies = 4;

/** What a change takes from what the provider has for us, or brings back: what is only told moves nothing. */
function bookedMoves(
  { id, orderId, change, lowersRevenue }: Parameters<typeof moveChargeback>[1],
  moves: readonly ChargebackMove[],
): Movement[] {
  const moved = moves.filter(({ kind }) => kind === "held" || kind === "lost");
  const byCurrency = Map.groupBy(moved, ({ currency }) => currency);
  return [...byCurrency].map(([currency, own], index) => {
    const cents = own.reduce((sum, { amountCents }) => sum + amountCents, 0);
    return {
      orderId,
      source: "chargeback",
      sourceId: id,
      step: change * maxCurrencies + index,
      currency,
      at: null,
      entries: chargebackEntries(cents, lowersRevenue !== "never"),
    };
  });
}

/** By the order, which was settled by a payment of its total: that payment may be archived, and orders stay. */
const lostOfOrder = lostOf({ cents: "orders.total_cents", currency: "orders.currency" });

/**
 * What chargebacks take from the payments that settle orders, by order id; those without any are absent. Costs a look where there
 * are no chargebacks.
 */
export async function readChargedBack(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, ChargedBack>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select chargebacks.order_id, max(chargebacks.id) as id,
      max(chargebacks.state in ('needs_response', 'under_review')) as held,
      sum(${lostOfOrder}) as lost_cents
    from chargebacks force index (chargebacks_order)
    straight_join orders on orders.id = chargebacks.order_id
    where chargebacks.order_id in (?) and chargebacks.lowers_revenue <> 'never'
    group by chargebacks.order_id`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), {
    id: toInteger(row.id),
    isHeld: toInteger(row.held) === 1,
    lostCents: toInteger(row.lost_cents),
  }]));
}

/** Payments of orders that are contested, by payment id: whether that is not decided, and what is gone. */
export async function readContestedPayments(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, Pick<ChargedBack, "isHeld" | "lostCents">>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select chargebacks.payment_id, max(chargebacks.state <> 'lost') as held, sum(${lostCents}) as lost_cents
    from chargebacks force index (chargebacks_order)
    straight_join payments on payments.id = chargebacks.payment_id
    straight_join orders on orders.id = payments.order_id
    where chargebacks.order_id in (?) and chargebacks.state in ('needs_response', 'under_review', 'lost')
    group by chargebacks.payment_id`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [
    toInteger(row.payment_id),
    { isHeld: toInteger(row.held) === 1, lostCents: toInteger(row.lost_cents) },
  ]));
}

/**
 * What chargebacks have of a provider's charge, whether a payment here is of it or not: undefined where nothing is withheld or gone.
 * Of one that is told in another currency all is gone.
 */
export async function readContest(
  db: Queryable,
  { provider, chargeRef, currency }: { provider: string; chargeRef: string; currency: string },
): Promise<Pick<ChargedBack, "isHeld" | "lostCents"> | undefined> {
  const rows = await db.query(
    `
    select state, amount_cents, currency
    from chargebacks force index (chargebacks_once)
    where provider = ? and (charge_ref = ? or further_ref = ?) and state in ('needs_response', 'under_review', 'lost')`,
    [provider, chargeRef, chargeRef],
  );
  if (rows.length === 0) return undefined;
  const lost = rows.filter(({ state }) => state === "lost");
  return {
    isHeld: lost.length < rows.length,
    lostCents: lost.reduce(
      (sum, row) => sum + (row.currency === currency ? toInteger(row.amount_cents) : Infinity),
      0,
    ),
  };
}

/** The chargebacks of unknown charges that a payment was found for by now: by names that their provider gave. */
export async function listMatchable(db: Queryable, limit: number): Promise<ChargebackRow[]> {
  const rows = await db.query(
    `
    select ${columns}
    from chargebacks force index (chargebacks_unknown)
    where chargebacks.order_id is null and (exists (
        select 1 from payments force index (payments_provider_ref)
        where payments.provider = chargebacks.provider and payments.provider_ref = chargebacks.charge_ref)
      or exists (
        select 1 from payments force index (payments_provider_ref)
        where payments.provider = chargebacks.provider and payments.provider_ref = chargebacks.further_ref))
    order by chargebacks.id
    limit ?`,
    [limit],
  );
  return rows.map(toChargeback);
}

/**
 * Says that somebody has seen a chargeback as it stands; it must be locked.
 *
 * @returns false where somebody had before
 */
export async function markSeen(tx: Queryable, id: number, by: string): Promise<boolean> {
  const { affectedRows } = await tx.run(
    "update chargebacks set seen_at = current_timestamp(6), seen_by = ? where id = ? and seen_at is null",
    [by, id],
  );
  return affectedRows === 1;
}

/** The columns of {@linkcode ChargebackRow}. */
function toChargeback(row: Row): ChargebackRow {
  return {
    id: toInteger(row.id),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    chargeRefs: [row.charge_ref, row.further_ref].flatMap((ref) => ref === null ? [] : String(ref)),
    orderId: row.order_id === null ? null : toInteger(row.order_id),
    paymentId: row.payment_id === null ? null : toInteger(row.payment_id),
    state: row.state as ChargebackState,
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    reason: row.reason as string | null,
    dueBy: row.due_by as string | null,
    openedAt: String(row.opened_at),
    withdrawnAt: row.withdrawn_at as string | null,
    toldAt: String(row.told_at),
    lowersRevenue: row.lowers_revenue as LowersRevenue,
    changes: toInteger(row.changes),
  };
}
