/**
 * A profile: what the columns of an order file mean that is not in this product's own form.
 *
 * @module
 */

import type { AdjustmentKind } from "../../order/adjustment.ts";
import type { SourceForm } from "../source_row.ts";

/** What a profile can fill of an order; amounts are named without their unit, which `money` tells. */
export const profileColumns = [
  "external_order_id",
  "order_placed_at",
  "currency",
  "customer_id",
  "customer_email",
  "customer_name",
  "product_sku",
  "product_name",
  "price",
  "qty",
  "order_total",
  "tax_included",
  "payment_provider",
  "payment_reference",
  "paid_at",
  "language",
] as const;

/** One of {@linkcode profileColumns}. */
export type ProfileColumn = typeof profileColumns[number];

/**
 * Whether prices contain an amount already: `by_total` where only the order's own total says so, and `except` names
 * the currencies of markets whose prices are without it.
 */
export type IncludedRule = boolean | "by_total" | { except: readonly string[] };

/** An amount of an order beside its items, and the columns that it is the sum of. */
export interface ProfileAdjustment {
  /** What it is for. */
  kind: AdjustmentKind;
  /**
   * Names in the file's header: what they say is added up. One that the file is without says nothing; one of a profile
   * of one's own has to be there.
   */
  columns: readonly string[];
  /**
   * What several columns say: `sum`, the default, adds them up; `same` are names of one amount, which must agree where
   * more than one says something.
   */
  together?: "sum" | "same";
  /** `order`: said once, or the same on each row; `line`: each row says its own part. */
  per: "order" | "line";
  /**
   * How what is taken off is written, of a discount or something other: `positive` 5.40 or `negative` -5.40. Found out
   * from all values where it is absent.
   */
  takenOff?: "positive" | "negative";
  /** The prices contain it already; false by default. */
  included?: IncludedRule;
  /** A column with the words that the customer reads. */
  labelColumn?: string;
}

/** What can become of an order. */
export type StatusOutcome = "charge" | "paid" | "skip";

/**
 * What becomes of an order, by the words in its columns; case makes no difference. Where its columns say different
 * things, skipped comes before paid, and paid before charged.
 */
export interface ProfileStatus {
  /** Names in the file's header. */
  columns: readonly string[];
  /** Words of orders that are charged here. */
  charge?: readonly string[];
  /** Words of orders that were paid at their source: recorded, never charged. */
  paid?: readonly string[];
  /** Words of orders that cost nothing. */
  free?: readonly string[];
  /** Words of orders that are over and done with: left alone. */
  skip?: readonly string[];
  /** Columns such as the time of a payment: an order that says anything in one was paid; 0, - and no say nothing. */
  paidFilled?: readonly string[];
  /** Columns such as the time of a cancellation, or what was paid back: an order that says anything in one is skipped. */
  skipFilled?: readonly string[];
  /** Of orders that say nothing in any of these columns; where it is absent, such orders are rejected. */
  otherwise?: StatusOutcome;
}

/** One column of theirs, or several whose texts are put together with a blank between them. */
export type SourceColumn = string | readonly string[];

/** See `docs/import-profile.schema.json`, which is made from the same rules. */
export interface ImportProfile {
  /** Of this form of profiles. */
  version: 1;
  /** Lower case. */
  name: string;
  /** How the bytes are read; what is absent is found out. */
  file?: Partial<Pick<SourceForm, "encoding" | "delimiter" | "headerLine" | "sheet">>;
  /** Names in the header that make a file one of this kind: all of them, in any case. */
  recognisedBy?: readonly string[];
  /** For each of ours the names of theirs: the first that is not empty counts. */
  columns: { readonly [Column in ProfileColumn]?: readonly SourceColumn[] };
  /** What all orders have alike, such as the currency; it counts where the columns say nothing. */
  constants?: { readonly [Column in ProfileColumn]?: string };
  /**
   * `order`: what says something of the order as a whole may stand on its first row only, and rows without an id
   * continue the order above. Asked for where it is absent and the file looks so.
   */
  fillDown?: "order" | "none";
  /** Rows without an item, such as one with the order's totals above its items, are part of the order. */
  rowsWithoutItem?: "allowed";
  /**
   * Whether a row whose SKU or name is a word such as `Total` is an item: `refused`, the default, rejects its order,
   * because it may be a sum of the items above it.
   */
  sumWords?: "refused" | "items";
  /**
   * Whether an order all of whose rows stand there again is meant so: `refused`, the default, rejects it, unless it names a
   * total that agrees.
   */
  repeatedRows?: "refused" | "items";
  /** How amounts are written; what is absent is found out. */
  money?: {
    /**
     * `units` of the currency (12.50) or its `minor` units (1250). `by_decimals`: of a shop whose amounts are in units,
     * as one with decimals shows; without any it is asked, because somebody may have made cents of them.
     */
    in?: "units" | "minor" | "by_decimals";
    decimal?: "." | ",";
    /** What `price` is of; of a unit by default. `by_total`: whichever comes to the order's own total. */
    pricePer?: "unit" | "line" | "by_total";
    /** Minor units that the file's own total may differ by; none by default. */
    tolerance?: number;
  };
  /** How times are written; what is absent is found out. */
  time?: {
    /** Where days and months are both numbers. */
    order?: "ymd" | "dmy" | "mdy";
    /** IANA name of the zone of times that name none. */
    zone?: string;
    /** Numbers are days of a spreadsheet, or seconds since 1970. */
    numbers?: "spreadsheet" | "unix";
  };
  /** What orders cost beside their items. */
  adjustments?: readonly ProfileAdjustment[];
  /** What becomes of an order; a word that stands nowhere refuses the file. Without it all are charged. */
  status?: ProfileStatus;
  /**
   * Goes before every order id of the file, so that two shops that number their orders alike have different ones here.
   */
  orderIdPrefix?: string;
  /**
   * Digits that order ids have at least which are digits alone, zeros in front of them: one with fewer has lost them in a
   * spreadsheet, and would be another order.
   */
  idDigits?: number;
  /**
   * Columns that number the items of all orders: two rows of an order with one number are one row that stands there
   * twice, as where reports that overlap were put together, and reject the order. What is not in a file says nothing.
   */
  itemIds?: readonly string[];
  /** Ids that stand for nobody: the order is a guest's. An empty id always is. */
  guestIds?: readonly string[];
  /** Columns that look as though they mattered and do not. */
  ignore?: readonly string[];
}
