/**
 * Changing an order by its source: the one way for the API and for files.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import {
  type Catalog,
  completedWithin,
  emptyCatalog,
  noteDescriptions,
  StaleCatalog,
  writeDescriptions,
} from "../../db/catalog/catalog.ts";
import { lockStock, readStockOf, writeStock } from "../../db/catalog/products.ts";
import { readProductIds } from "../../db/catalog/stock.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import { readLatestErasure } from "../../db/customers/erased_keys.ts";
import { addOrderEvents, readBringer } from "../../db/orders/timelines.ts";
import {
  type KnownOrder,
  lockKnownOrders,
  lockProductsShared,
  type OrderToWrite,
  orderToWrite,
  refuseStale,
} from "../../db/orders/intake_writes.ts";
import { findPaidOrders, paymentKey, readOrderTerms } from "../../db/orders/order_terms.ts";
import { replaceContent, restartReservation } from "../../db/orders/order_edits.ts";
import { deleteShortages } from "../../db/orders/shortages.ts";
import { type ChargeFacts, lockOrders, readCharges, readItems } from "../../db/orders/orders.ts";
import { mayOlderRead, readInstallation } from "../../db/payments/installation.ts";
import { readInstructions } from "../../db/payments/payment_instructions.ts";
import { readDisputes } from "../../db/payments/payment_disputes.ts";
import { readHolds } from "../../db/payments/payment_holds.ts";
import { insertSupersededCharge } from "../../db/payments/superseded_charges.ts";
import { unknownSkuFault } from "../../domain/catalog/unknown_sku.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { Message } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { foreignFault, type OnlyOf } from "../../domain/order/bringer.ts";
import {
  decideEdit,
  type EditDecision,
  moveUnits,
  refusalText,
  type Shortfall,
  unitDifferences,
} from "../../domain/order/edit.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { namesOtherRecipient } from "../../domain/order/intake.ts";
import type { ItemNeed, OrderStatus } from "../../domain/order/order.ts";
import { orderTag } from "../../domain/order/order_tag.ts";
import { sumNeeds } from "../../domain/order/reserve.ts";
import type { PaidAtSource } from "../../domain/order/source_payment.ts";
import {
  instructionsText,
  type PaymentInstructions,
} from "../../domain/payment/payment_instructions.ts";
import { chargeKeyOf, furtherKeyOf } from "../../domain/payment/payment_key.ts";
import { stockArrivedMessages } from "../../streams/stock/stock_arrived_messages.ts";
import { leaveQueues } from "../../streams/stock/stock_queue.ts";
import { audited } from "../audited.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/** What editing works with. */
export type EditDeps = ServiceDeps & {
  config: Pick<Config, "initialStock" | "unknownSku"> & Partial<Pick<Config, "erasureSecret">>;
};

/** Tells by its tag whether a version of an order is one that the sender of an edit has seen. */
export type IsExpected = (tag: string) => boolean;

/** What belongs to an edit. */
export interface EditOptions {
  /** Who edits, for the timeline. */
  actor: string;
  /** Only an order that this one has brought. */
  only?: OnlyOf;
  /** Only these versions; without it any. */
  isExpected?: IsExpected;
  /** Tell what would become of it and change nothing. */
  dryRun?: boolean;
  /** Is called where the order is changed, in the same transaction; again for every try of it. */
  inTransaction?: (tx: Queryable) => Promise<void>;
}

/** What became of an edit. */
export interface EditedOrder {
  /** False where the order said the same before. */
  changed: boolean;
  /** Where it stands. */
  status: OrderStatus;
}

/**
 * The same as {@linkcode editAndPublish} for one who changes this order alone, and the audit log tells of it. Of the orders
 * that a file changes, the log has one entry of their import.
 */
export function editAndTell(
  deps: EditDeps,
  orderId: number,
  order: IncomingOrder,
  operator: Operator,
  options: Pick<EditOptions, "only" | "isExpected"> = {},
): Promise<EditedOrder> {
  const subject = { kind: "order", id: String(orderId) } as const;
  return audited(deps, { operator, action: "order.edit", subject }, async (note) => {
    const result = await editAndPublish(deps, orderId, order, {
      ...options,
      actor: operator.actor,
      inTransaction: note,
    });
    return { result, changed: result.changed };
  });
}

/**
 * Changes an order that is not settled to what its source says now, and publishes what follows.
 *
 * One transaction under the order's lock: a `RESERVED` order stays so, with the units by which it differs taken or given
 * back. Where something else is to be paid it is charged anew under another key, and what comes of the charge so far,
 * be it asked for, on its way or answered already, goes back: see `settle.ts`. A crash leaves the order as it was or
 * edited; what no stream holds then, the sweep publishes. Customers and products that were not known are created in it.
 *
 * @param order all of it as it is to be
 * @throws {WorkflowError} `not_found`, `not_yours`, `invalid` where it is another order, `precondition_failed`,
 * `order_not_editable` once it is settled, its capture was asked for, or it is being charged by somebody else, `stock_insufficient`: nothing has
 * changed then
 */
export async function editAndPublish(
  deps: EditDeps,
  orderId: number,
  order: IncomingOrder,
  options: EditOptions,
): Promise<EditedOrder> {
  const { db, config } = deps;
  const candidate = orderToWrite(order);
  if (options.dryRun) {
    return await db.transaction((tx) => foresee(tx, orderId, candidate, { ...options, config }));
  }
  const edited = await editOnce(
    db,
    (tx) => editOrder(tx, orderId, candidate, { ...options, config }),
  );
  await publishAfterCommit(deps, edited.messages);
  if (edited.catalog !== undefined) await describe(deps, edited.catalog, order);
  return { changed: edited.changed, status: edited.status };
}

/**
 * Has customers and products called as the order that was edited calls them. Where the database is away by now they keep
 * their names until another order names them: the edit is done, and whoever asked for it must not be told otherwise.
 */
async function describe(
  { db, log }: EditDeps,
  catalog: Catalog,
  order: IncomingOrder,
): Promise<void> {
  noteDescriptions(catalog, [order]);
  try {
    await writeDescriptions(db, catalog, { everyDate: false });
  } catch (error) {
    log.warn("an edited order's customer and products keep their names", {
      external_order_id: order.externalOrderId,
      error: messageOf(error),
    });
  }
}

/** What belongs to an edit, and the settings that it depends on. */
type EditInTransaction = EditOptions & Pick<EditDeps, "config">;

/**
 * Tells what would become of an edit: what a `RESERVED` order changes by must be there.
 *
 * @throws {WorkflowError} as the edit would
 */
async function foresee(
  tx: Queryable,
  orderId: number,
  candidate: OrderToWrite,
  options: EditInTransaction,
): Promise<EditedOrder> {
  const { charge: { status }, decision } = await judge(tx, orderId, candidate, options);
  if (decision.kind === "unchanged") return { changed: false, status };
  const { order } = candidate;
  const { known, unknown } = await readProductsOf(tx, order, options.config);
  if (decision.kind === "replace") return { changed: true, status };
  // What is to be created has no id yet.
  const ids = new Map([
    ...known,
    ...unknown.map((sku, index): [string, number] => [sku, -1 - index]),
  ]);
  const before = sumNeeds((await readItems(tx, [orderId])).get(orderId) ?? []);
  const stock = await readStockOf(tx, [...known.values()]);
  for (const sku of unknown) stock.set(ids.get(sku)!, options.config.initialStock);
  const short = moveUnits(before, needsOf(order, ids), stock);
  if (short.length > 0) throw tooShort(orderId, short, order, ids);
  return { changed: true, status };
}

/**
 * Which products of an order there are, by SKU, and which there are not.
 *
 * @throws {WorkflowError} `invalid` where some are not, and must not be created
 */
async function readProductsOf(
  tx: Queryable,
  order: IncomingOrder,
  { unknownSku }: EditDeps["config"],
): Promise<{ known: Map<string, number>; unknown: string[] }> {
  const skus = [...new Set(order.items.map(({ sku }) => sku))];
  const known = await readProductIds(tx, skus);
  const unknown = skus.filter((sku) => !known.has(sku));
  if (unknownSku === "reject" && unknown.length > 0) throw unknownSkuFault(order, unknown);
  return { known, unknown };
}

/**
 * Tries again where another order took the payment that this one names: then it is known whose it is. And where its customer
 * was erased meanwhile.
 */
async function editOnce<T>(db: Database, edit: (tx: Queryable) => Promise<T>): Promise<T> {
  try {
    return await db.transaction(edit);
  } catch (error) {
    if (!isDuplicateKey(error) && !(error instanceof StaleCatalog)) throw error;
    return await db.transaction(edit);
  }
}

/** For those who may edit what they have brought alone. */
const editing = { verb: "edit", scope: "cancel" };

/** What an order is, and what an edit makes of it. */
interface Judged {
  known: KnownOrder;
  charge: ChargeFacts;
  decision: Exclude<EditDecision, { kind: "refused" }>;
  /** When it was locked; UTC. */
  now: string;
}

/**
 * Locks an order and decides about its edit.
 *
 * @throws {WorkflowError} where it is refused
 */
async function judge(
  tx: Queryable,
  orderId: number,
  candidate: OrderToWrite,
  options: EditOptions,
): Promise<Judged> {
  const { now } = await lockOrders(tx, [orderId]);
  const charge = (await readCharges(tx, [orderId])).get(orderId);
  if (charge === undefined) throw new WorkflowError("not_found", `There is no order ${orderId}`);
  if (options.only !== undefined) {
    const bringer = await readBringer(tx, orderId);
    const fault = foreignFault(options.only, bringer, `order ${orderId}`, editing);
    if (fault !== undefined) throw fault;
  }
  const known = (await lockKnownOrders(tx, [orderId])).get(charge.externalOrderId)!;
  expectSameOrder(charge, candidate);
  const differs = known.hash !== candidate.hash || namesOtherRecipient(known, candidate.order);
  if (differs) expectVersion(charge, known, options.isExpected);
  const { payment } = candidate.order;
  const paid = (await readOrderTerms(tx, [orderId])).get(orderId)!.payment;
  if (payment?.status === "paid") await expectOwnPayment(tx, charge, payment, options.only);
  const decision = decideEdit({
    status: charge.status,
    failureReason: charge.failureReason,
    isDisputed: (await readDisputes(tx, [orderId])).length > 0,
    isOlders: await mayBeOlders(tx, charge),
    before: {
      totalCents: charge.totalCents,
      currency: charge.currency,
      paidBy: paid === undefined ? null : paymentKey(paid),
    },
    after: {
      totalCents: candidate.totalCents,
      currency: candidate.order.currency,
      paidBy: payment?.status === "paid" ? paymentKey(payment) : null,
    },
    differs,
    paysOtherwise: await paysOtherwise(tx, orderId, candidate.order),
    isCaptureAsked: await isCaptureAsked(tx, charge),
  });
  if (decision.kind !== "refused") return { known, charge, decision, now };
  const text = refusalText(decision.because, orderId);
  throw new WorkflowError("order_not_editable", `Cannot edit order ${orderId}: ${text}`);
}

/** Whether somebody asked for the money to be taken that is held for the order as it is. */
async function isCaptureAsked(tx: Queryable, charge: ChargeFacts): Promise<boolean> {
  if (charge.status !== "RESERVED") return false;
  const key = chargeKeyOf(await readInstallation(tx), charge);
  const hold = (await readHolds(tx, [key])).get(key);
  return hold !== undefined && hold.captureRequestedAt !== null;
}

/** Whether an order is to be paid with something else than was said before. */
async function paysOtherwise(
  tx: Queryable,
  orderId: number,
  { instructions }: IncomingOrder,
): Promise<boolean> {
  const before = (await readInstructions(tx, [orderId])).get(orderId);
  const textOf = (said: PaymentInstructions | undefined) => said && instructionsText(said);
  return textOf(before) !== textOf(instructions);
}

/** Edits an order, or finds that there is nothing to edit any more. */
async function editOrder(
  tx: Queryable,
  orderId: number,
  candidate: OrderToWrite,
  options: EditInTransaction,
): Promise<EditedOrder & { messages: Message[]; catalog?: Catalog }> {
  const { known, charge, decision, now } = await judge(tx, orderId, candidate, options);
  const { order } = candidate;
  const { status } = charge;
  if (decision.kind === "unchanged") return { changed: false, status, messages: nextOf(charge) };
  const { config: { initialStock, unknownSku, erasureSecret }, actor } = options;
  if (unknownSku === "reject") await readProductsOf(tx, order, options.config);
  // In here, so that an edit which is refused for want of stock leaves no customer and no product.
  const named = { initialStock, actor, erasureSecret };
  const catalog = await completedWithin(tx, emptyCatalog(), [order], named);
  const arrived: Message[] = [];
  switch (decision.kind) {
    case "replace":
      // It needs something else now.
      if (charge.backordered) arrived.push(...await leaveQueues(tx, orderId));
      else await deleteShortages(tx, [orderId]);
      await lockProductsShared(
        tx,
        needsOf(order, idsOf(catalog)).map(({ productId }) => productId),
      );
      break;
    case "charge_anew":
      await supersede(tx, charge);
      await restartReservation(tx, orderId, now);
      arrived.push(...await moveStock(tx, orderId, order, idsOf(catalog)));
      break;
    case "keep_charge":
      arrived.push(...await moveStock(tx, orderId, order, idsOf(catalog)));
  }
  await replaceContent(tx, candidate, known, catalog);
  refuseStale(catalog.erasures, await readLatestErasure(tx));
  const detail = detailOf(charge, candidate);
  await addOrderEvents(tx, [{ orderId, event: "edited", detail }], actor);
  await options.inTransaction?.(tx);
  const { totalCents, order: { currency } } = candidate;
  return {
    changed: true,
    status,
    messages: [...nextOf({ ...charge, totalCents, currency, revision: 1 }), ...arrived],
    catalog,
  };
}

/**
 * What an edited order goes on by. Whoever sends the same edit again has it published where that was missed; handlers
 * meet what was not missed with the same effects.
 */
function nextOf(
  { id: orderId, status, totalCents: amountCents, currency, revision }: Pick<
    ChargeFacts,
    "id" | "status" | "totalCents" | "currency" | "revision"
  >,
): Message[] {
  const subject = { orderId, amountCents, currency };
  if (revision === undefined) return [];
  if (status === "PENDING") return [{ type: "order.reserve", ...subject }];
  return status === "RESERVED" ? [{ type: "payment.charge", ...subject }] : [];
}

function expectSameOrder(charge: ChargeFacts, { order }: OrderToWrite): void {
  const { id, externalOrderId } = charge;
  if (order.externalOrderId === externalOrderId) return;
  const detail = `must be ${JSON.stringify(externalOrderId)}, as order ${id} is called, and not ` +
    JSON.stringify(order.externalOrderId);
  throw new WorkflowError("invalid", `The body is not valid: #/external_order_id ${detail}`, [
    { at: "#/external_order_id", detail },
  ]);
}

/** A payment pays one order. */
async function expectOwnPayment(
  tx: Queryable,
  { id, externalOrderId }: ChargeFacts,
  payment: PaidAtSource,
  only: OnlyOf | undefined,
): Promise<void> {
  const owner = (await findPaidOrders(tx, [payment])).get(paymentKey(payment));
  if (owner === undefined || owner === externalOrderId) return;
  const whose = only?.seesOthers === false ? "another order" : `order ${JSON.stringify(owner)}`;
  throw new WorkflowError(
    "order_conflict",
    `Cannot edit order ${id}: the payment that it names belongs to ${whose}`,
  );
}

function expectVersion(
  { id, revision = 0 }: ChargeFacts,
  { hash: contentHash }: KnownOrder,
  isExpected: IsExpected | undefined,
): void {
  const tag = orderTag({ revision, contentHash });
  if (isExpected === undefined || isExpected(tag)) return;
  throw new WorkflowError(
    "precondition_failed",
    `Cannot edit order ${id}: it is at ${tag} by now; GET /orders/${id} has it as it is`,
  );
}

/** Whether a process of the version before may charge the order, under a key that is not looked for. */
async function mayBeOlders(tx: Queryable, charge: ChargeFacts): Promise<boolean> {
  if (charge.status !== "RESERVED") return false;
  return await mayOlderRead(tx) ||
    furtherKeyOf(await readInstallation(tx), charge) !== undefined;
}

/** Notes what an order would have been charged by; an answer to that is money to give back from now on. */
async function supersede(tx: Queryable, charge: ChargeFacts): Promise<void> {
  const { id: orderId, revision = 0, totalCents: amountCents, currency } = charge;
  const chargeKey = chargeKeyOf(await readInstallation(tx), charge);
  await insertSupersededCharge(tx, { orderId, revision, chargeKey, amountCents, currency });
}

/**
 * Takes and gives back the units by which a `RESERVED` order changes.
 *
 * @returns what takes up the orders that wait for what was given back
 * @throws {WorkflowError} `stock_insufficient`
 */
async function moveStock(
  tx: Queryable,
  orderId: number,
  order: IncomingOrder,
  ids: ProductIds,
): Promise<Message[]> {
  const before = sumNeeds((await readItems(tx, [orderId])).get(orderId) ?? []);
  const after = needsOf(order, ids);
  // Those that don't differ as well: new items take a lock of their products, and all take theirs by id.
  const stock = await lockStock(tx, [...before, ...after].map(({ productId }) => productId));
  const short = moveUnits(before, after, stock);
  if (short.length > 0) throw tooShort(orderId, short, order, ids);
  const differing = unitDifferences(before, after);
  await writeStock(tx, new Map([...stock].filter(([productId]) => differing.has(productId))));
  const given = [...differing].filter(([, moreQty]) => moreQty < 0);
  return await stockArrivedMessages(tx, given.map(([productId]) => productId));
}

/** What an order needs, one entry a product. */
function needsOf({ items }: IncomingOrder, ids: ProductIds): ItemNeed[] {
  return sumNeeds(items.map(({ sku, qty }) => ({ productId: ids.get(sku)!, qty })));
}

/** Database ids of products, by SKU. */
type ProductIds = ReadonlyMap<string, number>;

function idsOf({ products }: Catalog): ProductIds {
  return new Map([...products].map(([sku, { id }]) => [sku, id]));
}

function tooShort(
  orderId: number,
  short: readonly Shortfall[],
  { items }: IncomingOrder,
  ids: ProductIds,
): WorkflowError {
  const faults = short.map(({ productId, moreQty, leftQty }) => {
    const index = items.findIndex(({ sku }) => ids.get(sku) === productId);
    const left = leftQty === 1 ? "1 is left" : `${leftQty} are left`;
    const needed = moreQty === 1 ? "1 more is needed" : `${moreQty} more are needed`;
    const detail = `${items[index]!.sku} is short: ${needed}, and ${left}`;
    return { at: `#/items/${index}/qty`, detail };
  });
  const text = faults.map(({ detail }) => detail).join("; ");
  return new WorkflowError("stock_insufficient", `Cannot edit order ${orderId}: ${text}`, faults);
}

/** What is told of an edit: the total before and after. */
function detailOf(
  { totalCents, currency }: ChargeFacts,
  { order, totalCents: nextCents }: OrderToWrite,
): string {
  const before = namedAmount(totalCents, currency);
  const after = namedAmount(nextCents, order.currency);
  return before === after ? `${after} as before` : `${before} → ${after}`;
}
