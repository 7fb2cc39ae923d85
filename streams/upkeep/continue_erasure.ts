/**
 * Goes on with an erasure that was begun, to its end.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import { restoreOrders } from "../../db/archive/archive.ts";
import { addAuditEntries } from "../../db/audit/audit_log.ts";
import { countOpenClaims, readClaimTime } from "../../db/clients/idempotency.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { readErasureKey } from "../../db/customers/erased_keys.ts";
import {
  type Erasure,
  finishErasure,
  lockErasure,
  noteErasedOrders,
} from "../../db/customers/erasures.ts";
import {
  eraseFreeTexts,
  eraseInstructions,
  eraseNotices,
  eraseOrderTexts,
  eraseRecipients,
  lockNextOrders,
  orderTextTables,
  readInstructionTexts,
  readOrderTexts,
} from "../../db/customers/personal_texts.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { erasedContentHash, type ErasureKey } from "../../domain/customer/erasure_key.ts";
import { type PersonFinder, personFinder } from "../../domain/customer/personal_text.ts";
import { counted } from "../../domain/text/plural.ts";
import { pause } from "../timing/pause.ts";
import { eraseAnswers, eraseLooseTexts, eraseRejects } from "./erase_loose_texts.ts";

/** What going on works with. */
export interface ErasureStore {
  db: Database;
  config: Pick<Config, "erasureSecret">;
}

/** Orders to a transaction: it holds their locks for some 50 ms. */
const ordersAtOnce = 1_000;

/** Wait for requests that are being answered, in milliseconds: no answer takes longer. */
const maxClaimMs = 15_000, claimPollMs = 20;

/** Goes on with an erasure that was begun and left, as after a crash. */
export async function resumeErasure(store: ErasureStore, erasureId: number): Promise<void> {
  const key = await readErasureKey(store.db, store.config.erasureSecret);
  await continueErasure(store, await store.db.transaction((tx) => lockErasure(tx, erasureId)), key);
}

/**
 * Does all that is left of an erasure, each step of which may be done again, also beside another process that does: the orders a
 * thousand in a transaction, what belongs to no order, then the end, of which the audit log tells. Nothing where it is done.
 */
export async function continueErasure(
  { db }: Pick<ErasureStore, "db">,
  { id, searched, operator: { actor } }: Erasure,
  key: ErasureKey,
): Promise<void> {
  if (searched === null) return;
  const finder = personFinder(searched);
  while (await db.transaction((tx) => eraseNextOrders(tx, id, { key, finder })));
  for (let from = 0; from < searched.otherOrderIds.length; from += ordersAtOnce) {
    const ids = searched.otherOrderIds.slice(from, from + ordersAtOnce);
    await db.transaction((tx) => eraseFromOrders(tx, ids.map((id) => ({ id })), { actor, finder }));
  }
  await eraseLooseTexts(db, finder);
  await eraseRejects(db, finder);
  await waitForAnswers(db);
  await eraseAnswers(db, finder);
  await db.transaction((tx) => endErasure(tx, id));
}

/** Goes on with the orders. @returns false where none is left */
async function eraseNextOrders(
  tx: Queryable,
  id: number,
  { key, finder }: { key: ErasureKey; finder: PersonFinder },
): Promise<boolean> {
  const { searched, afterOrderId, operator: { actor } } = await lockErasure(tx, id);
  if (searched === null) return false;
  const page = { afterId: afterOrderId, limit: ordersAtOnce };
  const orders = await lockNextOrders(tx, searched.customerIds, page);
  if (orders.length === 0) return false;
  const ids = orders.map(({ id }) => id);
  await restoreOrders(tx, ids);
  await eraseFreeTexts(tx, ids);
  await eraseFromOrders(
    tx,
    orders.map(({ id, contentHash }) => ({ id, contentHash: erasedContentHash(key, contentHash) })),
    { actor, finder },
  );
  await noteErasedOrders(tx, id, ids.at(-1)!, ids.length);
  return true;
}

/** The step in their timelines has whoever keeps copies of changed orders learn of it. */
async function eraseFromOrders(
  tx: Queryable,
  orders: readonly { id: number; contentHash?: string }[],
  { actor, finder }: { actor: string; finder: PersonFinder },
): Promise<void> {
  const ids = orders.map(({ id }) => id);
  await eraseRecipients(tx, orders);
  // Behind the first that locks them.
  await restoreOrders(tx, ids);
  await eraseNotices(tx, ids);
  for (const table of orderTextTables) {
    const texts = await readOrderTexts(tx, table, ids);
    const named = texts.filter(({ text }) => finder.isNamedIn(text));
    await eraseOrderTexts(tx, table, named.map(({ id }) => id));
  }
  const paidBy = (await readInstructionTexts(tx, ids)).filter(({ text }) => finder.isNamedIn(text));
  await eraseInstructions(tx, paidBy.map(({ id }) => id));
  const steps = ids.map((orderId) => ({ orderId, event: "customer_erased" as const }));
  await addOrderEvents(tx, steps, actor);
}

/** An answer that is being made of what was read before is stored before it is looked for. */
async function waitForAnswers(db: Database): Promise<void> {
  const now = await readClaimTime(db);
  for (let waited = 0; waited < maxClaimMs; waited += claimPollMs) {
    if (await countOpenClaims(db, now) === 0) return;
    await pause(claimPollMs, AbortSignal.timeout(claimPollMs));
  }
}

/** Forgets what was looked for, and has the audit log tell that it is done. */
async function endErasure(tx: Queryable, id: number): Promise<void> {
  const { finishedAt, operator, customerId, orders } = await lockErasure(tx, id);
  if (finishedAt !== null) return;
  await finishErasure(tx, id);
  await addAuditEntries(tx, [{
    operator,
    action: "customer.erase",
    subject: { kind: "customer", id: String(customerId) },
    outcome: "done",
    detail: counted(orders, "order"),
  }]);
}
