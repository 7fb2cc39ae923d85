/**
 * The forms on the page of an order.
 *
 * @module
 */

import type { Context } from "hono";
import type { FC } from "hono/jsx";
import type { OrderDetail } from "../../db/orders/order_queries.ts";
import { PostForm } from "./form.tsx";
import { formatMoney } from "./format.ts";

/** Cents that no refund has claimed yet, nor a chargeback; none while one is not decided. */
export function leftCents({ status, totalCents, refunds, chargebacks }: OrderDetail): number {
  const contested = chargebacks.filter(({ lowersRevenue }) => lowersRevenue !== "never");
  if (status !== "PAID" || contested.some(({ heldCents }) => heldCents > 0)) return 0;
  const lost = contested.reduce((sum, { lostCents }) => sum + lostCents, 0);
  const left = refunds.reduce(
    (left, refund) => refund.status === "FAILED" ? left : left - refund.amountCents,
    totalCents - lost,
  );
  return Math.max(0, left);
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
