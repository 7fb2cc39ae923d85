/**
 * What a file would do, as it is shown before the file is taken: the answer of the API and of the command alike.
 *
 * @module
 */

import type { CountsJson } from "./import_counts.ts";
import type { Adjustment } from "../order/adjustment.ts";
import type { IncomingItem, IncomingOrder } from "../order/incoming_order.ts";
import { orderTotalOf } from "../order/incoming_order.ts";
import type { ImportMoney } from "./import_money.ts";
import type { ImportProfile } from "./profile/profile.ts";
import type { RejectReason } from "./reject_reasons.ts";
import type { OpenQuestion, SourceForm } from "./source_row.ts";
import { ownCopy } from "../text/own_copy.ts";

/** Examples of each kind that a preview names. */
export const maxExamples = 10;

/** Items of an order that a preview names. */
const maxItems = 20;

/** Orders that a preview shows whole, from the beginning of the file. */
export const ordersShown = 3;

/** An order as it would be booked. */
export interface PreviewOrder {
  /** The shop's own. */
  external_order_id: string;
  /** Line of the file that it begins on. */
  line: number;
  /** ISO 8601, UTC. */
  placed_at: string;
  /** ISO 4217, upper case. */
  currency: string;
  /** Who buys; a guest has an id made of the address or of the order. */
  customer: { external_id: string; email: string | null; name: string; guest: boolean };
  /** The first ones. */
  items: { sku: string; name: string; unit_price_cents: number; qty: number }[];
  /** How many there are. */
  item_count: number;
  /** What it costs beside its items, in signed minor units. */
  adjustments: { kind: string; label: string | null; amount_cents: number; included: boolean }[];
  /** `due` is charged here, `paid` is recorded and never charged, `none` costs nothing. */
  payment: "due" | "paid" | "none";
  /** In minor units. */
  total_cents: number;
  /** What becomes of it, such as `new` or `conflict`. */
  outcome: string;
}

/** How orders of one currency are paid that would be booked. */
export interface PreviewPayments {
  /** ISO 4217, upper case. */
  currency: string;
  /** Charged here. */
  charged: { orders: number; sum_cents: number };
  /** Paid at their source: recorded, not charged. */
  recorded_as_paid: { orders: number; sum_cents: number };
  /** Orders that cost nothing. */
  free: number;
}

/** An order as the database has it, or as the file would have it. */
export interface BookedOrder {
  /** ISO 4217, upper case. */
  currency: string;
  /** In minor units. */
  total_cents: number;
  /** Of all its items. */
  units: number;
  /** Whom it is for. */
  recipient: string;
  /** Of the recipient; null for none. */
  email: string | null;
  /** As of an order: `due` is charged here, `paid` is recorded and never charged, `none` costs nothing. */
  payment: PreviewOrder["payment"];
}

/** A column of the file. */
export interface PreviewColumn {
  /** As the header has it. */
  name: string;
  /** Different values, the first ones. */
  samples: string[];
}

/** What a file would do, with nothing done. Amounts are minor units; lists of examples hold the first ten. */
export interface ImportPreview {
  /** What was read. */
  file: {
    name: string;
    /** As it was sent. */
    bytes: number;
    rows: number;
    /** How its bytes are read; null for a file in this product's own form. */
    form: SourceForm | null;
    /** What was found out about it, for people. */
    notes: string[];
  };
  /** The profile by which the columns are read, complete, as it may be saved; null for a file in the own form. */
  profile: { name: string; why: string | null; settings: ImportProfile } | null;
  /** What only the owner of the file can know; while there is one, nothing below is told and nothing is imported. */
  questions: OpenQuestion[];
  /** Those that something is made of, and the others. */
  columns: {
    used: (PreviewColumn & { fills: string[] })[];
    /** `looks_like` names what seems to matter of one and is not used: status, total, tax, shipping, discount, refund, … */
    unused: (PreviewColumn & { looks_like: string | null })[];
  };
  /** What would become of rows and orders. */
  counts: PreviewCounts;
  /** The first ones of the file. */
  first_orders: PreviewOrder[];
  /** The largest, by currency. */
  largest_orders: PreviewOrder[];
  /** All orders that would be taken or are known. */
  money: ImportMoney[];
  /** Those of them that would be booked: new or changed. */
  payments: PreviewPayments[];
  /** Orders that the file says are over and done with, by what it says. */
  skipped: { why: string; orders: number }[];
  /** How the totals that the file names agree with those that would be booked. */
  totals: PreviewTotals;
  /** Columns that look like totals, are not used, and contradict what would be booked. */
  unused_totals: (PreviewTotals & { column: string })[];
  /** Known orders that would change, and the first of them. */
  changed: { orders: number; examples: PreviewChange[] };
  /** Known orders that would not be changed, and the first of them. */
  conflicts: {
    orders: number;
    /** Those of them that are of another customer, by name and address, and of another time: two shops may number alike. */
    of_other_customers: number;
    examples: PreviewConflict[];
  };
  /** Known customers whose own address an order of the file would change; none for whoever may not see them. */
  addresses: { customers: number; examples: PreviewAddress[] };
  /** Rows that say the same as another row of their order. */
  repeated: {
    rows: number;
    orders: number;
    examples: { external_order_id: string; lines: number[] }[];
  };
  /** Products of which the orders that would be booked want more than there is. */
  shortages: {
    products: number;
    /** False where the file names more products than are compared, and for whoever may not see stock. */
    complete: boolean;
    examples: { sku: string; wanted: number; available: number }[];
  };
  /** Why rows would not be taken. */
  reasons: RejectReason[];
  /** What this preview is of: the file is imported with it as it was shown; null while something is in question. */
  plan: string | null;
}

/** What would become of the rows and orders of a file. */
export type PreviewCounts = CountsJson;

/** How the totals of a file agree with the sums of its orders. */
export interface PreviewTotals {
  /** Orders whose total the file names. */
  named: number;
  /** Those that agree. */
  agree: number;
  /** The largest difference, by its size: what the order comes to, less what the file says. */
  largest_difference: {
    external_order_id: string;
    currency: string;
    difference_cents: number;
  } | null;
}

/** A known order that the file changes. */
export interface PreviewChange {
  /** The shop's own. */
  external_order_id: string;
  /** As the database has it. */
  before: BookedOrder;
  /** As the file would have it. */
  after: BookedOrder;
}

/** True where a change decides anew whether the order is charged here: nobody should miss that. */
export function changesPayment(
  { before, after }: Pick<PreviewChange, "before" | "after">,
): boolean {
  return before.payment !== after.payment;
}

/** A known order that the file has with other content and can't change. */
export interface PreviewConflict {
  /** The shop's own. */
  external_order_id: string;
  /** Of the known order; null for a payment that another order has, and for whoever may not see the order. */
  status: string | null;
  /** For people. */
  reason: string;
}

/** A customer who would get another address. */
export interface PreviewAddress {
  /** The shop's own of the customer. */
  external_id: string;
  /** As the database has it. */
  before: string;
  /** As the file would have it. */
  after: string;
  /** By this order. */
  external_order_id: string;
}

/** An order as a preview shows it. It keeps nothing of the file's own text. */
export function previewOrder(
  order: IncomingOrder,
  line: number,
  outcome: string,
): PreviewOrder {
  const { externalId, email, name, guest = false } = order.customer;
  const shown: PreviewOrder = {
    external_order_id: order.externalOrderId,
    line,
    placed_at: `${order.placedAt.replace(" ", "T")}Z`,
    currency: order.currency,
    customer: { external_id: externalId, email, name, guest },
    items: order.items.slice(0, maxItems).map(itemJson),
    item_count: order.items.length,
    adjustments: (order.adjustments ?? []).map(adjustmentJson),
    payment: order.payment?.status ?? "due",
    total_cents: orderTotalOf(order),
    outcome,
  };
  return ownCopy(shown);
}

function itemJson({ sku, name, unitPriceCents, qty }: IncomingItem) {
  return { sku, name, unit_price_cents: unitPriceCents, qty };
}

function adjustmentJson({ kind, label, amountCents, included }: Adjustment) {
  return { kind, label, amount_cents: amountCents, included };
}
