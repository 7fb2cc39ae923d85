/**
 * What must be true of orders, stock, money and figures, by plain maps and integers.
 *
 * This folder plays a shop against the product, with a model of it beside: start here.
 *
 * - `order_money.ts`, this file: the model. It knows what was asked for and what came of it, and says what stock, money,
 *   figures, leaderboard and notifications must be. It takes nothing from `domain/`.
 * - `model_provider.ts`: a payment provider that decides as the model says, and keeps books of its own by key.
 * - `shop.ts`: the product, on real engines: does what a command says, crashes and redelivers, and compares.
 * - `commands.ts`: what can happen, as fast-check commands; `file_commands.ts` has those that come by files. Both are made
 *   of `command.ts`, what all of them share, and `placing.ts`, an order as it is placed and changed.
 * - `play.ts`: plays one seed. `order_money_test.ts` is the short form, `long_run.ts` the long one (`test:model`).
 *
 * After nearly every command all streams are drained, and what the product holds is compared with the model. A command
 * that is not drained leaves its order on its way: what then becomes of it depends on who is first, so the model takes
 * over where it ended if that is one of the ways that there were, and everything else follows from that.
 *
 * @module
 */

/** Units of a product at a price. */
export interface Line {
  sku: string;
  qty: number;
  priceCents: number;
}

/** A signed amount beside the lines. */
export interface Extra {
  kind: "shipping" | "discount" | "tip" | "tax" | "payment_difference";
  cents: number;
  included: boolean;
}

/** How an order is paid: charged, free, or at its source, by the provider of the test or by a stranger. */
export type Payment = "due" | "none" | "paid_here" | "paid_elsewhere";

/**
 * Where an order stands; `WAITING` is one that is backordered, `DISPUTED` one whose provider took another amount, so that
 * it stays reserved until a person decides.
 */
export type State =
  | "PENDING"
  | "WAITING"
  | "RESERVED"
  | "DISPUTED"
  | "PAID"
  | "SHORT"
  | "DECLINED"
  | "TIMED_OUT"
  | "CANCELLED";

/** States in which an order is not settled. */
export const openStates: readonly State[] = ["PENDING", "WAITING", "RESERVED", "DISPUTED"];

/** What the provider takes too much where it takes another amount than it was asked for, in minor units. */
export const oddCents = 7;

/** A refund that was taken. */
export interface ModelRefund {
  id: number;
  cents: number;
  state: "REQUESTED" | "PROCESSED" | "FAILED";
  /** The provider was told to refuse it, or a person refused it. */
  refused: boolean;
  /** A person said so. */
  saidByHand: boolean;
  lines: { itemId: number; sku: string; qty: number; cents: number; restock: boolean }[];
  extras: { kind: string; cents: number }[];
}

/** An order as the model has it. */
export interface ModelOrder {
  id: number;
  ref: string;
  currency: string;
  /** The shop's own id, or a guest's. */
  customer: string;
  email: string | null;
  placedAt: string;
  lines: Line[];
  extras: Extra[];
  payment: Payment;
  state: State;
  /** Was cancelled by the service, so that it must end so. */
  cancelled: boolean;
  /** What a person decided about its disputed payment. */
  judged: "accept" | "give_back" | null;
  retries: number;
  refunds: ModelRefund[];
  /** What its customer must have been told, and what may have been skipped because it was taken up again at once. */
  told: Map<string, "must" | "may">;
  /** What was paid at its source, and came to nothing, was given back by a person. */
  returnedByHand: boolean;
  /** The day of its settlement. */
  day: string | null;
}

/** The model. */
export interface Model {
  orders: ModelOrder[];
  /** Names of orders that were given so far. */
  named: number;
  /** Units that ever came in. */
  received: Map<string, number>;
  /** Orders that run short wait, as those that wait already do. */
  waits: boolean;
  /** Orders that name a product which there is not are refused; else it is created. */
  rejects: boolean;
  /** Customers are told by e-mail as well. */
  mails: boolean;
  /** Orders whose reservation expired in this round, so that they may be timed out. */
  expired: Set<number>;
  /** They must be, if they are not answered: nothing else happened meanwhile. */
  mustExpire: boolean;
  /** Orders of which something was not drained, with the units that they may have taken or given back meanwhile. */
  onTheirWay: Map<number, ReadonlyMap<string, number>>;
}

/** An empty shop with so many units of each product. */
export function newModel(
  stock: Record<string, number>,
  settings: Pick<Model, "waits" | "rejects" | "mails">,
): Model {
  return {
    orders: [],
    named: 0,
    received: new Map(Object.entries(stock)),
    ...settings,
    expired: new Set(),
    mustExpire: false,
    onTheirWay: new Map(),
  };
}

/** What an order costs. */
export function totalOf({ lines, extras }: Pick<ModelOrder, "lines" | "extras">): number {
  return sum(lines.map(({ qty, priceCents }) => qty * priceCents)) +
    sum(extras.map(({ cents, included }) => included ? 0 : cents));
}

/** Units that an order needs, by product. */
export function needsOf({ lines }: Pick<ModelOrder, "lines">): Map<string, number> {
  const needs = new Map<string, number>();
  for (const { sku, qty } of lines) needs.set(sku, (needs.get(sku) ?? 0) + qty);
  return needs;
}

/** Units left, by product: what came in, less what orders hold, plus what refunds put back. */
export function stockOf({ orders, received }: Model): Map<string, number> {
  const stock = new Map(received);
  const add = (sku: string, qty: number) => stock.set(sku, stock.get(sku)! + qty);
  for (const order of orders) {
    if (!["RESERVED", "DISPUTED", "PAID"].includes(order.state)) continue;
    for (const [sku, qty] of needsOf(order)) add(sku, -qty);
    for (const { lines } of processed(order)) {
      for (const { sku, qty, restock } of lines) if (restock) add(sku, qty);
    }
  }
  return stock;
}

/** What went back of an order. */
export function refundedOf(order: ModelOrder): number {
  return sum(processed(order).map(({ cents }) => cents));
}

/** What is left to ask for: requests count. */
export function leftOf(order: ModelOrder): number {
  return totalOf(order) - sum(claimed(order).map(({ cents }) => cents));
}

/** Units of a product that no refund has claimed. */
export function unitsLeft(order: ModelOrder, sku: string): number {
  return (needsOf(order).get(sku) ?? 0) -
    sum(
      claimed(order).flatMap(({ lines }) => lines.filter((line) => line.sku === sku))
        .map(({ qty }) => qty),
    );
}

/** Refunds that did not fail. */
export function claimed({ refunds }: ModelOrder): ModelRefund[] {
  return refunds.filter(({ state }) => state !== "FAILED");
}

function processed({ refunds }: ModelOrder): ModelRefund[] {
  return refunds.filter(({ state }) => state === "PROCESSED");
}

/** What the provider of the test must have of an order, be it charged or paid at its source. */
export function keptOf(order: ModelOrder): number {
  if (order.payment === "paid_elsewhere" || order.payment === "none") return 0;
  if (order.state === "PAID") return totalOf(order) - refundedOf(order);
  if (order.state === "DISPUTED") return totalOf(order) + oddCents;
  return order.payment === "paid_here" && openStates.includes(order.state) ? totalOf(order) : 0;
}

/** Figures and scores that are not 0, by the name of their key; scores by leaderboard and member. */
export function figuresOf(
  { orders }: Model,
  customerIds: ReadonlyMap<string, number>,
): Record<string, number> {
  const figures = new Map<string, number>();
  const add = (name: string, by: number) => figures.set(name, (figures.get(name) ?? 0) + by);
  for (const order of orders) {
    const isBase = order.currency === "EUR";
    const start = `kpi:${order.day}:${isBase ? "" : `${order.currency}:`}`;
    if (["SHORT", "DECLINED", "TIMED_OUT"].includes(order.state)) {
      add(`${start}failed_order_count`, 1);
    }
    if (order.state !== "PAID") continue;
    const back = refundedOf(order);
    add(`${start}order_count`, 1);
    add(`${start}revenue_cents`, totalOf(order) - back);
    add(`${start}refund_count`, processed(order).length);
    add(`${start}refund_amount_cents`, back);
    const board = `leaderboard:customers${isBase ? "" : `:${order.currency}`}`;
    add(`${board} ${customerIds.get(order.customer)}`, totalOf(order) - back);
  }
  for (const [name, count] of [...figures]) {
    if (!name.endsWith(":order_count")) continue;
    const start = name.slice(0, -"order_count".length);
    figures.set(
      `${start}avg_order_value_cents`,
      Math.floor(figures.get(`${start}revenue_cents`)! / count),
    );
  }
  return sorted([...figures].filter(([, value]) => value !== 0));
}

/** Where an order can end that is on its way, if nobody else is. */
export function endOf(
  order: ModelOrder,
  { covered, waits, verdict }: {
    covered: boolean;
    waits: boolean;
    verdict: "pay" | "decline" | "later" | "odd";
  },
): State {
  if (order.cancelled) return "CANCELLED";
  if (order.judged !== null) return order.judged === "accept" ? "PAID" : "DECLINED";
  const isReserved = order.state === "RESERVED" || order.state === "DISPUTED" || covered;
  if (!isReserved) return waits ? "WAITING" : "SHORT";
  if (order.payment !== "due" || totalOf(order) === 0) return "PAID";
  return ({ later: "RESERVED", pay: "PAID", decline: "DECLINED", odd: "DISPUTED" } as const)[
    verdict
  ];
}

/** Notes that an order came to an end that its customer is told. */
export function tell(order: ModelOrder, how: "must" | "may"): void {
  const failed = order.retries > 0 ? `order.failed:${order.retries}` : "order.failed";
  const events: Partial<Record<State, string>> = {
    PAID: "order.paid",
    SHORT: failed,
    DECLINED: failed,
    TIMED_OUT: failed,
    CANCELLED: "order.cancelled",
  };
  const event = events[order.state];
  if (event !== undefined) order.told.set(event, how);
}

/** Adds up. */
export function sum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** An object whose keys are in order. */
export function sorted<T>(entries: [string, T][]): Record<string, T> {
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
}
