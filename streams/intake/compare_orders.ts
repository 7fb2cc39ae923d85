/**
 * Compares orders that come in with those that there are.
 *
 * @module
 */

import { type Catalog, learnProducts } from "../../db/catalog/catalog.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { readErasureKey } from "../../db/customers/erased_keys.ts";
import { readBringers } from "../../db/orders/timelines.ts";
import {
  findOrders,
  type KnownOrder,
  type OrderToWrite,
  readItemSums,
} from "../../db/orders/intake_writes.ts";
import { findPaidOrders, paymentKey, readOrderTerms } from "../../db/orders/order_terms.ts";
import { erasedContentHash } from "../../domain/customer/erasure_key.ts";
import { isForeign, type OnlyOf } from "../../domain/order/bringer.ts";
import { changesPaid } from "../../domain/order/source_payment.ts";
import {
  decideIntake,
  type IntakeChange,
  type IntakeOutcome,
  isOfAnother,
  namesOtherRecipient,
  type PendingChange,
  sumsOf,
  takesAway,
  takesTermsAway,
} from "../../domain/order/intake.ts";

/** How orders are compared. */
export interface CompareOptions {
  /** What becomes of an order that names a product that there is not; by default it is created. */
  unknownSku?: "create" | "reject";
  /** What another content means for an order that is still `PENDING`. */
  onPendingChange: PendingChange;
  /** Limits them to changing orders that they have brought themselves; undefined for everybody's. */
  only?: OnlyOf;
  /** Of the settings; by it people are known again who were erased. */
  erasureSecret?: string;
}

/** What orders that come in are compared with. */
export interface Comparison {
  /** The orders of the database, by external id. */
  known: ReadonlyMap<string, KnownOrder>;
  /** Those that would lose items by their new content. */
  losing: ReadonlySet<string>;
  /** Those that somebody else has brought. */
  foreign: ReadonlySet<string>;
  /** Those that were paid by a payment of another, and which. */
  paidBy: ReadonlyMap<string, string>;
  /** The SKUs that there are not, of those that name some and must not create them. */
  lacking: ReadonlyMap<string, string[]>;
  /** Those that were paid at their source, and would come to something else. */
  repaid: ReadonlySet<string>;
  onPendingChange: PendingChange;
}

/**
 * Looks up all that orders are compared with.
 *
 * @param catalog learns the products that they name, where unknown ones are rejected
 */
export async function compareOrders(
  db: Queryable,
  candidates: readonly OrderToWrite[],
  catalog: Catalog,
  options: CompareOptions,
): Promise<Comparison> {
  const known = await findOrders(db, candidates.map(({ order }) => order.externalOrderId));
  await recognizeErased(db, candidates, known, options);
  const compared: Comparison = {
    known,
    losing: await losingOrders(db, candidates, known, options),
    foreign: await foreignOrders(db, candidates, known, options),
    lacking: await lackingOrders(db, candidates, catalog, options),
    paidBy: new Map(),
    repaid: await repaidOrders(db, candidates, known, options),
    onPendingChange: options.onPendingChange,
  };
  return { ...compared, paidBy: await paidByOthers(db, candidates, compared) };
}

/**
 * An order of somebody who was erased says what it said before where its hash is made of the one that came: it is the same
 * order then.
 */
async function recognizeErased(
  db: Queryable,
  candidates: readonly OrderToWrite[],
  known: ReadonlyMap<string, KnownOrder>,
  { erasureSecret = "" }: CompareOptions,
): Promise<void> {
  if (![...known.values()].some(({ isErased }) => isErased)) return;
  const key = await readErasureKey(db, erasureSecret);
  for (const candidate of candidates) {
    const order = known.get(candidate.order.externalOrderId);
    if (!order?.isErased) continue;
    const { hash } = candidate;
    if (order.hash === erasedContentHash(key, hash)) order.hash = hash;
  }
}

/** What becomes of an order that comes in. */
export function outcomeOf(candidate: OrderToWrite, compared: Comparison): IntakeOutcome {
  const known = compared.known.get(candidate.order.externalOrderId);
  return decideIntake(known, changeOf(candidate, known, compared), compared.onPendingChange);
}

/**
 * How an order differs from the known one; `losing` says which of them would lose something, `foreign` which are
 * another's, and `paidBy` which were paid by another's payment.
 */
export function changeOf(
  candidate: OrderToWrite,
  known: KnownOrder | undefined,
  { losing, foreign, lacking, paidBy, repaid }: Pick<Comparison, "losing"> & Partial<Comparison>,
): IntakeChange {
  const { order } = candidate;
  const { externalOrderId } = order;
  const content = known === undefined || known.hash !== candidate.hash;
  return {
    content,
    ofAnother: content && known !== undefined && isOfAnother(known, order),
    recipient: known !== undefined && namesOtherRecipient(known, order),
    takesAway: losing.has(externalOrderId),
    foreign: foreign?.has(externalOrderId) ?? false,
    paymentTaken: paidBy?.has(externalOrderId) ?? false,
    changesPaid: repaid?.has(externalOrderId) ?? false,
    namesUnknown: lacking?.has(externalOrderId) ?? false,
  };
}

/**
 * The orders that say that they were paid by a payment of another, by external id, and which that is: one of the
 * database, or one that comes before them. Only those are looked at that would be written.
 */
async function paidByOthers(
  db: Queryable,
  candidates: readonly OrderToWrite[],
  compared: Comparison,
): Promise<Map<string, string>> {
  const paid = candidates.flatMap((candidate) => {
    const { payment, externalOrderId } = candidate.order;
    if (payment?.status !== "paid") return [];
    const outcome = outcomeOf(candidate, compared);
    return outcome === "new" || outcome === "updated" ? [{ externalOrderId, payment }] : [];
  });
  const owners = await findPaidOrders(db, paid.map(({ payment }) => payment));
  const paidBy = new Map<string, string>();
  for (const { externalOrderId, payment } of paid) {
    const key = paymentKey(payment);
    const owner = owners.get(key);
    if (owner === undefined) owners.set(key, externalOrderId);
    else if (owner !== externalOrderId) paidBy.set(externalOrderId, owner);
  }
  return paidBy;
}

/**
 * The SKUs that there are not, by the external ids of the orders that name them; empty where products are created for
 * them. A product is never deleted, so what is known once stays known.
 */
async function lackingOrders(
  db: Queryable,
  candidates: readonly OrderToWrite[],
  catalog: Catalog,
  { unknownSku }: Pick<CompareOptions, "unknownSku">,
): Promise<Map<string, string[]>> {
  if (unknownSku !== "reject") return new Map();
  await learnProducts(db, catalog, candidates.map(({ order }) => order));
  return new Map(candidates.flatMap(({ order: { externalOrderId, items } }) => {
    const skus = [...new Set(items.map(({ sku }) => sku))];
    const lacking = skus.filter((sku) => !catalog.products.has(sku));
    return lacking.length === 0 ? [] : [[externalOrderId, lacking]];
  }));
}

/**
 * The orders that somebody else has brought, by external id. Only those are looked at that would be changed, or are
 * known with other content.
 */
async function foreignOrders(
  db: Queryable,
  candidates: readonly OrderToWrite[],
  known: ReadonlyMap<string, KnownOrder>,
  { only }: Pick<CompareOptions, "only">,
): Promise<Set<string>> {
  if (only === undefined) return new Set();
  const changed = candidates.flatMap((candidate) => {
    const before = known.get(candidate.order.externalOrderId);
    if (before === undefined) return [];
    const { content, recipient } = changeOf(candidate, before, { losing: new Set() });
    const isLookedAt = content || (recipient && before.status === "PENDING");
    return isLookedAt ? [{ externalId: candidate.order.externalOrderId, id: before.id }] : [];
  });
  const bringers = await readBringers(db, changed.map(({ id }) => id));
  return new Set(
    changed.filter(({ id }) => isForeign(only, bringers.get(id) ?? null))
      .map(({ externalId }) => externalId),
  );
}

/**
 * The orders that would lose items, adjustments or their payment by their new content, by external id. Only those are
 * looked at that a file may change.
 */
export async function losingOrders(
  db: Queryable,
  candidates: readonly OrderToWrite[],
  known: ReadonlyMap<string, KnownOrder>,
  { onPendingChange }: Pick<CompareOptions, "onPendingChange">,
): Promise<Set<string>> {
  if (onPendingChange !== "update") return new Set();
  const changed = candidates.flatMap((candidate) => {
    const { order } = candidate;
    const before = known.get(order.externalOrderId);
    if (before?.status !== "PENDING" || before.hash === candidate.hash) return [];
    return [{ order, before, kinds: sumsOf(order.items).size }];
  });
  const sums = await readItemSums(
    db,
    new Map(changed.map(({ before: { id }, kinds }) => [id, kinds])),
  );
  const terms = await readOrderTerms(db, changed.map(({ before: { id } }) => id));
  const losing = changed.filter(({ order, before }) => {
    const had = sums.get(before.id);
    // In another currency every price is another one.
    return had === undefined || before.currency !== order.currency ||
      takesAway(had, order.items) || takesTermsAway(terms.get(before.id)!, order);
  });
  return new Set(losing.map(({ order }) => order.externalOrderId));
}

/**
 * The orders that were paid at their source and would come to something else by their new content, by external id. Only
 * those are looked at that a file may change.
 */
export async function repaidOrders(
  db: Queryable,
  candidates: readonly OrderToWrite[],
  known: ReadonlyMap<string, KnownOrder>,
  { onPendingChange }: Pick<CompareOptions, "onPendingChange">,
): Promise<Set<string>> {
  if (onPendingChange === "conflict") return new Set();
  const changed = candidates.flatMap((candidate) => {
    const before = known.get(candidate.order.externalOrderId);
    if (before?.status !== "PENDING" || !before.paidAtSource) return [];
    return before.hash === candidate.hash ? [] : [{ candidate, before }];
  });
  const terms = await readOrderTerms(db, changed.map(({ before: { id } }) => id));
  const repaid = changed.filter(({ candidate: { order, totalCents }, before }) => {
    const { payment: paid } = terms.get(before.id)!;
    const { currency, payment } = order;
    return changesPaid(
      { ...before, paidBy: paid === undefined ? null : paymentKey(paid) },
      { totalCents, currency, paidBy: payment?.status === "paid" ? paymentKey(payment) : null },
    );
  });
  return new Set(repaid.map(({ candidate }) => candidate.order.externalOrderId));
}
