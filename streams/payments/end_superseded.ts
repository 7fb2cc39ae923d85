/**
 * Finds out what became of charges that edits have superseded, before their orders are charged again.
 *
 * @module
 */

import type { ChargeFacts } from "../../db/orders/orders.ts";
import { readReversing } from "../../db/payments/payments.ts";
import type { SupersededCharge } from "../../db/payments/superseded_charges.ts";
import type { CallbackMessage, ChargeMessage } from "../../domain/messages/messages.ts";
import type { Delivery, HandlerDeps, Outcome } from "../workflow/handler.ts";
import { type Enqueued, publish } from "../workflow/publish.ts";
import { type ChargeStatus, secondAnswerMs } from "./gateway.ts";
import { noteProviderAway } from "./provider_away.ts";
import { settlePayments } from "./settle.ts";
import { askOfUnwanted, stillWanted } from "./still_wanted.ts";

/** An order of which a superseded charge is not at its end, or may not be. */
export interface Unended {
  /** Its own charge has to wait. */
  waits: boolean;
  /** What becomes of its messages, where the provider could not be asked; else null. */
  failed: Outcome | null;
  /** Looks again later. */
  lookAgain: Enqueued[];
}

/**
 * Asks the provider about the superseded charges of edited orders of a batch, wherever they stand, and has given back
 * what was taken by them. An order is only to be charged once that is on record: a customer who pays again without
 * having to is told why by the timeline, and gets the first payment back. One that waits for the customer is given up, where
 * the provider can do that. Where nothing was edited this costs nothing.
 *
 * A charge that the provider does not know may still be on its way there, from a process that stands still: whatever is
 * answered about it then goes back as well, see `settle.ts`. A provider that can't be asked sends its answers by itself.
 *
 * A crash leaves money that was recorded without its reversal: the message comes again and publishes it.
 *
 * @returns by order id; orders that may be charged and of which nothing is to be looked at again are absent
 */
export async function endSuperseded(
  deps: HandlerDeps,
  deliveries: readonly Delivery[],
  orders: Iterable<ChargeFacts>,
): Promise<Map<number, Unended>> {
  const edited = [...orders].filter(({ superseded }) => superseded.length > 0);
  const unended = new Map<number, Unended>();
  if (edited.length === 0) return unended;
  await publishReversals(deps, edited);
  const ask = askOfUnwanted(deps.gateway, stillWanted(deps, deliveries));
  if (ask === undefined) return unended;
  const open = edited.flatMap((order) =>
    order.superseded.filter(({ outcome, amountCents }) => outcome === null && amountCents > 0)
      .map((charge) => ({ order, charge }))
  );
  if (open.length === 0) return unended;
  const answers = await ask(open.map(({ order, charge }) => requestOf(order, charge)));
  await noteProviderAway(deps, answers);
  const byOrder = new Map(deliveries.map((delivery) => [delivery.message.orderId, delivery]));
  const decided: Delivery<CallbackMessage>[] = [];
  for (const [index, { order }] of open.entries()) {
    const answer = answers[index]!;
    const delivery = byOrder.get(order.id)!;
    const message = decidedBy(answer);
    if (message === undefined) note(unended, order.id, unendedBy(deps, order, answer, delivery));
    else decided.push({ ...delivery, message });
  }
  await settleDecided(deps, decided, unended);
  return unended;
}

/**
 * Adds what follows from superseded charges of an order to what became of one of its messages.
 *
 * @param timeOut fails the order where it waits in vain; undefined where the message is to be tried again instead
 */
export function withUnended(
  outcome: Outcome,
  unended: Unended | undefined,
  timeOut: Enqueued | undefined,
): Outcome {
  // What is tried again asks about them again.
  if (unended === undefined || outcome.kind !== "done") return outcome;
  const { waits, failed, lookAgain } = unended;
  const timedOut = waits && timeOut !== undefined;
  if (failed !== null && !timedOut) return failed;
  const further = timedOut ? [timeOut, ...lookAgain] : lookAgain;
  return { ...outcome, followUps: [...outcome.followUps, ...further] };
}

function requestOf(order: ChargeFacts, { chargeKey, amountCents, currency }: SupersededCharge) {
  return {
    orderId: order.id,
    reference: order.externalOrderId,
    amountCents,
    currency,
    idempotencyKey: chargeKey,
  };
}

function decidedBy(answer: ChargeStatus): CallbackMessage | undefined {
  const message = answer.kind === "accepted" ? answer.callback?.message : undefined;
  return message?.type === "payment.callback" ? message : undefined;
}

/** What an answer means that says of no end. */
function unendedBy(
  { gateway }: HandlerDeps,
  { id: orderId, totalCents: amountCents, currency }: ChargeFacts,
  answer: ChargeStatus,
  { attempt }: Delivery,
): Unended | undefined {
  const message: ChargeMessage = { type: "payment.charge", orderId, amountCents, currency };
  const delayMs = gateway.callbackMs ?? secondAnswerMs;
  const lookAgain: Enqueued[] = [{ message, delayMs, evenIfLost: true }];
  switch (answer.kind) {
    case "unknown":
      // Whoever had the message before may be about to charge, or its request on its way.
      return attempt > 1 ? { waits: false, failed: null, lookAgain } : undefined;
    case "accepted":
      return { waits: true, failed: null, lookAgain };
    case "away":
      return { waits: true, failed: { kind: "outage", error: answer.error }, lookAgain };
    case "failed":
      return { waits: true, failed: { kind: "retry", error: answer.error }, lookAgain };
  }
}

/** Of several superseded charges of an order, each for which it has to wait counts. */
function note(unended: Map<number, Unended>, orderId: number, next: Unended | undefined): void {
  if (next === undefined) return;
  const before = unended.get(orderId);
  unended.set(orderId, {
    waits: next.waits || before?.waits === true,
    failed: before?.failed ?? next.failed,
    lookAgain: next.lookAgain,
  });
}

/** Settles what was decided; an order of which that fails has to wait. */
async function settleDecided(
  deps: HandlerDeps,
  decided: readonly Delivery<CallbackMessage>[],
  unended: Map<number, Unended>,
): Promise<void> {
  if (decided.length === 0) return;
  const outcomes = await settlePayments(deps, decided);
  const reversals: Enqueued[] = [];
  for (const [index, { message: { orderId } }] of decided.entries()) {
    const outcome = outcomes[index]!;
    if (outcome.kind !== "done") {
      note(unended, orderId, { waits: true, failed: outcome, lookAgain: [] });
    } else {
      reversals.push(
        ...outcome.followUps.filter(({ message }) => message.type === "payment.reverse"),
      );
    }
  }
  await publish(deps, reversals, { lane: deps.lane, committed: true });
}

/** Money that was recorded as something to give back, and whose message a crash may have lost. */
async function publishReversals(deps: HandlerDeps, orders: readonly ChargeFacts[]): Promise<void> {
  const currencyOf = new Map(orders.map(({ id, currency }) => [id, currency]));
  const reversing = await readReversing(deps.db, [...currencyOf.keys()]);
  await publish(
    deps,
    reversing.filter(({ surplus }) => surplus > 0).map(({ orderId, amountCents, currency }) => ({
      message: {
        type: "payment.reverse",
        orderId,
        amountCents,
        currency: currency ?? currencyOf.get(orderId)!,
      },
    })),
    { lane: deps.lane, committed: true },
  );
}
