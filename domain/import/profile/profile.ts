/**
 * A profile: what the columns of an order file mean that is not in this product's own form.
 *
 * @module
 */

import type { AdjustmentKind } from "../../order/adjustment.ts";

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

/** An amount of an order beside its items, and the columns that it is the sum of. */
export interface ProfileAdjustment {
  kind: AdjustmentKind;
  /** Names in the file's header: what they say is added up. */
  columns: readonly string[];
  /** `order`: said once, or the same on each row; `line`: each row says its own part. */
  per: "order" | "line";
  /** The amounts are what is taken off, whether they are written with a sign or without. */
  takenOff?: boolean;
  /** The prices contain it already. */
  included?: boolean;
  /** A column with the words that the customer reads. */
  labelColumn?: string;
}

/** See `docs/import-profile.schema.json`, which is made from the same rules. */
export interface ImportProfile {
  version: 1;
  /** Lower case. */
  name: string;
  /** How the bytes are read; what is absent is found out. */
  file?: { encoding?: string; delimiter?: "," | ";" | "\t" | "|"; headerLine?: number };
  /** Names in the header that make a file one of this kind: all of them, in any case. */
  recognisedBy?: readonly string[];
  /** For each of ours the names of theirs: the first that is not empty counts. */
  columns: { readonly [Column in ProfileColumn]?: readonly string[] };
  /** What all orders have alike, such as the currency. */
  constants?: { readonly [Column in ProfileColumn]?: string };
  /**
   * `order`: what says something of the order as a whole may stand on its first row only, and rows without an id
   * continue the order above.
   */
  fillDown?: "order" | "none";
  money?: {
    /** `units` of the currency (12.50) or its `minor` units (1250). */
    in?: "units" | "minor";
    decimal?: "." | ",";
    /** What `price` is of. */
    pricePer?: "unit" | "line";
    /** Minor units that the file's own total may differ by. */
    tolerance?: number;
  };
  time?: {
    /** Where days and months are both numbers. */
    order?: "ymd" | "dmy" | "mdy";
    /** IANA name of the zone of times that name none. */
    zone?: string;
    /** Numbers are days of a spreadsheet, or seconds since 1970. */
    numbers?: "spreadsheet" | "unix";
  };
  adjustments?: readonly ProfileAdjustment[];
  /** What becomes of an order, by the words in its columns; a word that stands nowhere refuses the file. */
  status?: {
    columns: readonly string[];
    charge?: readonly string[];
    paid?: readonly string[];
    skip?: readonly string[];
  };
  /** Columns that look as though they mattered and do not. */
  ignore?: readonly string[];
}
