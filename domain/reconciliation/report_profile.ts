/**
 * What the columns of a provider's report mean.
 *
 * @module
 */

import type { DecimalSign } from "../import/profile/money_text.ts";
import type { TimeForm } from "../import/profile/time_text.ts";
import type { LineKind } from "./provider_line.ts";

/** What a report can say of a line. */
export const reportColumns = [
  "entry",
  "category",
  "at",
  "charge",
  "refund",
  "charge_key",
  "refund_key",
  "reference",
  "amount",
  "amount_currency",
  "gross",
  "fee",
  "net",
  "currency",
] as const;

/** One of {@linkcode reportColumns}. */
export type ReportColumn = typeof reportColumns[number];

/** See `docs/reconciling.md`. */
export interface ReportProfile {
  /** Of this form of profiles. */
  version: 1;
  /** Lower case. */
  name: string;
  /** Names in the header that make a file one of this kind: all of them, in any case. */
  recognisedBy?: readonly string[];
  /** For each of ours the names of theirs: the first that is not empty counts; of `charge` all of them are names. */
  columns: { readonly [Column in ReportColumn]?: readonly string[] };
  /** The provider's words for each kind of line, in any case; any other word is `other`. */
  categories: { readonly [Kind in Exclude<LineKind, "other">]?: readonly string[] };
  /**
   * How amounts are written: in `units` of their currency, the default, or in `minor` units; fees as what is `kept`, the
   * default, or `signed` as they change the balance.
   */
  money?: { in?: "units" | "minor"; decimal?: DecimalSign; fees?: "kept" | "signed" };
  /** How times are written; those that name no zone are in UTC by default. */
  time?: TimeForm;
}

/** Columns that a report is nothing without. */
export const neededColumns = ["category", "at", "gross", "currency"] as const;
