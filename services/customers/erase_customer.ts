/**
 * Erasing a person: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import { keyHours } from "../../db/clients/idempotency.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { readErased, readErasureKey, writeErasedKeys } from "../../db/customers/erased_keys.ts";
import { readRunningImports } from "../../db/imports/imports.ts";
import {
  type CustomerRow,
  eraseCustomerRows,
  type Erasure,
  insertErasure,
  lockErasure,
  lockErasures,
  lockLiveOrders,
  readCustomersBy,
  readErasureWith,
  readLateRefundKeys,
  readOpenMatters,
  readOrdersSentTo,
  readOthersWithEmail,
  readRecipients,
  type Searched,
  uncallCustomers,
} from "../../db/customers/erasures.ts";
import { decideErasure, type OpenMatter } from "../../domain/customer/erase.ts";
import { erasedPrefix, isErasedId } from "../../domain/customer/erased_customer.ts";
import type { ErasureKey } from "../../domain/customer/erasure_key.ts";
import { personFinder } from "../../domain/customer/personal_text.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { guestIdOf } from "../../domain/order/guest.ts";
import { continueErasure } from "../../streams/upkeep/continue_erasure.ts";
import { type AuditDeps, audited } from "../audited.ts";

/** What erasing works with. */
export interface ErasureDeps extends AuditDeps {
  config: Pick<Config, "erasureSecret">;
}

/** Who is meant: by the shop's own id, by a guest's address, or by ours. */
export type CustomerReference = { externalId: string } | { customerId: number };

/** What became of it. */
export interface ErasedPerson {
  /** Database id of the row that stands for the person from now on. */
  customerId: number;
  /** False where it was done before. */
  changed: boolean;
  /** The person's orders, which stay without them. */
  orders: number;
  /** ISO 8601 UTC. */
  erasedAt: string;
  /**
   * Database ids of other customers of the shop that have the person's address, the first ones. They have ids of their own,
   * so they may be somebody else, and are left alone; empty where it was done before.
   */
  sameEmail: number[];
}

/** Most orders of others that were sent to the person, and most of others with the same address. */
const maxOthers = 10_000, maxSameEmail = 100;

/** Most running imports that are named. */
const maxImports = 10;

/**
 * Erases a person: everything that names them leaves every table; their orders, payments and refunds stay for the books, of
 * nobody.
 *
 * One transaction begins it: from its commit nobody is found by the person's ids, and whatever comes by these is known again
 * by keyed digests. Then their orders are gone through, a thousand in a transaction, then what belongs to no order; the last
 * transaction forgets what was looked for and has the audit log tell that it is done, and nothing tells so before. A crash
 * leaves it begun: the same call again goes on, and so does the background.
 *
 * @param operator who does it, for the audit log
 * @throws {WorkflowError} `not_found`, or `customer_not_erasable` with everything that is not over
 */
export async function eraseCustomer(
  deps: ErasureDeps,
  who: CustomerReference,
  operator: Operator,
): Promise<ErasedPerson> {
  const { db } = deps;
  const key = await readErasureKey(db, deps.config.erasureSecret);
  const found = await findPerson(db, who, key);
  // What somebody typed may be a name, and the log keeps none.
  const id = found === undefined ? "unknown" : String(customerIdOf(found));
  const about = { operator, action: "customer.erase", subject: { kind: "customer", id } } as const;
  return await audited(deps, about, async () => {
    if (found === undefined) throw unknownCustomer();
    const begun = "erasure" in found
      ? found.erasure
      : await db.transaction((tx) =>
        beginErasure(tx, found.customer.id, operator, deps.config.erasureSecret)
      );
    if (begun.finishedAt !== null) return { result: resultOf(begun, false), changed: false };
    await continueErasure(deps, begun, key);
    const done = (await readErasureWith(db, begun.customerId))!;
    // The last transaction has told of it.
    return { result: { ...resultOf(done, true), ...sameEmailOf(begun) }, changed: true };
  });
}

/** Nobody is meant by what was said. */
export function unknownCustomer(): WorkflowError {
  return new WorkflowError("not_found", "There is no such customer");
}

/** A customer who is there, or the erasure of one who was. */
export type FoundPerson = { customer: CustomerRow } | { erasure: Erasure };

/**
 * Finds a person. An id that is no customer's may be that of somebody who was erased; it is never taken for a database
 * id, which would be somebody else's.
 */
export async function findPerson(
  db: Queryable,
  who: CustomerReference,
  key: ErasureKey,
): Promise<FoundPerson | undefined> {
  if ("externalId" in who && !isErasedId(who.externalId)) {
    const names = [who.externalId];
    if (who.externalId.includes("@")) names.push(guestIdOf(who.externalId, ""));
    const rows = await readCustomersBy(db, { externalIds: names });
    const customer = rows.find(({ externalId }) => externalId === names[0]) ?? rows[0];
    if (customer !== undefined) return { customer };
    const erased = await readErased(db, names, key);
    const known = erased.get(names[0]!) ?? erased.get(names.at(-1)!);
    return known === undefined ? undefined : await erasureOf(db, known.id);
  }
  const id = "customerId" in who ? who.customerId : idIn(who.externalId);
  const [customer] = await readCustomersBy(db, { ids: [id] });
  if (customer === undefined) return undefined;
  if (isErasedId(customer.externalId)) return await erasureOf(db, id);
  return "customerId" in who ? { customer } : undefined;
}

function idIn(erasedId: string): number {
  const text = erasedId.slice(erasedPrefix.length);
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : 0;
}

async function erasureOf(db: Queryable, customerId: number): Promise<FoundPerson | undefined> {
  const erasure = await readErasureWith(db, customerId);
  return erasure === undefined ? undefined : { erasure };
}

function customerIdOf(found: FoundPerson): number {
  return "erasure" in found ? found.erasure.customerId : found.customer.id;
}

function resultOf(erasure: Erasure, changed: boolean): ErasedPerson {
  const { customerId, orders, startedAt: erasedAt } = erasure;
  return { customerId, changed, orders, erasedAt, sameEmail: [] };
}

function sameEmailOf({ searched }: Erasure): Pick<ErasedPerson, "sameEmail"> {
  return { sameEmail: searched?.sameEmailIds ?? [] };
}

/**
 * Begins an erasure, in one transaction. The customers are locked: an order that comes for one of them at this moment was
 * there before, and is seen, or finds them erased.
 *
 * @throws {WorkflowError} `customer_not_erasable`
 */
async function beginErasure(
  tx: Queryable,
  customerId: number,
  operator: Operator,
  secret: string,
): Promise<Erasure> {
  await lockErasures(tx);
  // Read behind the lock: the first erasure ever decides which secret counts.
  const key = await readErasureKey(tx, secret);
  await lockLiveOrders(tx, [customerId]);
  const [customer] = await readCustomersBy(tx, { ids: [customerId] }, "for update");
  if (customer === undefined || isErasedId(customer.externalId)) {
    const begun = await readErasureWith(tx, customerId);
    if (begun === undefined) throw unknownCustomer();
    return begun;
  }
  // Guests are told apart by their addresses, so a guest of the same address is the same person.
  const guestIds = emailsOf([customer]).map((email) => guestIdOf(email, ""));
  const guests = await readCustomersBy(tx, { externalIds: guestIds }, "for update");
  const customers = [customer, ...guests.filter(({ id }) => id !== customer.id)];
  const searched = await searchedOf(tx, customers);
  await refuseOpen(tx, searched);
  const id = await insertErasure(tx, customerId, searched, operator);
  const keys = customers.map(({ externalId, id }) => ({ externalId, customerId: id }));
  const others = emailsOf(customers).map((email) => guestIdOf(email, "")).filter((guestId) =>
    keys.every(({ externalId }) => externalId !== guestId)
  );
  await writeErasedKeys(
    tx,
    id,
    [...keys, ...others.map((externalId) => ({ externalId, customerId }))],
    key,
  );
  await eraseCustomerRows(tx, searched.customerIds);
  await uncallCustomers(tx, searched.otherOrderIds, searched);
  return await lockErasure(tx, id);
}

function emailsOf(customers: readonly CustomerRow[]): string[] {
  return unique(customers.flatMap(({ email, firstEmail }) => [email, firstEmail]));
}

/** Texts, each once and none empty. */
function unique(texts: readonly (string | null)[]): string[] {
  return [...new Set(texts.filter((text): text is string => text !== null && text !== ""))];
}

async function searchedOf(tx: Queryable, customers: readonly CustomerRow[]): Promise<Searched> {
  const customerIds = customers.map(({ id }) => id);
  const recipients = await readRecipients(tx, customerIds);
  const emails = emailsOf(customers);
  const names = unique(customers.flatMap(({ name, firstName }) => [name, firstName]));
  return {
    customerIds,
    ids: customers.map(({ externalId }) => externalId),
    emails: unique([...emails, ...recipients.map(({ email }) => email)]),
    names: unique([...names, ...recipients.map(({ name }) => name)]),
    otherOrderIds: await readOrdersSentTo(tx, {
      emails,
      names,
      notOf: customerIds,
      limit: maxOthers,
    }),
    sameEmailIds: await readOthersWithEmail(tx, emails, customerIds, maxSameEmail),
  };
}

/** @throws {WorkflowError} `customer_not_erasable` */
async function refuseOpen(tx: Queryable, searched: Searched): Promise<void> {
  const { customerIds, otherOrderIds } = searched;
  const finder = personFinder(searched);
  const lateKeys = await readLateRefundKeys(tx, customerIds, keyHours);
  const open: OpenMatter[] = [
    ...await readOpenMatters(tx, customerIds, otherOrderIds),
    ...(await readRunningImports(tx, maxImports)).map((importId) => ({
      reason: "import" as const,
      importId,
    })),
    ...lateKeys.filter(({ key }) => finder.isNamedIn(key)).map(({ orderId }) => ({
      reason: "named_key" as const,
      orderId,
    })),
  ];
  const decision = decideErasure(open);
  if (decision.kind === "erase") return;
  const { faults } = decision;
  const [first] = faults;
  const more = faults.length === 1 ? "" : `, and ${faults.length - 1} more are not over`;
  throw new WorkflowError(
    "customer_not_erasable",
    `Cannot erase customer ${customerIds[0]}: ${first!.at} ${first!.detail}${more}`,
    faults,
  );
}
