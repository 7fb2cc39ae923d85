/**
 * Orders that come by files, as commands of the game: new ones and such that are known, with other content or the same.
 *
 * @module
 */

import { anOperator } from "../operator.ts";
import assert from "node:assert/strict";
import { importFile } from "../../services/imports/import_file.ts";
import type { ImportReport } from "../../streams/imports/orders_import.ts";
import { ask, isDrained, picked, type Play } from "./command.ts";
import type { Verdict } from "./model_provider.ts";
import { type Model, type ModelOrder, openStates, totalOf } from "./order_money.ts";
import {
  edited,
  type Editing,
  editOutcome,
  extrasAtSource,
  isSameContent,
  newOrder,
  noteEdited,
  notePlaced,
  type Placing,
  unknownOf,
} from "./placing.ts";
import { noteReached, type Shop } from "./shop.ts";

/** An order of a file. */
export type FileEntry =
  /** `spoilt` has a row that nobody can read, or names a total that it has not. */
  | { kind: "new"; placing: Placing; spoilt: "qty" | "total" | null }
  /** Null says what is known already; `takes` has the changed line at another price, which takes the old one away. */
  | { kind: "known"; pick: number; any: boolean; change: (Editing & { takes: boolean }) | null };

/** A file. */
export interface OrderFile {
  entries: FileEntry[];
  /** Imported with `--replace`. */
  replace: boolean;
  /** The rows of an order stand apart. */
  isScattered: boolean;
  namesTotal: boolean;
}

type Outcome = "new" | "updated" | "unchanged" | "conflict" | "rejected";

/** An order of a file, and what it is to the shop. */
interface Brought {
  next: ModelOrder;
  /** Undefined for a new one. */
  known?: ModelOrder;
  spoilt: "qty" | "total" | null;
  verdict: Verdict;
  superseded: "pay" | "decline";
}

/** Imports a file. */
export function bringFile(file: OrderFile, dies: number | null): Play {
  return {
    can: ({ orders }) => orders.length > 0 || file.entries.some(({ kind }) => kind === "new"),
    does: async (model, shop) => {
      const brought = broughtOf(model, file);
      if (brought.length === 0) return;
      const expected = isDrained(model)
        ? brought.map((one) => outcomeOf(model, one, file.replace))
        : undefined;
      const csv = csvOf(brought, file);
      let refused = new Map<string, string>();
      const answer = await ask(shop, dies, (deps) => {
        refused = new Map();
        return importFile(deps, new Blob([csv]).stream(), {
          name: "orders.csv",
          operator: anOperator(),
          replace: file.replace,
          onRejected: (rows) =>
            rows.forEach(({ fields, reason }) => refused.set(fields[0]!, reason)),
        });
      });
      if (answer instanceof Error) throw answer;
      const outcomes = brought.map((one, index) => expected?.[index] ?? outcomeSeen(one, refused));
      brought.forEach(({ next: { ref } }, index) => {
        const isRefused = ["conflict", "rejected"].includes(outcomes[index]!);
        assert.equal(
          refused.has(ref),
          isRefused,
          `${ref} of the file is ${outcomes[index]}: ${refused.get(ref)}`,
        );
      });
      if (expected !== undefined && dies === null) expectCounts(answer, outcomes);
      for (const outcome of outcomes) noteReached(shop, `file: ${outcome}`);
      const ids = await idsOf(shop);
      brought.forEach((one, index) => follow(model, shop, ids, one, outcomes[index]!));
    },
  };
}

function broughtOf(model: Model, { entries, replace }: OrderFile): Brought[] {
  const all: Brought[] = [];
  for (const entry of entries) {
    if (entry.kind === "new") {
      const { placing, spoilt } = entry;
      const next = newOrder(model, placing);
      all.push({ next, spoilt, verdict: placing.verdict, superseded: "decline" });
      continue;
    }
    const open = model.orders.filter(({ state }) => openStates.includes(state));
    const among = entry.any || open.length === 0 ? model.orders : open;
    if (among.length === 0) continue;
    const known = picked(among, entry.pick);
    if (all.some(({ next }) => next.ref === known.ref)) continue;
    const next = changed(known, entry.change, replace);
    const { verdict = "pay", superseded = "decline" } = entry.change ?? {};
    all.push({ known, next, spoilt: null, verdict, superseded });
  }
  return all;
}

/** Of a paid order a file may say other things, another total among them, but not that its payment was another one. */
function changed(
  order: ModelOrder,
  change: (Editing & { takes: boolean }) | null,
  replace: boolean,
): ModelOrder {
  const source = { ...order, extras: extrasAtSource(order) };
  if (change === null) return source;
  const line = change.line % order.lines.length;
  const { qty } = order.lines[line]!;
  const more = { ...change, qty: change.takes ? change.qty : qty + change.qty % 2 };
  const next = edited(source, more);
  if (change.takes && !replace) {
    next.lines = next.lines.map((one, index) =>
      index === line ? { ...one, priceCents: one.priceCents + 1 } : one
    );
  }
  const isPaid = order.payment === "paid_here" || order.payment === "paid_elsewhere";
  const total = totalOf(next);
  const isRight = total >= 0 && (order.payment !== "none" || total === 0) &&
    (!isPaid || total > 0);
  return isRight ? next : source;
}

/** What must become of an order, where nothing is on its way. */
function outcomeOf(model: Model, { known, next, spoilt }: Brought, replace: boolean): Outcome {
  if (spoilt !== null) return "rejected";
  const isUnknown = model.rejects && unknownOf(model, next).length > 0;
  if (known === undefined) return isUnknown ? "rejected" : "new";
  const source = { ...known, extras: extrasAtSource(known) };
  if (isSameContent(source, next)) return "unchanged";
  if (known.state === "RESERVED" && replace) {
    return editOutcome(model, known, next) === "edited" ? "updated" : "conflict";
  }
  if (known.state !== "WAITING" && known.state !== "PENDING") return "conflict";
  if (!replace && takesAway(source, next)) return "conflict";
  const isPaid = known.payment === "paid_here" || known.payment === "paid_elsewhere";
  if (isPaid && totalOf(next) !== totalOf(source)) return "conflict";
  return isUnknown ? "rejected" : "updated";
}

/** Whether anything that an order has is missing, or less of it there. */
function takesAway(order: ModelOrder, next: ModelOrder): boolean {
  const units = ({ lines }: ModelOrder) => {
    const sums = new Map<string, number>();
    for (const { sku, priceCents, qty } of lines) {
      const name = `${sku} ${priceCents}`;
      sums.set(name, (sums.get(name) ?? 0) + qty);
    }
    return sums;
  };
  const shippingOf = ({ extras }: ModelOrder) =>
    extras.find(({ kind }) => kind === "shipping")?.cents ?? 0;
  const left = units(next);
  return [...units(order)].some(([name, qty]) => (left.get(name) ?? 0) < qty) ||
    shippingOf(next) < shippingOf(order);
}

/** What became of an order that was on its way, by whether its rows were refused. */
function outcomeSeen({ known, next }: Brought, refused: ReadonlyMap<string, string>): Outcome {
  if (refused.has(next.ref)) return known === undefined ? "rejected" : "conflict";
  if (known === undefined) return "new";
  return isSameContent({ ...known, extras: extrasAtSource(known) }, next) ? "unchanged" : "updated";
}

function expectCounts(report: ImportReport, outcomes: readonly Outcome[]): void {
  const count = (outcome: Outcome) => outcomes.filter((one) => one === outcome).length;
  const { orders_new, orders_updated, orders_unchanged, orders_conflict, orders_rejected } = report;
  assert.deepEqual(
    { orders_new, orders_updated, orders_unchanged, orders_conflict, orders_rejected },
    {
      orders_new: count("new"),
      orders_updated: count("updated"),
      orders_unchanged: count("unchanged"),
      orders_conflict: count("conflict"),
      orders_rejected: count("rejected"),
    },
    "what became of the orders of the file",
  );
}

async function idsOf({ flow }: Shop): Promise<Map<string, number>> {
  const rows = await flow.rows("select id, external_order_id as ref from orders");
  return new Map(rows.map(({ id, ref }) => [String(ref), Number(id)]));
}

function follow(
  model: Model,
  shop: Shop,
  ids: ReadonlyMap<string, number>,
  { known, next, verdict, superseded }: Brought,
  outcome: Outcome,
): void {
  if (outcome === "new") {
    notePlaced(model, shop, { order: next, id: ids.get(next.ref)!, verdict });
  }
  if (outcome === "updated") noteEdited(model, shop, { order: known!, next, verdict, superseded });
}

const columns = [
  "external_order_id",
  "order_placed_at",
  "currency",
  "customer_id",
  "customer_email",
  "customer_name",
  "product_sku",
  "product_name",
  "unit_price_cents",
  "qty",
  "shipping_cents",
  "tax_cents",
  "tax_included",
  "discount_cents",
  "tip_cents",
  "order_total_cents",
  "payment_status",
  "payment_provider",
  "payment_reference",
];

/** The file as its bytes say it: the terms of an order stand on its last row, or on all of them. */
function csvOf(brought: readonly Brought[], { isScattered, namesTotal }: OrderFile): string {
  const orders = brought.map(({ next, spoilt }) => {
    const terms = termsOf(next, namesTotal || spoilt === "total" ? spoilt === "total" : null);
    return next.lines.map(({ sku, qty, priceCents }, index) => {
      const isLast = index === next.lines.length - 1;
      const guest = next.customer.startsWith("guest:");
      return [
        next.ref,
        next.placedAt,
        next.currency,
        guest ? "" : next.customer,
        next.email ?? "",
        next.customer.slice(0, 20),
        sku,
        sku,
        String(priceCents),
        spoilt === "qty" && isLast ? "0" : String(qty),
        ...(isLast || !isScattered ? terms : terms.map(() => "")),
      ].join(",");
    });
  });
  const most = Math.max(...orders.map((rows) => rows.length));
  const rows = isScattered
    ? Array.from({ length: most }, (_, place) => orders.flatMap((rows) => rows[place] ?? [])).flat()
    : orders.flat();
  return [columns.join(","), ...rows, ""].join("\n");
}

/** @param isWrong names a total that it has not; null names none */
function termsOf(order: ModelOrder, isWrong: boolean | null): string[] {
  const { ref, payment } = order;
  const cents = (kind: string) => {
    const extra = order.extras.find((one) => one.kind === kind);
    return extra === undefined ? "" : String(Math.abs(extra.cents));
  };
  const isIncluded = order.extras.some(({ included }) => included);
  const status = { due: "", none: "none", paid_here: "paid", paid_elsewhere: "paid" }[payment];
  const provider = { due: "", none: "", paid_here: "http", paid_elsewhere: "shop pay" }[payment];
  return [
    cents("shipping"),
    cents("tax"),
    isIncluded ? "true" : "",
    cents("discount"),
    cents("tip"),
    isWrong === null ? "" : String(totalOf(order) + (isWrong ? 1 : 0)),
    status,
    provider,
    status === "paid" ? `src_${ref}` : "",
  ];
}
