/**
 * A notification as an e-mail.
 *
 * @module
 */

import { formatMoney } from "../money.ts";
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

/** What an order that failed has cost its customer. */
const costs: Readonly<Record<FailureReason, string>> = {
  insufficient_stock: "You have not been charged for it.",
  payment_declined: ifTaken,
  payment_timeout: ifTaken,
};

/** What is said of each happening: the subject, and the sentences. */
const texts: Readonly<
  Record<
    NotificationType,
    (notification: Notification, amount: string) => { subject: string; says: string[] }
  >
> = {
  "order.paid": ({ externalOrderId }, amount) => ({
    subject: `Your order ${externalOrderId} is paid`,
    says: [`Thank you: we have received ${amount} for your order ${externalOrderId}.`],
  }),
  "order.failed": ({ externalOrderId, failureReason }, amount) => ({
    subject: `Your order ${externalOrderId} could not be completed`,
    says: [
      `We could not complete your order ${externalOrderId} over ${amount}.`,
      ...(failureReason === null ? [ifTaken] : [reasons[failureReason], costs[failureReason]]),
    ],
  }),
  "order.cancelled": ({ externalOrderId }, amount) => ({
    subject: `Your order ${externalOrderId} is cancelled`,
    says: [
      `Your order ${externalOrderId} over ${amount} is cancelled.`,
      ifTaken,
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

/** Writes the e-mail of a notification, as text and as HTML with the same words. */
export function notificationEmail(notification: Notification): NotificationEmail {
  const amount = formatMoney(notification.amountCents, notification.currency);
  const { subject, says } = texts[notification.type](notification, amount);
  const name = oneLine(notification.customer.name);
  const sentences = says.map(oneLine);
  const facts: [name: string, value: string][] = [
    ["Order", oneLine(notification.externalOrderId)],
    ["Reference", String(notification.orderId)],
    [notification.refundId === null ? "Total" : "Refund", amount],
  ];
  return {
    subject: oneLine(subject),
    text: [
      `Hello ${name},`,
      ...sentences,
      facts.map(([name, value]) => `${name}: ${value}`).join("\n"),
    ].join("\n\n") + "\n",
    html: [
      "<!DOCTYPE html>",
      '<html lang="en">',
      `<head><meta charset="utf-8"><title>${escapeHtml(oneLine(subject))}</title></head>`,
      '<body style="font-family: sans-serif; line-height: 1.5">',
      `<p>Hello ${escapeHtml(name)},</p>`,
      ...sentences.map((sentence) => `<p>${escapeHtml(sentence)}</p>`),
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

/** Text that others wrote, without line breaks and other control characters: it may stand in a header. */
export function oneLine(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
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
