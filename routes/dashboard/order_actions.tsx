/**
 * The forms on the page of an order.
 *
 * @module
 */

import type { Context } from "hono";
import type { FC } from "hono/jsx";
import type { OrderDetail } from "../../db/orders/order_queries.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import {
  decideRefundRequest,
  type RefundFacts,
  refusedRefund,
} from "../../domain/refund/refund.ts";
import { PostForm } from "./form.tsx";
import { formatMoney, parseAmount, plainAmount } from "./format.ts";

/** Cents that no refund has claimed yet. */
export function leftCents({ status, totalCents, refunds }: OrderDetail): number {
  if (status !== "PAID") return 0;
  return refunds.reduce(
    (left, refund) => refund.status === "FAILED" ? left : left - refund.amountCents,
    totalCents,
  );
}

/**
 * Gives money back: all that is left or a part of it, after a question. An amount that is typed selects the part;
 * where no script could do so, both together are refused.
 *
 * @param form what was typed before, where it was refused
 */
export const RefundForm: FC<
  { c: Context; order: OrderDetail; form?: Record<string, string | undefined> }
> = ({ c, order, form }) => {
  const left = leftCents(order);
  return (
    <PostForm c={c} action={`/dashboard/orders/${order.id}/refund`} class="stack-form">
      <fieldset>
        <legend class="hidden">How much</legend>
        <label class="check">
          <input type="radio" name="which" value="all" checked={form?.which !== "part"} />
          All that is left, {formatMoney(left, order.currency)}
        </label>
        <label class="check">
          <input
            id="part"
            type="radio"
            name="which"
            value="part"
            checked={form?.which === "part"}
          />
          A part of it
        </label>
      </fieldset>
      <div class="field">
        <label for="amount">Amount of the part, {order.currency}</label>
        <input
          id="amount"
          name="amount"
          inputmode="decimal"
          autocomplete="off"
          placeholder={plainAmount(left, order.currency)}
          value={form?.amount}
          data-selects="part"
        />
      </div>
      <div class="field">
        <label for="reason">Reason, for the books</label>
        <input id="reason" name="reason" maxlength={orderLimits.textLength} value={form?.reason} />
      </div>
      <button class="primary" type="submit">Refund…</button>
    </PostForm>
  );
};

/** True while money of the order waits for a decision. */
export function isDisputed({ payment, furtherPayments }: OrderDetail): boolean {
  return payment?.status === "DISPUTED" ||
    furtherPayments.some(({ status }) => status === "DISPUTED");
}

/** Decides about money that does not fit the order. */
export const DisputeForm: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) => {
  const { payment, furtherPayments, currency, totalCents } = order;
  const waits = payment?.status === "DISPUTED" ? payment : null;
  const second = furtherPayments.filter(({ status }) => status === "DISPUTED");
  return (
    <PostForm c={c} action={`/dashboard/orders/${order.id}/payment`} class="stack-form">
      {waits && (
        <p>
          The provider took {formatMoney(waits.amountCents, waits.currency)} for an order of{" "}
          {formatMoney(totalCents, currency)}. The order and its stock are held until you decide.
        </p>
      )}
      {second.map(({ id, amountCents, currency, providerRef }) => (
        <p key={id}>
          Besides, it took {formatMoney(amountCents, currency)} as <code>{providerRef}</code>.
        </p>
      ))}
      {waits && waits.currency === currency && (
        <button class="primary" type="submit" name="verdict" value="accept">
          Accept: the order is worth {formatMoney(waits.amountCents, currency)}
        </button>
      )}
      <button class="danger" type="submit" name="verdict" value="give_back">
        {waits ? "Give back, and let the order fail" : "Give it back"}
      </button>
      {second.length > 0 && (
        <button type="submit" name="verdict" value="dismiss">
          Dismiss: it went back otherwise, or is the same money
        </button>
      )}
    </PostForm>
  );
};

/** Cancels an order that is not settled. */
export const CancelForm: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) => (
  <PostForm c={c} action={`/dashboard/orders/${order.id}/cancel`} class="stack-form">
    <p class="muted small">
      {order.status === "RESERVED"
        ? "Its units go back into stock. If the payment comes after all, it is given back."
        : "Nothing is reserved for it yet."}
    </p>
    <button class="danger" type="submit">Cancel the order…</button>
  </PostForm>
);

/** Takes up an order again that failed for want of stock. */
export const RetryForm: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) => (
  <PostForm c={c} action={`/dashboard/orders/${order.id}/retry`} class="stack-form">
    <p class="muted small">
      It asks for all its units once more, and is charged if they are there.
    </p>
    <button class="primary" type="submit">Take up again…</button>
  </PostForm>
);

/**
 * What a sent form asks for, in cents.
 *
 * @throws {WorkflowError} `invalid` where it says two things or none, or `order_not_refundable` or
 * `refund_exceeds_left` for what can't be given back
 */
export function wantedCents(
  order: OrderDetail,
  { which, amount = "" }: Readonly<Record<string, string | undefined>>,
): number {
  if (which === "all" && amount !== "") {
    throw new WorkflowError(
      "invalid",
      `“${amount}” was typed and all that is left was selected: choose one of them`,
    );
  }
  const isWhole = which === "all";
  const cents = isWhole ? null : parseAmount(amount, order.currency);
  if (cents === undefined || cents === 0) {
    const such = plainAmount(order.totalCents, order.currency);
    throw new WorkflowError(
      "invalid",
      `“${amount}” is no amount to refund in ${order.currency}, such as ${such}`,
    );
  }
  const decision = decideRefundRequest(order, order.refunds.map(refundFactsOf), cents);
  if (decision.kind === "refused") throw refusedRefund(order, cents, decision);
  return decision.amountCents;
}

function refundFactsOf({ id, amountCents, status }: OrderDetail["refunds"][number]): RefundFacts {
  return { id, amountCents, status };
}
