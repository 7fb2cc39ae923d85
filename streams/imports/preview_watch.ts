/**
 * Watches the batches of a trial, and keeps what people should see before the file is taken: examples and sums, in
 * memory that does not grow with the file.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  type KnownAddress,
  readAddresses,
  readAvailable,
  readStoredOrders,
} from "../../db/imports/preview_reads.ts";
import {
  type BookedOrder,
  type ImportPreview,
  maxExamples,
  ordersShown,
  type PreviewOrder,
  previewOrder,
  type PreviewPayments,
  type PreviewTotals,
} from "../../domain/import/import_preview.ts";
import type { RejectedRow } from "../../domain/import/order_csv.ts";
import { compareText, describedBy } from "../../domain/order/descriptions.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import type { TakenOrder } from "../intake/take_orders.ts";
import type { ImportBatch, WrittenBatch } from "./import_batches.ts";
import { textTable } from "./text_table.ts";
import { ownCopy } from "../../domain/text/own_copy.ts";

/** What a batch is compared with. */
export interface BatchFacts {
  /** Of customers; null of those that there are not. */
  addresses: ReadonlyMap<string, KnownAddress | null>;
  /** Of products that the preview meets for the first time. */
  available: ReadonlyMap<string, number>;
}

/** What a preview tells of the orders of a file. */
export type WatchedOrders = Pick<
  ImportPreview,
  | "first_orders"
  | "largest_orders"
  | "payments"
  | "skipped"
  | "totals"
  | "changed"
  | "conflicts"
  | "addresses"
  | "repeated"
  | "shortages"
>;

/** See {@linkcode previewWatch}. */
export interface PreviewWatch {
  /** Reads what the orders of a batch are compared with; batches may be read at once. */
  read(batch: ImportBatch): Promise<BatchFacts>;
  /** Takes note of a batch, in the order of the file. */
  note(
    batch: WrittenBatch,
    taken: readonly TakenOrder[],
    facts: BatchFacts,
    rejected: readonly RejectedRow[],
  ): void;
  /** Different values of each column, from the first rows; by the places of the columns. */
  values(): string[][];
  /** All of it, once all batches were noted. */
  result(): Promise<WatchedOrders>;
}

/** What is said at most of why orders are skipped: the words come from the file. */
const maxWhys = 50;

/**
 * @param options.initialStock units that a product gets which there is not
 * @param options.seesOthers where it is false, nothing is told of addresses, of stock and of orders of others
 */
export function previewWatch(
  db: Queryable,
  { initialStock, seesOthers = true }: { initialStock: number; seesOthers?: boolean },
): PreviewWatch {
  const samples = watchSamples();
  const values = watchValues();
  const payments = watchPayments();
  const totals = watchTotals();
  const changes = watchChanges(db, seesOthers);
  const addresses = seesOthers ? watchAddresses(db) : nothingOfAddresses;
  const repeated = watchRepeated();
  const stock = seesOthers ? watchStock(db, initialStock) : nothingOfStock;
  const skipped = new Map<string, number>();

  return {
    async read({ orders }) {
      const [known, available] = await Promise.all([addresses.read(orders), stock.read(orders)]);
      return { addresses: known, available };
    },
    note(batch, taken, facts, rejected) {
      for (const { why } of batch.skipped) {
        if (skipped.has(why) || skipped.size < maxWhys) {
          skipped.set(why, (skipped.get(why) ?? 0) + 1);
        }
      }
      totals.note(batch);
      values.note(batch, rejected);
      for (let index = 0; index < batch.orders.length; index++) {
        const { order, rows } = batch.orders[index]!;
        const result = taken[index]!;
        samples.note(order, rows[0]!.line, result);
        repeated.note(order, rows);
        if (!isBooked(result)) continue;
        payments.note(order, result);
        addresses.note(order, facts.addresses);
        stock.note(order, result, facts.available);
      }
      changes.note(batch, taken, rejected);
    },
    values: values.result,
    result: async () => ({
      ...samples.result(),
      payments: payments.result(),
      skipped: [...skipped].map(([why, orders]) => ({ why, orders })),
      totals: totals.result(),
      ...await changes.result(),
      addresses: addresses.result(),
      repeated: repeated.result(),
      shortages: await stock.result(),
    }),
  };
}

/** True for an order that would be written. */
function isBooked({ outcome }: TakenOrder): boolean {
  return outcome === "new" || outcome === "updated";
}

function watchSamples() {
  const first: PreviewOrder[] = [];
  const largest = new Map<string, PreviewOrder>();
  return {
    note(order: IncomingOrder, line: number, { outcome, totalCents }: TakenOrder): void {
      if (first.length < ordersShown) first.push(previewOrder(order, line, outcome));
      const { currency } = order;
      if (totalCents > (largest.get(currency)?.total_cents ?? -1)) {
        const shown = previewOrder(order, line, outcome);
        largest.set(shown.currency, shown);
      }
    },
    result: () => ({
      first_orders: first,
      largest_orders: [...largest.values()].sort((a, b) => a.currency < b.currency ? -1 : 1),
    }),
  };
}

/** Rows whose values are looked at. */
const rowsSampled = 100;

/** Values of a column that are shown, and characters of each. */
const valuesShown = 3, valueCharacters = 60;

function watchValues() {
  const columns: string[][] = [];
  let looked = 0;
  return {
    note({ orders }: ImportBatch, rejected: readonly RejectedRow[]): void {
      if (looked >= rowsSampled) return;
      for (const { fields } of [...orders.flatMap(({ rows }) => rows), ...rejected]) {
        if (looked++ >= rowsSampled) return;
        for (const [place, field] of fields.entries()) {
          const shown = columns[place] ??= [];
          const value = cutText(field.trim(), valueCharacters);
          if (value === "" || shown.length >= valuesShown || shown.includes(value)) continue;
          shown.push(ownCopy(value));
        }
      }
    },
    result: () => columns,
  };
}

function watchPayments() {
  const currencies = new Map<string, {
    charged: { orders: number; sum: bigint };
    recorded: { orders: number; sum: bigint };
    free: number;
  }>();
  const none = () => ({ orders: 0, sum: 0n });
  return {
    note({ payment }: IncomingOrder, { currency, totalCents }: TakenOrder): void {
      let one = currencies.get(currency);
      if (one === undefined) {
        one = { charged: none(), recorded: none(), free: 0 };
        currencies.set(ownCopy(currency), one);
      }
      if (totalCents === 0) {
        one.free++;
        return;
      }
      const part = payment?.status === "paid" ? one.recorded : one.charged;
      part.orders++;
      part.sum += BigInt(totalCents);
    },
    result: (): PreviewPayments[] =>
      [...currencies].sort(([a], [b]) => a < b ? -1 : 1).map((
        [currency, { charged, recorded, free }],
      ) => ({
        currency,
        charged: { orders: charged.orders, sum_cents: Number(charged.sum) },
        recorded_as_paid: { orders: recorded.orders, sum_cents: Number(recorded.sum) },
        free,
      })),
  };
}

/** How the totals that the file names agree with those of its orders. */
function watchTotals() {
  let named = 0, agree = 0;
  let largest: PreviewTotals["largest_difference"] = null;
  return {
    note({ orders, differences }: ImportBatch): void {
      for (const { order } of orders) {
        if (order.totalCents === undefined) continue;
        named++;
        agree++;
      }
      for (const { externalOrderId, currency, differenceCents } of differences) {
        named++;
        if (Math.abs(differenceCents) <= Math.abs(largest?.difference_cents ?? 0)) continue;
        largest = {
          external_order_id: ownCopy(externalOrderId),
          currency: ownCopy(currency),
          difference_cents: differenceCents,
        };
      }
    },
    result: (): PreviewTotals => ({ named, agree, largest_difference: largest }),
  };
}

/** Orders that are known with other content. */
function watchChanges(db: Queryable, seesOthers: boolean) {
  let changed = 0, conflicting = 0, ofOthers = 0;
  const changes: { id: number; externalOrderId: string; after: BookedOrder }[] = [];
  const conflicts: ImportPreview["conflicts"]["examples"] = [];
  return {
    note(
      { orders, open }: WrittenBatch,
      taken: readonly TakenOrder[],
      rejected: readonly RejectedRow[],
    ): void {
      const reasonOf = (line: number | undefined) =>
        rejected.find((one) => one.line === line)?.reason ?? "";
      for (let index = 0; index < taken.length; index++) {
        const { outcome, orderId, status, paymentOf, foreign, ofAnother } = taken[index]!;
        if (outcome !== "conflict" && outcome !== "updated") continue;
        const { order, rows } = orders[index]!;
        if (outcome === "conflict" && ofAnother === true && (seesOthers || !foreign)) ofOthers++;
        if (outcome === "updated" && changed++ < maxExamples) {
          const externalOrderId = ownCopy(order.externalOrderId);
          changes.push({ id: orderId!, externalOrderId, after: booked(order, taken[index]!) });
        }
        if (outcome === "conflict" && conflicting++ < maxExamples) {
          conflicts.push({
            external_order_id: ownCopy(order.externalOrderId),
            status: paymentOf === undefined && (seesOthers || !foreign) ? status : null,
            reason: reasonOf(rows[0]?.line),
          });
        }
      }
      for (const { externalOrderId, status, rows } of open) {
        if (conflicting++ >= maxExamples) continue;
        const external_order_id = ownCopy(externalOrderId);
        conflicts.push({ external_order_id, status, reason: reasonOf(rows[0]?.line) });
      }
    },
    async result(): Promise<Pick<ImportPreview, "changed" | "conflicts">> {
      const stored = await readStoredOrders(db, changes.map(({ id }) => id));
      const examples = changes.flatMap(({ id, externalOrderId, after }) => {
        const before = stored.get(id);
        if (before === undefined) return [];
        const { currency, totalCents, units, recipient: { name, email }, payment } = before;
        return [{
          external_order_id: externalOrderId,
          before: { currency, total_cents: totalCents, units, recipient: name, email, payment },
          after,
        }];
      });
      return {
        changed: { orders: changed, examples },
        conflicts: { orders: conflicting, of_other_customers: ofOthers, examples: conflicts },
      };
    },
  };
}

function booked(
  { currency, items, customer: { name, email }, payment }: IncomingOrder,
  { totalCents }: TakenOrder,
): BookedOrder {
  return ownCopy(
    {
      currency,
      total_cents: totalCents,
      units: items.reduce((sum, { qty }) => sum + qty, 0),
      recipient: name,
      email,
      payment: payment?.status ?? "due",
    } satisfies BookedOrder,
  );
}

/** Customers whose addresses are remembered: some 10 MB. */
const customersKept = 50_000;

/** What is told of customers to those who may not see them. */
const nothingOfAddresses: ReturnType<typeof watchAddresses> = {
  read: () => Promise.resolve(new Map()),
  note() {},
  result: () => ({ customers: 0, examples: [] }),
};

/** Known customers who would be reached elsewhere: a later order names another address than the one that is known. */
function watchAddresses(db: Queryable) {
  const counted = textTable();
  let customers = 0;
  let cache = new Map<string, KnownAddress | null>();
  const examples: ImportPreview["addresses"]["examples"] = [];
  return {
    /**
     * What the database says of the customers of some orders, those left out of whom nothing could be told: guests, of whom
     * each order has another one, and who names no address. The others mostly come again and again.
     */
    async read(orders: ImportBatch["orders"]): Promise<BatchFacts["addresses"]> {
      if (cache.size > customersKept) cache = new Map();
      const mine = cache;
      const unknown = new Set<string>();
      for (const { order: { customer: { externalId, email, guest } } } of orders) {
        if (!guest && email !== null && !mine.has(externalId)) unknown.add(externalId);
      }
      if (unknown.size === 0) return mine;
      const found = await readAddresses(db, [...unknown]);
      for (const externalId of unknown) {
        mine.set(ownCopy(externalId), found.get(externalId) ?? null);
      }
      return mine;
    },
    note(order: IncomingOrder, known: BatchFacts["addresses"]): void {
      const { externalId, email, guest } = order.customer;
      const before = known.get(externalId) ?? null;
      if (guest || before === null || email === null || before.email === email) return;
      if (compareText(describedBy(order), before.by) < 0) return;
      if (counted.get(externalId) !== undefined) return;
      counted.set(externalId, 1);
      if (customers++ >= maxExamples) return;
      examples.push({
        external_id: ownCopy(externalId),
        before: before.email,
        after: ownCopy(email),
        external_order_id: ownCopy(order.externalOrderId),
      });
    },
    result: () => ({ customers, examples }),
  };
}

/** Rows that stand in the file twice, as they do where a part of it was pasted twice. */
function watchRepeated() {
  let rowCount = 0, orders = 0;
  const examples: ImportPreview["repeated"]["examples"] = [];
  return {
    note(
      { externalOrderId, items }: IncomingOrder,
      rows: ImportBatch["orders"][number]["rows"],
    ): void {
      if (rows.length < 2 || !mayRepeat(items)) return;
      const first = new Map<string, number>();
      const lines: number[] = [];
      let repeated = 0;
      for (const { line, fields } of rows) {
        const text = JSON.stringify(fields);
        const before = first.get(text);
        if (before === undefined) first.set(text, line);
        else {
          repeated++;
          if (lines.length < maxExamples) lines.push(before, line);
        }
      }
      if (repeated === 0) return;
      rowCount += repeated;
      if (orders++ >= maxExamples) return;
      const named = [...new Set(lines)].sort((a, b) => a - b);
      examples.push({ external_order_id: ownCopy(externalOrderId), lines: named });
    },
    result: () => ({ rows: rowCount, orders, examples }),
  };
}

/** Whether two items are the same: most orders have none, and then their rows are not looked at. */
function mayRepeat(items: IncomingOrder["items"]): boolean {
  if (items.length < 16) {
    for (let at = 1; at < items.length; at++) {
      const { sku, qty, unitPriceCents } = items[at]!;
      for (let before = 0; before < at; before++) {
        const other = items[before]!;
        if (other.sku === sku && other.qty === qty && other.unitPriceCents === unitPriceCents) {
          return true;
        }
      }
    }
    return false;
  }
  const keys = items.map(({ sku, qty, unitPriceCents }) => `${qty} ${unitPriceCents} ${sku}`);
  return new Set(keys).size < keys.length;
}

/** What is told of stock to those who may not see it. */
const nothingOfStock: ReturnType<typeof watchStock> = {
  read: () => Promise.resolve(new Map()),
  note() {},
  result: () => Promise.resolve({ products: 0, complete: false, examples: [] }),
};

/** Products whose units are remembered by their names, which takes a third of the time; those beyond go by hashes. */
const productsByName = 10_000;

/** Numbers by texts, the first of which are looked up as they are. */
function numbersByText() {
  const some = new Map<string, { number: number }>();
  const others = textTable();
  return {
    get: (text: string) => some.get(text)?.number ?? others.get(text),
    set(text: string, value: number): boolean {
      const known = some.get(text);
      if (known !== undefined) known.number = value;
      else if (some.size >= productsByName) return others.set(text, value);
      else some.set(ownCopy(text), { number: value });
      return true;
    },
  };
}

/** Products of which more is wanted than there is. */
function watchStock(db: Queryable, initialStock: number) {
  const left = numbersByText();
  let products = 0, complete = true;
  const short = new Set<string>();
  return {
    /** Of products that no batch has named before: of most batches there is none. */
    read(orders: ImportBatch["orders"]): Promise<BatchFacts["available"]> {
      const unknown = new Set<string>();
      for (let at = 0; at < orders.length; at++) {
        const { items } = orders[at]!.order;
        for (let place = 0; place < items.length; place++) {
          const { sku } = items[place]!;
          if (left.get(sku) === undefined) unknown.add(sku);
        }
      }
      return readAvailable(db, [...unknown]);
    },
    note(
      { items }: IncomingOrder,
      { status }: TakenOrder,
      found: ReadonlyMap<string, number>,
    ): void {
      // What is reserved already moves by the difference alone, and was compared by the edit.
      if (status !== "PENDING") return;
      for (const { sku, qty } of items) {
        const had = left.get(sku) ?? found.get(sku) ?? initialStock;
        complete = left.set(sku, had - qty) && complete;
        if (had >= 0 && had < qty && products++ < maxExamples) short.add(ownCopy(sku));
      }
    },
    async result() {
      const stock = await readAvailable(db, [...short]);
      const examples = [...short].map((sku) => {
        const available = stock.get(sku) ?? initialStock;
        return { sku, wanted: available - left.get(sku)!, available };
      });
      return { products, complete, examples };
    },
  };
}
