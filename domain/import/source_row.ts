/**
 * An order file of any form as records, before it is known what its columns mean.
 *
 * @module
 */

import type { Fault } from "../errors.ts";

/** A record as it stands in a file of any form. */
export interface SourceRow {
  /** Line of the file that it begins on, from 1; of a workbook, its row. */
  line: number;
  /** Not trimmed; may be fewer or more than the header has. */
  fields: readonly string[];
  /** All of them as one text, where the delimiter alone stands between them; it may be absent nevertheless. */
  plain?: string;
  /**
   * Why it can't be read for what it is, with the remedy, such as a quotation mark inside a field or too few fields:
   * its whole order is rejected. Undefined for a sound record.
   */
  fault?: string;
  /** Nobody is likely to ask for the fields again: where they can be had once more, they need not be held. */
  release?(): void;
}

/** A record as its reader gives it. */
export interface SourceRecord {
  /** That it begins on, from 1. */
  line: number;
  /** As they stand in the file. */
  fields: string[];
  /** Its text, where the delimiter alone stands between its fields. */
  plain?: string;
  /** Its text, where it goes over several lines or has a problem. */
  text?: string;
  /** Why it is none. */
  problem?: string;
}

/** What may stand between fields, in the order of how often it does. */
export const delimiters = [",", ";", "\t", "|"] as const;

/** What stands between fields. */
export type Delimiter = typeof delimiters[number];

/** How the bytes of a file are to be read. */
export interface SourceForm {
  /** What the file is wrapped in. */
  container: "plain" | "gzip" | "zip" | "xlsx";
  /** Label of the encoding standard, such as `utf-8`, `utf-16le` or `windows-1252`. */
  encoding: string;
  /** What stands between fields. */
  delimiter: Delimiter;
  /** Line that the header stands on, from 1: what is above it are titles. */
  headerLine: number;
  /** The sheet of a workbook, by its name; where it is told, its place from 1 will do. */
  sheet?: string;
}

/** An amount of a workbook's cell. */
export interface StoredAmount {
  /** As it is stored, `28.815`. */
  text: string;
  /** Row of its sheet, from 1. */
  line: number;
}

/** What a column of a workbook has, as far as the texts of its cells do not tell. */
export interface StoredCells {
  /** Numbers with a point. They say nothing of how its texts are written. */
  hasParts: boolean;
  /** The first number with three decimals, which as a text could as well be some thousand. */
  fraction?: StoredAmount;
  /** The first text that could be either. */
  thousand?: StoredAmount;
}

/** Something about a file that only its owner can know; nothing is imported before it is settled. */
export interface OpenQuestion {
  /** The profile's setting that answers it, such as `money.decimal` or `time.order`. */
  setting: string;
  /** What is to be decided, with values of the file. */
  question: string;
  /** What the setting may be, with what the samples would mean then. */
  candidates: readonly { value: string; meaning: string }[];
  /** What each of the candidates is to be said of, where the setting is a list of words: `status`. */
  words?: readonly { word: string; rows: number; line: number }[];
}

/** A question as a fault: the setting, what is asked, and what it may be. */
export function questionFault({ setting, question, candidates }: OpenQuestion): Fault {
  const may = candidates.map(({ value, meaning }) => `${value} (${meaning})`).join(", or ");
  return { at: setting, detail: may === "" ? question : `${question}: ${may}` };
}
