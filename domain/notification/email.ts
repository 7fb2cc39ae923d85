/**
 * A notification as an e-mail.
 *
 * @module
 */

import { formatMoney } from "../money.ts";
import { adjustmentName } from "../order/adjustment.ts";
import { formatCount } from "../text/format_count.ts";
import { isolated, plainLine } from "../text/visible_text.ts";
import type { Notification, NotificationType } from "./content.ts";
import type { FailureReason } from "../order/order.ts";

/** What stands in an e-mail; all of it is text but `html`. */
export interface NotificationEmail {
  /** One line. */
  subject: string;
  /** For readers that show no HTML. */
  text: string;
  /** The same, escaped. */
  html: string;
}

/** Why an order failed, told to its customer. */
const reasons: Readonly<Record<FailureReason, string>> = {
  insufficient_stock:
    "Something that you ordered is out of stock, so we could not reserve all of it.",
  payment_declined: "Your payment was declined.",
  payment_timeout: "Your payment did not reach us in time.",
};

/**
 * Of an order that ended unpaid: money may have been asked for by then, and be taken yet. It is sent back as
 * soon as that is known, which may be after this e-mail.
 */
const ifTaken = "If money was taken for it, it is given back.";

/** What an order that failed has cost its customer, who has not paid before it came. */
const costs: Readonly<Record<FailureReason, string>> = {
  insufficient_stock: "You have not been charged for it.",
  payment_declined: ifTaken,
  payment_timeout: ifTaken,
};

/** What becomes of the money of an order that ended unfulfilled. */
function costOf({ paymentStatus, failureReason }: Notification): string {
  if (paymentStatus === "paid") return "What you have paid for it is given back.";
  return failureReason === null ? ifTaken : costs[failureReason];
}

/** What is said of each happening: the subject, and the sentences. */
const texts: Readonly<
  Record<
    NotificationType,
    (notification: Notification, amount: string) => { subject: string; says: string[] }
  >
> = {
  "order.paid": ({ externalOrderId, paymentStatus }, amount) =>
    paymentStatus === "none"
      ? {
        subject: `Your order ${externalOrderId} is confirmed`,
        says: [`Thank you: your order ${externalOrderId} is confirmed, and nothing is to be paid.`],
      }
      : {
        subject: `Your order ${externalOrderId} is paid`,
        says: [`Thank you: we have received ${amount} for your order ${externalOrderId}.`],
      },
  "order.failed": (notification, amount) => ({
    subject: `Your order ${notification.externalOrderId} could not be completed`,
    says: [
      `We could not complete your order ${notification.externalOrderId} over ${amount}.`,
      ...(notification.failureReason === null ? [] : [reasons[notification.failureReason]]),
      costOf(notification),
    ],
  }),
  "order.cancelled": (notification, amount) => ({
    subject: `Your order ${notification.externalOrderId} is cancelled`,
    says: [
      `Your order ${notification.externalOrderId} over ${amount} is cancelled.`,
      costOf({ ...notification, failureReason: null }),
    ],
  }),
  "refund.processed": ({ externalOrderId }, amount) => ({
    subject: `Your refund for order ${externalOrderId}`,
    says: [`We have refunded ${amount} of your order ${externalOrderId}.`],
  }),
  "refund.failed": ({ externalOrderId }, amount) => ({
    subject: `Your refund for order ${externalOrderId} could not be made`,
    says: [
      `We could not refund ${amount} of your order ${externalOrderId}.`,
      "Please contact us, so that we can return the money in another way.",
    ],
  }),
};

/** A line of a sum: what it is, and its amount where it has one. */
type Line = readonly [name: string, amount: string];

/**
 * What the order's total is made of, down to the total. Nothing where the order has another total by now than it was
 * written with: lines that do not add up to what is told would only puzzle.
 */
function sumOf({ lines, currency, totalCents }: Notification): Line[] {
  if (lines.itemsCents + lines.adjustmentsCents !== totalCents) return [];
  const money = (cents: number) => formatMoney(cents, currency);
  const more = (count: number, shown: readonly unknown[]): Line[] =>
    count > shown.length ? [[`and ${formatCount(count - shown.length)} more`, ""]] : [];
  const added = lines.adjustments.filter(({ included }) => !included);
  const included = lines.adjustments.filter(({ included }) => included);
  return [
    ...lines.items.map(({ name, qty, unitPriceCents, subtotalCents }): Line => {
      const each = qty === 1 ? "" : ` at ${money(unitPriceCents)}`;
      return [`${formatCount(qty)} × ${isolated(plainLine(name))}${each}`, money(subtotalCents)];
    }),
    ...more(lines.itemCount, lines.items),
    ...(lines.adjustments.length === 0 ? [] : [["Items", money(lines.itemsCents)] as const]),
    ...added.map((one): Line => [isolated(plainLine(adjustmentName(one))), money(one.amountCents)]),
    ...more(lines.adjustmentCount, lines.adjustments),
    ["Total", money(totalCents)],
    ...included.map((one): Line => [
      `${isolated(plainLine(adjustmentName(one)))}, included`,
      money(one.amountCents),
    ]),
  ];
}

/** What a refund is for; empty where it is of a mere amount, which the sentence above says. */
function refundedOf({ refund, currency, amountCents }: Notification): Line[] {
  if (refund === undefined || refund.lineCount + refund.adjustments.length === 0) return [];
  const money = (cents: number) => formatMoney(cents, currency);
  const others = refund.lineCount - refund.lines.length;
  return [
    ...refund.lines.map(({ name, qty, amountCents }): Line => [
      `${formatCount(qty)} × ${isolated(plainLine(name))}`,
      money(amountCents),
    ]),
    ...(others > 0 ? [[`and ${formatCount(others)} more`, ""] as const] : []),
    ...refund.adjustments.map(({ kind, amountCents }): Line => [
      adjustmentName({ kind, label: null }),
      money(amountCents),
    ]),
    ["Refunded", money(amountCents)],
  ];
}

/** Writes the e-mail of a notification, as text and as HTML with the same words. */
export function notificationEmail(notification: Notification): NotificationEmail {
  const amount = formatMoney(notification.amountCents, notification.currency);
  const externalOrderId = isolated(plainLine(notification.externalOrderId));
  const { subject, says: sentences } = texts[notification.type](
    { ...notification, externalOrderId },
    amount,
  );
  const name = isolated(plainLine(notification.customer.name));
  const sum = sumOf(notification);
  const refunded = refundedOf(notification);
  const isRefund = notification.refundId !== null;
  const facts: Line[] = [
    ["Order", externalOrderId],
    ["Reference", String(notification.orderId)],
    ...(isRefund ? [["Refund", amount] as const] : []),
    // Where the sum is written out it ends with the total.
    ...(isRefund || sum.length > 0 ? [] : [["Total", amount] as const]),
  ];
  return {
    subject: plainLine(subject),
    text: [
      `Hello ${name},`,
      ...sentences,
      ...[refunded, sum, facts].filter((lines) => lines.length > 0).map((lines) =>
        lines.map(([name, value]) => value === "" ? name : `${name}: ${value}`).join("\n")
      ),
    ].join("\n\n") + "\n",
    html: [
      "<!DOCTYPE html>",
      '<html lang="en">',
      `<head><meta charset="utf-8"><title>${escapeHtml(plainLine(subject))}</title></head>`,
      '<body style="font-family: sans-serif; line-height: 1.5">',
      `<p>Hello ${escapeHtml(name)},</p>`,
      ...sentences.map((sentence) => `<p>${escapeHtml(sentence)}</p>`),
      ...tableOf(refunded),
      ...tableOf(sum),
      "<table>",
      ...facts.map(([name, value]) =>
        `<tr><th align="left">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`
      ),
      "</table>",
      "</body>",
      "</html>",
    ].join("\n") + "\n",
  };
}

/** A sum as a table: names on the left, amounts on the right. */
function tableOf(sum: readonly Line[]): string[] {
  if (sum.length === 0) return [];
  const rows = sum.map(([name, amount]) => {
    const tag = name === "Total" || name === "Refunded" ? "th" : "td";
    return `<tr><${tag} align="left">${escapeHtml(name)}</${tag}>` +
      `<${tag} align="right">${escapeHtml(amount)}</${tag}></tr>`;
  });
  return ['<table cellpadding="4">', ...rows, "</table>"];
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
