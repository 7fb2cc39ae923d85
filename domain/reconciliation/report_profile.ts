/**
 * What the columns of a provider's report mean.
 *
 * @module
 */

import type { DecimalSign } from "../import/profile/money_text.ts";
import type { TimeForm } from "../import/profile/time_text.ts";
import type { Delimiter } from "../import/source_row.ts";
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

/** A column of an amount that has a sign of its own: what went is a `-`, whatever the column says. */
export interface SignedColumn {
  /** Its name in the header. */
  column: string;
  /** What its amounts count as. */
  sign: "+" | "-";
}

/** Our columns whose amounts may stand in several of theirs, as debits and credits do. */
export const splitColumns = ["gross", "net", "amount"] as const satisfies readonly ReportColumn[];

/** One of {@linkcode splitColumns}. */
export type SplitColumn = typeof splitColumns[number];

/** Our columns that several of theirs may fill together: texts with a blank between them, and fees added up. */
export const togetherColumns = [
  "entry",
  "category",
  "at",
  "fee",
] as const satisfies readonly ReportColumn[];

/** One of {@linkcode togetherColumns}. */
export type TogetherColumn = typeof togetherColumns[number];

/** Our columns that all lines of a report may have alike. */
export const constantColumns = ["category", "currency"] as const satisfies readonly ReportColumn[];

/** Rows that are no lines of the provider's books: they move no money, or only add up what others tell. */
export interface SkippedRows {
  /** Its name in the header. */
  column: string;
  /** What it says of such rows, in any case. */
  words: readonly string[];
}

/** A column that says which way an amount without a sign of its own goes. */
export interface Direction {
  /** Its name in the header. */
  column: string;
  /** What it says where the amount lowers the balance, in any case; any other word raises it. */
  down: readonly string[];
}

/** Our columns that may have a {@linkcode Direction}. */
export const directedColumns = ["gross", "fee"] as const satisfies readonly ReportColumn[];

/** One of {@linkcode directedColumns}. */
export type DirectedColumn = typeof directedColumns[number];

/** What a profile may say of a file's bytes, by the names that its document has for it. */
export interface ReportFile {
  /** Label of the encoding standard, such as `windows-1252`. */
  encoding?: string;
  /** What stands between fields. */
  delimiter?: Delimiter;
  /** Line that the header stands on, from 1. */
  header_line?: number;
  /** Of a workbook: the sheet with the lines, by its name or its place from 1. */
  sheet?: string;
}

/** See `docs/reconciling.md`. */
export interface ReportProfile {
  /** Of this form of profiles. */
  version: 1;
  /** Lower case. */
  name: string;
  /** How the bytes are read; what is absent is found out. */
  file?: ReportFile;
  /** Names in the header that make a file one of this kind: all of them, in any case. */
  recognisedBy?: readonly string[];
  /**
   * For each of ours the names of theirs: the first that is not empty counts; of `charge` all of them are names. Where one of
   * an amount's columns has a sign, a zero counts as empty as long as another one says an amount. A list in the place of a
   * name is of columns that are one together.
   */
  columns:
    & {
      readonly [Column in Exclude<ReportColumn, SplitColumn | TogetherColumn>]?: readonly string[];
    }
    & { readonly [Column in TogetherColumn]?: readonly (string | readonly string[])[] }
    & { readonly [Column in SplitColumn]?: readonly (string | SignedColumn)[] };
  /** Names of `columns` without which a report is one of the form all the same; one without any other is refused. */
  optional?: readonly string[];
  /** What counts for a line that says nothing else. */
  constants?: { readonly [Column in typeof constantColumns[number]]?: string };
  /** Rows that are passed over, as those of payments that failed, and of totals. */
  skip?: readonly SkippedRows[];
  /** Which way amounts go that have no sign of their own; of fees, `down` is what is kept. */
  directions?: { readonly [Column in DirectedColumn]?: Direction };
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

/** Columns that a report is nothing without; of gross and net one is enough, as fees lead from one to the other. */
export const neededColumns = ["category", "at", "gross", "currency"] as const;
