/**
 * Deciding about payments that do not fit their order: the one way for the API and the dashboard.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, type OrderEventRow, readEventsAmong } from "../../db/orders/timelines.ts";
import { lockOrders, transitionOrders } from "../../db/orders/orders.ts";
import { readContestedPayments } from "../../db/payments/chargebacks.ts";
import { noteReturned } from "../../db/payments/returned_money.ts";
import { adjustTotal, endDisputes, readDisputes } from "../../db/payments/payment_disputes.ts";
import { readPaymentsOf, type RecordedPayment } from "../../db/payments/payments.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { CallbackMessage, StockMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { orderAfter, type OrderFacts } from "../../domain/order/order.ts";
import { decideDispute, type DisputeVerdict } from "../../domain/order/settle.ts";
import { answerOf } from "../../domain/payment/recorded_answer.ts";
import { bookOrders } from "../../streams/ledger/book_orders.ts";
import { restock } from "../../streams/payments/restock.ts";
import { audited } from "../audited.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/** What became of a decision. */
export interface DecidedPayment {
  /** As it is now. */
  order: OrderFacts;
  /** Whether this call changed it. */
  changed: boolean;
  /**
   * To publish once it is committed: the provider's answers again, from which follow the notice, the figures and the
   * reversals. Those that get lost are repeated by the sweep. And what takes up orders that wait for its stock.
   */
  messages: (CallbackMessage | StockMessage)[];
}

/** What belongs to a decision. */
export interface DecideOptions {
  /** Is called where something changed, in the same transaction. */
  inTransaction?: (tx: Queryable) => Promise<void>;
  /** Database id of the only payment that it is about; left out for all that the verdict is about. */
  paymentId?: number;
}

/** The step in the timeline that tells of each verdict. */
const eventOf = {
  accept: "payment_accepted",
  give_back: "payment_given_back",
  dismiss: "payment_dismissed",
} as const satisfies Record<DisputeVerdict, OrderEventRow["event"]>;

/**
 * Carries out a verdict, see {@linkcode decidePayment}, and publishes what follows. What no stream holds after a
 * crash, the sweep publishes.
 *
 * @param operator who decides, for the timeline and the audit log
 * @throws {WorkflowError} `not_found`, or `payment_not_disputed` where nothing waits for this verdict
 */
export async function decideAndPublish(
  deps: ServiceDeps,
  orderId: number,
  verdict: DisputeVerdict,
  operator: Operator,
  options: DecideOptions = {},
): Promise<DecidedPayment> {
  const subject = { kind: "order", id: String(orderId) } as const;
  const about = { operator, action: `payment.${verdict}`, subject } as const;
  const decided = await audited(deps, about, async (note) => {
    const result = await decidePayment(deps.db, orderId, verdict, operator.actor, {
      ...options,
      inTransaction: async (tx) => {
        await options.inTransaction?.(tx);
        await note(tx);
      },
    });
    return { result, changed: result.changed };
  });
  await publishAfterCommit(deps, decided.messages);
  return decided;
}

/**
 * Carries out a verdict about the disputed payments of an order, in one transaction under the order's lock:
 *
 * - `accept`: the order is worth what was taken. Its total changes by an adjustment, so that what was paid, the
 *   revenue and the most that can be refunded stay the same amount; it becomes `PAID`.
 * - `give_back`: what was taken goes back; an order that waited for it becomes `FAILED` and its stock returns.
 * - `dismiss`: payments beside the one that settled the order are no longer looked after.
 *
 * Where one payment is named, the others stay as they are, and so does an order that waits for one of these.
 *
 * A crash leaves all of it or nothing. The same verdict again changes nothing and repeats the messages.
 *
 * @param actor who decides, for the timeline
 * @throws {WorkflowError} `not_found`, or `payment_not_disputed` where nothing waits for this verdict
 */
export function decidePayment(
  db: Database,
  orderId: number,
  verdict: DisputeVerdict,
  actor: string,
  options: DecideOptions = {},
): Promise<DecidedPayment> {
  return db.transaction(async (tx) => {
    const { orders, now } = await lockOrders(tx, [orderId]);
    const order = orders.get(orderId);
    if (order === undefined) throw new WorkflowError("not_found", `There is no order ${orderId}`);
    const { paymentId } = options;
    const disputed = (await readDisputes(tx, [orderId]))
      .filter(({ id }) => paymentId === undefined || id === paymentId);
    const decision = decideDispute(
      order,
      disputed.map(({ currency, surplus }) => ({
        currency: currency ?? order.currency,
        isSurplus: surplus > 0,
      })),
      verdict,
      await readVerdicts(tx, orderId),
    );
    if (decision.kind === "refused") throw refusal(order, disputed, decision.because);
    if (decision.kind === "decide" && verdict !== "give_back") {
      await refuseContested(tx, { orderId, verdict, disputed });
    }
    const { after, arrived } = decision.kind === "decide"
      ? await carryOut(tx, {
        order,
        disputed,
        verdict,
        actor,
        now,
        endsOrder: paymentId === undefined || disputed.some(({ surplus }) => surplus === 0),
      })
      : { after: order, arrived: [] };
    if (decision.kind === "decide") await options.inTransaction?.(tx);
    return {
      order: after,
      changed: decision.kind === "decide",
      messages: verdict === "dismiss" ? [] : [...await answersAgain(tx, after), ...arrived],
    };
  });
}

/**
 * Money that the customer contests at the bank makes no order paid: it is given back, or lost. Nor is it dealt with otherwise before
 * that is decided: the customer would be paid twice. Given back it waits until then by itself.
 */
async function refuseContested(
  tx: Queryable,
  { orderId, verdict, disputed }: {
    orderId: number;
    verdict: "accept" | "dismiss";
    disputed: readonly RecordedPayment[];
  },
): Promise<void> {
  const contested = await readContestedPayments(tx, [orderId]);
  const isMeant = verdict === "accept"
    ? contested.size > 0
    : disputed.some(({ id, surplus }) => surplus > 0 && contested.get(id)?.isHeld);
  if (!isMeant) return;
  throw new WorkflowError(
    "payment_not_disputed",
    `Cannot ${verdict} the payment of order ${orderId}: its customer contests it at the bank`,
  );
}

/**
 * Has the disputed payments of an order that is being cancelled given back. The order must be locked.
 *
 * @returns what to publish once it is committed
 */
export async function refundDisputed(
  tx: Queryable,
  order: OrderFacts,
  actor: string,
): Promise<CallbackMessage[]> {
  const disputed = await readDisputes(tx, [order.id]);
  if (disputed.length === 0) return [];
  await endDisputes(tx, disputed.map(({ id }) => id), "REVERSING");
  await addOrderEvents(tx, disputed.map((payment) => stepOf("give_back", order, payment)), actor);
  return await answersAgain(tx, order);
}

async function carryOut(
  tx: Queryable,
  { order, disputed, verdict, actor, now, endsOrder }: {
    order: OrderFacts;
    disputed: RecordedPayment[];
    verdict: DisputeVerdict;
    actor: string;
    now: string;
    /** Whether an order that waits for its money fails where that is given back. */
    endsOrder: boolean;
  },
): Promise<{ after: OrderFacts; arrived: StockMessage[] }> {
  const concerned = disputed.filter(({ surplus }) =>
    verdict === "give_back" || (verdict === "accept") === (surplus === 0)
  );
  const ids = concerned.map(({ id }) => id);
  const steps = concerned.map((payment) => stepOf(verdict, order, payment));
  let after = order;
  switch (verdict) {
    case "accept": {
      const [{ amountCents, providerRef }] = concerned as [RecordedPayment];
      await adjustTotal(tx, {
        orderId: order.id,
        kind: "payment_difference",
        label: "Accepted difference of the payment",
        amountCents: amountCents - order.totalCents,
      });
      await transitionOrders(tx, "pay", [order.id], now);
      await endDisputes(tx, ids, "SUCCEEDED");
      steps.push({ orderId: order.id, event: "paid", detail: providerRef });
      after = { ...orderAfter(order, "pay", now), totalCents: amountCents };
      break;
    }
    case "give_back":
      await endDisputes(tx, ids, "REVERSING");
      if (order.status !== "RESERVED" || !endsOrder) break;
      await transitionOrders(tx, "decline", [order.id], now);
      steps.push({ orderId: order.id, event: "failed", detail: "payment_declined" });
      after = orderAfter(order, "decline", now);
      break;
    case "dismiss":
      await endDisputes(tx, ids, "DISMISSED");
      for (const payment of concerned) await noteReturned(tx, payment);
  }
  await addOrderEvents(tx, steps, actor);
  await bookOrders(tx, [order.id], now);
  const isRestocked = after.status === "FAILED" && order.status === "RESERVED";
  return { after, arrived: isRestocked ? await restock(tx, [order.id]) : [] };
}

function stepOf(
  verdict: DisputeVerdict,
  order: OrderFacts,
  { amountCents, currency, providerRef }: RecordedPayment,
): OrderEventRow {
  const amount = namedAmount(amountCents, currency ?? order.currency);
  return { orderId: order.id, event: eventOf[verdict], detail: `${amount} by ${providerRef}` };
}

/** The verdicts of earlier decisions, by the timeline of the order. */
async function readVerdicts(tx: Queryable, orderId: number): Promise<DisputeVerdict[]> {
  const events = await readEventsAmong(tx, orderId, Object.values(eventOf));
  return (Object.keys(eventOf) as DisputeVerdict[]).filter((verdict) =>
    events.includes(eventOf[verdict])
  );
}

/** The provider's answers about the money of an order that was taken, or is on its way back. */
async function answersAgain(tx: Queryable, order: OrderFacts): Promise<CallbackMessage[]> {
  const payments = await readPaymentsOf(tx, order.id);
  return payments.filter(({ status }) => status === "SUCCEEDED" || status === "REVERSING")
    .map((payment) => answerOf(payment, order.currency));
}

function refusal(
  order: OrderFacts,
  disputed: readonly RecordedPayment[],
  because: "not_disputed" | "other_currency" | "settles_nothing" | "settles",
): WorkflowError {
  const start = `Cannot decide about the payment of order ${order.id}`;
  const reasons = {
    not_disputed: "none is in dispute",
    other_currency: `it was taken in ${
      disputed[0]?.currency
    }, and the order is in ${order.currency}`,
    settles_nothing: `the order is ${order.status} without it; it can be given back or dismissed`,
    settles: "the order waits for it; it can be accepted or given back",
  };
  return new WorkflowError("payment_not_disputed", `${start}: ${reasons[because]}`);
}
