/**
 * Keys under which the payment provider knows charges and refunds: asking again under the same key is the same
 * money, whatever became of our rows meanwhile, and no two of them ever meet.
 *
 * They are made of what survives the loss of rows: this installation's own name, the shop's id of the order, and
 * what is to be paid. So an order that is sent again after its row was lost is charged under the key that it had,
 * and another order, or one of another installation on the same account, never is. Only what may have been asked for
 * before there were such keys keeps the old ones, which were made of row ids.
 *
 * @module
 */

import { hash as digestOf } from "node:crypto";

/** What is written down once in a database and lives on in its dumps. */
export interface Installation {
  /** Random; tells this installation from all others. */
  name: string;
  /**
   * Until when keys were made of row ids: UTC, `YYYY-MM-DD HH:MM:SS.ffffff`; null while processes of the version before
   * may still ask under them.
   */
  oldKeysUntil: string | null;
  /** When such a process was last seen alive after that, written alike; null where none was. */
  olderSeenAt: string | null;
}

/** An order as far as its charge's key needs it. */
export interface ChargedOrder {
  /** Database id. */
  id: number;
  /** The shop's own id of the order. */
  externalOrderId: string;
  /** In minor units of `currency`. */
  totalCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.ffffff`; null before. */
  reservedAt: string | null;
  /** What it was to be charged before it was edited, which nothing is counted of any more; left out for nothing. */
  superseded?: readonly { amountCents: number; currency: string }[];
}

/**
 * The key of an order's one charge. An edit that changes what is to be paid makes another charge of it, under a key
 * that no earlier one had: where the order has come back to an amount that was asked for before, how often that was is
 * a part of the key.
 */
export function chargeKeyOf(
  { name, oldKeysUntil }: Installation,
  order: ChargedOrder,
): string {
  const { id, externalOrderId, totalCents, currency, reservedAt } = order;
  if (isOld(reservedAt, oldKeysUntil)) return `order-${id}`;
  const times = timesSuperseded(order);
  if (times > 0) {
    const said = `${times}\n${name}\n${currency}\n${totalCents}\n${externalOrderId}`;
    return `charge_${digest(`charge again\n${said}`)}`;
  }
  // What may hold anything comes last, so that no two orders give the same text.
  return `charge_${digest(`charge\n${name}\n${currency}\n${totalCents}\n${externalOrderId}`)}`;
}

/** How many superseded charges of an order were about the money that it is to be charged now. */
function timesSuperseded({ superseded = [], totalCents, currency }: ChargedOrder): number {
  return superseded.filter((charge) =>
    charge.amountCents === totalCents && charge.currency === currency
  ).length;
}

/** Whether an order's charge may have been asked for under a key made of its row's id, which it keeps then. */
export function hasOldKey({ oldKeysUntil }: Installation, { reservedAt }: ChargedOrder): boolean {
  return isOld(reservedAt, oldKeysUntil);
}

/**
 * The key made of its row's id under which an order may have been charged besides its own, by a process of the version
 * before that was alive although the time of these keys was over; undefined where none was since.
 */
export function furtherKeyOf(
  { oldKeysUntil, olderSeenAt }: Installation,
  { id, reservedAt }: ChargedOrder,
): string | undefined {
  if (reservedAt === null || olderSeenAt === null || isOld(reservedAt, oldKeysUntil)) return;
  return reservedAt <= olderSeenAt ? `order-${id}` : undefined;
}

/**
 * What a provider is told with a charge, by which its webhooks of another installation on the same account are known: the
 * name itself, of which keys are made, is nobody else's.
 */
export function installationTag({ name }: Pick<Installation, "name">): string {
  return digest(`installation\n${name}`).slice(0, 16);
}

/** Whether a text can be a key: nobody asks under anything else, and a server may refuse to compare it. */
export function mayBeKey(text: string): boolean {
  return /^[\w-]{1,64}$/.test(text);
}

/** The order that an old charge key was made of; undefined for any other text. */
export function orderOfOldKey(key: string): number | undefined {
  const orderId = Number(/^order-([1-9]\d{0,15})$/.exec(key)?.[1]);
  return Number.isSafeInteger(orderId) ? orderId : undefined;
}

/**
 * The key of a refund, null while those made of row ids are in use: the same for a request that is repeated under the
 * client's key after its row was lost.
 *
 * @param refund.owner whose idempotency key it is, e.g. the token's name; empty for whoever has none
 * @param refund.idempotencyKey the client's, or a random one of our own
 */
export function refundKeyOf(
  { name, oldKeysUntil }: Installation,
  refund: { externalOrderId: string; owner: string; idempotencyKey: string; amountCents: number },
): string | null {
  if (oldKeysUntil === null) return null;
  const { externalOrderId, owner, idempotencyKey, amountCents } = refund;
  const said = [name, externalOrderId, owner, idempotencyKey, amountCents];
  return `refund_${digest(`refund\n${JSON.stringify(said)}`)}`;
}

/** The key of a refund that was requested before keys were kept with refunds. */
export function oldRefundKey(refundId: number): string {
  return `refund-${refundId}`;
}

/** The key under which a payment that came too late is given back. */
export function reversalKeyOf(
  { name, oldKeysUntil }: Installation,
  payment: {
    orderId: number;
    externalOrderId: string;
    provider: string;
    /** The provider's own name for the charge. */
    providerRef: string;
    amountCents: number;
    /** When it was recorded; UTC, as {@linkcode Installation.oldKeysUntil}. */
    paidAt: string | null;
  },
): string {
  const { orderId, externalOrderId, provider, providerRef, amountCents, paidAt } = payment;
  // It may have been asked for under its old key.
  if (isOld(paidAt, oldKeysUntil)) return `reversal-${orderId}`;
  const said = [name, externalOrderId, provider, providerRef, amountCents];
  return `reversal_${digest(`reversal\n${JSON.stringify(said)}`)}`;
}

/** Every key under which a payment may have been given back: which one it was depends on what settled the order. */
export function reversalKeysOf(
  installation: Installation,
  payment: Parameters<typeof reversalKeyOf>[1],
): string[] {
  return [
    ...new Set([
      reversalKeyOf(installation, payment),
      reversalKeyOf({ ...installation, oldKeysUntil: "" }, payment),
    ]),
  ];
}

/** The key under which money is given back that is on record for no order, or that a provider took besides. */
export function mendKeyOf(
  { name }: Installation,
  money: {
    provider: string;
    chargeRef: string;
    entry: string | null;
    amountCents: number;
    /** The key under which it went back before and came back: that one is answered for ever. */
    cameBackUnder?: string | null;
  },
): string {
  const { provider, chargeRef, entry, amountCents, cameBackUnder = null } = money;
  const said = [name, provider, chargeRef, entry, amountCents];
  if (cameBackUnder !== null) said.push(cameBackUnder);
  return `mend_${digest(`mend\n${JSON.stringify(said)}`)}`;
}

/**
 * The key under which money is given back that a provider has refused to give back under another one, of which it would say the same
 * for ever. It says which keys were before it.
 */
export function keyAfterRefusal(key: string): string {
  const { first, times } = triesOf(key);
  return `${first}_${times + 1}`;
}

/** The keys that were refused before one of {@linkcode keyAfterRefusal}, the first one first; none before a first one. */
export function refusedKeysOf(key: string): string[] {
  const { first, times } = triesOf(key);
  return Array.from({ length: times - 1 }, (_, n) => n === 0 ? first : `${first}_${n + 1}`);
}

function triesOf(key: string): { first: string; times: number } {
  const [, first, times] = /^(mend_[^_]+)(?:_(\d+))?$/.exec(key) ?? [];
  if (first === undefined) throw new Error(`no key of what mends: ${key}`);
  return { first, times: times === undefined ? 1 : Number(times) };
}

/** Whether a key is one of {@linkcode mendKeyOf}. */
export function isMendKey(key: string | null | undefined): key is string {
  return key?.startsWith("mend_") ?? false;
}

/** Whether money may have been asked for under a key made of a row id. */
function isOld(time: string | null, oldKeysUntil: string | null): boolean {
  return oldKeysUntil === null || (time !== null && time <= oldKeysUntil);
}

/** The first 160 bits of SHA-256, in hexadecimal, which is made twice as fast as base64. */
function digest(text: string): string {
  return digestOf("sha256", text, "hex").slice(0, 40);
}
