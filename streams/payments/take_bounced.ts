/**
 * Takes what providers say of charges that succeeded and came to nothing after all, such as a direct debit that the
 * customer's bank gives back for want of cover.
 *
 * @module
 */

import { readCharges } from "../../db/orders/orders.ts";
import { readChargeKeys } from "../../db/payments/charge_keys.ts";
import { readPaymentsNamed } from "../../db/reconciliation/named_money.ts";
import { databaseTime } from "../../domain/database_time.ts";
import type { CallbackMessage } from "../../domain/messages/messages.ts";
import { bouncedName, bouncedReason } from "../../domain/payment/chargeback.ts";
import { countChargebacks } from "../kpis/count_chargebacks.ts";
import { done, type HandlerDeps, type Outcome } from "../workflow/handler.ts";
import { type ChargeStatus, gatewayNamed } from "./gateway.ts";
import { takeChargeback } from "./take_chargeback.ts";

/**
 * Takes a provider's word that it declined the very charge that an order was paid by: it is asked, because a refusal of
 * before may come late. What it confirms is booked as a chargeback that was lost, which is what becomes of the money: the
 * bank has it back, and nobody is asked whether it may. Told again it changes nothing.
 *
 * @returns undefined where nobody can say so: a person has to look
 */
export async function takeBounced(
  deps: HandlerDeps,
  message: CallbackMessage,
): Promise<Outcome | undefined> {
  const answer = await askAgain(deps, message);
  switch (answer?.kind) {
    case "away":
      return { kind: "outage", error: answer.error };
    case "failed":
      return answer.isOther ? undefined : { kind: "retry", error: answer.error };
    case "accepted":
      break;
    default:
      return undefined;
  }
  const said = answer.callback?.message;
  if (said?.type !== "payment.callback" || said.providerRef !== message.providerRef) {
    return undefined;
  }
  // It has the money: what it declined was an earlier try.
  if (said.outcome === "succeeded") return done();
  await writeBounced(deps, message);
  return done();
}

/** What the provider has of the charge now; undefined where it can't be asked. */
async function askAgain(
  deps: HandlerDeps,
  { orderId, provider, key }: CallbackMessage,
): Promise<ChargeStatus | undefined> {
  const gateway = gatewayNamed(deps, provider);
  const order = (await readCharges(deps.db, [orderId])).get(orderId);
  if (gateway?.status === undefined || order === undefined) return undefined;
  const idempotencyKey = key ?? (await readChargeKeys(deps.db, [order])).get(orderId)?.[0];
  if (idempotencyKey === undefined) return undefined;
  const { externalOrderId: reference, totalCents: amountCents, currency } = order;
  const [answer] = await gateway.status([
    { orderId, reference, amountCents, currency, idempotencyKey },
  ]);
  return answer;
}

async function writeBounced(
  deps: HandlerDeps,
  { provider, providerRef }: CallbackMessage,
): Promise<void> {
  const { db, log, chargebackRevenue = "opened" } = deps;
  const payment = (await readPaymentsNamed(db, provider, [providerRef])).get(providerRef);
  // It was moved or lost meanwhile: the message comes again.
  if (payment === undefined) throw new Error(`payment ${providerRef} is not on record any more`);
  const now = databaseTime(Date.now(), 6);
  await takeChargeback({ db, log, chargebackRevenue }, {
    provider,
    providerRef: bouncedName(providerRef),
    chargeRefs: [providerRef],
    amountCents: payment.amountCents,
    currency: payment.currency,
    state: "lost",
    reason: bouncedReason,
    dueBy: null,
    openedAt: now,
    happenedAt: now,
  }, `provider:${provider}`);
  await countChargebacks(deps);
}
