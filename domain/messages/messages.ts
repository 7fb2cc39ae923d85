/**
 * The messages on the streams. A stream entry has one field, `message`, whose text is the message's type
 * and what it is about, divided by spaces: `order.reserve 42 1999 EUR`. This file is the only one that
 * knows the text.
 *
 * One short text instead of a field for each part, because writing and reading fields was a fifth of what
 * a message cost the process and Redis together.
 *
 * Every message carries the money it is about, so that a queue can be counted in money without reading
 * the database.
 *
 * @module
 */

/** The consumer groups; each reads the stream of its own name. */
export const groups = ["orders", "payments", "notifications", "refunds"] as const;

/** A consumer group, and the stream it reads. */
export type Group = (typeof groups)[number];

/** What every message is about. */
export interface Subject {
  /** Database id of the order. */
  orderId: number;
  /** What the order or the refund is worth, in minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
}

/** Reserve stock for a `PENDING` order. */
export interface ReserveMessage extends Subject {
  /** Tells messages apart. */
  type: "order.reserve";
}

/** Ask the gateway for the money of a `RESERVED` order. */
export interface ChargeMessage extends Subject {
  /** Tells messages apart. */
  type: "payment.charge";
}

/** The gateway's answer to a charge. */
export interface CallbackMessage extends Subject {
  /** Tells messages apart. */
  type: "payment.callback";
  /** Whether the money was taken. */
  outcome: "succeeded" | "declined";
  /** Name of the provider, as in `payments.provider`; without spaces and slashes. */
  provider: string;
  /**
   * The key that was charged under, without spaces: the order has to have it still when the answer counts. Left out by
   * providers that have no answers from outside.
   */
  key?: string;
  /** The provider's own name for the charge. */
  providerRef: string;
}

/**
 * A reservation got no answer in its time: ask the gateway once more. Where another message of the order waits, which
 * carries its money, this one and the time-out after it are about 0 cents, so that money is counted once.
 */
export interface AskAgainMessage extends Subject {
  /** Tells messages apart. */
  type: "payment.ask_again";
}

/** That gave nothing either: fail the order, unless it has been settled meanwhile. */
export interface TimeOutMessage extends Subject {
  /** Tells messages apart. */
  type: "payment.time_out";
}

/** Tell the customer that the order was settled. */
export interface OrderNoticeMessage extends Subject {
  /** Tells messages apart. */
  type: "notify.order";
}

/** Tell the customer how a refund ended. */
export interface RefundNoticeMessage extends Subject {
  /** Tells messages apart. */
  type: "notify.refund";
  /** Database id of the refund. */
  refundId: number;
}

/** Give money of a `PAID` order back. */
export interface RefundMessage extends Subject {
  /** Tells messages apart. */
  type: "refund.process";
  /** Database id of the refund. */
  refundId: number;
}

/** Give back the payments of an order that came too late, or that a person gave up. */
export interface ReversalMessage extends Subject {
  /** Tells messages apart. */
  type: "payment.reverse";
}

/** Everything that can stand in a stream. */
export type Message =
  | ReserveMessage
  | ChargeMessage
  | CallbackMessage
  | AskAgainMessage
  | TimeOutMessage
  | OrderNoticeMessage
  | RefundNoticeMessage
  | RefundMessage
  | ReversalMessage;

/** The group that handles each type of message. */
export const groupOf: Readonly<Record<Message["type"], Group>> = {
  "order.reserve": "orders",
  "payment.charge": "payments",
  "payment.callback": "payments",
  "payment.ask_again": "payments",
  "payment.time_out": "payments",
  "notify.order": "notifications",
  "notify.refund": "notifications",
  "refund.process": "refunds",
  "payment.reverse": "refunds",
};

/** The field of a stream entry that holds a message. */
export const messageField = "message";

/** The field that holds the message's trace, where there is one; a message is the same in any trace. */
export const traceField = "traceparent";

/**
 * The message as a text: `TYPE ORDER_ID AMOUNT_CENTS CURRENCY`, then the refund's id where it is about
 * one, or outcome, provider (with `/KEY` where there is a key) and the provider's reference, which alone may have
 * spaces, where it is an answer.
 */
export function encodeMessage(message: Message): string {
  const subject = `${message.type} ${message.orderId} ${message.amountCents} ${message.currency}`;
  if ("refundId" in message) return `${subject} ${message.refundId}`;
  if ("outcome" in message) {
    const { outcome, provider, key, providerRef } = message;
    const from = key === undefined ? provider : `${provider}/${key}`;
    return `${subject} ${outcome} ${from} ${providerRef}`;
  }
  return subject;
}

/**
 * What a message is to bring about, as a text: the same for all messages that would bring about the same for the
 * same order, refund or payment, whatever they are worth.
 */
export function purposeOf(message: Message): string {
  switch (message.type) {
    case "payment.charge":
    case "payment.ask_again":
    case "payment.time_out":
      return `settle ${message.orderId}`;
    case "payment.callback": {
      const { orderId, amountCents, currency, outcome, provider, providerRef } = message;
      return `settle ${orderId} ${outcome} ${amountCents} ${currency} ${provider} ${providerRef}`;
    }
    case "notify.refund":
    case "refund.process":
      return `${message.type} ${message.orderId} ${message.refundId}`;
    case "order.reserve":
    case "notify.order":
    case "payment.reverse":
      return `${message.type} ${message.orderId}`;
  }
}

/** The message as the fields of a stream entry, as XADD takes them. */
export function entryOf(message: Message): [field: string, text: string] {
  return [messageField, encodeMessage(message)];
}

/**
 * Reads the fields of a stream entry.
 *
 * @returns the message, or a sentence saying why no handler can understand it
 */
export function messageOfEntry(fields: readonly string[]): Message | string {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (fields[i] === messageField) return decodeMessage(fields[i + 1]!);
  }
  return `there is no field "${messageField}"`;
}

/** The trace of a stream entry, a W3C `traceparent`; undefined where it has none. */
export function traceOfEntry(fields: readonly string[]): string | undefined {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (fields[i] === traceField) return fields[i + 1];
  }
}

/**
 * Reads a message's text.
 *
 * @returns the message, or a sentence saying why no handler can understand it
 */
export function decodeMessage(text: string): Message | string {
  const words = text.split(" ");
  const type = words[0]! as Message["type"];
  if (!Object.hasOwn(groupOf, type)) return `unknown message type ${JSON.stringify(type)}`;
  const orderId = positive(words[1]);
  const amountCents = whole(words[2]);
  const currency = words[3];
  if (orderId === undefined) return `order id ${JSON.stringify(words[1] ?? null)} is no id`;
  if (amountCents === undefined) return "the amount is none";
  if (currency === undefined || !/^[A-Z]{3}$/.test(currency)) return "the currency is none";
  switch (type) {
    case "order.reserve":
    case "payment.charge":
    case "payment.ask_again":
    case "payment.time_out":
    case "notify.order":
    case "payment.reverse":
      if (words.length > 4) return "there is more in it than a message of its type has";
      return { type, orderId, amountCents, currency };
    case "payment.callback": {
      const [, , , , outcome, from = "", ...ref] = words;
      const slash = from.indexOf("/");
      const provider = slash < 0 ? from : from.slice(0, slash);
      const key = slash < 0 ? {} : { key: from.slice(slash + 1) };
      const providerRef = ref.join(" ");
      if (outcome !== "succeeded" && outcome !== "declined") {
        return "the outcome is neither succeeded nor declined";
      }
      if (!provider || !providerRef) return "the provider or its reference is missing";
      return { type, orderId, amountCents, currency, outcome, provider, ...key, providerRef };
    }
    case "notify.refund":
    case "refund.process": {
      const refundId = positive(words[4]);
      if (refundId === undefined) return "the refund's id is none";
      if (words.length > 5) return "there is more in it than a message of its type has";
      return { type, orderId, amountCents, currency, refundId };
    }
  }
}

function whole(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function positive(text: string | undefined): number | undefined {
  const value = whole(text);
  return value === 0 ? undefined : value;
}
