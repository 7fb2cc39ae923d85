/**
 * What is kept of a person, for themselves (article 15 of the GDPR).
 *
 * @module
 */

import { readErasureKey } from "../../db/customers/erased_keys.ts";
import {
  type CustomerRow,
  type Erasure,
  listOrdersOf,
  readCustomersBy,
  readOrdersSentTo,
} from "../../db/customers/erasures.ts";
import {
  type ExportedOrder,
  readExportedOrders,
  readRejectsPiece,
} from "../../db/customers/person_export.ts";
import { findRejects } from "../../db/customers/personal_texts.ts";
import { personFinder } from "../../domain/customer/personal_text.ts";
import { rejectsHead, rejectsOf } from "../../domain/customer/rejects_without.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { guestIdOf } from "../../domain/order/guest.ts";
import { audited, type AuditedAction } from "../audited.ts";
import {
  type CustomerReference,
  type ErasureDeps,
  findPerson,
  unknownCustomer,
} from "./erase_customer.ts";

/** A customer, as the export begins. */
export interface ExportedCustomer {
  id: number;
  external_id: string;
  guest: boolean;
  email: string | null;
  name: string;
  /** What the customer was first known by. */
  first_email: string | null;
  first_name: string;
  created_at: string;
}

/** A row of a file that was not taken, by the names of its columns. */
export interface ExportedReject {
  import_id: number;
  row: Record<string, string>;
}

/** What is kept of a person. Orders come in pages, for there may be very many. */
export interface PersonExport {
  /** The rows of the person: the one that was asked for, and guests of the same address. */
  customers: ExportedCustomer[];
  /** ISO 8601 UTC; null unless they were erased. */
  erasedAt: string | null;
  /** The orders of the person and those that others had sent to them, by id. */
  orders(): AsyncGenerator<ExportedOrder[]>;
  /** Rows of imported files that were not taken and name the person. */
  rejects(): Promise<ExportedReject[]>;
}

/** Orders to a page. */
const pageOrders = 500;

/** Most orders of others that were sent to the person. */
const maxSent = 10_000;

/**
 * Opens the export of a person, of whom everything is read that names them. The audit log tells of it. Somebody who was erased
 * is nobody any more: what is left of their orders is in it.
 *
 * @throws {WorkflowError} `not_found`
 */
export async function exportCustomer(
  deps: ErasureDeps,
  who: CustomerReference,
  operator: Operator,
): Promise<PersonExport> {
  const { db } = deps;
  const key = await readErasureKey(db, deps.config.erasureSecret);
  const found = await findPerson(db, who, key);
  const id = found === undefined
    ? "unknown"
    : String("erasure" in found ? found.erasure.customerId : found.customer.id);
  const about: AuditedAction = {
    operator,
    action: "customer.export",
    subject: { kind: "customer", id },
  };
  return await audited(deps, about, async (note) => {
    if (found === undefined) throw unknownCustomer();
    await note(db);
    const [customers, erasedAt] = "erasure" in found
      ? [await leftOf(deps, found.erasure), found.erasure.startedAt]
      : [await allOf(deps, found.customer), null];
    return { result: exportOf(deps, customers, erasedAt), changed: true };
  });
}

function leftOf({ db }: ErasureDeps, { customerId }: Erasure): Promise<CustomerRow[]> {
  return readCustomersBy(db, { ids: [customerId] });
}

async function allOf({ db }: ErasureDeps, customer: CustomerRow): Promise<CustomerRow[]> {
  const emails = [...new Set([customer.email, customer.firstEmail])].filter((one) => one !== "");
  const guests = await readCustomersBy(db, {
    externalIds: emails.map((email) => guestIdOf(email, "")),
  });
  return [customer, ...guests.filter(({ id }) => id !== customer.id)];
}

function exportOf(
  { db }: ErasureDeps,
  customers: readonly CustomerRow[],
  erasedAt: string | null,
): PersonExport {
  const ids = customers.map(({ id }) => id);
  const emails = [...new Set(customers.flatMap(({ email, firstEmail }) => [email, firstEmail]))]
    .filter((email) => email !== "");
  const names = [...new Set(customers.flatMap(({ name, firstName }) => [name, firstName]))];
  return {
    customers: customers.map((customer) => ({
      id: customer.id,
      external_id: customer.externalId,
      guest: customer.isGuest,
      email: customer.email === "" ? null : customer.email,
      name: customer.name,
      first_email: customer.firstEmail === "" ? null : customer.firstEmail,
      first_name: customer.firstName,
      created_at: customer.createdAt,
    })),
    erasedAt,
    async *orders() {
      for (let afterId = 0;;) {
        const page = await listOrdersOf(db, ids, { afterId, limit: pageOrders });
        if (page.length === 0) break;
        afterId = page.at(-1)!;
        yield await readExportedOrders(db, page);
      }
      const sent = await readOrdersSentTo(db, { emails, names, notOf: ids, limit: maxSent });
      for (let from = 0; from < sent.length; from += pageOrders) {
        yield await readExportedOrders(db, sent.slice(from, from + pageOrders));
      }
    },
    async rejects() {
      if (erasedAt !== null) return [];
      const finder = personFinder({
        ids: customers.map(({ externalId }) => externalId),
        emails,
        names,
      });
      const found: ExportedReject[] = [];
      for (const { importId, piece } of await findRejects(db, finder.needles)) {
        const text = await readRejectsPiece(db, importId, piece);
        if (text === undefined) continue;
        for (const row of rejectsOf(text.csv, rejectsHead(text.head), finder)) {
          found.push({ import_id: importId, row });
        }
      }
      return found;
    },
  };
}

/** An export as one JSON document, in pieces. */
export async function* exportText(person: PersonExport): AsyncGenerator<string> {
  const { customers, erasedAt } = person;
  yield `{"customers":${JSON.stringify(customers)},"erased_at":${
    JSON.stringify(erasedAt)
  },"orders":[`;
  let isFirst = true;
  for await (const page of person.orders()) {
    if (page.length === 0) continue;
    yield `${isFirst ? "" : ","}\n${page.map((order) => JSON.stringify(order)).join(",\n")}`;
    isFirst = false;
  }
  yield `],"rejected_rows":${JSON.stringify(await person.rejects())}}\n`;
}
