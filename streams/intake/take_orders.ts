/**
 * Orders into the database, from files and over HTTP.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import type { Message } from "../../domain/messages/messages.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { decideIntake, type IntakeOutcome, isOfAnother } from "../../domain/order/intake.ts";
import type { OrderStatus } from "../../domain/order/order.ts";
import { paidAtSourceText } from "../../domain/order/source_payment.ts";
import {
  type AbsentKeys,
  type Catalog,
  completeCatalog,
  completedWithin,
  emptyCatalog,
  forgetCatalog,
  learnFrom,
  lookUpCatalog,
  LostCatalog,
  noteDescriptions,
  productIdOf,
  refreshCatalog,
  StaleCatalog,
  writeDescriptions,
} from "../../db/catalog/catalog.ts";
import type { KeptCustomers } from "../../db/catalog/kept_customers.ts";
import { knownCustomers, sumOfProducts } from "../../db/catalog/catalog_sums.ts";
import type { KeptProducts } from "../../db/catalog/kept_products.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { isDuplicateKey, isMissingParent } from "../../db/connection/faults.ts";
import { StatementTooLarge } from "../../db/connection/packet_size.ts";
import {
  insertOrders,
  type KnownOrder,
  lockKnownOrders,
  lockProductsShared,
  type OrderToWrite,
  orderToWrite,
  refuseStale,
  updateOrders,
} from "../../db/orders/intake_writes.ts";
import type { OrderSummary } from "../../db/orders/order_queries.ts";
import { leaveQueues } from "../stock/stock_queue.ts";
import { aroundHeld } from "../workflow/order_locks.ts";
import { writeContents } from "../../db/orders/order_contents.ts";
import {
  changeOf,
  type CompareOptions,
  compareOrders,
  type Comparison,
  losingOrders,
  outcomeOf,
  repaidOrders,
} from "./compare_orders.ts";
import { addIntakeSteps, type Takers } from "./intake_steps.ts";
import {
  hasItemsOnly,
  type Inserted,
  mayTakeAsNew,
  type NewRows,
  newRows,
  noteTried,
  takeAsNew,
  type Tried,
} from "./take_as_new.ts";

export type { Inserted };

/** How orders are taken. */
export interface TakeOptions extends CompareOptions, Takers {
  /** Units of products that no order has named before. */
  initialStock: number;
  /**
   * Is told the orders that were inserted, in the transaction that inserts them: what it
   * writes is there with the orders or not at all. Not called where nothing is written.
   */
  inTransaction?: (tx: Queryable, inserted: ReadonlyMap<IncomingOrder, Inserted>) => Promise<void>;
  /** Tell what would become of them and change nothing. */
  dryRun?: boolean;
  /** Tells of orders that are new what readers want to see, see {@linkcode TakenOrder.summary}. */
  withSummaries?: boolean;
  /**
   * What a longer run knows of customers and products. With it, the caller writes the descriptions
   * when the run ends; without it they are written with the orders.
   */
  catalog?: Catalog;
  /** Products that were read for orders before, where no longer run knows them. */
  products?: KeptProducts;
  /** Customers who were met before, likewise: orders are then taken for new ones first, see `take_as_new.ts`. */
  customers?: KeptCustomers;
}

/** What became of one order. */
export interface TakenOrder {
  externalOrderId: string;
  /** Null if it is not in the database: it is new and this was a dry run, or it was refused. */
  orderId: number | null;
  outcome: IntakeOutcome;
  /** As the database has it now. */
  status: OrderStatus;
  /** Somebody else has brought it, so that its new content was not taken. */
  foreign: boolean;
  /** The SKUs that there are not, of an order that was not taken for it. */
  unknownSkus?: string[];
  /** In `currency`, as the order that came in says. */
  totalCents: number;
  currency: string;
  /** Of a conflict, the order that the payment belongs to by which this one says that it was paid. */
  paymentOf?: string;
  /**
   * Of an order that waited for stock and was updated: what has it, and those behind it, ask for theirs. It was published
   * before, so it has to be published although it is known.
   */
  followUps?: Message[];
  /** Of a conflict, that the known order is of another customer by name and address. */
  ofAnother?: boolean;
  /** Of a conflict, why the order could not be edited. */
  refusal?: string;
  /** Of one that was inserted just now, where it was asked for and needs not be read. */
  summary?: OrderSummary;
}

/** How one try is made. */
type TryOptions = TakeOptions & { tried: Tried };

/** Why an order was not changed that another transaction has kept for as long as anybody waits for a lock. */
const heldText = "another transaction has it at the moment, so import it again later";

/** Tries to insert orders that somebody else inserts at the same moment. */
const maxTries = 10;

/**
 * Puts orders into the database, or recognises them there. Safe to repeat, also while others take the same
 * orders.
 *
 * Customers and products of orders that are taken are created first. Then one transaction writes all
 * orders, items and timeline: a crash leaves all of them or none. Where the server takes no statement that is long enough for all,
 * that goes for each half, and so on.
 *
 * What was written by a try whose commit was never answered is told as new.
 *
 * @param orders validated; about 1,000 at once are fastest. An id that stands there twice is taken once
 * and then compared.
 * @returns what became of each, in the order given
 */
export async function takeOrders(
  db: Database,
  orders: readonly IncomingOrder[],
  options: TakeOptions,
): Promise<TakenOrder[]> {
  const catalog = options.catalog ?? emptyCatalog();
  const taken = new Array<TakenOrder>(orders.length);
  let left = orders.map((order, place) => ({ order, place }));
  let ofRound = options;
  while (left.length > 0) {
    const first = new Map<string, { order: IncomingOrder; place: number }>();
    const repeated: typeof left = [];
    for (const entry of left) {
      const id = entry.order.externalOrderId;
      if (first.has(id)) repeated.push(entry);
      else first.set(id, entry);
    }
    const round = [...first.values()];
    const results = await takeDistinct(db, round.map(({ order }) => order), catalog, ofRound);
    results.forEach((result, index) => taken[round[index]!.place] = result);
    left = repeated;
    // Those are known by now.
    ofRound = { ...options, customers: undefined };
  }
  if (options.catalog === undefined && !options.dryRun) {
    await writeDescriptions(db, catalog, { everyDate: false });
    options.products?.keep(catalog);
    options.customers?.keep(catalog);
  }
  return taken;
}

async function takeDistinct(
  db: Database,
  orders: IncomingOrder[],
  catalog: Catalog,
  options: TakeOptions,
): Promise<TakenOrder[]> {
  const candidates = orders.map(orderToWrite);
  const tried: Tried = new Map();
  options.products?.lend(catalog, orders);
  const own = { ...options, tried };
  for (let attempt = 1;; attempt++) {
    const isGuess = attempt === 1 && await mayTakeAsNew(db, candidates, catalog, own);
    try {
      if (isGuess) return await takenAsNew(db, candidates, catalog, own);
      return await takeOnce(db, candidates, catalog, own);
    } catch (error) {
      if (isGuess) options.customers?.rest();
      if (error instanceof StatementTooLarge) {
        if (orders.length === 1) throw tooLarge(orders[0]!, error);
        const middle = Math.ceil(orders.length / 2);
        const first = await takeDistinct(db, orders.slice(0, middle), catalog, options);
        return [...first, ...await takeDistinct(db, orders.slice(middle), catalog, options)];
      }
      // Somebody else inserted one of the orders after it was looked up: now it is known.
      const isStale = error instanceof StaleCatalog;
      const isLost = error instanceof LostCatalog || isMissingParent(error);
      if ((!isStale && !isLost && !isDuplicateKey(error)) || attempt >= maxTries) throw error;
      if (isStale) await refreshCatalog(db, catalog);
      if (isLost) {
        forgetCatalog(catalog);
        options.products?.forget();
      }
    }
  }
}

/** It is caused by a `StatementTooLarge`: others that were taken with it are of no concern. */
function tooLarge({ externalOrderId }: IncomingOrder, cause: StatementTooLarge): WorkflowError {
  const error = new WorkflowError(
    "unavailable",
    `The database does not take order ${externalOrderId}: ${cause.message}; raise that`,
  );
  error.cause = cause;
  return error;
}

/** Takes orders that have not been looked for; see {@linkcode takeAsNew}. */
async function takenAsNew(
  db: Database,
  candidates: readonly OrderToWrite[],
  catalog: Catalog,
  options: TryOptions,
): Promise<TakenOrder[]> {
  const { ids, summaries } = await takeAsNew(db, candidates, catalog, options);
  noteDescriptions(catalog, candidates.map(({ order }) => order));
  return candidates.map((candidate): TakenOrder => {
    const { externalOrderId } = candidate.order;
    const taken = takenOrder(candidate, "new", undefined, nothingCompared);
    const summary = summaries.get(externalOrderId);
    const orderId = ids.get(externalOrderId)!;
    return summary === undefined ? { ...taken, orderId } : { ...taken, orderId, summary };
  });
}

/** Of an order that is new nothing differs. */
const nothingCompared: Pick<Comparison, "foreign" | "lacking" | "paidBy" | "repaid"> = {
  foreign: new Set(),
  lacking: new Map(),
  paidBy: new Map(),
  repaid: new Set(),
};

async function takeOnce(
  db: Database,
  candidates: readonly OrderToWrite[],
  catalog: Catalog,
  options: TryOptions,
): Promise<TakenOrder[]> {
  // What most orders need is looked up beside them; a longer run knows it.
  const asksAhead = options.catalog === undefined && !options.dryRun;
  const look = (one: Queryable) =>
    Promise.all([
      compareOrders(one, candidates, catalog, options),
      asksAhead ? lookUpCatalog(one, catalog, candidates.map(({ order }) => order)) : undefined,
    ]);
  const [seen, absent] = await (asksAhead ? db.together(look) : look(db));
  if (options.dryRun) return candidates.map((candidate) => resultOf(candidate, seen));

  const sorted = sortCandidates(candidates, seen);
  const written = await writeSorted(db, sorted, seen, catalog, { ...options, absent });
  const { losing, repaid } = written;
  const locked: Comparison = { ...seen, known: written.locked, losing, repaid };
  const results = candidates.map((candidate): TakenOrder => {
    const id = candidate.order.externalOrderId;
    const insertedId = written.ids.get(id);
    if (insertedId !== undefined) {
      const taken = { ...takenOrder(candidate, "new", undefined, seen), orderId: insertedId };
      const summary = written.summaries.get(id);
      return summary === undefined ? taken : { ...taken, summary };
    }
    if (written.held.has(id)) {
      const taken = takenOrder(candidate, "conflict", seen.known.get(id), seen);
      return { ...taken, refusal: heldText };
    }
    const followUps = written.followUps.get(id);
    const result = resultOf(candidate, written.locked.has(id) ? locked : seen);
    if (result.outcome === "unchanged" && options.tried.get(id)?.has(result.orderId!)) {
      return { ...result, outcome: "new" };
    }
    return followUps === undefined ? result : { ...result, followUps };
  });
  const described = candidates.filter((_, index) => {
    const { outcome } = results[index]!;
    return outcome === "new" || outcome === "updated" ||
      (outcome === "unchanged" && options.catalog !== undefined);
  });
  noteDescriptions(catalog, described.map(({ order }) => order));
  return results;
}

function resultOf(candidate: OrderToWrite, compared: Comparison): TakenOrder {
  const known = compared.known.get(candidate.order.externalOrderId);
  return takenOrder(candidate, outcomeOf(candidate, compared), known, compared);
}

function takenOrder(
  { order, totalCents }: OrderToWrite,
  outcome: IntakeOutcome,
  known: KnownOrder | undefined,
  { foreign, lacking, paidBy, repaid }: typeof nothingCompared,
): TakenOrder {
  const { externalOrderId, currency } = order;
  const taken: TakenOrder = {
    externalOrderId,
    orderId: known?.id ?? null,
    outcome,
    status: known?.status ?? "PENDING",
    foreign: foreign.has(externalOrderId),
    totalCents,
    currency,
  };
  // Most orders are new and have nothing more.
  if (outcome === "unknown_sku") taken.unknownSkus = lacking.get(externalOrderId)!;
  if (outcome !== "conflict") return taken;
  const paymentOf = paidBy.get(externalOrderId);
  if (paymentOf !== undefined) taken.paymentOf = paymentOf;
  if (known !== undefined && isOfAnother(known, order)) taken.ofAnother = true;
  if (repaid.has(externalOrderId) && !taken.foreign) taken.refusal = paidAtSourceText;
  return taken;
}

/** Orders by what is to be done with them; those that are not taken are nowhere. */
interface SortedCandidates {
  fresh: OrderToWrite[];
  changing: OrderToWrite[];
  unchanged: IncomingOrder[];
}

function sortCandidates(
  candidates: readonly OrderToWrite[],
  compared: Comparison,
): SortedCandidates {
  const sorted: SortedCandidates = { fresh: [], changing: [], unchanged: [] };
  for (const candidate of candidates) {
    const outcome = outcomeOf(candidate, compared);
    if (outcome === "new") sorted.fresh.push(candidate);
    if (outcome === "updated") sorted.changing.push(candidate);
    if (outcome === "unchanged") sorted.unchanged.push(candidate.order);
  }
  return sorted;
}

/**
 * Creates the customers and products that new orders name and that are missing, then writes all orders in one
 * transaction. Those of orders that change are created there: one may turn out to be refused once it is locked.
 */
async function writeSorted(
  db: Database,
  { fresh, changing, unchanged }: SortedCandidates,
  seen: Comparison,
  catalog: Catalog,
  options: TryOptions & { absent?: AbsentKeys },
): Promise<WrittenOrders> {
  if (fresh.length > 0) {
    await completeCatalog(db, catalog, fresh.map(({ order }) => order), options);
  }
  const known = changing.map(({ order }) => order);
  if (options.catalog !== undefined) known.push(...unchanged);
  if (known.length > 0) {
    await completeCatalog(db, catalog, known, { ...options, initialStock: undefined });
  }
  if (fresh.length + changing.length === 0) {
    const none = { losing: new Set<string>(), repaid: new Set<string>() };
    return {
      ids: new Map(),
      summaries: new Map(),
      locked: new Map(),
      held: new Set(),
      ...none,
      followUps: new Map(),
      catalog,
    };
  }
  const around = aroundHeld(db);
  const written = await db.transaction((tx) =>
    writeOrders(tx, { fresh, changing, around }, seen, catalog, options)
  );
  learnFrom(catalog, written.catalog);
  return written;
}

/** Orders that were written, by external id. */
interface WrittenOrders {
  /** Those that were inserted. */
  ids: ReadonlyMap<string, number>;
  /** What readers want to see of those, where it was asked for and needs not be read. */
  summaries: ReadonlyMap<string, OrderSummary>;
  /** The known ones as they were when they were locked. */
  locked: ReadonlyMap<string, KnownOrder>;
  /** Those that another transaction keeps: nothing was changed of them. */
  held: ReadonlySet<string>;
  /** Those of them that would have lost items. */
  losing: ReadonlySet<string>;
  /** Those of them that were paid at their source, and would come to something else. */
  repaid: ReadonlySet<string>;
  /** What is to be published of those that waited for stock and were updated. */
  followUps: ReadonlyMap<string, Message[]>;
  /** What is known of customers and products once it is committed. */
  catalog: Catalog;
}

/** Locks the known orders, then the products, each by id, and writes. */
async function writeOrders(
  tx: Queryable,
  { fresh, changing: wanted, around }: Pick<SortedCandidates, "fresh" | "changing"> & {
    around: ReturnType<typeof aroundHeld>;
  },
  { known, paidBy }: Comparison,
  before: Catalog,
  options: TryOptions,
): Promise<WrittenOrders> {
  const { locked, changing, held } = await lockChanging(tx, wanted, known, around);
  // Who has brought them does not change; what is another's is not among them.
  // Meanwhile a consumer may have begun with an order, or another import have brought the same content.
  const losing = await losingOrders(tx, changing, locked, options);
  const repaid = await repaidOrders(tx, changing, locked, options);
  const updates = changing.filter((candidate) => {
    const order = locked.get(candidate.order.externalOrderId);
    const change = changeOf(candidate, order, { losing, paidBy, repaid });
    return decideIntake(order, change, options.onPendingChange) === "updated";
  });

  const updated = updates.map(({ order }) => order);
  const catalog = await completedWithin(tx, before, updated, options);
  // Batches beside this one may refresh the catalogue while it writes what that knew before.
  const { erasures: knownErasures } = catalog;

  const lock = () => lockProducts(tx, [...fresh, ...updates], catalog, knownErasures);
  const areAllNew = fresh.length > 0 && updates.length === 0;
  // Asked for at once, and run in this order.
  const [inserted] = await Promise.all([
    insertFresh(tx, fresh, catalog, options),
    areAllNew ? lock() : undefined,
  ]);
  const { ids, summaries } = inserted;
  const followUps = await leaveAll(tx, updates, locked);
  await updateOrders(tx, updates, locked, catalog);

  const updatedIds = updates.map(({ order }) => locked.get(order.externalOrderId)!.id);
  const contents = [
    ...fresh.map(({ order }) => ({ orderId: ids.get(order.externalOrderId)!, order })),
    ...updates.map(({ order }, index) => ({ orderId: updatedIds[index]!, order })),
  ];
  if (contents.length > 0) {
    if (areAllNew && options.inTransaction === undefined && fresh.every(hasItemsOnly)) {
      // Its items and its steps; nothing else is to be known by then.
      tx.asksLast?.(2);
    }
    await Promise.all([
      areAllNew ? undefined : lock(),
      writeContents(tx, contents, { replacedIds: updatedIds, keptProducts: true }, catalog),
      addIntakeSteps(tx, { fresh, ids, updates, updatedIds }, options),
      options.inTransaction?.(
        tx,
        new Map(fresh.map(({ order }) => {
          const { externalOrderId } = order;
          const id = ids.get(externalOrderId)!;
          return [order, { id, summary: summaries.get(externalOrderId) }];
        })),
      ),
    ]);
  }
  return { ids, summaries, locked, held, losing, repaid, followUps, catalog };
}

/** Inserts orders, and notes the ids that they get. */
async function insertFresh(
  tx: Queryable,
  fresh: readonly OrderToWrite[],
  catalog: Catalog,
  { tried, inTransaction, withSummaries = inTransaction !== undefined }: TryOptions,
): Promise<NewRows> {
  const rows = await insertOrders(tx, fresh, catalog, { withTimes: withSummaries });
  noteTried(tried, rows);
  return newRows(fresh, rows, catalog, withSummaries);
}

/** Locks the known orders that are to be changed. One that another transaction keeps holds up none of the others. */
async function lockChanging(
  tx: Queryable,
  wanted: readonly OrderToWrite[],
  known: ReadonlyMap<string, KnownOrder>,
  around: ReturnType<typeof aroundHeld>,
) {
  const idOf = ({ order }: OrderToWrite) => known.get(order.externalOrderId)!.id;
  const ids = wanted.map(idOf);
  return await around(tx, ids, async (heldIds) => {
    const isHeld = (candidate: OrderToWrite) => heldIds.has(idOf(candidate));
    return {
      locked: await lockKnownOrders(tx, ids.filter((id) => !heldIds.has(id))),
      changing: wanted.filter((candidate) => !isHeld(candidate)),
      held: new Set(wanted.filter(isHeld).map(({ order }) => order.externalOrderId)),
    };
  });
}

/** Takes orders that wait for stock and are to have other items out of their queues, so that they ask anew. */
async function leaveAll(
  tx: Queryable,
  updates: readonly OrderToWrite[],
  locked: ReadonlyMap<string, KnownOrder>,
): Promise<Map<string, Message[]>> {
  const followUps = new Map<string, Message[]>();
  for (const { order: { externalOrderId, currency }, totalCents: amountCents } of updates) {
    const { id: orderId, backordered } = locked.get(externalOrderId)!;
    if (!backordered) continue;
    const others = await leaveQueues(tx, orderId);
    followUps.set(externalOrderId, [
      { type: "order.reserve", orderId, amountCents, currency },
      ...others,
    ]);
  }
  return followUps;
}

/**
 * Locks the products of orders, and makes sure that the catalogue is true of them and of the orders' customers.
 *
 * @throws {LostCatalog | StaleCatalog} where it is not
 */
async function lockProducts(
  tx: Queryable,
  orders: readonly OrderToWrite[],
  catalog: Catalog,
  knownErasures: number | undefined,
): Promise<void> {
  const named = orders.map(({ order }) => order);
  const skus = new Set(named.flatMap(({ items }) => items.map(({ sku }) => sku)));
  const ids = [...skus].map((sku) => productIdOf(catalog, sku));
  const sumOf = catalog.hasLent ? "descriptions" : "names";
  // As they are written: others of the same run may have the catalogue know something else before the answer comes.
  const known = sumOfProducts(catalog, skus, sumOf);
  const customers = knownCustomers(catalog, named);
  const { erasures, sum, customerSum } = await lockProductsShared(tx, ids, {
    sumOf,
    customerIds: customers.ids,
  });
  refuseStale(knownErasures, erasures);
  if (sum !== known) throw new LostCatalog("Products are not as they were read");
  if (customerSum !== customers.sum) throw new LostCatalog("Customers are not as they were read");
}
