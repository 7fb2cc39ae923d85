/**
 * The messages on the streams. A stream entry holds flat string fields; this file is the only one that
 * knows them.
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
  /** What the order or the refund is worth, in cents of `currency`. */
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
  /** Name of the provider, as in `payments.provider`. */
  provider: string;
  /** The provider's own name for the charge. */
  providerRef: string;
}

/** A reservation got no answer in its time: ask the gateway once more. */
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

/** Give back a payment that came for an order which had already failed or been cancelled. */
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

/** The message as the flat field–value list that XADD takes. */
export function encodeMessage(message: Message): string[] {
  const fields = [
    "type",
    message.type,
    "order_id",
    String(message.orderId),
    "amount_cents",
    String(message.amountCents),
    "currency",
    message.currency,
  ];
  if ("refundId" in message) fields.push("refund_id", String(message.refundId));
  if ("outcome" in message) {
    fields.push("outcome", message.outcome);
    fields.push("provider", message.provider, "provider_ref", message.providerRef);
  }
  return fields;
}

/**
 * Reads the fields of a stream entry.
 *
 * @returns the message, or a sentence saying why no handler can understand it
 */
export function decodeMessage(fields: readonly string[]): Message | string {
  const record: Record<string, string | undefined> = {};
  for (let i = 0; i + 1 < fields.length; i += 2) record[fields[i]!] = fields[i + 1];
  const type = record.type as Message["type"] | undefined;
  if (type === undefined || !Object.hasOwn(groupOf, type)) {
    return `unknown message type ${JSON.stringify(record.type ?? null)}`;
  }
  const orderId = positive(record.order_id);
  const amountCents = whole(record.amount_cents);
  const currency = record.currency;
  if (orderId === undefined) return `order_id ${JSON.stringify(record.order_id ?? null)} is no id`;
  if (amountCents === undefined) return "amount_cents is no amount";
  if (currency === undefined || !/^[A-Z]{3}$/.test(currency)) return "currency is no currency";
  const subject = { orderId, amountCents, currency };
  switch (type) {
    case "order.reserve":
    case "payment.charge":
    case "payment.ask_again":
    case "payment.time_out":
    case "notify.order":
    case "payment.reverse":
      return { type, ...subject };
    case "payment.callback": {
      const { outcome, provider, provider_ref: providerRef } = record;
      if (outcome !== "succeeded" && outcome !== "declined") {
        return "outcome is neither succeeded nor declined";
      }
      if (!provider || !providerRef) return "provider or provider_ref is missing";
      return { type, ...subject, outcome, provider, providerRef };
    }
    case "notify.refund":
    case "refund.process": {
      const refundId = positive(record.refund_id);
      if (refundId === undefined) return "refund_id is no id";
      return { type, ...subject, refundId };
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
