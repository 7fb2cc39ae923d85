/**
 * Decides about refunds of parts of an order: units of its lines, and what was charged besides.
 *
 * A request already counts: its units are gone for others until it fails, and so is its money.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import { groupedAmount, namedAmount } from "../money.ts";
import { adjustmentWord } from "../order/adjustment.ts";
import {
  apportion,
  centsOfUnits,
  type PaidOrder,
  type RefundableKind,
  type SharedItem,
  sharesOf,
} from "./shares.ts";

/** Units of a line that somebody wants to give back. */
export interface WantedLine {
  /** The product's; null where the line itself is named. Taken from the lines that have it, the first ones first. */
  sku: string | null;
  /** Database id of the line; null where its product is named. */
  itemId: number | null;
  /** At least 1. */
  qty: number;
  /** Whether they go back into stock. */
  restock: boolean;
}

/** A part of what was charged beside the items. */
export interface RefundAdjustment {
  /** What it was charged for. */
  kind: RefundableKind;
  /** At least 1. */
  amountCents: number;
}

/** What a request says of the parts that it is about. */
export interface RefundItems {
  /** Empty where it names none. */
  lines: readonly WantedLine[];
  /** Empty where it names none. */
  adjustments: readonly RefundAdjustment[];
  /** Of a request for all that is left: all units that are left go back into stock. */
  restock: boolean;
}

/** Units of one line that are given back. */
export interface RefundLine {
  /** Database id of the line. */
  itemId: number;
  /** Its product's. */
  sku: string;
  /** At least 1. */
  qty: number;
  /** What they are worth, not below zero. */
  amountCents: number;
  /** Whether they go back into stock. */
  restock: boolean;
}

/** What an order holds and what refunds that did not fail have taken of it. */
export interface OrderContents extends Omit<PaidOrder, "totalCents"> {
  /** By item id. */
  returned: ReadonlyMap<number, { qty: number; amountCents: number }>;
  /** Cents by kind. */
  givenBack: ReadonlyMap<string, number>;
}

/** A line of which something may be left. */
export interface LineLeft {
  /** What was bought, with its share of what is paid besides. */
  item: SharedItem;
  /** Units that no refund has claimed. */
  qty: number;
  /** What all of them are worth. */
  amountCents: number;
  /** What all units of the line were worth. */
  share: number;
}

/** A kind of adjustment of which something may be left. */
export interface AdjustmentLeft extends RefundAdjustment {
  /** What was charged for it. */
  ofCents: number;
}

/** What is left of an order's parts. */
export interface PartsLeft {
  /** In the order of the items. */
  lines: LineLeft[];
  /** Those that a refund may name. */
  adjustments: AdjustmentLeft[];
}

/** What is left of each part of an order; refunds of a mere amount are in none of them. */
export function partsLeft(totalCents: number, contents: OrderContents): PartsLeft {
  const shares = sharesOf({ ...contents, totalCents });
  return {
    lines: contents.items.map((item) => {
      const share = shares.items.get(item.id)!;
      const gone = contents.returned.get(item.id) ?? { qty: 0, amountCents: 0 };
      return { item, share, qty: item.qty - gone.qty, amountCents: share - gone.amountCents };
    }),
    adjustments: [...shares.adjustments].map(([kind, ofCents]) => {
      const amountCents = Math.max(0, ofCents - (contents.givenBack.get(kind) ?? 0));
      return { kind, ofCents, amountCents };
    }),
  };
}

/** What becomes of a request for parts of an order. */
export type ItemsDecision =
  | {
    kind: "accept";
    /** Of all parts together, at least 1. */
    amountCents: number;
    lines: RefundLine[];
    adjustments: RefundAdjustment[];
  }
  | { kind: "refused"; fault: WorkflowError };

/**
 * Decides whether parts of a paid order are given back, and for how much.
 *
 * @param order the locked order
 * @param contents what it holds and what is gone of it
 * @param wanted what is asked for: lines, adjustments or both, or all that is left together with its goods
 * @param money what is left of the whole order, at least 1, and what the request says that it asks for; null where it
 * does not say
 */
export function decideRefundItems(
  order: { id: number; totalCents: number; currency: string },
  contents: OrderContents,
  wanted: RefundItems,
  { leftCents, amountCents }: { leftCents: number; amountCents: number | null },
): ItemsDecision {
  const { currency } = order;
  const left = partsLeft(order.totalCents, contents);
  const isWhole = wanted.lines.length + wanted.adjustments.length === 0;
  const faults: Refusal[] = [];
  if (isWhole && left.lines.every(({ qty }) => qty === 0)) {
    const detail = "no units are left that could come back into stock";
    return refused(order, [{ code: "invalid", at: "#/restock", detail }]);
  }
  const parts = isWhole ? allParts(left, leftCents) : {
    lines: takeLines(left.lines, wanted.lines, faults),
    adjustments: takeAdjustments(left.adjustments, wanted.adjustments, currency, faults),
  };
  if (faults.length > 0) return refused(order, faults);
  const sum = [...parts.lines, ...parts.adjustments].reduce((sum, one) => sum + one.amountCents, 0);
  const fault = sumFault({ sum, leftCents, amountCents, isWhole }, parts, currency);
  if (fault !== undefined) return refused(order, [fault]);
  return { kind: "accept", amountCents: sum, ...parts };
}

/** What an order holds after a refund of some of its parts was accepted. */
export function contentsAfter(
  contents: OrderContents,
  { lines, adjustments }: {
    lines: readonly RefundLine[];
    adjustments: readonly RefundAdjustment[];
  },
): OrderContents {
  const returned = new Map(contents.returned);
  for (const { itemId, qty, amountCents } of lines) {
    const gone = returned.get(itemId) ?? { qty: 0, amountCents: 0 };
    returned.set(itemId, { qty: gone.qty + qty, amountCents: gone.amountCents + amountCents });
  }
  const givenBack = new Map(contents.givenBack);
  for (const { kind, amountCents } of adjustments) {
    givenBack.set(kind, (givenBack.get(kind) ?? 0) + amountCents);
  }
  return { ...contents, returned, givenBack };
}

/** `2 × MUG 20.00 + shipping 4.90`: what a refund is made of, with what each part is worth. */
export function writtenOut(
  parts: {
    lines: readonly { sku: string; qty: number; amountCents: number }[];
    adjustments: readonly { kind: string; amountCents: number }[];
  },
  currency: string,
): string {
  return [
    ...parts.lines.map(({ qty, sku, amountCents }) =>
      `${qty} × ${sku} ${groupedAmount(amountCents, currency)}`
    ),
    ...parts.adjustments.map(({ kind, amountCents }) =>
      `${adjustmentWord(kind)} ${groupedAmount(amountCents, currency)}`
    ),
  ].join(" + ");
}

/** Why a part can't be given back. */
interface Refusal {
  code: "invalid" | "refund_exceeds_left";
  /** A JSON pointer into a request's body; undefined where it is about all of it. */
  at?: string;
  detail: string;
}

function takeLines(
  left: readonly LineLeft[],
  wanted: readonly WantedLine[],
  faults: Refusal[],
): RefundLine[] {
  const lines = left.map((line) => ({ ...line }));
  // An order may have very many lines, and a request name very many of them.
  const ofSku = Map.groupBy(lines, ({ item }) => item.sku);
  const ofId = new Map(lines.map((line) => [line.item.id, [line]]));
  return wanted.flatMap(({ sku, itemId, qty, restock }, index): RefundLine[] => {
    const at = `#/lines/${index}`;
    const own = (itemId === null ? ofSku.get(sku ?? "") : ofId.get(itemId)) ?? [];
    const name = itemId === null ? `${sku}` : `item ${itemId}`;
    if (own.length === 0) {
      const known = [...ofSku.keys().take(maxNamed)].join(", ");
      const field = itemId === null ? "sku" : "item_id";
      const detail = `it has no ${name}, only ${known}`;
      faults.push({ code: "invalid", at: `${at}/${field}`, detail });
      return [];
    }
    const sum = (of: (line: LineLeft) => number) => own.reduce((sum, line) => sum + of(line), 0);
    const leftQty = sum((line) => line.qty);
    if (qty > leftQty) {
      const bought = sum(({ item }) => item.qty);
      const detail = `${qty} of ${name} are more than the ${leftQty} of ${bought} that are left`;
      faults.push({ code: "refund_exceeds_left", at: `${at}/qty`, detail });
      return [];
    }
    return takeUnits(own, qty, restock);
  });
}

/** Takes units of lines of one product, the first ones first; the lines are changed to what is left of them. */
function takeUnits(own: LineLeft[], wantedQty: number, restock: boolean): RefundLine[] {
  const taken: RefundLine[] = [];
  let missing = wantedQty;
  for (const line of own) {
    const qty = Math.min(missing, line.qty);
    if (qty === 0) continue;
    const { item: { id, sku, qty: bought }, share } = line;
    // By what is gone, not by which units: where an earlier refund failed, its cents are given out again.
    const goneCents = share - line.amountCents;
    const amountCents = Math.max(
      0,
      centsOfUnits(share, bought, bought - line.qty + qty) - goneCents,
    );
    line.qty -= qty;
    line.amountCents -= amountCents;
    missing -= qty;
    taken.push({ itemId: id, sku, qty, amountCents, restock });
  }
  return taken;
}

function takeAdjustments(
  left: readonly AdjustmentLeft[],
  wanted: readonly RefundAdjustment[],
  currency: string,
  faults: Refusal[],
): RefundAdjustment[] {
  const rest = new Map(left.map((one) => [one.kind, { ...one }]));
  wanted.forEach(({ kind, amountCents }, index) => {
    const at = `#/adjustments/${index}`;
    const one = rest.get(kind);
    const name = adjustmentWord(kind);
    if (one === undefined) {
      faults.push({ code: "invalid", at: `${at}/kind`, detail: `no ${name} was paid` });
    } else if (amountCents > one.amountCents) {
      const asked = namedAmount(amountCents, currency);
      const { amountCents: leftCents, ofCents } = one;
      const detail = `${asked} of ${name} are more than the ` +
        `${groupedAmount(leftCents, currency)} of ${
          groupedAmount(ofCents, currency)
        } that are left`;
      faults.push({ code: "refund_exceeds_left", at: `${at}/amount_cents`, detail });
    } else one.amountCents -= amountCents;
  });
  return wanted.map(({ kind, amountCents }) => ({ kind, amountCents }));
}

/**
 * All units and all money that are left. Where a mere amount went back before, the parts are worth less than they were,
 * each in proportion.
 */
function allParts(left: PartsLeft, leftCents: number) {
  const lines = left.lines.filter(({ qty }) => qty > 0);
  const adjustments = left.adjustments.filter(({ amountCents }) => amountCents > 0);
  const worth = [...lines, ...adjustments].map(({ amountCents }) => Math.max(0, amountCents));
  const amounts = apportion(
    leftCents,
    worth.some((cents) => cents > 0) ? worth : lines.map(({ qty }) => qty),
  );
  return {
    lines: lines.map(({ item, qty }, index): RefundLine => ({
      itemId: item.id,
      sku: item.sku,
      qty,
      amountCents: amounts[index]!,
      restock: true,
    })),
    adjustments: adjustments.flatMap(({ kind }, index): RefundAdjustment[] => {
      const amountCents = amounts[lines.length + index]!;
      return amountCents === 0 ? [] : [{ kind, amountCents }];
    }),
  };
}

function sumFault(
  { sum, leftCents, amountCents, isWhole }: {
    sum: number;
    leftCents: number;
    amountCents: number | null;
    isWhole: boolean;
  },
  parts: { lines: RefundLine[]; adjustments: RefundAdjustment[] },
  currency: string,
): Refusal | undefined {
  const money = (minor: number) => namedAmount(minor, currency);
  const written = `${writtenOut(parts, currency)} = ${money(sum)}`;
  if (sum > leftCents) {
    const detail = `${written} exceed the ${money(leftCents)} that are left of the whole order`;
    return { code: "refund_exceeds_left", detail };
  }
  if (amountCents !== null && amountCents !== sum) {
    const detail = isWhole
      ? `goods come back with lines, or with all the ${money(leftCents)} that are left, not with ` +
        money(amountCents)
      : `${written}, and the amount says ${money(amountCents)}`;
    return { code: "invalid", at: "#/amount_cents", detail };
  }
  if (sum === 0) {
    return { code: "invalid", detail: `${written}: there is no money to give back for it` };
  }
  return undefined;
}

/** Products that a refusal names. */
const maxNamed = 10;

function refused(order: { id: number }, faults: readonly Refusal[]): ItemsDecision {
  // What can never be is told before what is only too much.
  const code = faults.some((fault) => fault.code === "invalid") ? "invalid" : "refund_exceeds_left";
  return {
    kind: "refused",
    fault: new WorkflowError(
      code,
      `Cannot refund order ${order.id}: ${faults.map(({ detail }) => detail).join("; ")}`,
      faults.flatMap(({ at, detail }) => at === undefined ? [] : [{ at, detail }]),
    ),
  };
}
