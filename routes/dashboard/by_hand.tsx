/**
 * Money that a person gives back: what waits, and saying that it is done.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { listMoneyByHand, type MoneyByHand } from "../../db/refunds/refunds_by_hand.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import { trimmedReason } from "../../domain/refund/refund_request.ts";
import {
  decideByHandAndPublish,
  returnPaymentByHand,
} from "../../services/refunds/refund_by_hand.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { HiddenFields, PostForm } from "./form.tsx";
import { formatMoney } from "./format.ts";
import { MoneyBackTable } from "./money_back.tsx";
import { askFirst, isConfirmed } from "./question.tsx";
import { idOf } from "./queries.ts";
import { need } from "./reading.ts";

/** Most entries of one order, and of the list. */
const maxShown = 100;

/** What waits for a person, of an order or of all. */
export function readByHand({ db }: AppDeps, orderId?: number): Promise<MoneyByHand[]> {
  return need(listMoneyByHand(db, { orderId, limit: maxShown }));
}

/** The forms of {@linkcode ByHandForms}, each with a question before it. */
export function byHandRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.post("/refunds/:id{[0-9]{1,15}}/complete", async (c) => {
    const form = await readForm(c);
    const refundId = idOf(c);
    if (!isConfirmed(form)) {
      const waiting = await waitingRefund(deps, refundId);
      if (waiting !== undefined) return await askBefore(c, waiting, "complete", form.reference);
    }
    const said = { refundId, verdict: "given_back", note: form.reference ?? null } as const;
    const { orderId } = await decideByHandAndPublish(deps, said, operatorOf(c, deps.config));
    return c.redirect(`/dashboard/orders/${orderId}?done=by_hand`, 303);
  });

  app.post("/refunds/:id{[0-9]{1,15}}/refuse", async (c) => {
    const form = await readForm(c);
    const refundId = idOf(c);
    if (!isConfirmed(form)) {
      const waiting = await waitingRefund(deps, refundId);
      if (waiting !== undefined) return await askBefore(c, waiting, "refuse", form.reference);
    }
    const said = { refundId, verdict: "refused", note: form.reference ?? null } as const;
    const { orderId } = await decideByHandAndPublish(deps, said, operatorOf(c, deps.config));
    return c.redirect(`/dashboard/orders/${orderId}?done=by_hand`, 303);
  });

  app.post("/orders/:id{[0-9]{1,15}}/payment/returned", async (c) => {
    const form = await readForm(c);
    const orderId = idOf(c);
    const paymentId = paymentIdOf(form[paymentField]);
    if (!isConfirmed(form)) {
      const waiting = (await readByHand(deps, orderId)).find((one) =>
        one.paymentId !== null && one.paymentId === (paymentId ?? one.paymentId)
      );
      if (waiting !== undefined) return await askBefore(c, waiting, "complete", form.reference);
    }
    await need(
      returnPaymentByHand(deps, orderId, form.reference ?? null, operatorOf(c, deps.config), {
        paymentId,
      }),
    );
    return c.redirect(`/dashboard/orders/${orderId}?done=by_hand`, 303);
  });

  return app;
}

/** Which payment of an order a form is about. */
const paymentField = "payment_id";

/** Undefined where a form names none. */
function paymentIdOf(text: string | undefined): number | undefined {
  return /^[0-9]{1,15}$/.test(text ?? "") ? Number(text) : undefined;
}

/** Undefined where it does not wait: the decision itself says why then. */
async function waitingRefund(deps: AppDeps, id: number): Promise<MoneyByHand | undefined> {
  return await need(listMoneyByHand(deps.db, { refundId: id, limit: 1 })).then(([one]) => one);
}

/** Asks before money is said to be back, or to stay. */
function askBefore(
  c: Context,
  waiting: MoneyByHand,
  verb: "complete" | "refuse",
  text: string | undefined,
): Response | Promise<Response> {
  const { orderId, externalOrderId, recipientName, amountCents, currency } = waiting;
  const { provider, providerRef, paymentId } = waiting;
  const money = formatMoney(amountCents, currency);
  const note = trimmedReason(text ?? null);
  const isDone = verb === "complete";
  const said = note === null ? "" : ` ${isDone ? "Reference" : "Reason"}: ${note}.`;
  return askFirst(c, {
    title: isDone
      ? `Was ${money} given back to ${recipientName}?`
      : `Refuse to give ${money} back?`,
    note: `Order ${externalOrderId}, paid by ${provider} ${providerRef}`,
    says: isDone
      ? `Nothing is sent to ${provider}: you say that ${money} went back to ${recipientName} ` +
        `already, and it is booked so.${said}`
      : `The refund of ${money} fails, ${recipientName} is told so, and the amount is left to ` +
        `refund again.${said}`,
    nav: "/dashboard/refunds",
    action: actionOf(waiting, verb),
    verb: isDone ? `Yes, ${money} went back` : `Refuse ${money}`,
    danger: !isDone,
    fields: { reference: note, [paymentField]: paymentId },
    crumb: [`/dashboard/orders/${orderId}`, externalOrderId],
    keep: "Decide later",
  });
}

function actionOf({ orderId, refundId }: MoneyByHand, verb: "complete" | "refuse"): string {
  return refundId === null
    ? `/dashboard/orders/${orderId}/payment/returned`
    : `/dashboard/refunds/${refundId}/${verb}`;
}

/** On the page of an order: what of it a person has to give back, each with its form. */
export const ByHandForms: FC<{ c: Context; waiting: readonly MoneyByHand[] }> = (
  { c, waiting },
) =>
  waiting.length === 0
    ? null
    : (
      <section aria-labelledby="by-hand-heading" class="card" id="by-hand">
        <h2 id="by-hand-heading">Give back by hand</h2>
        {waiting.map((one) => <ByHandForm key={one.id} c={c} of={one} />)}
      </section>
    );

const ByHandForm: FC<{ c: Context; of: MoneyByHand }> = ({ c, of: one }) => {
  const { id, refundId, paymentId, provider, providerRef, amountCents, currency } = one;
  const money = formatMoney(amountCents, currency);
  return (
    <>
      <p>
        {money}{" "}
        {refundId === null ? "" : `of refund #${refundId} `}did not go back yet, and no process
        gives it back: do so at {provider}, of the payment <code>{providerRef}</code>, then say so.
      </p>
      <PostForm c={c} action={actionOf(one, "complete")} class="stack-form">
        <HiddenFields fields={{ [paymentField]: paymentId }} />
        <div class="field">
          <label for={`reference-${id}`}>Its reference, for the books</label>
          <input id={`reference-${id}`} name="reference" maxlength={orderLimits.textLength} />
        </div>
        <button class="primary" type="submit">{money} went back…</button>
      </PostForm>
      {refundId !== null && (
        <PostForm c={c} action={actionOf(one, "refuse")} class="stack-form">
          <div class="field">
            <label for={`refusal-${id}`}>Why it is refused</label>
            <input id={`refusal-${id}`} name="reference" maxlength={orderLimits.textLength} />
          </div>
          <button class="danger" type="submit">Refuse…</button>
        </PostForm>
      )}
    </>
  );
};

/** Above the list of refunds: all that a person has to give back, the longest waiting first. */
export const ByHandList: FC<{ c: Context; waiting: readonly MoneyByHand[] }> = ({ c, waiting }) =>
  waiting.length === 0 ? null : (
    <section aria-labelledby="by-hand-heading">
      <h2 id="by-hand-heading" class="heading">To be given back by hand, the oldest first</h2>
      <MoneyBackTable
        label="To be given back by hand"
        rows={waiting}
        since="Since"
        at="#by-hand"
        form={(one) => (
          <PostForm c={c} action={actionOf(one, "complete")}>
            <HiddenFields fields={{ [paymentField]: one.paymentId }} />
            <button type="submit">Went back…</button>
          </PostForm>
        )}
      />
    </section>
  );
