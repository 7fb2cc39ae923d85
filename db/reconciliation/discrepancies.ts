/**
 * Discrepancies, read, listed and summed up.
 *
 * @module
 */

import type {
  DiscrepancyAction,
  DiscrepancyKind,
  DiscrepancyState,
  MovementKind,
} from "../../domain/reconciliation/discrepancy.ts";
import {
  type Queryable,
  type Row,
  toInteger,
  toIsoTime,
  type Value,
} from "../connection/database.ts";
import { type MoneySum, toMoneySum } from "../payments/money_sums.ts";
import type { FoundDiscrepancy } from "./found_discrepancies.ts";

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

/** What `toDiscrepancy()` reads, of a statement on `discrepancies`. */
export const shown = `
  id, reconciliation_id, provider, kind, lower(state) as state, date_format(day, '%Y-%m-%d') as day, movement,
  lower(hex(part)) as part, order_id, payment_id, refund_id, reference, charge_ref, refund_ref, movement_key, entry,
  their_cents, their_currency, their_fee_cents, their_net_cents, their_time, our_cents, our_currency, our_time,
  their_gross_cents, settled_currency, our_fee_cents, our_net_cents, action, note, proposed_by, proposed_at,
  approved_by, approved_at, answer, mend_key, ended_at, created_at,
  (select amount_cents from discrepancy_mends where discrepancy_id = discrepancies.id) as mend_cents,
  (select external_order_id from orders where orders.id = discrepancies.order_id) as external_order_id`;

/** A row of `shown`. */
export function toDiscrepancy(row: Row): DiscrepancyRow {
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
