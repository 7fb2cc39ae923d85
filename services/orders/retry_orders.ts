/**
 * Taking up orders again that failed for want of stock: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import { readErasedOrders } from "../../db/customers/erased_keys.ts";
import { restoreOrders } from "../../db/archive/archive.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, readBringer } from "../../db/orders/timelines.ts";
import { lockOrders, transitionOrders } from "../../db/orders/orders.ts";
import {
  deleteShortages,
  listFailedForStock,
  listShortOrders,
  readGivingBack,
  type ShortFilter,
} from "../../db/orders/shortages.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { addAuditEntries } from "../../db/audit/audit_log.ts";
import type { ReserveMessage } from "../../domain/messages/messages.ts";
import { foreignFault, type OnlyOf } from "../../domain/order/bringer.ts";
import type { AuditEntry, Operator } from "../../domain/operation/audit.ts";
import { orderAfter, type OrderFacts } from "../../domain/order/order.ts";
import { decideRetry, type RetryDecision } from "../../domain/order/retry.ts";
import { type AuditDeps, auditedTogether } from "../audited.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/** What belongs to taking up an order again. */
export interface RetryOptions {
  /** Is called where the order is taken up, in the same transaction. */
  inTransaction?: (tx: Queryable) => Promise<void>;
  /** Only an order that this one has brought. */
  only?: OnlyOf;
}

/** Which orders are to be taken up again. */
export type RetryFilter =
  /** These. */
  | { kind: "ids"; ids: readonly number[] }
  /** All that are known to have run short of something, or of one product. */
  | ({ kind: "short" } & ShortFilter)
  /** All that failed for want of stock, for which the whole table is read. */
  | { kind: "all" };

/** What became of many. */
export interface Retried {
  /** Those that were taken up. */
  orders: OrderFacts[];
  /** Those that had been taken up before. */
  before: number[];
  /** Those that can't be, and why. */
  refused: WorkflowError[];
}

/** Orders to one transaction. */
const ordersPerTransaction = 2_000;

/**
 * Takes an order up again that failed for want of stock: it is `PENDING` as though it had just come, and asks for its
 * units once more. A crash leaves it taken up or as it was; what no stream holds then, the sweep publishes. That it had
 * failed leaves the figures with that message. Safe to repeat.
 *
 * @param operator who does it, for the timeline and the audit log
 * @returns whether this call has taken it up; false where an earlier one has and it has not failed since
 * @throws {WorkflowError} `not_found`, `not_yours`, or `order_not_retryable`
 */
export async function retryAndPublish(
  deps: ServiceDeps,
  orderId: number,
  operator: Operator,
  options: RetryOptions = {},
): Promise<{ changed: boolean }> {
  const { orders, refused } = await retryTogether(deps, [orderId], operator, options);
  const [fault] = refused;
  if (fault !== undefined) throw fault;
  await publishAfterCommit(deps, orders.map(reservationOf));
  return { changed: orders.length > 0 };
}

/**
 * Takes many orders up again, some thousand in a transaction each. What failed once more meanwhile is not taken up
 * again by the same call: each id is met once. They go by the bulk lane.
 *
 * @param operator who does it, for the timelines and the audit log
 */
export async function retryAllAndPublish(
  deps: ServiceDeps,
  filter: RetryFilter,
  operator: Operator,
): Promise<Retried> {
  const all: Retried = { orders: [], before: [], refused: [] };
  const upToId = filter.kind === "short" ? filter.upToId : undefined;
  for (let afterId = 0;;) {
    const ids = await nextIds(deps.db, filter, afterId);
    const { orders, before, refused } = await retryTogether(deps, ids, operator);
    await publishAfterCommit(deps, orders.map(reservationOf), { lane: "bulk" });
    all.orders.push(...orders);
    all.before.push(...before);
    all.refused.push(...refused);
    if (ids.length < ordersPerTransaction) return all;
    afterId = ids.at(-1)!;
    if (upToId !== undefined && afterId >= upToId) return all;
  }
}

async function nextIds(db: Database, filter: RetryFilter, afterId: number): Promise<number[]> {
  const page = { afterId, limit: ordersPerTransaction };
  switch (filter.kind) {
    case "ids":
      return [...new Set(filter.ids)].filter((id) => id > afterId).sort((a, b) => a - b)
        .slice(0, ordersPerTransaction);
    case "short":
      return await listShortOrders(db, filter, page);
    case "all":
      return await listFailedForStock(db, page);
  }
}

/** @returns those of the orders that were taken up, as they are now */
function retryTogether(
  deps: AuditDeps,
  ids: readonly number[],
  operator: Operator,
  { inTransaction, only }: RetryOptions = {},
): Promise<Retried> {
  if (ids.length === 0) return Promise.resolve({ orders: [], before: [], refused: [] });
  const about = ids.map((id) => ({
    operator,
    action: "order.retry",
    subject: { kind: "order", id: String(id) },
  } as const));
  return auditedTogether(deps, about, () =>
    deps.db.transaction(async (tx) => {
      const { orders, now } = await lockOrders(tx, ids);
      await restoreOrders(tx, ids);
      const givingBack = await readGivingBack(tx, ids);
      const erased = await readErasedOrders(tx, ids);
      const result: Retried = { orders: [], before: [], refused: [] };
      for (const id of ids) {
        const order = orders.get(id);
        const foreign = order && only &&
          foreignFault(only, await readBringer(tx, id), `order ${id}`, retrying);
        if (order === undefined) {
          result.refused.push(new WorkflowError("not_found", `There is no order ${id}`));
        } else if (foreign !== undefined) result.refused.push(foreign);
        else {
          const decision = decisionOf(order, { givingBack, erased });
          if (decision.kind === "retry") result.orders.push(orderAfter(order, "retry", now));
          else if (decision.kind === "already_retried") result.before.push(id);
          else result.refused.push(refusal(id, decision.because));
        }
      }
      const retried = result.orders.map(({ id }) => id);
      await transitionOrders(tx, "retry", retried, now);
      await deleteShortages(tx, retried);
      await addOrderEvents(
        tx,
        retried.map((orderId) => ({ orderId, event: "retried" })),
        operator.actor,
      );
      if (retried.length > 0) await inTransaction?.(tx);
      await addAuditEntries(tx, entriesOf(ids, result, operator));
      return result;
    }));
}

/** Each order that was asked for, in the audit log. */
function entriesOf(
  ids: readonly number[],
  { orders, before, refused }: Retried,
  operator: Operator,
): AuditEntry[] {
  const done = new Set(orders.map(({ id }) => id));
  const known = new Set(before);
  let at = 0;
  return ids.map((id) => {
    const subject = { kind: "order", id: String(id) } as const;
    const about = { operator, action: "order.retry", subject, detail: null } as const;
    if (done.has(id)) return { ...about, outcome: "done" };
    if (known.has(id)) return { ...about, outcome: "unchanged" };
    // They stand in the order in which they were asked for.
    return { ...about, outcome: "refused", detail: refused[at++]!.code };
  });
}

/** For those who may take up what they have brought alone. */
const retrying = { verb: "retry", scope: "admin" };

function decisionOf(
  order: OrderFacts,
  { givingBack, erased }: { givingBack: ReadonlySet<number>; erased: ReadonlySet<number> },
): RetryDecision {
  const { id, status, failureReason, backordered = false, retryId } = order;
  return decideRetry({
    status,
    failureReason,
    isBackordered: backordered,
    wasRetried: retryId !== undefined,
    givesMoneyBack: givingBack.has(id),
    isErased: erased.has(id),
  });
}

function refusal(orderId: number, because: string): WorkflowError {
  return new WorkflowError("order_not_retryable", `Cannot retry order ${orderId}: ${because}`);
}

function reservationOf({ id: orderId, totalCents: amountCents, currency }: OrderFacts) {
  return { type: "order.reserve", orderId, amountCents, currency } satisfies ReserveMessage;
}
