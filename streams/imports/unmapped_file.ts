/**
 * A file of which too little is known to make orders of it: its columns with their values, for a person who says what
 * they are.
 *
 * @module
 */

import { type Fault, WorkflowError } from "../../domain/errors.ts";
import type { PreviewColumn } from "../../domain/import/import_preview.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import { usualColumns } from "../../domain/import/profile/usual_names.ts";
import { native } from "../../domain/import/profile/shipped/native.ts";
import type { OpenQuestion, SourceForm, SourceRow } from "../../domain/import/source_row.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { ownCopy } from "../../domain/text/own_copy.ts";

/** Different values of a column that are shown. */
const maxSamples = 3;

/** Characters of a value. */
const maxCharacters = 60;

/** What is known of such a file. */
export interface UnmappedColumns {
  form: SourceForm;
  notes: readonly string[];
  rows: number;
  columns: PreviewColumn[];
  /** As far as it goes, to be completed; undefined where the columns are not known either. */
  profile: ImportProfile | undefined;
  questions: readonly OpenQuestion[];
}

/** The refusal of such a file, with what a person has to see to complete its profile. */
export class UnmappedFile extends WorkflowError {
  constructor(message: string, faults: readonly Fault[], readonly found: UnmappedColumns) {
    super("invalid", message, [...faults]);
  }
}

/** Keeps the first values of each column. */
export function sampleColumns(header: readonly string[]): {
  note(rows: readonly SourceRow[]): void;
  columns(): PreviewColumn[];
} {
  const samples: string[][] = header.map(() => []);
  let open = header.map((_, place) => place);
  return {
    note(rows) {
      for (const { fields, fault } of rows) {
        if (open.length === 0) return;
        if (fault !== undefined) continue;
        for (const place of open) {
          const text = cutText((fields[place] ?? "").trim(), maxCharacters);
          if (text !== "" && !samples[place]!.includes(text)) samples[place]!.push(ownCopy(text));
        }
        open = open.filter((place) => samples[place]!.length < maxSamples);
      }
    },
    columns: () => header.map((name, place) => ({ name, samples: samples[place]! })),
  };
}

/** What such a profile is called. */
export const beginning = "mine";

/**
 * A profile to begin with, for a person to complete: what has the importer's own names is taken for that, and what is
 * usually called so is proposed. No file is imported by it before somebody has saved or seen it.
 */
export function beginningProfile(header: readonly string[]): ImportProfile {
  const names = new Set(header.map((name) => name.trim().toLowerCase()));
  const own = Object.fromEntries(
    Object.entries(native.columns).filter(([, theirs]) =>
      theirs.flat().some((name) => names.has(name.toLowerCase()))
    ),
  );
  return { version: 1, name: beginning, columns: { ...usualColumns(header), ...own } };
}

/** What is to be said of a file before anything else. */
export function columnsQuestion(lacks: readonly string[]): OpenQuestion {
  return { setting: "columns", question: lacks.join("; "), candidates: [] };
}
