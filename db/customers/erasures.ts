/**
 * The rows of erasures and of the customers that they are about.
 *
 * @module
 */

import { chargebackStatesWhere } from "../../domain/payment/chargeback.ts";
import type { OpenMatter, OpenReason } from "../../domain/customer/erase.ts";
import { erasedIdOf, erasedText } from "../../domain/customer/erased_customer.ts";
import type { PersonalTexts } from "../../domain/customer/personal_text.ts";
import type { Operator, OperatorDoor } from "../../domain/operation/audit.ts";
import { retriedReason } from "../../domain/order/order.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";

/** A customer as the row says. */
export interface CustomerRow {
  id: number;
  externalId: string;
  isGuest: boolean;
  /** Empty for none. */
  email: string;
  name: string;
  /** What the customer was first known by. */
  firstEmail: string;
  firstName: string;
  /** ISO 8601 UTC. */
  createdAt: string;
}

/** What an erasure looks for, until it is done. */
export interface Searched extends PersonalTexts {
  /** Database ids of the customers: the one that was asked for, and the guests of the same address. */
  customerIds: number[];
  /** Orders of other customers that were sent to this person. */
  otherOrderIds: number[];
  /** Database ids of other customers of the shop with the same address, who are left alone. */
  sameEmailIds: number[];
}

/** An erasure. */
export interface Erasure {
  id: number;
  /** Of the row that was asked for. */
  customerId: number;
  /** Null once it is done. */
  searched: Searched | null;
  /** Orders up to here are done. */
  afterOrderId: number;
  /** Orders that were done. */
  orders: number;
  operator: Operator;
  /** ISO 8601 UTC; from then on nobody finds the person by name. */
  startedAt: string;
  /** ISO 8601 UTC; null while it is not done. */
  finishedAt: string | null;
}

const customerColumns = "id, external_id, guest, email, name, first_email, first_name, created_at";

/** Customers by the ids that they have outside, with a lock where they are about to be changed. */
export async function readCustomersBy(
  db: Queryable,
  { externalIds = [], ids = [] }: { externalIds?: readonly string[]; ids?: readonly number[] },
  lock: "" | "for update" = "",
): Promise<CustomerRow[]> {
  const by = externalIds.length > 0 ? "external_id" : "id";
  const values = externalIds.length > 0 ? [...externalIds] : [...ids];
  if (values.length === 0) return [];
  const rows = await db.query(
    `select ${customerColumns} from customers where ${by} in (?) order by id ${lock}`,
    [values],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    externalId: String(row.external_id),
    isGuest: toInteger(row.guest) === 1,
    email: String(row.email),
    name: String(row.name),
    firstEmail: String(row.first_email),
    firstName: String(row.first_name),
    createdAt: toIsoTime(row.created_at)!,
  }));
}

/** Database ids of other customers of the shop that have one of some addresses. */
export async function readOthersWithEmail(
  db: Queryable,
  emails: readonly string[],
  notIds: readonly number[],
  limit: number,
): Promise<number[]> {
  if (emails.length === 0) return [];
  const rows = await db.query(
    `
    select id
    from customers force index (customers_first_email)
    where first_email in (?) and id not in (?)
    order by id
    limit ?`,
    [[...emails], [...notIds], limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/**
 * Has one erasure begin after the other, so that the numbers of those that are committed have no gaps.
 */
export async function lockErasures(tx: Queryable): Promise<void> {
  await tx.execute("select id from installation where id = 1 for update");
}

/**
 * Has whatever begins to read a file wait for an erasure that begins, or the erasure for it: the file is then read by somebody who
 * knows of the erasure, or the erasure knows of the file.
 */
export async function lockOutErasures(tx: Queryable): Promise<void> {
  await tx.execute("select id from installation where id = 1 lock in share mode");
}

/**
 * Locks the orders of customers that are open or may be taken up again, by id: none of them can be while an erasure
 * begins.
 */
export async function lockLiveOrders(tx: Queryable, customerIds: readonly number[]): Promise<void> {
  await tx.query(
    `
    select id
    from orders force index (orders_customer)
    where customer_id in (?) and (unfinished = 1 or failure_reason = ?)
    order by id
    for update`,
    [[...customerIds], retriedReason],
  );
}

/** States of chargebacks that are not decided. */
const openChargebacks = chargebackStatesWhere(({ isClosed }) => !isClosed)
  .map((state) => `'${state}'`).join(", ");

/** Most matters of each kind that are named. */
const maxMatters = 100;

/** What is not over about customers and some other orders, the first ones of each kind. */
export async function readOpenMatters(
  tx: Queryable,
  customerIds: readonly number[],
  otherOrderIds: readonly number[],
): Promise<OpenMatter[]> {
  const ofPerson = otherOrderIds.length === 0
    ? "orders.customer_id in (?)"
    : "(orders.customer_id in (?) or orders.id in (?))";
  const values = otherOrderIds.length === 0
    ? [[...customerIds]]
    : [[...customerIds], [...otherOrderIds]];
  // What is open is little, so each list is gone through and its orders are looked at; orders are found by customer.
  const lists: [OpenReason, string, string][] = [
    ["refund", "refunds force index (refunds_unfinished)", "refunds.unfinished = 1"],
    ["dispute", "payment_disputes", "true"],
    ["by_hand", "refunds_by_hand", "true"],
    ["chargeback", "chargebacks", `chargebacks.state in (${openChargebacks})`],
    ["given_twice", "money_given_twice", "money_given_twice.ended_as is null"],
    ["dead_letter", "dead_letters", "dead_letters.status = 'DEAD'"],
  ];
  const open = await tx.query(
    `
    select id as order_id
    from orders
    where ${ofPerson} and unfinished = 1
    order by id
    limit ${maxMatters}`,
    values,
  );
  const matters = open.map((row): OpenMatter => ({
    reason: "order",
    orderId: toInteger(row.order_id),
  }));
  for (const [reason, from, where] of lists) {
    const table = from.split(" ")[0]!;
    const rows = await tx.query(
      `
      select distinct ${table}.order_id
      from ${from}
      straight_join orders on orders.id = ${table}.order_id
      where ${where} and ${ofPerson}
      order by ${table}.order_id
      limit ${maxMatters}`,
      values,
    );
    matters.push(...rows.map((row) => ({ reason, orderId: toInteger(row.order_id) })));
  }
  return matters;
}

/** Keys of refunds that were requested lately, with their orders: they may be requested again under them. */
export async function readLateRefundKeys(
  tx: Queryable,
  customerIds: readonly number[],
  hours: number,
): Promise<{ key: string; orderId: number }[]> {
  const rows = await tx.query(
    `
    select refunds.order_id, refunds.idempotency_key
    from orders force index (orders_customer)
    straight_join refunds force index (refunds_order) on refunds.order_id = orders.id
    where orders.customer_id in (?)
      and refunds.idempotency_key is not null
      and refunds.created_at > current_timestamp(6) - interval ${hours} hour`,
    [[...customerIds]],
  );
  return rows.map((row) => ({
    key: String(row.idempotency_key),
    orderId: toInteger(row.order_id),
  }));
}

/** Database ids of orders of customers, in their order. */
export async function listOrdersOf(
  db: Queryable,
  customerIds: readonly number[],
  { afterId, limit }: { afterId: number; limit: number },
): Promise<number[]> {
  const rows = await db.query(
    `
    select id
    from orders force index (orders_customer)
    where customer_id in (?) and id > ?
    order by id
    limit ?`,
    [[...customerIds], afterId, limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/** Whom orders of customers were for, each once. */
export async function readRecipients(
  tx: Queryable,
  customerIds: readonly number[],
): Promise<{ name: string | null; email: string | null }[]> {
  const rows = await tx.query(
    `
    select distinct recipient_name, recipient_email
    from orders force index (orders_customer)
    where customer_id in (?)`,
    [[...customerIds]],
  );
  return rows.map((row) => ({
    name: row.recipient_name as string | null,
    email: row.recipient_email as string | null,
  }));
}

/** Orders of other customers that were for this person, by address and by name. */
export async function readOrdersSentTo(
  tx: Queryable,
  { emails, names, notOf, limit }: {
    emails: readonly string[];
    names: readonly string[];
    notOf: readonly number[];
    limit: number;
  },
): Promise<number[]> {
  if (emails.length === 0 || names.length === 0) return [];
  const rows = await tx.query(
    `
    select orders.id
    from order_addresses force index (order_addresses_email)
    straight_join orders on orders.id = order_addresses.order_id
    where order_addresses.email in (?) and orders.recipient_name in (?)
      and orders.customer_id not in (?)
    order by orders.id
    limit ?`,
    [[...emails], [...names], [...notOf], limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/**
 * Has customers be called as they were first, where they are called by an order that was sent to somebody else: by address and
 * by name.
 */
export async function uncallCustomers(
  tx: Queryable,
  orderIds: readonly number[],
  { emails, names }: Pick<PersonalTexts, "emails" | "names">,
): Promise<void> {
  if (orderIds.length === 0) return;
  const rows = await tx.query(
    "select distinct customer_id from orders where id in (?) order by customer_id",
    [[...orderIds]],
  );
  const ids = rows.map((row) => toInteger(row.customer_id));
  await tx.runText(
    `
    update customers
    set email = first_email, name = first_name
    where id in (?) and email in (?) and name in (?)`,
    [ids, [...emails], [...names]],
  );
}

/** Begins an erasure; its customers must be locked. @returns its number */
export async function insertErasure(
  tx: Queryable,
  customerId: number,
  searched: Searched,
  { actor, via, address }: Operator,
): Promise<number> {
  const { insertId } = await tx.run(
    "insert into erasures (customer_id, searched, actor, via, address) values (?, ?, ?, ?, ?)",
    [customerId, JSON.stringify(searched), actor, via, address],
  );
  return insertId;
}

/** Takes the names of customers away; who comes under their ids from then on is somebody else. */
export async function eraseCustomerRows(tx: Queryable, ids: readonly number[]): Promise<void> {
  await tx.run(
    `
    update json_table(?, '$[*]' columns (
        id bigint unsigned path '$[0]',
        external_id varchar(64) character set utf8mb4 collate utf8mb4_bin path '$[1]')) j
      straight_join customers force index (primary) on customers.id = j.id
    set customers.external_id = j.external_id, customers.guest = 0, customers.described_by = '',
      customers.email = '', customers.first_email = '',
      customers.name = ?, customers.first_name = ?`,
    [JSON.stringify(ids.map((id) => [id, erasedIdOf(id)])), erasedText, erasedText],
  );
}

const erasureColumns = `id, customer_id, cast(searched as char) as searched, after_order_id, orders,
  actor, via, address, created_at, finished_at`;

/**
 * By which erasure a customer's row was erased. The keys of somebody who came back and was erased again are those of the later
 * row; the earlier one is known by its erasure alone.
 */
export async function readErasureWith(
  db: Queryable,
  customerId: number,
): Promise<Erasure | undefined> {
  const [row] = await db.execute(
    `
    select ${erasureColumns}
    from erasures
    where id = coalesce(
      (select max(erasure_id) from erased_keys where customer_id = ?),
      (select max(latest.id) from erasures as latest where latest.customer_id = ?))`,
    [customerId, customerId],
  );
  return row === undefined ? undefined : toErasure(row);
}

/** Locks an erasure: one goes on with it at a time. */
export async function lockErasure(tx: Queryable, id: number): Promise<Erasure> {
  await tx.execute("select id from erasures where id = ? for update", [id]);
  const [row] = await tx.execute(`select ${erasureColumns} from erasures where id = ?`, [id]);
  return toErasure(row!);
}

/** Erasures that are not done and nobody has gone on with for a while. */
export async function readAbandonedErasures(
  db: Queryable,
  silentSeconds: number,
): Promise<number[]> {
  const rows = await db.execute(
    `
    select id
    from erasures force index (erasures_unfinished)
    where unfinished = 1 and updated_at < current_timestamp(6) - interval ? second
    order by id`,
    [silentSeconds],
  );
  return rows.map((row) => toInteger(row.id));
}

/** Writes down how far an erasure is. */
export async function noteErasedOrders(
  tx: Queryable,
  id: number,
  afterOrderId: number,
  orders: number,
): Promise<void> {
  await tx.run(
    "update erasures set after_order_id = ?, orders = orders + ?, updated_at = current_timestamp(6) where id = ?",
    [afterOrderId, orders, id],
  );
}

/** Ends an erasure, and forgets what it looked for. */
export async function finishErasure(tx: Queryable, id: number): Promise<void> {
  await tx.run(
    "update erasures set searched = null, finished_at = current_timestamp(6) where id = ?",
    [id],
  );
}

function toErasure(row: Row): Erasure {
  return {
    id: toInteger(row.id),
    customerId: toInteger(row.customer_id),
    searched: row.searched === null ? null : JSON.parse(String(row.searched)),
    afterOrderId: toInteger(row.after_order_id),
    orders: toInteger(row.orders),
    operator: {
      actor: String(row.actor),
      via: row.via as OperatorDoor,
      address: row.address as string | null,
    },
    startedAt: toIsoTime(row.created_at)!,
    finishedAt: toIsoTime(row.finished_at),
  };
}
