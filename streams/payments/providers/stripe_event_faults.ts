/**
 * What keeps one of Stripe's signed events from being understood.
 *
 * @module
 */

import type { Stripe } from "stripe";
import type { Fault } from "../../../domain/errors.ts";
import { isText } from "../../../domain/text/is_text.ts";

type Values = Readonly<Record<string, unknown>>;

/** Whether what stands at a place is what is read from there, and what it must be. */
type Check = readonly [at: string, isWell: boolean, must: string];

/**
 * Everything that is wrong with an event of a kind that is read: its type alone promises nothing of what was sent. Of other
 * kinds nothing but their id and type is read.
 */
export function eventFaults(event: Stripe.Event): Fault[] {
  const values = objectIn(event);
  const { id, type, created, data } = values;
  const object = objectIn(objectIn(data).object);
  return [
    text("#/id", id),
    text("#/type", type),
    ...checksOf(typeof type === "string" ? type : "", object),
    ...isRead(type) ? [whole("#/created", created)] : [],
  ].filter(([, isWell]) => !isWell).map(([at, , detail]) => ({ at, detail }));
}

function isRead(type: unknown): boolean {
  return typeof type === "string" && checksOf(type, {}).length > 0;
}

function checksOf(type: string, object: Values): Check[] {
  const at = (name: string) => `#/data/object/${name}`;
  const { id, amount, currency, metadata } = object;
  const money: Check[] = [
    text(at("id"), id),
    whole(at("amount"), amount),
    [at("currency"), typeof currency === "string" && /^[a-z]{3}$/i.test(currency), "must be one"],
  ];
  if (type.startsWith("payment_intent.")) {
    return [
      ...money,
      text(at("status"), object.status),
      whole(at("amount_received"), object.amount_received),
      whole(at("amount_capturable"), object.amount_capturable),
      texts(at("metadata"), metadata),
    ];
  }
  if (type.startsWith("refund.") || type.startsWith("charge.refund.")) {
    return metadata == null ? money : [...money, texts(at("metadata"), metadata)];
  }
  if (!type.startsWith("charge.dispute.")) return [];
  const { status, created, evidence_details: details, balance_transactions: moves } = object;
  const { due_by: due } = objectIn(details);
  return [
    ...money,
    text(at("status"), status),
    whole(at("created"), created),
    [at("evidence_details/due_by"), due === null || Number.isSafeInteger(due), "must be a time"],
    [
      at("balance_transactions"),
      Array.isArray(moves) && moves.every((move) => Number.isSafeInteger(objectIn(move).amount)),
      "must be amounts",
    ],
  ];
}

function text(at: string, value: unknown): Check {
  return [at, isText(value, { min: 1, max: Infinity }), "must be text"];
}

function whole(at: string, value: unknown): Check {
  return [at, Number.isSafeInteger(value), "must be a whole number"];
}

function texts(at: string, value: unknown): Check {
  const isWell = typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((one) => isText(one, { min: 0, max: Infinity }));
  return [at, isWell, "must be an object of texts"];
}

/** Nothing for what is no object. */
function objectIn(value: unknown): Values {
  return typeof value === "object" && value !== null ? value as Values : {};
}
