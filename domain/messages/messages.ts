/**
 * The messages on the streams. A stream entry has one field, `message`, whose text is the message's type
 * and what it is about, divided by spaces: `order.reserve 42 1999 EUR`. This file is the only one that
 * knows the text.
 *
 * One short text instead of a field for each part, because writing and reading fields was a fifth of what
 * a message cost the process and Redis together.
 *
 * Every message about an order carries the money it is about, so that a queue can be counted in money without
 * reading the database.
 *
 * @module
 */

import { groupOf, type MessageType, type ShapeOf, workOf } from "./work.ts";

export { type Group, groupOf, groups, type MessageType } from "./work.ts";

/** What every message is about, but those about a product. */
export interface Subject {
  /** Database id of the order. */
  orderId: number;
  /** What the order or the refund is worth, in minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
}

/** What the provider said of a charge. */
export interface Answer {
  /** Whether the money was taken. */
  outcome: "succeeded" | "declined";
  /** Name of the provider, as in `payments.provider`; without slashes and percent signs. */
  provider: string;
  /**
   * The key that was charged under, without spaces: the order has to have it still when the answer counts. Left out by
   * providers that have no answers from outside.
   */
  key?: string;
  /** The provider's own name for the charge. */
  providerRef: string;
}

/** What a message of each shape says beside its {@linkcode Subject}. */
export interface Details {
  /** Nothing: it is about the order as it stands. */
  order: unknown;
  /** Which refund of the order. */
  refund: {
    /** Database id of the refund. */
    refundId: number;
  };
  /** What the provider said. */
  answer: Answer;
}

/** A message whose type is known, with what that type carries. */
export type MessageOf<T extends MessageType> = ShapeOf<T> extends "product" ? ProductMessageOf<T>
  : { type: T } & Subject & Details[Exclude<ShapeOf<T>, "product">];

/** A message about a product and no order. */
export interface ProductMessageOf<T extends MessageType> {
  /** What is to be done. */
  type: T;
  /** Database id. */
  productId: number;
}

/** Everything that can stand in a stream. */
export type Message = { [T in MessageType]: MessageOf<T> }[MessageType];

/** A message about an order. */
export type OrderMessage = Exclude<Message, StockMessage>;

/** Units of a product came in, or came back: take up orders that wait for them. */
export type StockMessage = MessageOf<"stock.arrived">;

/** Reserve stock for a `PENDING` order. */
export type ReserveMessage = MessageOf<"order.reserve">;

/** Ask the gateway for the money of a `RESERVED` order. */
export type ChargeMessage = MessageOf<"payment.charge">;

/** The gateway's answer to a charge. */
export type CallbackMessage = MessageOf<"payment.callback">;

/**
 * A reservation got no answer in its time: ask the gateway once more. Where another message of the order waits, which
 * carries its money, this one and the time-out after it are about 0 cents, so that money is counted once.
 */
export type AskAgainMessage = MessageOf<"payment.ask_again">;

/** That gave nothing either: fail the order, unless it has been settled meanwhile. */
export type TimeOutMessage = MessageOf<"payment.time_out">;

/** Tell the customer that the order was settled. */
export type OrderNotificationMessage = MessageOf<"notify.order">;

/** Tell the customer how a refund ended. */
export type RefundNotificationMessage = MessageOf<"notify.refund">;

/** Give money of a `PAID` order back. */
export type RefundMessage = MessageOf<"refund.process">;

/** Give back the payments of an order that came too late, or that a person gave up. */
export type ReversalMessage = MessageOf<"payment.reverse">;

/** The field of a stream entry that holds a message. */
export const messageField = "message";

/** The field that holds the message's trace, where there is one; a message is the same in any trace. */
export const traceField = "traceparent";

/**
 * The message as a text: `TYPE ORDER_ID AMOUNT_CENTS CURRENCY`, then the refund's id where it is about
 * one, or outcome, provider (with `/KEY` where there is a key) and the provider's reference, which alone may have
 * spaces, where it is an answer. One about a product is `TYPE PRODUCT_ID`.
 */
export function encodeMessage(message: Message): string {
  if ("productId" in message) return `${message.type} ${message.productId}`;
  const subject = `${message.type} ${message.orderId} ${message.amountCents} ${message.currency}`;
  if ("refundId" in message) return `${subject} ${message.refundId}`;
  if ("outcome" in message) {
    const { outcome, provider, key, providerRef } = message;
    // A source may call its provider by several words.
    const name = provider.includes(" ") ? provider.replaceAll(" ", "%20") : provider;
    const from = key === undefined ? name : `${name}/${key}`;
    return `${subject} ${outcome} ${from} ${providerRef}`;
  }
  return subject;
}

/**
 * What a message is to bring about, as a text: the same for all messages that would bring about the same for the
 * same order, refund or payment, whatever they are worth.
 */
export function purposeOf(message: Message): string {
  const purpose = workOf[message.type].purpose ?? message.type;
  if ("productId" in message) return `${purpose} ${message.productId}`;
  if ("refundId" in message) return `${purpose} ${message.orderId} ${message.refundId}`;
  if ("outcome" in message) {
    const { orderId, amountCents, currency, outcome, provider, providerRef } = message;
    return `${purpose} ${orderId} ${outcome} ${amountCents} ${currency} ${provider} ${providerRef}`;
  }
  return `${purpose} ${message.orderId}`;
}

/** The order that a message is about; null where it is about a product. */
export function orderIdOf(message: Message): number | null {
  return "orderId" in message ? message.orderId : null;
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
  const type = words[0]! as MessageType;
  if (!Object.hasOwn(groupOf, type)) return `unknown message type ${JSON.stringify(type)}`;
  if (workOf[type].shape === "product") {
    const productId = positive(words[1]);
    if (productId === undefined) return `product id ${JSON.stringify(words[1] ?? null)} is no id`;
    return words.length > 2 ? tooLong : { type, productId } as Message;
  }
  const orderId = positive(words[1]);
  const amountCents = whole(words[2]);
  const currency = words[3];
  if (orderId === undefined) return `order id ${JSON.stringify(words[1] ?? null)} is no id`;
  if (amountCents === undefined) return "the amount is none";
  if (currency === undefined || !/^[A-Z]{3}$/.test(currency)) return "the currency is none";
  const subject = { type, orderId, amountCents, currency };
  switch (workOf[type].shape) {
    case "order":
      return words.length > 4 ? tooLong : subject as Message;
    case "refund": {
      const refundId = positive(words[4]);
      if (refundId === undefined) return "the refund's id is none";
      return words.length > 5 ? tooLong : { ...subject, refundId } as Message;
    }
    case "answer": {
      const answer = decodeAnswer(words.slice(4));
      return typeof answer === "string" ? answer : { ...subject, ...answer } as Message;
    }
    default:
      return `nobody can read a ${type}`;
  }
}

/** How types are called, in every version. */
const typeName = /^[a-z]+\.[a-z_]+$/;

/**
 * Whether a stream entry that nobody here understands is called as a type of message is: then a newer version has published
 * it, and one will take it.
 */
export function isOfNewerVersion(fields: readonly string[]): boolean {
  const text = fields[fields.indexOf(messageField) + 1] ?? "";
  const type = text.split(" ", 1)[0]!;
  return fields.includes(messageField) && typeName.test(type) && !Object.hasOwn(groupOf, type);
}

const tooLong = "there is more in it than a message of its type has";

function decodeAnswer([outcome, from = "", ...ref]: string[]): Answer | string {
  const slash = from.indexOf("/");
  const provider = (slash < 0 ? from : from.slice(0, slash)).replaceAll("%20", " ");
  const key = slash < 0 ? {} : { key: from.slice(slash + 1) };
  const providerRef = ref.join(" ");
  if (outcome !== "succeeded" && outcome !== "declined") {
    return "the outcome is neither succeeded nor declined";
  }
  if (!provider || !providerRef) return "the provider or its reference is missing";
  return { outcome, provider, ...key, providerRef };
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
