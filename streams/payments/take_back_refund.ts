/**
 * Takes what providers and reports say of refunds that were made and came back.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { addRefunded, lockOrders } from "../../db/orders/orders.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { type NamedRefund, readRefundsOf } from "../../db/reconciliation/line_facts.ts";
import { endTwiceReturned, insertGivenTwice } from "../../db/refunds/given_twice.ts";
import { readRefunds, refundFactsOf, wasRecorded } from "../../db/refunds/refund_rows.ts";
import { readReturns, returnRefund } from "../../db/refunds/returned_refunds.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Log } from "../../domain/operation/log.ts";
import { decideReturn, type ReturnDecision } from "../../domain/refund/returned.ts";
import { bookOrders, bookReturned } from "../ledger/book_orders.ts";
import { noteChargedBackTwice } from "./given_twice.ts";

/** What is told of a refund. */
export interface TakenBack {
  /** Database id. */
  refundId: number;
  /** Whose word it is. */
  provider: string;
  /** Its word for why; null where it says none. */
  reason: string | null;
  /** When it was so: UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  returnedAt: string;
}

/** What became of it. */
export interface TakenBackRefund {
  refundId: number;
  orderId: number;
  outcome: ReturnDecision["kind"];
}

/**
 * Finds the refund that a provider means: by the key that it was asked for under, or that it was recorded under.
 *
 * @param keys in the order in which they count
 */
export async function findRefundOf(
  db: Queryable,
  keys: readonly string[],
): Promise<NamedRefund | undefined> {
  const refunds = await readRefundsOf(db, { keys, orderIds: [] });
  return keys.map((key) => refunds.find((one) => one.key === key))
    .find((refund) => refund !== undefined);
}

/**
 * Writes that a provider took a refund back, in one transaction under the order's lock: `FAILED`, what went back of the order
 * less, the ledger the other way round, and the step on the timeline. Its money is the order's again, and owed to the customer.
 * What it was for stays claimed and its units stay in stock, so that goods come back once.
 *
 * A crash leaves all of it or nothing; told again it changes nothing. The figures and the customer's notice follow from its row,
 * see `follow_returns.ts`.
 *
 * @param actor who tells it, for the timeline
 * @returns undefined where there is no such refund
 */
export async function takeBackRefund(
  { db, log }: { db: Database; log: Log },
  told: TakenBack,
  actor: string,
): Promise<TakenBackRefund | undefined> {
  const { refundId } = told;
  return await db.transaction(async (tx) => {
    const known = (await readRefunds(tx, [refundId])).get(refundId);
    if (known === undefined) return undefined;
    const { orderId, amountCents } = known;
    const { orders, now } = await lockOrders(tx, [orderId]);
    const order = orders.get(orderId)!;
    const refunds = await refundFactsOf(tx, [orderId], { lock: true });
    const refund = refunds.get(orderId)!.find(({ id }) => id === refundId)!;
    const { kind: outcome } = decideReturn({
      ...refund,
      isReturned: (await readReturns(tx, [refundId])).has(refundId),
      isRecorded: await wasRecorded(tx, refundId),
    });
    const of = { refundId, orderId, amountCents, currency: order.currency };
    if (outcome === "return") await writeReturn(tx, told, of, { actor, now, log });
    else if (outcome === "given_by_hand") await endTwice(tx, of, { actor, now });
    return { refundId, orderId, outcome };
  });
}

/** A refund that is written about. */
interface Written {
  refundId: number;
  orderId: number;
  amountCents: number;
  currency: string;
}

async function writeReturn(
  tx: Queryable,
  { provider, returnedAt, reason: said }: TakenBack,
  of: Written,
  { actor, now, log }: { actor: string; now: string; log: Log },
): Promise<void> {
  const { refundId, orderId, amountCents, currency } = of;
  await restoreOrders(tx, [orderId]);
  const reason = `taken back by ${provider}${said ? `: ${said}` : ""}`;
  await returnRefund(tx, { ...of, provider, returnedAt }, reason);
  await addRefunded(tx, new Map([[orderId, -amountCents]]));
  await bookReturned(tx, of, now);
  // What a lost chargeback took besides went back once by so much.
  await noteChargedBackTwice({ consumer: actor, log }, tx, [orderId]);
  await bookOrders(tx, [orderId], now);
  const detail = `${namedAmount(amountCents, currency)}: ${reason}`;
  await addOrderEvents(tx, [{ orderId, refundId, event: "refund_returned", detail }], actor);
}

/**
 * What went back by hand and by its provider went back once. Where nobody has noted that it did both, somebody may still be about to,
 * with an answer of before: that it is over stands there already.
 */
async function endTwice(
  tx: Queryable,
  { refundId, orderId, amountCents, currency }: Written,
  { actor, now }: { actor: string; now: string },
): Promise<void> {
  const money = { paymentId: null, chargebackId: null, amountCents, currency };
  const isNew = await insertGivenTwice(tx, { orderId, refundId, ...money }, "returned");
  const was = isNew ? "open" : await endTwiceReturned(tx, { refundId });
  if (was === undefined) return;
  await bookOrders(tx, [orderId], now);
  // Of what was written off a step says already that nobody is to get it.
  if (was !== "open") return;
  const detail = `${namedAmount(amountCents, currency)}: its provider took its own back`;
  await addOrderEvents(tx, [{ orderId, refundId, event: "given_twice_dismissed", detail }], actor);
}
