/**
 * What can happen to a shop, as commands of fast-check: each does it to the product, tells the model, lets happen what
 * else happens meanwhile, drains and compares.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { WorkflowError } from "../../domain/errors.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { groups } from "../../domain/messages/messages.ts";
import { cancelAndPublish } from "../../services/cancel_order.ts";
import { changeStock } from "../../services/change_stock.ts";
import { editAndPublish } from "../../services/edit_order.ts";
import { placeAndPublish } from "../../services/place_orders.ts";
import { decideByHandAndPublish, returnPaymentByHand } from "../../services/refund_by_hand.ts";
import { type RefundRequest, requestAndPublish } from "../../services/request_refunds.ts";
import { retryAndPublish } from "../../services/retry_orders.ts";
import { takeCallback } from "../../services/take_callback.ts";
import { recover } from "../../streams/recovery/recover.ts";
import { fateAfter, mortal } from "../streams/queue/crash.ts";
import type { Verdict } from "./model_provider.ts";
import {
  claimed,
  type Extra,
  leftOf,
  type Line,
  type Model,
  type ModelOrder,
  type ModelRefund,
  needsOf,
  type Payment,
  stockOf,
  sum,
  tell,
  totalOf,
  unitsLeft,
} from "./order_money.ts";
import {
  type Aftermath,
  changeShortage,
  drainAndCompare,
  type Mishap,
  passDay,
  type Shop,
  suffer,
} from "./shop.ts";
import { anOperator } from "../operator.ts";

/** A command of the game. */
export type PlayCommand = fc.AsyncCommand<Model, Shop>;

/** Orders on their way after which everything is drained, whatever a command says. */
const maxOnTheirWay = 4;

/** What a command does; what went before and what comes after is the same for all. */
interface Play {
  /** Whether there is anything to do it to. */
  can?: (model: Model) => boolean;
  does: (model: Model, shop: Shop) => Promise<void>;
}

function command(play: Play, after: Aftermath, name: unknown[]): PlayCommand {
  return {
    check: (model) => play.can?.(model) ?? true,
    run: async (model, shop) => {
      await play.does(model, shop);
      for (const mishap of after.mishaps) await suffer(shop, mishap);
      if (after.drain || model.onTheirWay.size >= maxOnTheirWay) await drainAndCompare(shop, model);
      shop.played++;
    },
    toString: () =>
      `${name.map((part) => JSON.stringify(part)).join(" ")} ${JSON.stringify(after)}`,
  };
}

/** What services work with. */
function depsOf({ flow }: Shop) {
  return { ...flow, config: { initialStock: 0, unknownSku: "create" as const } };
}

/**
 * Asks a service, perhaps first by a process that dies at some call to an engine: then it is asked again, and what was
 * left unpublished is recovered.
 */
async function ask<T>(
  shop: Shop,
  dies: number | null,
  service: (deps: ReturnType<typeof depsOf>) => Promise<T>,
): Promise<T | WorkflowError> {
  const deps = depsOf(shop);
  if (dies !== null) {
    const fate = fateAfter(dies);
    const dying = { ...deps, ...mortal(deps, fate, "dying"), stopping: AbortSignal.abort() };
    await service(dying).catch((error) => {
      if (!fate.dead && !(error instanceof WorkflowError)) throw error;
    });
  }
  const answer = await service(deps).catch((error) => {
    if (error instanceof WorkflowError) return error;
    throw error;
  });
  if (dies !== null) await recover(shop.flow);
  return answer;
}

function isDrained(model: Model): boolean {
  return model.onTheirWay.size === 0;
}

function picked(orders: readonly ModelOrder[], pick: number): ModelOrder {
  return orders[pick % orders.length]!;
}

/** An order as a command places it. */
interface Placing {
  lines: Line[];
  shipping: number;
  discountPercent: number;
  tip: number;
  tax: number;
  taxIncluded: boolean;
  currency: string;
  /** 0…2 are known customers, 3 a guest, 4 a guest without an e-mail. */
  who: number;
  minute: number;
  payment: Payment;
  verdict: Verdict;
}

function extrasOf({ lines, shipping, discountPercent, tip, tax, taxIncluded }: Placing): Extra[] {
  const items = sum(lines.map(({ qty, priceCents }) => qty * priceCents));
  const discount = Math.floor(items * discountPercent / 100);
  const all: Extra[] = [
    { kind: "shipping", cents: shipping, included: false },
    { kind: "discount", cents: -discount, included: false },
    { kind: "tip", cents: tip, included: false },
    { kind: "tax", cents: tax, included: taxIncluded },
  ];
  return all.filter(({ cents }) => cents !== 0);
}

function incoming(order: ModelOrder): IncomingOrder {
  const { ref, customer, email, payment } = order;
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
    ...(order.extras.length === 0 ? {} : {
      adjustments: order.extras.map(({ kind, cents, included }) => ({
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

function newOrder(model: Model, placing: Placing): ModelOrder {
  const ref = `o-${model.orders.length + 1}`;
  const who = ["c1", "c2", "c3"][placing.who];
  const email = placing.who === 4 ? null : `${who ?? "g"}@example.com`;
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
    retries: 0,
    refunds: [],
    told: new Map(),
    returnedByHand: false,
    day: null,
  };
}

function place(placing: Placing, dies: number | null): Play {
  return {
    does: async (model, shop) => {
      const order = newOrder(model, placing);
      shop.provider.verdicts.set(order.ref, placing.verdict);
      if (order.payment === "paid_here") {
        const { ref: reference, currency } = order;
        shop.provider.book({ id: `src_${reference}`, reference, cents: totalOf(order), currency });
      }
      const answer = await ask(
        shop,
        dies,
        (deps) => placeAndPublish(deps, [{ order: incoming(order), actor: "test" }]),
      );
      assert.ok(!(answer instanceof WorkflowError), String(answer));
      const [placed] = answer;
      assert.ok(placed!.outcome === "new" || (dies !== null && placed!.outcome === "unchanged"));
      order.id = placed!.order.id;
      model.orders.push(order);
      model.onTheirWay.set(order.id, needsOf(order));
    },
  };
}

function cancel(pick: number, any: boolean, dies: number | null): Play {
  const canBe = ({ state }: ModelOrder) => ["PENDING", "WAITING", "RESERVED"].includes(state);
  const among = ({ orders }: Model) => any ? orders : orders.filter(canBe);
  return {
    can: (model) => among(model).length > 0,
    does: async (model, shop) => {
      const order = picked(among(model), pick);
      const before = isDrained(model);
      const answer = await ask(
        shop,
        dies,
        (deps) => cancelAndPublish(deps, order.id, anOperator("test")),
      );
      if (before) {
        const may = canBe(order) || order.state === "CANCELLED";
        assert.equal(!(answer instanceof WorkflowError), may, `cancelling ${order.ref}: ${answer}`);
      }
      if (answer instanceof WorkflowError) {
        assert.equal(answer.code, "order_not_cancellable");
        return;
      }
      order.cancelled = true;
      model.onTheirWay.set(order.id, needsOf(order));
    },
  };
}

/** What an edit changes. */
interface Editing {
  line: number;
  qty: number;
  added: Line | null;
  shipping: number | null;
  verdict: Verdict;
  /** What becomes of a charge that is undecided. */
  superseded: "pay" | "decline";
}

function edited(order: ModelOrder, { line, qty, added, shipping }: Editing): ModelOrder {
  const at = line % order.lines.length;
  const lines = order.lines.map((line, index) => index === at ? { ...line, qty } : line);
  const others = order.extras.filter(({ kind }) => kind !== "shipping");
  const next = {
    ...order,
    lines: added === null ? lines : [...lines, added],
    extras: shipping === null
      ? order.extras
      : shipping === 0
      ? others
      : [{ kind: "shipping" as const, cents: shipping, included: false }, ...others],
  };
  return next;
}

function edit(pick: number, any: boolean, editing: Editing, dies: number | null): Play {
  const canBe = ({ state }: ModelOrder) => ["PENDING", "WAITING", "RESERVED"].includes(state);
  const among = ({ orders }: Model) => any ? orders : orders.filter(canBe);
  return {
    can: (model) => among(model).length > 0,
    does: async (model, shop) => {
      const order = picked(among(model), pick);
      const next = edited(order, editing);
      // Less than nothing, and none that is not nothing, are refused before anybody looks.
      if (totalOf(next) < 0 || (order.payment === "none" && totalOf(next) > 0)) return;
      const expected = isDrained(model) ? editOutcome(model, order, next) : undefined;
      const answer = await ask(
        shop,
        dies,
        (deps) => editAndPublish(deps, order.id, incoming(next), { actor: "test" }),
      );
      const outcome = answer instanceof WorkflowError ? answer.code : "edited";
      if (expected !== undefined) {
        assert.equal(outcome, expected, `editing ${order.ref}: ${answer}`);
      }
      if (answer instanceof WorkflowError) {
        assert.ok(
          ["order_not_editable", "stock_insufficient"].includes(answer.code),
          String(answer),
        );
        return;
      }
      const needs = new Map(needsOf(order));
      for (const [sku, qty] of needsOf(next)) needs.set(sku, Math.max(qty, needs.get(sku) ?? 0));
      const costsSame = totalOf(order) === totalOf(next);
      model.onTheirWay.set(order.id, needs);
      const isSame = JSON.stringify([order.lines, order.extras]) ===
        JSON.stringify([next.lines, next.extras]);
      // It leaves its queue, and asks anew.
      if (order.state === "WAITING" && !isSame) order.state = "PENDING";
      Object.assign(order, { lines: next.lines, extras: next.extras });
      if (costsSame) return;
      shop.provider.verdicts.set(order.ref, editing.verdict);
      for (const charge of shop.provider.charges) {
        if (charge.reference === order.ref && charge.verdict === "later") {
          charge.verdict = editing.superseded;
        }
      }
    },
  };
}

function editOutcome(model: Model, order: ModelOrder, next: ModelOrder): string {
  const isSame = JSON.stringify([order.lines, order.extras]) ===
    JSON.stringify([next.lines, next.extras]);
  if (isSame) return "edited";
  if (!["PENDING", "WAITING", "RESERVED"].includes(order.state)) return "order_not_editable";
  const isPaid = order.payment === "paid_here" || order.payment === "paid_elsewhere";
  if (isPaid && totalOf(order) !== totalOf(next)) return "order_not_editable";
  if (order.state !== "RESERVED") return "edited";
  const stock = stockOf(model);
  const before = needsOf(order);
  const isShort = [...needsOf(next)].some(([sku, qty]) =>
    qty - (before.get(sku) ?? 0) > stock.get(sku)!
  );
  return isShort ? "stock_insufficient" : "edited";
}

function decide(pick: number, verdict: "pay" | "decline", calls: boolean): Play {
  return {
    can: ({ orders }) => orders.length > 0,
    does: async (model, shop) => {
      const undecided = shop.provider.charges.filter((charge) => charge.verdict === "later");
      if (undecided.length === 0) return;
      const charge = undecided[pick % undecided.length]!;
      charge.verdict = verdict;
      const order = model.orders.find(({ ref }) => ref === charge.reference)!;
      shop.provider.verdicts.set(order.ref, verdict);
      model.onTheirWay.set(order.id, needsOf(order));
      if (!calls) return;
      await takeCallback(shop.flow, {
        id: `${charge.id} ${verdict}`,
        outcome: verdict === "pay" ? "succeeded" : "declined",
        idempotencyKey: charge.key,
        reference: charge.reference,
        amountCents: charge.cents,
        currency: charge.currency,
        providerRef: charge.id,
        address: "test",
      });
    },
  };
}

/** What a refund asks for. */
type Wanted =
  | { kind: "lines"; lines: { line: number; qty: number; restock: boolean }[]; shipping: number }
  | { kind: "amount"; share: number }
  | { kind: "all"; restock: boolean };

function requestOf(order: ModelOrder, wanted: Wanted, key: string): RefundRequest {
  const base = { orderId: order.id, reason: null, idempotencyKey: key, amountCents: null };
  switch (wanted.kind) {
    case "amount":
      return { ...base, amountCents: Math.max(1, Math.ceil(leftOf(order) * wanted.share / 100)) };
    case "all":
      return wanted.restock
        ? { ...base, items: { lines: [], adjustments: [], restock: true } }
        : base;
    case "lines": {
      const bySku = new Map(wanted.lines.map(({ line, qty, restock }) => {
        const { sku } = order.lines[line % order.lines.length]!;
        return [sku, { sku, itemId: null, qty, restock }];
      }));
      const { shipping } = wanted;
      return {
        ...base,
        items: {
          lines: [...bySku.values()],
          adjustments: shipping > 0 ? [{ kind: "shipping", amountCents: shipping }] : [],
          restock: false,
        },
      };
    }
  }
}

function refund(
  pick: number,
  any: boolean,
  { wanted, refused, dies }: { wanted: Wanted; refused: boolean; dies: number | null },
): Play {
  const among = ({ orders }: Model) =>
    any ? orders : orders.filter((order) => order.state === "PAID" && leftOf(order) > 0);
  return {
    can: (model) => among(model).length > 0,
    does: async (model, shop) => {
      const order = picked(among(model), pick);
      const { provider } = shop;
      const drained = isDrained(model);
      const isRefused = refused && drained && order.state === "PAID" &&
        order.payment !== "paid_elsewhere";
      if (isRefused) provider.refusing.add(order.ref);
      const request = requestOf(
        order,
        wanted,
        `${order.ref}/${order.refunds.length}/${shop.played}`,
      );
      const answer = await ask(
        shop,
        dies,
        (deps) => requestAndPublish(deps, request, anOperator()),
      );
      if (drained) expectRefundOutcome(order, request, answer);
      if (answer instanceof WorkflowError) {
        if (isRefused) provider.refusing.delete(order.ref);
        const codes = ["order_not_refundable", "refund_exceeds_left", "invalid"];
        assert.ok(codes.includes(answer.code), String(answer));
        return;
      }
      const { id, amountCents: cents, lines, adjustments } = answer.refund;
      const taken: ModelRefund = {
        id,
        cents,
        state: "REQUESTED",
        refused: provider.refusing.has(order.ref),
        saidByHand: false,
        lines: lines.map((line) => ({
          itemId: line.itemId,
          sku: line.sku,
          qty: line.qty,
          cents: line.amountCents,
          restock: line.restock,
        })),
        extras: adjustments.map(({ kind, amountCents }) => ({ kind, cents: amountCents })),
      };
      assert.ok(cents >= 1 && cents <= leftOf(order), `${cents} of ${leftOf(order)}`);
      order.refunds.push(taken);
      expectFair(order, request, taken);
      model.onTheirWay.set(order.id, new Map());
    },
  };
}

/** Whether a request must be taken, where that is plain. */
function expectRefundOutcome(order: ModelOrder, request: RefundRequest, answer: unknown): void {
  const { items, amountCents } = request;
  const left = leftOf(order);
  const isRefused = answer instanceof WorkflowError;
  const paid = sum(
    order.extras.filter(({ kind }) => kind === "shipping").map(({ cents }) => cents),
  );
  const gone = sum(
    claimed(order).flatMap(({ extras }) => extras).filter(({ kind }) => kind === "shipping").map((
      { cents },
    ) => cents),
  );
  const tooMany = items?.lines.some(({ sku, qty }) => qty > unitsLeft(order, sku!)) ?? false;
  const tooMuch = items?.adjustments.some((one) => one.amountCents > paid - gone) ?? false;
  const isTooMuch = tooMuch || (amountCents ?? 0) > left;
  if (order.state !== "PAID" || left === 0 || tooMany || isTooMuch) {
    assert.ok(isRefused, `a refund of ${order.ref} is refused: ${JSON.stringify(request)}`);
  } else if (amountCents !== null || items === undefined) {
    assert.ok(!isRefused, `a refund of ${order.ref} is taken: ${answer}`);
  }
}

/** Parts are worth their share, and all of them together what was paid. */
function expectFair(order: ModelOrder, { items }: RefundRequest, taken: ModelRefund): void {
  if (items === undefined) {
    assert.deepEqual([taken.lines, taken.extras], [[], []]);
    return;
  }
  assert.equal(
    sum([...taken.lines, ...taken.extras].map(({ cents }) => cents)),
    taken.cents,
    "a refund is the sum of its parts",
  );
  for (const { sku, qty } of items.lines) {
    const own = taken.lines.filter((line) => line.sku === sku);
    assert.equal(sum(own.map((line) => line.qty)), qty, `units of ${sku}`);
  }
  const refunds = claimed(order);
  if (!items.restock && refunds.every(({ lines, extras }) => lines.length + extras.length > 0)) {
    expectShares(order, refunds);
  }
  if (items.restock) assert.equal(leftOf(order), 0, "all that is left");
}

/** Where only parts went back, what went back of each product is what it is worth, give or take the rounding. */
function expectShares(order: ModelOrder, refunds: readonly ModelRefund[]): void {
  const besides = sum(
    order.extras.filter(({ kind }) => kind === "shipping" || kind === "tip")
      .map(({ cents }) => cents),
  );
  const pool = Math.max(0, totalOf(order) - besides);
  const items = sum(order.lines.map(({ qty, priceCents }) => qty * priceCents));
  const back = refunds.flatMap(({ lines }) => lines);
  for (const sku of needsOf(order).keys()) {
    if (unitsLeft(order, sku) > 0 || items === 0) continue;
    const own = order.lines.filter((line) => line.sku === sku);
    const worth = sum(own.map(({ qty, priceCents }) => qty * priceCents)) * pool / items;
    const given = sum(back.filter((line) => line.sku === sku).map(({ cents }) => cents));
    assert.ok(
      Math.abs(given - worth) <= own.length,
      `${given} for all of ${sku} of ${order.ref}, which is worth ${worth}`,
    );
  }
  const allUnits = [...needsOf(order).keys()].every((sku) => unitsLeft(order, sku) === 0);
  if (allUnits) {
    const extras = sum(refunds.flatMap(({ extras }) => extras).map(({ cents }) => cents));
    assert.equal(leftOf(order) + extras, totalOf(order) - pool, "all lines are worth the rest");
  }
}

function byHand(pick: number, verdict: "given_back" | "refused"): Play {
  const among = ({ orders }: Model) =>
    orders.filter(({ payment }) => payment === "paid_elsewhere").flatMap((order) =>
      order.refunds.filter(({ state, saidByHand }) => state === "REQUESTED" && !saidByHand)
        .map((refund) => ({ order, refund }))
    );
  return {
    can: (model) => among(model).length > 0,
    does: async (model, shop) => {
      const waiting = among(model);
      const { order, refund } = waiting[pick % waiting.length]!;
      const drained = isDrained(model);
      const said = { refundId: refund.id, verdict, note: null };
      const answer = await ask(
        shop,
        null,
        (deps) => decideByHandAndPublish(deps, said, anOperator("test")),
      );
      if (answer instanceof WorkflowError) {
        assert.ok(!drained && answer.code === "refund_not_by_hand", String(answer));
        return;
      }
      refund.saidByHand = true;
      refund.refused = verdict === "refused";
      model.onTheirWay.set(order.id, new Map());
    },
  };
}

function giveBackByHand(pick: number): Play {
  const among = ({ orders }: Model) =>
    orders.filter(({ payment, state, returnedByHand }) =>
      payment === "paid_elsewhere" && !returnedByHand &&
      (state === "SHORT" || state === "CANCELLED")
    );
  return {
    can: (model) => among(model).length > 0,
    does: async (model, shop) => {
      const order = picked(among(model), pick);
      const drained = isDrained(model);
      const answer = await ask(
        shop,
        null,
        (deps) => returnPaymentByHand(deps, order.id, null, anOperator()),
      );
      if (answer instanceof WorkflowError) {
        assert.ok(!drained && answer.code === "refund_not_by_hand", String(answer));
      } else order.returnedByHand = true;
    },
  };
}

function stock(sku: string, change: { add: number } | { set: number }): Play {
  return {
    does: async (model, shop) => {
      const drained = isDrained(model);
      const left = stockOf(model).get(sku)!;
      const { before, after } = await changeStock(depsOf(shop), sku, change, {
        operator: anOperator(),
      });
      if (drained) assert.equal(before.stockQty, left, `stock of ${sku}`);
      const more = after.stockQty - before.stockQty;
      assert.equal(after.stockQty, "add" in change ? before.stockQty + change.add : change.set);
      model.received.set(sku, model.received.get(sku)! + more);
      // Who came before this may not have had it.
      if (!drained) model.onTheirWay.set(-model.onTheirWay.size, new Map([[sku, Math.abs(more)]]));
    },
  };
}

function retry(pick: number, any: boolean, dies: number | null): Play {
  const canBe = ({ state, payment }: ModelOrder) =>
    state === "SHORT" && (payment === "due" || payment === "none");
  const among = ({ orders }: Model) => any ? orders : orders.filter(canBe);
  return {
    can: (model) => among(model).length > 0,
    does: async (model, shop) => {
      const order = picked(among(model), pick);
      const drained = isDrained(model);
      const answer = await ask(shop, dies, (deps) => retryAndPublish(deps, order.id, anOperator()));
      const isRetried = !(answer instanceof WorkflowError) && (answer.changed || dies !== null);
      if (drained && canBe(order)) assert.ok(isRetried, `retrying ${order.ref}: ${answer}`);
      if (answer instanceof WorkflowError) {
        assert.equal(answer.code, "order_not_retryable");
        assert.ok(!drained || !canBe(order));
        return;
      }
      if (drained && !canBe(order)) {
        // It was taken up before, and has not failed since.
        assert.ok(!answer.changed && order.retries > 0, `retrying ${order.ref}`);
        return;
      }
      await followRetry(model, shop, order);
    },
  };
}

/** Tells the model that an order was taken up again, as often as its row says. */
async function followRetry(model: Model, { flow }: Shop, order: ModelOrder): Promise<void> {
  const [row] = await flow.rows("select retries from orders where id = ?", [order.id]);
  const retries = Number(row!.retries);
  if (retries === order.retries) return;
  assert.equal(retries, order.retries + 1, `${order.ref} was taken up once`);
  if (order.state !== "SHORT") {
    // It had failed and was not drained: its customer may not have been told.
    order.state = "SHORT";
    tell(order, "may");
  }
  order.state = "PENDING";
  order.day = null;
  order.retries = retries;
  model.onTheirWay.set(order.id, needsOf(order));
}

function pass(what: "day" | "shortage"): Play {
  return {
    can: isDrained,
    does: async (model, shop) => {
      if (what === "day") await passDay(shop, model);
      else changeShortage(shop, model);
    },
  };
}

const skus = ["A", "B", "C"];

/** What a game begins with. */
export const firstStock: Record<string, number> = { A: 20, B: 8, C: 3 };

const line: fc.Arbitrary<Line> = fc.record({
  sku: fc.constantFrom(...skus),
  qty: fc.integer({ min: 1, max: 4 }),
  priceCents: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 999 }) },
    { weight: 1, arbitrary: fc.constant(0) },
  ),
});

const verdict = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Verdict>("pay") },
  { weight: 2, arbitrary: fc.constant<Verdict>("decline") },
  { weight: 3, arbitrary: fc.constant<Verdict>("later") },
);

const placing: fc.Arbitrary<Placing> = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 3 }),
  shipping: fc.constantFrom(0, 0, 1, 490, 333),
  discountPercent: fc.constantFrom(0, 0, 0, 10, 33, 100),
  tip: fc.constantFrom(0, 0, 0, 77),
  tax: fc.constantFrom(0, 0, 19, 101),
  taxIncluded: fc.boolean(),
  currency: fc.constantFrom("EUR", "EUR", "EUR", "USD", "JPY"),
  who: fc.nat(4),
  minute: fc.nat(59),
  payment: fc.constantFrom<Payment>("due", "due", "due", "none", "paid_here", "paid_elsewhere"),
  verdict,
});

const editing: fc.Arbitrary<Editing> = fc.record({
  line: fc.nat(2),
  qty: fc.integer({ min: 1, max: 5 }),
  added: fc.option(line, { freq: 3 }),
  shipping: fc.option(fc.constantFrom(0, 250, 490), { freq: 2 }),
  verdict,
  superseded: fc.constantFrom<"pay" | "decline">("pay", "decline"),
});

const wanted: fc.Arbitrary<Wanted> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("lines" as const),
      lines: fc.array(
        fc.record({ line: fc.nat(2), qty: fc.integer({ min: 1, max: 3 }), restock: fc.boolean() }),
        { minLength: 1, maxLength: 2 },
      ),
      shipping: fc.constantFrom(0, 0, 1, 100, 490),
    }),
  },
  fc.record({ kind: fc.constant("amount" as const), share: fc.integer({ min: 1, max: 130 }) }),
  fc.record({ kind: fc.constant("all" as const), restock: fc.boolean() }),
);

const group = fc.constantFrom(...groups);

const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("turn" as const), group }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("together" as const),
      groups: fc.array(group, { minLength: 2, maxLength: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("die" as const), group, moment: fc.nat(40) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("redeliver" as const),
      picks: fc.array(fc.nat(199), { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("lose_answers" as const),
      count: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Mishap>({ kind: "flush" }) },
  { weight: 1, arbitrary: fc.constant<Mishap>({ kind: "rebuild" }) },
  { weight: 2, arbitrary: fc.constant<Mishap>({ kind: "verify" }) },
);

const after: fc.Arbitrary<Aftermath> = fc.record({
  mishaps: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Mishap[]>([]) },
    { weight: 2, arbitrary: fc.array(mishap, { minLength: 1, maxLength: 4 }) },
  ),
  drain: fc.oneof(
    { weight: 4, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
});

const pick = fc.nat(999);
const any = fc.oneof(
  { weight: 5, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);
const dies = fc.oneof(
  { weight: 7, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.nat(30) },
);
const change = fc.oneof(
  fc.record({ add: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ set: fc.nat(8) }),
);

const placeCommand = fc.tuple(placing, dies, after).map(([placing, dies, after]) =>
  command(place(placing, dies), after, ["place", placing, dies])
);
const editCommand = fc.tuple(pick, any, editing, dies, after).map((
  [pick, any, editing, dies, after],
) => command(edit(pick, any, editing, dies), after, ["edit", pick, any, editing, dies]));
const refundCommand = fc.tuple(
  pick,
  any,
  fc.record({ wanted, refused: fc.oneof(fc.constant(false), any), dies }),
  after,
).map(([pick, any, how, after]) =>
  command(refund(pick, any, how), after, ["refund", pick, any, how])
);

/** Everything that can happen, as often as it should. */
export const playCommands: fc.Arbitrary<PlayCommand>[] = [
  placeCommand,
  placeCommand,
  placeCommand,
  editCommand,
  refundCommand,
  refundCommand,
  fc.tuple(pick, any, dies, after).map(([pick, any, dies, after]) =>
    command(cancel(pick, any, dies), after, ["cancel", pick, any, dies])
  ),
  fc.tuple(pick, fc.constantFrom<"pay" | "decline">("pay", "pay", "decline"), fc.boolean(), after)
    .map(([pick, verdict, calls, after]) =>
      command(decide(pick, verdict, calls), after, ["decide", pick, verdict, calls])
    ),
  fc.tuple(pick, fc.constantFrom<"given_back" | "refused">("given_back", "refused"), after)
    .map(([pick, verdict, after]) =>
      command(byHand(pick, verdict), after, ["by hand", pick, verdict])
    ),
  fc.tuple(pick, after).map(([pick, after]) =>
    command(giveBackByHand(pick), after, ["give back by hand", pick])
  ),
  fc.tuple(fc.constantFrom(...skus), change, after).map(([sku, change, after]) =>
    command(stock(sku, change), after, ["stock", sku, change])
  ),
  fc.tuple(pick, any, dies, after).map(([pick, any, dies, after]) =>
    command(retry(pick, any, dies), after, ["retry", pick, any, dies])
  ),
  fc.tuple(fc.constantFrom<"day" | "shortage">("day", "shortage"), after).map(([what, after]) =>
    command(pass(what), after, ["pass", what])
  ),
];
