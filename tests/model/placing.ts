/**
 * An order as it is placed and changed, by a request or by a file.
 *
 * @module
 */

import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import type { Verdict } from "./model_provider.ts";
import {
  type Extra,
  type Line,
  type Model,
  type ModelOrder,
  needsOf,
  type Payment,
  stockOf,
  sum,
  totalOf,
} from "./order_money.ts";
import { firstUnits } from "./command.ts";
import type { Shop } from "./shop.ts";

/** An order as a command places it. */
export interface Placing {
  lines: Line[];
  shipping: number;
  discountPercent: number;
  tip: number;
  tax: number;
  taxIncluded: boolean;
  currency: string;
  /** 0…2 are known customers, 3 is one without an e-mail, 4 a guest, 5 a guest without an e-mail. */
  who: number;
  minute: number;
  payment: Payment;
  verdict: Verdict;
}

/** Those that came with an order. */
export function extrasAtSource({ extras }: ModelOrder): (Extra & { kind: SourceKind })[] {
  return extras.flatMap(({ kind, ...rest }) =>
    kind === "payment_difference" ? [] : [{ kind, ...rest }]
  );
}

type SourceKind = Exclude<Extra["kind"], "payment_difference">;

function extrasOf({ lines, shipping, discountPercent, tip, tax, taxIncluded }: Placing): Extra[] {
  const items = sum(lines.map(({ qty, priceCents }) => qty * priceCents));
  const discount = Math.floor(items * discountPercent / 100);
  const all: Extra[] = [
    { kind: "shipping", cents: shipping, included: false },
    { kind: "discount", cents: -discount, included: false },
    { kind: "tip", cents: tip, included: false },
    // Prices that contain it are no less.
    { kind: "tax", cents: taxIncluded ? Math.min(tax, items) : tax, included: taxIncluded },
  ];
  return all.filter(({ cents }) => cents !== 0);
}

/** It, as it comes in. */
export function incoming(order: ModelOrder): IncomingOrder {
  const { ref, customer, email, payment } = order;
  const extras = extrasAtSource(order);
  return {
    externalOrderId: ref,
    placedAt: order.placedAt,
    currency: order.currency,
    customer: {
      externalId: customer,
      email,
      name: customer.slice(0, 20),
      ...(customer.startsWith("guest:") ? { guest: true as const } : {}),
    },
    items: order.lines.map(({ sku, qty, priceCents }) => ({
      sku,
      name: sku,
      unitPriceCents: priceCents,
      qty,
    })),
    ...(extras.length === 0 ? {} : {
      adjustments: extras.map(({ kind, cents, included }) => ({
        kind,
        label: null,
        amountCents: cents,
        included,
      })),
    }),
    ...(payment === "due" ? {} : payment === "none" ? { payment: { status: "none" as const } } : {
      payment: {
        status: "paid" as const,
        provider: payment === "paid_here" ? "http" : "shop pay",
        reference: `src_${ref}`,
        paidAt: null,
      },
    }),
  };
}

/** The next order of a game. */
export function newOrder(model: Model, placing: Placing): ModelOrder {
  const ref = `o-${++model.named}`;
  const who = ["c1", "c2", "c3", "c4"][placing.who];
  const email = placing.who === 3 || placing.who === 5 ? null : `${who ?? "g"}@example.com`;
  const extras = extrasOf(placing);
  const total = totalOf({ lines: placing.lines, extras });
  const payment = total > 0
    ? placing.payment === "none" ? "due" : placing.payment
    : placing.payment === "none"
    ? "none"
    : "due";
  return {
    id: 0,
    ref,
    currency: placing.currency,
    customer: who ?? `guest:${email ?? ref}`,
    email,
    placedAt: `2025-03-01 12:${String(placing.minute).padStart(2, "0")}:00.000`,
    lines: placing.lines,
    extras,
    payment,
    state: "PENDING",
    cancelled: false,
    judged: null,
    retries: 0,
    refunds: [],
    told: new Map(),
    returnedByHand: false,
    day: null,
  };
}

/** What an edit changes. */
export interface Editing {
  line: number;
  qty: number;
  added: Line | null;
  shipping: number | null;
  verdict: Verdict;
  /** What becomes of a charge that is undecided. */
  superseded: "pay" | "decline";
}

/** The order as it is afterwards. */
export function edited(order: ModelOrder, { line, qty, added, shipping }: Editing): ModelOrder {
  const at = line % order.lines.length;
  const lines = order.lines.map((line, index) => index === at ? { ...line, qty } : line);
  const items = sum(lines.map(({ qty, priceCents }) => qty * priceCents));
  // Prices that contain a tax are no less.
  const extras = order.extras
    .map((one) => one.included ? { ...one, cents: Math.min(one.cents, items) } : one)
    .filter(({ cents }) => cents !== 0);
  const others = extras.filter(({ kind }) => kind !== "shipping");
  return {
    ...order,
    lines: added === null ? lines : [...lines, added],
    extras: shipping === null
      ? extras
      : shipping === 0
      ? others
      : [{ kind: "shipping" as const, cents: shipping, included: false }, ...others],
  };
}

/** Whether both say the same. */
export function isSameContent(order: ModelOrder, next: ModelOrder): boolean {
  return JSON.stringify([order.lines, order.extras]) === JSON.stringify([next.lines, next.extras]);
}

/** Tells the model that an order was changed, and the provider what becomes of its charges. */
export function noteEdited(
  model: Model,
  { provider }: Shop,
  { order, next, verdict, superseded }:
    & { order: ModelOrder; next: ModelOrder }
    & Pick<
      Editing,
      "verdict" | "superseded"
    >,
): void {
  const needs = new Map(needsOf(order));
  for (const [sku, qty] of needsOf(next)) needs.set(sku, Math.max(qty, needs.get(sku) ?? 0));
  const costsSame = totalOf(order) === totalOf(next);
  model.onTheirWay.set(order.id, needs);
  noteProducts(model, next);
  // It leaves its queue, and asks anew.
  if (order.state === "WAITING" && !isSameContent(order, next)) order.state = "PENDING";
  Object.assign(order, { lines: next.lines, extras: next.extras });
  if (costsSame) return;
  provider.verdicts.set(order.ref, verdict);
  for (const charge of provider.charges) {
    if (charge.reference === order.ref && charge.verdict === "later") charge.verdict = superseded;
  }
}

/** Products that are created for an order's sake come with some units. */
export function noteProducts({ received }: Model, { lines }: ModelOrder): void {
  for (const { sku } of lines) if (!received.has(sku)) received.set(sku, firstUnits);
}

/** The products of an order that there are not. */
export function unknownOf({ received }: Model, { lines }: ModelOrder): string[] {
  return lines.map(({ sku }) => sku).filter((sku) => !received.has(sku));
}

/** What becomes of an edit, where nothing is on its way. */
export function editOutcome(model: Model, order: ModelOrder, next: ModelOrder): string {
  if (isSameContent(order, next)) return "edited";
  if (!["PENDING", "WAITING", "RESERVED"].includes(order.state)) return "order_not_editable";
  const isPaid = order.payment === "paid_here" || order.payment === "paid_elsewhere";
  if (isPaid && totalOf(order) !== totalOf(next)) return "order_not_editable";
  if (model.rejects && unknownOf(model, next).length > 0) return "invalid";
  if (order.state !== "RESERVED") return "edited";
  const stock = stockOf(model);
  const before = needsOf(order);
  const isShort = [...needsOf(next)].some(([sku, qty]) =>
    qty - (before.get(sku) ?? 0) > (stock.get(sku) ?? firstUnits)
  );
  return isShort ? "stock_insufficient" : "edited";
}

/** Tells the model that an order was placed, and the provider what was paid to it and what becomes of its charge. */
export function notePlaced(
  model: Model,
  { provider }: Shop,
  { order, id, verdict }: { order: ModelOrder; id: number; verdict: Verdict },
): void {
  const { ref: reference, currency, payment } = order;
  provider.verdicts.set(reference, verdict);
  if (payment === "paid_here") {
    provider.book({ id: `src_${reference}`, reference, cents: totalOf(order), currency });
  }
  noteProducts(model, order);
  order.id = id;
  model.orders.push(order);
  model.onTheirWay.set(id, needsOf(order));
}
