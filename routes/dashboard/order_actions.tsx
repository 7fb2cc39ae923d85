/**
 * The forms on the page of an order.
 *
 * @module
 */

import type { Context } from "hono";
import type { FC } from "hono/jsx";
import type { OrderDetail } from "../../db/orders/order_queries.ts";
import type { ChargedBack } from "../../domain/payment/chargeback.ts";
import { decideRefundRequest, type RefundRequestDecision } from "../../domain/refund/refund.ts";
import { PostForm } from "./form.tsx";
import { formatMoney } from "./format.ts";

/** What chargebacks take of the order, as requests for refunds count it; undefined where it has none. */
export function chargedBackOf(
  { chargebacks, totalCents, currency }: OrderDetail,
): ChargedBack | undefined {
  const counting = chargebacks.filter(({ lowersRevenue }) => lowersRevenue !== "never");
  const latest = counting.at(-1);
  if (latest === undefined) return undefined;
  const lost = counting.filter(({ lostCents }) => lostCents > 0).map((one) =>
    one.currency === currency ? Math.min(one.lostCents, totalCents) : totalCents
  );
  return {
    id: latest.id,
    isHeld: counting.some(({ heldCents }) => heldCents > 0),
    lostCents: lost.reduce((sum, cents) => sum + cents, 0),
  };
}

/**
 * Decides about a refund of so much, or of all that is left, as its request will be decided about.
 */
export function decideRefundOf(
  order: OrderDetail,
  amountCents: number | null,
): RefundRequestDecision {
  const chargedBack = chargedBackOf(order);
  return decideRefundRequest(
    { ...order, ...(chargedBack === undefined ? {} : { chargedBack }) },
    order.refunds.map(({ id, amountCents, status }) => ({ id, amountCents, status })),
    amountCents,
  );
}

/** Cents that no refund has claimed yet, nor a chargeback; none while one is not decided. */
export function leftCents(order: OrderDetail): number {
  const decision = decideRefundOf(order, null);
  return decision.kind === "accept" ? decision.amountCents : 0;
}

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
          Besides, it took {formatMoney(amountCents, currency)} as{" "}
          <code>{providerRef}</code>. Dismiss it if it went back otherwise, or is the same money.
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
          Dismiss: nothing is to go back
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

/** True while money is held for the order that nobody has asked to take. */
export function isCapturable({ status, hold }: OrderDetail): boolean {
  return status === "RESERVED" && hold?.status === "HELD" && hold.captureRequestedAt === null;
}

/** Has the money taken that is held for an order. */
export const CaptureForm: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) => (
  <PostForm c={c} action={`/dashboard/orders/${order.id}/capture`} class="stack-form">
    <p class="muted small">
      {formatMoney(order.totalCents, order.currency)}{" "}
      are held for it. If nobody takes them in time, the order fails and they are let go.
    </p>
    <button class="primary" type="submit">Take the money…</button>
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
