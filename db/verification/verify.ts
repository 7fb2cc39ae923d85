/**
 * The statements that show whether the database agrees with itself. Each reads whole tables once, or only what belongs to
 * the orders or refunds of a scope; to be run in one snapshot.
 *
 * @module
 */

import { orderEnds, orderEventName } from "../../domain/notification/notification.ts";
import type { OrderStatus, RefundStatus } from "../../domain/order/order.ts";
import { archivedForm, hasArchived, isLive } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toBigInteger, toInteger } from "../connection/database.ts";
import { orderEndEvent } from "../notifications/notifications.ts";
import { gaveBackInPart } from "../payments/lost_cents.ts";
import { refundEventStarts } from "../recovery/recovery.ts";
import { isClaimed, wasReturned } from "../refunds/returned_refunds.ts";
import { findRowRange, type RowRange } from "./row_range.ts";
import { andWithin, type Scope, type Scopes, within } from "./scope.ts";
import { isEarlierFailure } from "./uneven_notices.ts";
import { faultsOf, type FaultyRows, inEveryPlace, maxRows } from "./faulty_rows.ts";

/** How many rows each check looks at. */
export interface RowCounts {
  products: number;
  paidOrders: number;
  refunds: number;
  settledOrders: number;
  finishedRefunds: number;
  openOrders: number;
  openRefunds: number;
}

/** Counts what is there to be checked. */
export async function countRows(tx: Queryable, scopes: Scopes): Promise<RowCounts> {
  const [products] = await tx.query("select count(*) as products from products");
  const counts: RowCounts = {
    products: toInteger(products?.products),
    paidOrders: 0,
    refunds: 0,
    settledOrders: 0,
    finishedRefunds: 0,
    openOrders: 0,
    openRefunds: 0,
  };
  for (const scope of scopes.orders) {
    const [row] = await tx.query(`
      select count(*) as orders, coalesce(sum(status = 'PAID'), 0) as paid, count(unfinished) as open
      from orders
      where ${within("id", scope)}`);
    counts.paidOrders += toInteger(row?.paid);
    counts.openOrders += toInteger(row?.open);
    counts.settledOrders += toInteger(row?.orders) - toInteger(row?.open);
  }
  for (const scope of scopes.refunds) {
    const [row] = await tx.query(`
      select count(*) as refunds, count(unfinished) as open
      from refunds
      where ${within("id", scope)}`);
    counts.refunds += toInteger(row?.refunds);
    counts.openRefunds += toInteger(row?.open);
    counts.finishedRefunds += toInteger(row?.refunds) - toInteger(row?.open);
  }
  return counts;
}

/** A product whose units don't add up. */
export interface StockFault {
  productId: number;
  sku: string;
  stockQty: number;
  /** What is missing from all that was received. */
  takenQty: number;
  /** What reserved and paid orders hold, less what refunds have put back. */
  heldQty: number;
}

/**
 * Products that lack another number of units than `RESERVED` and `PAID` orders hold, less those that refunds have put
 * back, or have less than none.
 *
 * All items are added up in their own order, and those of orders that hold nothing, which are few in most shops, taken
 * away: looking up the order of each item takes twice as long. By the index of products, which the engines prefer for
 * grouping, it takes four times as long. Added as floating-point numbers, exact to more units than a product can have.
 */
export async function findStockFaults(
  tx: Queryable,
  scopes: Scopes,
): Promise<FaultyRows<StockFault>> {
  const isWhole = scopes.orders.includes(null);
  const isArchived = await hasArchived(tx);
  const everywhere = (parts: readonly string[], live = parts) =>
    summed(isArchived ? [...live, ...parts.map(archivedForm)] : live);
  const held: string[] = [];
  for (const scope of scopes.orders) {
    held.push(heldUnits(scope, await findRowRange(tx, "order_items", scope)));
  }
  const rows = await tx.query(
    `
    select products.id, products.sku, products.stock_qty,
      products.received_qty - products.stock_qty as taken_qty,
      coalesce(held.qty, 0) - coalesce(back.qty, 0)${
      isWhole ? "" : " + coalesce(sealed_units.qty, 0)"
    } as held_qty, count(*) over () as faults
    from products
    ${isWhole ? "" : "left join sealed_units on sealed_units.product_id = products.id"}
    left join (${
      everywhere(scopes.orders.map((scope) => heldUnits(scope)), held)
    }) held on held.product_id = products.id
    left join (${
      everywhere(scopes.refunds.map(returnedUnits))
    }) back on back.product_id = products.id
    where products.received_qty - products.stock_qty <> coalesce(held.qty, 0) - coalesce(back.qty, 0)${
      isWhole ? "" : " + coalesce(sealed_units.qty, 0)"
    }
      or products.stock_qty < 0
    order by products.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    productId: toInteger(row.id),
    sku: String(row.sku),
    stockQty: toInteger(row.stock_qty),
    takenQty: toInteger(row.taken_qty),
    heldQty: toInteger(row.held_qty),
  }));
}

/** Units by product, of several parts that each are such a sum. */
export function summed(parts: readonly string[]): string {
  if (parts.length === 1) return parts[0]!;
  return `
      select part.product_id, sum(part.qty) as qty
      from (${parts.map((part) => `(${part})`).join(" union all ")}) part
      group by part.product_id`;
}

/**
 * Units that the reserved and paid orders of a scope hold, by product.
 *
 * @param range by which all items of the scope are read in their own order, where they can be
 */
export function heldUnits(scope: Scope, range: RowRange | null = null): string {
  const ofOrders = (condition: string) => `
      select order_items.product_id, sum(order_items.qty) as qty
      from orders force index (primary)
      straight_join order_items force index (order_items_order) on order_items.order_id = orders.id
      where orders.status ${condition} ('RESERVED', 'PAID')${andWithin("orders.id", scope)}
      group by order_items.product_id`;
  if (scope !== null && range === null) return ofOrders("in");
  const all = range === null
    ? "order_items ignore index (order_items_product, order_items_order)"
    : `order_items ${range.hint}
        where ${range.condition}${andWithin("order_id", scope)}`;
  return `
      select part.product_id, sum(part.qty) as qty
      from (
        select product_id, cast(sum(qty + 0e0) as signed) as qty
        from ${all}
        group by product_id
        union all
        select lost.product_id, -lost.qty from (${ofOrders("not in")}) lost
      ) part
      group by part.product_id`;
}

/** Units that the refunds of a scope have put back, by product. */
export function returnedUnits(scope: Scope): string {
  return `
      select order_items.product_id, sum(refund_lines.qty) as qty
      from refund_lines
      straight_join order_items on order_items.id = refund_lines.order_item_id
      where refund_lines.restocked = 1${andWithin("refund_lines.refund_id", scope)}
      group by order_items.product_id`;
}

/** An order whose money does not add up. */
export interface MoneyFault {
  orderId: number;
  status: OrderStatus;
  totalCents: number;
  /** What was paid, or what was given back; null where there is no such row. */
  foundCents: bigint | null;
  refundedCents: number;
}

/** `PAID` orders without a succeeded payment of their total; a second one the unique key rules out. */
export const findUnpaidOrders = inEveryPlace(findUnpaidIn);

async function findUnpaidIn(tx: Queryable, scope: Scope): Promise<FaultyRows<MoneyFault>> {
  const rows = await tx.query(
    `
    select orders.id, orders.status, orders.total_cents, orders.refunded_cents,
      payments.amount_cents as found_cents, count(*) over () as faults
    from orders
    left join payments on payments.order_id = orders.id and payments.status = 'SUCCEEDED'
    where orders.status = 'PAID'${andWithin("orders.id", scope)}
      and (payments.id is null or payments.amount_cents <> orders.total_cents
        or payments.currency <> orders.currency)
      and ${isLive("orders.id")}
    order by orders.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, toMoneyFault);
}

/** Orders that are not `PAID` and yet have a succeeded payment: money was taken for nothing. */
export const findPaymentsForNothing = inEveryPlace(findPaymentsForNothingIn);

async function findPaymentsForNothingIn(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<MoneyFault>> {
  const rows = await tx.query(
    `
    select orders.id, orders.status, orders.total_cents, orders.refunded_cents,
      payments.amount_cents as found_cents, count(*) over () as faults
    from payments
    straight_join orders on orders.id = payments.order_id
    where payments.status = 'SUCCEEDED' and orders.status <> 'PAID'${
      andWithin("payments.order_id", scope)
    }
    order by orders.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, toMoneyFault);
}

/** A payment that is in dispute and waits for nobody, or is not in dispute and waits for somebody. */
export interface DisputeFault {
  paymentId: number;
  orderId: number;
  /** Of the payment. */
  status: string;
}

/** Payments whose status and place on the list of what is to be decided don't agree. */
export const findDisputeFaults = inEveryPlace(findDisputeFaultsIn);

async function findDisputeFaultsIn(tx: Queryable, scope: Scope): Promise<FaultyRows<DisputeFault>> {
  const rows = await tx.query(
    `
    select faulty.*, count(*) over () as faults
    from (
      select payments.id, payments.order_id, payments.status
      from payments
      where payments.status = 'DISPUTED'${andWithin("payments.order_id", scope)}
        and not exists (select 1 from payment_disputes where payment_disputes.payment_id = payments.id)
      union all
      select payments.id, payments.order_id, payments.status
      from payment_disputes
      straight_join payments on payments.id = payment_disputes.payment_id
      where payments.status <> 'DISPUTED'${andWithin("payments.order_id", scope)}
    ) faulty
    order by faulty.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    paymentId: toInteger(row.id),
    orderId: toInteger(row.order_id),
    status: String(row.status),
  }));
}

/** Money whose row says otherwise than the list of what a person has to give back. */
export interface HandFault {
  orderId: number;
  /** Null where it is a payment. */
  refundId: number | null;
  /** Null where it is a refund. */
  paymentId: number | null;
  /** Of the refund, or of the payment. */
  status: string;
  /** `missing` from the list, on it `over` its end, listed as `other` money, or `decided` otherwise than it ended. */
  kind: "missing" | "over" | "other" | "decided";
}

/**
 * Refunds by hand that wait and are not on the list of what a person has to give back, and what is on the list and
 * waits no more, so that nobody would give it back, or somebody twice; what is listed as other money than it is; and
 * refunds that ended otherwise than the person said who was asked.
 */
export async function findHandFaults(tx: Queryable, scope: Scope): Promise<FaultyRows<HandFault>> {
  const rows = await tx.query(
    `
    select faulty.*, count(*) over () as faults
    from (
      select refunds.order_id, refunds.id as refund_id, null as payment_id, refunds.status, 'missing' as kind
      from refunds force index (refunds_unfinished)
      left join refunds_by_hand on refunds_by_hand.refund_id = refunds.id
      where refunds.unfinished = 1 and refunds.by_hand = 1 and refunds_by_hand.id is null
      union all
      select refunds_by_hand.order_id, refunds_by_hand.refund_id, refunds_by_hand.payment_id,
        coalesce(refunds.status, payments.status),
        case
          when refunds.status <> 'REQUESTED' or refunds.by_hand <> 1 or (payments.status <> 'REVERSING' and not ${gaveBackInPart})
            then 'over'
          else 'other'
        end
      from refunds_by_hand
      straight_join orders on orders.id = refunds_by_hand.order_id
      left join refunds on refunds.id = refunds_by_hand.refund_id
      left join payments on payments.id = refunds_by_hand.payment_id
      where refunds.status <> 'REQUESTED' or refunds.by_hand <> 1
        or (payments.status <> 'REVERSING' and not ${gaveBackInPart})
        or coalesce(refunds.order_id, payments.order_id) <> refunds_by_hand.order_id
        or coalesce(refunds.amount_cents, payments.amount_cents) <> refunds_by_hand.amount_cents
        or coalesce(payments.currency, orders.currency) <> refunds_by_hand.currency
      union all
      select refunds.order_id, refunds.id, null, refunds.status, 'decided'
      from refunds
      where ((refunds.by_hand = 1 and refunds.status <> 'REQUESTED')
        or (refunds.by_hand = 3 and refunds.status = 'PROCESSED'))${andWithin("refunds.id", scope)}
    ) faulty
    order by faulty.order_id, faulty.refund_id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    paymentId: row.payment_id === null ? null : toInteger(row.payment_id),
    status: String(row.status),
    kind: row.kind as HandFault["kind"],
  }));
}

/**
 * Orders whose processed refunds are not what `refunded_cents` says, or exceed the total, or belong to an
 * order that was not paid.
 */
export async function findRefundFaults(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<MoneyFault>> {
  const rows = await tx.query(
    `
    select orders.id, orders.status, orders.total_cents, orders.refunded_cents,
      coalesce(refunded.cents, 0) as found_cents, count(*) over () as faults
    from orders
    left join (
      select order_id, sum(amount_cents) as cents
      from refunds
      where status = 'PROCESSED'${andWithin("order_id", scope)}
      group by order_id
    ) refunded on refunded.order_id = orders.id
    where (orders.refunded_cents <> coalesce(refunded.cents, 0)
      or (refunded.order_id is not null
        and (orders.status <> 'PAID' or refunded.cents > orders.total_cents)))${
      andWithin("orders.id", scope)
    }
    order by orders.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, toMoneyFault);
}

/** A refund whose parts don't agree with it. */
export interface RefundPartsFault {
  refundId: number;
  orderId: number;
  status: RefundStatus;
  amountCents: number;
  /** What its parts come to. */
  partsCents: bigint;
  /** Lines of other orders. */
  foreignLines: number;
  /** Units that are to be in stock again and are not, or that are and should not be. */
  wrongUnits: number;
}

/**
 * Refunds of parts of an order whose parts come to another amount, are of another order, or whose units are not where
 * the refund says; and those that say that they have parts and have none.
 */
export const findRefundPartsFaults = inEveryPlace(findRefundPartsFaultsIn);

async function findRefundPartsFaultsIn(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<RefundPartsFault>> {
  const rows = await tx.query(
    `
    select refunds.id, refunds.order_id, refunds.status, refunds.amount_cents, parts.cents,
      parts.foreign_lines, parts.wrong_units, count(*) over () as faults
    from (
      select part.refund_id, sum(part.cents) as cents, sum(part.is_foreign) as foreign_lines,
        sum(part.wrong_qty) as wrong_units
      from (
        select refund_lines.refund_id, refund_lines.amount_cents as cents,
          order_items.order_id <> refunds.order_id as is_foreign,
          case when refund_lines.restocked = (refund_lines.restock = 1 and (refunds.status = 'PROCESSED' or ${wasReturned}))
            then 0 else refund_lines.qty end as wrong_qty
        from refund_lines
        straight_join refunds on refunds.id = refund_lines.refund_id
        straight_join order_items on order_items.id = refund_lines.order_item_id
        where ${within("refund_lines.refund_id", scope)}
        union all
        select refund_id, amount_cents, 0, 0
        from refund_adjustments
        where ${within("refund_id", scope)}
        union all
        select id, 0, 0, 0
        from refunds
        where itemized = 1${andWithin("id", scope)}
      ) part
      group by part.refund_id
    ) parts
    straight_join refunds on refunds.id = parts.refund_id
    where (parts.cents <> refunds.amount_cents or refunds.itemized = 0 or parts.foreign_lines > 0
        or parts.wrong_units > 0)
      and ${isLive("refunds.order_id")}
    order by refunds.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    refundId: toInteger(row.id),
    orderId: toInteger(row.order_id),
    status: row.status as RefundStatus,
    amountCents: toInteger(row.amount_cents),
    partsCents: toBigInteger(row.cents),
    foreignLines: toInteger(row.foreign_lines),
    wrongUnits: toInteger(row.wrong_units),
  }));
}

/** A line of which more went back than was bought. */
export interface ReturnedFault {
  itemId: number;
  orderId: number;
  qty: number;
  returnedQty: number;
}

/** Lines of which refunds that did not fail have more units than were bought. */
export const findReturnedFaults = inEveryPlace(findReturnedFaultsIn);

async function findReturnedFaultsIn(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<ReturnedFault>> {
  const rows = await tx.query(
    `
    select order_items.id, order_items.order_id, order_items.qty, returned.qty as returned_qty,
      count(*) over () as faults
    from (
      select refund_lines.order_item_id, sum(refund_lines.qty) as qty
      from refund_lines
      straight_join refunds on refunds.id = refund_lines.refund_id
      where ${isClaimed}${
      scope === null ? "" : `
        and refund_lines.order_item_id in (
          select order_item_id from refund_lines where ${within("refund_id", scope)})`
    }
      group by refund_lines.order_item_id
    ) returned
    straight_join order_items on order_items.id = returned.order_item_id
    where returned.qty > order_items.qty
    order by order_items.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    itemId: toInteger(row.id),
    orderId: toInteger(row.order_id),
    qty: toInteger(row.qty),
    returnedQty: toInteger(row.returned_qty),
  }));
}

/** A kind of adjustment of which more went back than was charged. */
export interface GivenBackFault {
  orderId: number;
  kind: string;
  chargedCents: bigint;
  givenBackCents: bigint;
}

/** What was charged beside the items, and of which refunds that did not fail give back more. */
export const findGivenBackFaults = inEveryPlace(findGivenBackFaultsIn);

async function findGivenBackFaultsIn(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<GivenBackFault>> {
  const rows = await tx.query(
    `
    select faulty.*, count(*) over () as faults
    from (
      select given.order_id, given.kind, given.cents, coalesce((
          select sum(order_adjustments.amount_cents)
          from order_adjustments
          where order_adjustments.order_id = given.order_id and order_adjustments.kind = given.kind
            and order_adjustments.included = 0), 0) as charged_cents
      from (
        select refunds.order_id, refund_adjustments.kind, sum(refund_adjustments.amount_cents) as cents
        from refund_adjustments
        straight_join refunds on refunds.id = refund_adjustments.refund_id
        where ${isClaimed}${
      scope === null ? "" : `
          and refunds.order_id in (select order_id from refunds where ${within("id", scope)})`
    }
        group by refunds.order_id, refund_adjustments.kind
      ) given
    ) faulty
    where faulty.cents > faulty.charged_cents
    order by faulty.order_id, faulty.kind
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.order_id),
    kind: String(row.kind),
    chargedCents: toBigInteger(row.charged_cents),
    givenBackCents: toBigInteger(row.cents),
  }));
}

/** A notice that should not be there. */
export interface NotificationFault {
  orderId: number;
  refundId: number | null;
  /** The status of what the notice is about; null where there is no such refund. */
  status: string | null;
  event: string;
}

/**
 * Notices that tell of an end which their order or refund did not have. The unique key rules out a
 * second row of one on a channel. An order that was taken up again did fail before that.
 */
export const findWrongNotifications = inEveryPlace(findWrongNotificationsIn);

async function findWrongNotificationsIn(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<NotificationFault>> {
  const [processed, refundFailed] = refundEventStarts();
  const orders = await tx.query(
    `
    select orders.id as order_id, null as refund_id, orders.status, notification_logs.event,
      count(*) over () as faults
    from notification_logs
    straight_join orders on orders.id = notification_logs.order_id
    where (notification_logs.event in (?) or notification_logs.event like ?)
      and notification_logs.event <> coalesce(${orderEndEvent}, '')
      and not ${isEarlierFailure}${andWithin("notification_logs.order_id", scope)}
    order by notification_logs.id
    limit ?`,
    [
      orderEnds.map(([, event]) => event),
      `${orderEventName("FAILED")}:%`,
      maxRows,
    ],
  );
  const refunds = await tx.query(
    `
    select notification_logs.order_id, refunds.id as refund_id, refunds.status,
      notification_logs.event, count(*) over () as faults
    from notification_logs
    left join refunds on refunds.order_id = notification_logs.order_id
      and notification_logs.event =
        concat(case refunds.status when 'PROCESSED' then ? when 'FAILED' then ? else '' end, refunds.id)
    left join returned_refunds on returned_refunds.order_id = notification_logs.order_id
      and notification_logs.event = concat(?, returned_refunds.refund_id)
    where (notification_logs.event like ? or notification_logs.event like ?)
      and refunds.id is null and returned_refunds.refund_id is null${
      andWithin("notification_logs.order_id", scope)
    }
    order by notification_logs.id
    limit ?`,
    [processed, refundFailed, processed, `${processed}%`, `${refundFailed}%`, maxRows],
  );
  const all = [orders, refunds].map((rows) => faultsOf(rows, toNotificationFault));
  return {
    rows: all.flatMap(({ rows }) => rows),
    count: all.reduce((sum, { count }) => sum + count, 0),
  };
}

/** A notice that is incomplete. */
export interface NotificationGap {
  orderId: number;
  event: string;
  channel: string;
  /** True where rows of the same event on other channels are missing; false where it waits nowhere. */
  lacksChannels: boolean;
}

/**
 * Notices whose event was told on more channels than there are rows, and notices that were not sent, although there was
 * an address, and do not stand on the list of what is to be sent or was given up.
 *
 * How many channels an event was told on is written in its rows, so the proof needs no settings, and a channel
 * that was added later makes no fault of older events.
 */
export const findNotificationGaps = inEveryPlace(findNotificationGapsIn);

async function findNotificationGapsIn(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<NotificationGap>> {
  const rows = await tx.query(
    `
    select gaps.order_id, gaps.event, gaps.channel, gaps.lacks_channels, count(*) over () as faults
    from (
      select notification_logs.id, notification_logs.order_id, notification_logs.event,
        notification_logs.channel,
        notification_logs.channels > 1
          and notification_logs.channels > (
            select count(*)
            from notification_logs brothers
            where brothers.order_id = notification_logs.order_id
              and brothers.event = notification_logs.event) as lacks_channels
      from notification_logs
      where (notification_logs.channels > 1
        or (notification_logs.success = 0 and notification_logs.no_address = 0))${
      andWithin("notification_logs.order_id", scope)
    }
    ) gaps
    straight_join notification_logs on notification_logs.id = gaps.id
    left join notification_deliveries on notification_deliveries.notification_log_id = gaps.id
    where gaps.lacks_channels = 1
      or (notification_logs.success = 0 and notification_logs.no_address = 0
        and notification_deliveries.notification_log_id is null)
    order by gaps.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.order_id),
    event: String(row.event),
    channel: String(row.channel),
    lacksChannels: toInteger(row.lacks_channels) === 1,
  }));
}

function toMoneyFault(row: Row): MoneyFault {
  return {
    orderId: toInteger(row.id),
    status: row.status as OrderStatus,
    totalCents: toInteger(row.total_cents),
    foundCents: row.found_cents === null ? null : toBigInteger(row.found_cents),
    refundedCents: toInteger(row.refunded_cents),
  };
}

function toNotificationFault(row: Row): NotificationFault {
  return {
    orderId: toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    status: row.status === null ? null : String(row.status),
    event: String(row.event),
  };
}
