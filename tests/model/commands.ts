/**
 * What can happen to a shop, as commands of fast-check: each does it to the product, tells the model, lets happen what
 * else happens meanwhile, drains and compares.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { WorkflowError } from "../../domain/errors.ts";
import { groups } from "../../domain/messages/messages.ts";
import type { DisputeVerdict } from "../../domain/order/settle.ts";
import { addProduct } from "../../services/catalog/add_product.ts";
import { applyStockFile } from "../../services/catalog/apply_stock_file.ts";
import { cancelAndPublish } from "../../services/orders/cancel_order.ts";
import { changeStock } from "../../services/catalog/change_stock.ts";
import { decideAndPublish } from "../../services/payments/decide_payment.ts";
import { editAndPublish } from "../../services/orders/edit_order.ts";
import { placeAndPublish } from "../../services/orders/place_orders.ts";
import {
  decideByHandAndPublish,
  returnPaymentByHand,
} from "../../services/refunds/refund_by_hand.ts";
import { type RefundRequest, requestAndPublish } from "../../services/refunds/request_refunds.ts";
import { retryAndPublish } from "../../services/orders/retry_orders.ts";
import { takeCallback } from "../../services/payments/take_callback.ts";
import { readStockFile } from "../../streams/imports/stock_file.ts";
import { expireReservations } from "../../streams/recovery/expire_reservations.ts";
import { ask, command, depsOf, isDrained, picked, type Play, type PlayCommand } from "./command.ts";
import { bringFile, type FileEntry, type OrderFile } from "./file_commands.ts";
import { type BookedCharge, takenCents, type Verdict } from "./model_provider.ts";
import {
  claimed,
  leftOf,
  type Line,
  type Model,
  type ModelOrder,
  type ModelRefund,
  needsOf,
  oddCents,
  openStates,
  type Payment,
  stockOf,
  sum,
  tell,
  totalOf,
  unitsLeft,
} from "./order_money.ts";
import {
  edited,
  type Editing,
  editOutcome,
  incoming,
  newOrder,
  noteEdited,
  notePlaced,
  type Placing,
  unknownOf,
} from "./placing.ts";
import {
  type Aftermath,
  changeShortage,
  type Mishap,
  noteReached,
  passDay,
  passReservations,
  reservationSeconds,
  type Shop,
} from "./shop.ts";
import { anOperator } from "../operator.ts";

function place(placing: Placing, dies: number | null): Play {
  return {
    does: async (model, shop) => {
      const order = newOrder(model, placing);
      const answer = await ask(
        shop,
        dies,
        (deps) => placeAndPublish(deps, [{ order: incoming(order), actor: "test" }]),
      );
      assert.ok(!(answer instanceof WorkflowError), String(answer));
      const placed = answer[0]!;
      const unknown = unknownOf(model, order);
      if (model.rejects && unknown.length > 0) {
        assert.deepEqual(placed, { outcome: "unknown_sku", skus: [...new Set(unknown)] });
        noteReached(shop, "unknown product");
        return;
      }
      assert.ok(placed.outcome === "new" || (dies !== null && placed.outcome === "unchanged"));
      notePlaced(model, shop, { order, id: placed.order.id, verdict: placing.verdict });
    },
  };
}

function cancel(pick: number, any: boolean, dies: number | null): Play {
  const canBe = ({ state }: ModelOrder) => openStates.includes(state);
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

function edit(pick: number, any: boolean, editing: Editing, dies: number | null): Play {
  const canBe = ({ state }: ModelOrder) => openStates.includes(state);
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
          ["order_not_editable", "stock_insufficient", "invalid"].includes(answer.code),
          String(answer),
        );
        return;
      }
      noteEdited(model, shop, { order, next, ...editing });
    },
  };
}

type Decision = Exclude<Verdict, "later">;

function decide(pick: number, verdict: Decision, calls: boolean): Play {
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
      if (calls) await call(shop, charge, `${charge.id} ${verdict}`);
    },
  };
}

/** The provider tells by itself what became of a charge. */
async function call({ flow }: Shop, charge: BookedCharge, id: string): Promise<void> {
  await takeCallback(flow, {
    provider: "http",
    id,
    outcome: charge.verdict === "decline" ? "declined" : "succeeded",
    idempotencyKey: charge.key,
    reference: charge.reference,
    amountCents: takenCents(charge),
    currency: charge.currency,
    providerRef: charge.id,
    address: "test",
  });
}

/** The provider says once more, long after it perhaps, what it said of a charge. */
function callAgain(pick: number): Play {
  return {
    can: ({ orders }) => orders.length > 0,
    does: async (model, shop) => {
      const decided = shop.provider.charges.filter(({ verdict, key }) =>
        verdict !== "later" && key !== ""
      );
      if (decided.length === 0) return;
      const charge = decided[pick % decided.length]!;
      const order = model.orders.find(({ ref }) => ref === charge.reference)!;
      model.onTheirWay.set(order.id, needsOf(order));
      await call(shop, charge, `${charge.id} again ${shop.played}`);
    },
  };
}

/** A person decides about money that does not fit its order; what an order waits for is not dismissed. */
function judge(pick: number, any: boolean, verdict: DisputeVerdict): Play {
  const among = ({ orders }: Model) =>
    any ? orders : orders.filter(({ state }) => state === "DISPUTED");
  return {
    can: (model) => among(model).length > 0,
    does: async (model, shop) => {
      const order = picked(among(model), pick);
      const drained = isDrained(model);
      const answer = await ask(
        shop,
        null,
        (deps) => decideAndPublish(deps, order.id, verdict, anOperator("test")),
      );
      const isJudged = !(answer instanceof WorkflowError) && answer.changed;
      if (drained) {
        const may = order.state === "DISPUTED" && verdict !== "dismiss";
        assert.equal(isJudged, may, `judging ${order.ref}: ${answer}`);
      }
      if (answer instanceof WorkflowError) assert.equal(answer.code, "payment_not_disputed");
      if (!isJudged) return;
      assert.ok(verdict !== "dismiss", `dismissing the payment that ${order.ref} waits for`);
      order.judged = verdict;
      if (verdict === "accept") {
        order.extras = [
          ...order.extras,
          { kind: "payment_difference", cents: oddCents, included: false },
        ];
      }
      model.onTheirWay.set(order.id, needsOf(order));
    },
  };
}

/** The time of all reservations is over. */
function expire(dies: number | null): Play {
  return {
    does: async (model, shop) => {
      const drained = isDrained(model);
      const ids = await passReservations(shop);
      await ask(
        shop,
        dies,
        ({ db, redis, keys, log }) =>
          expireReservations({ db, redis, keys, log }, { olderThanSeconds: reservationSeconds }),
      );
      model.mustExpire = drained && dies === null;
      for (const order of model.orders) {
        if (!ids.includes(order.id) || order.payment !== "due") continue;
        model.expired.add(order.id);
        model.onTheirWay.set(order.id, needsOf(order));
      }
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
      if (!model.received.has(sku)) {
        const refused = await ask(
          shop,
          null,
          (deps) => changeStock(deps, sku, change, { operator: anOperator("cli") }),
        );
        assert.ok(refused instanceof WorkflowError && refused.code === "not_found");
        const stockQty = "add" in change ? change.add : change.set;
        const wanted = { sku, name: sku, priceCents: 100, stockQty };
        assert.ok((await addProduct(depsOf(shop), wanted, { operator: anOperator("test") })).isNew);
        model.received.set(sku, stockQty);
        return;
      }
      const left = stockOf(model).get(sku)!;
      const { before, after } = await changeStock(depsOf(shop), sku, change, {
        operator: anOperator(),
      });
      if (drained) assert.equal(before.stockQty, left, `stock of ${sku}`);
      const more = after.stockQty - before.stockQty;
      assert.equal(after.stockQty, "add" in change ? before.stockQty + change.add : change.set);
      noteStock(model, sku, more, drained);
    },
  };
}

/** A file of stock: a row of a product that there is not is rejected, or creates it. */
function stockFile(
  rows: readonly { sku: string; qty: number }[],
  { mode, create }: { mode: "set" | "add"; create: boolean },
): Play {
  return {
    does: async (model, shop) => {
      const drained = isDrained(model);
      const unitsOf = async () => {
        const found = await shop.flow.rows("select sku, stock_qty from products");
        return new Map(found.map(({ sku, stock_qty }) => [String(sku), Number(stock_qty)]));
      };
      const before = await unitsOf();
      const lines = rows.map(({ sku, qty }) => `${sku},${sku},100,${qty}\n`);
      const csv = `sku,name,price_cents,${mode}_qty\n${lines.join("")}`;
      const file = await readStockFile(new Blob([csv]).stream(), { name: "stock.csv" });
      const { report, rejected } = await applyStockFile(depsOf(shop), file, {
        name: "stock.csv",
        operator: anOperator(),
        create,
        again: true,
      });
      const unknown = rows.filter(({ sku }) => !model.received.has(sku)).map(({ sku }) => sku);
      assert.deepEqual(rejected.map(({ fields }) => fields[0]), create ? [] : unknown);
      assert.equal(report.products_created, create ? unknown.length : 0);
      const after = await unitsOf();
      for (const { sku, qty } of rows) {
        const had = before.get(sku) ?? 0;
        if (!create && unknown.includes(sku)) continue;
        assert.equal(after.get(sku), mode === "add" ? had + qty : qty, `stock of ${sku} by a file`);
        noteStock(model, sku, after.get(sku)! - had, drained);
      }
    },
  };
}

/** Tells the model that somebody changed the units of a product. */
function noteStock(model: Model, sku: string, more: number, drained: boolean): void {
  model.received.set(sku, (model.received.get(sku) ?? 0) + more);
  // Who came before this may not have had it, and who waits for it may have it at any moment.
  const isWanted = model.orders.some((order) =>
    order.state === "WAITING" && needsOf(order).has(sku)
  );
  if (!drained || isWanted) {
    model.onTheirWay.set(-model.onTheirWay.size, new Map([[sku, Math.abs(more)]]));
  }
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

/** What passes: a day, or how shortages or unknown products are met. */
type Passing = "day" | "shortage" | "unknown";

function pass(what: Passing): Play {
  return {
    can: isDrained,
    does: async (model, shop) => {
      switch (what) {
        case "day":
          return await passDay(shop, model);
        case "shortage":
          return changeShortage(shop, model);
        case "unknown":
          model.rejects = !model.rejects;
          shop.rejects = model.rejects;
      }
    },
  };
}

/** The first three are there from the beginning. */
const skus = ["A", "B", "C", "D", "E"];

/** What a game begins with. */
export const firstStock: Record<string, number> = { A: 20, B: 8, C: 3 };

const line: fc.Arbitrary<Line> = fc.record({
  sku: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...skus.slice(0, 3)) },
    { weight: 1, arbitrary: fc.constantFrom(...skus.slice(3)) },
  ),
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
  { weight: 1, arbitrary: fc.constant<Verdict>("odd") },
);

const placing: fc.Arbitrary<Placing> = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 3 }),
  shipping: fc.constantFrom(0, 0, 1, 490, 333),
  discountPercent: fc.constantFrom(0, 0, 0, 10, 33, 100),
  tip: fc.constantFrom(0, 0, 0, 77),
  tax: fc.constantFrom(0, 0, 19, 101),
  taxIncluded: fc.boolean(),
  currency: fc.constantFrom("EUR", "EUR", "EUR", "USD", "JPY"),
  who: fc.nat(5),
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

const entry: fc.Arbitrary<FileEntry> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("new" as const),
      placing,
      spoilt: fc.constantFrom<"qty" | "total" | null>(null, null, null, null, "qty", "total"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("known" as const),
      pick: fc.nat(999),
      any: fc.boolean(),
      change: fc.oneof(
        fc.constant(null),
        editing.map((editing) => ({ ...editing, takes: false })),
        editing.map((editing) => ({ ...editing, takes: true })),
      ),
    }),
  },
);

const file: fc.Arbitrary<OrderFile> = fc.record({
  entries: fc.array(entry, { minLength: 1, maxLength: 4 }),
  replace: fc.boolean(),
  isScattered: fc.boolean(),
  namesTotal: fc.boolean(),
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
  fc.tuple(
    pick,
    fc.constantFrom<Decision>("pay", "pay", "decline", "odd"),
    fc.boolean(),
    after,
  )
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
  fc.tuple(
    fc.uniqueArray(
      fc.record({ sku: fc.constantFrom(...skus), qty: fc.integer({ min: 1, max: 9 }) }),
      {
        minLength: 1,
        maxLength: 4,
        selector: ({ sku }) => sku,
      },
    ),
    fc.record({ mode: fc.constantFrom<"set" | "add">("set", "add"), create: fc.boolean() }),
    after,
  ).map(([rows, how, after]) => command(stockFile(rows, how), after, ["stock file", rows, how])),
  fc.tuple(pick, any, dies, after).map(([pick, any, dies, after]) =>
    command(retry(pick, any, dies), after, ["retry", pick, any, dies])
  ),
  fc.tuple(fc.constantFrom<Passing>("day", "shortage", "unknown"), after).map(([what, after]) =>
    command(pass(what), after, ["pass", what])
  ),
  fc.tuple(pick, after).map(([pick, after]) =>
    command(callAgain(pick), after, ["call again", pick])
  ),
  fc.tuple(
    pick,
    any,
    fc.constantFrom<DisputeVerdict>("accept", "give_back", "accept", "give_back", "dismiss"),
    after,
  )
    .map(([pick, any, verdict, after]) =>
      command(judge(pick, any, verdict), after, ["judge", pick, any, verdict])
    ),
  fc.tuple(dies, after).map(([dies, after]) => command(expire(dies), after, ["expire", dies])),
  fc.tuple(file, dies, after).map(([file, dies, after]) =>
    command(bringFile(file, dies), after, ["file", file, dies])
  ),
];
