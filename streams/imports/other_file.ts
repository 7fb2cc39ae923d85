/**
 * Opens a file of orders that is not in this product's own form: as a table first, then by a profile.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import type { PreviewColumn } from "../../domain/import/import_preview.ts";
import { planHash, type PlannedOptions } from "../../domain/import/plan_hash.ts";
import { planColumns } from "../../domain/import/profile/column_plan.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import { proposeProfile } from "../../domain/import/profile/shipped_profiles.ts";
import type { OpenQuestion } from "../../domain/import/source_row.ts";
import type { ImportFileLimits, OtherForm } from "./import_file.ts";
import { lookByProfile, type ProfiledFile, type ProfileLook } from "./profiled_file.ts";
import {
  openSourceTable,
  type SourceTable,
  type SourceTableOptions,
  tableOf,
} from "./source_table.ts";
import { beginningProfile, columnsQuestion, sampleColumns, UnmappedFile } from "./unmapped_file.ts";

/** How such a file is opened. */
export interface OtherFileOptions {
  /** Part of its plan. */
  planned?: PlannedOptions;
  /** What its columns mean; undefined where that is to be found out. */
  profile?: ImportProfile;
  /** Refuse a file whose columns are not all known by an {@linkcode UnmappedFile}, once it was read. */
  asksForColumns?: boolean;
  /** Is told how much was read. */
  onProgress: (read: { bytes: number; unpackedBytes: number; rows: number }) => void;
  signal?: AbortSignal;
  /** For tests: how much is kept in memory. */
  limits?: ImportFileLimits;
}

/** A file that is read by a profile. */
export interface OtherFile {
  file: ProfiledFile;
  table: SourceTable;
  /** By what the profile was recognised, for people; null where somebody named it. */
  why: string | null;
  /** Why it is not in the own form, where it has the own columns; undefined for any other file. */
  reason: WorkflowError | undefined;
  /** What only the file's owner can know, of its bytes and of its columns. */
  questions: readonly OpenQuestion[];
  /** See `plan_hash.ts`; undefined while something is in question. */
  plan: string | undefined;
  /** True where nothing about it could be read in another way: the own columns, in other bytes or with faults. */
  isCertain: boolean;
}

/**
 * Opens such a file.
 *
 * @param source the file, or all of its bytes with the reason why they are not in the own form
 * @throws {WorkflowError} `invalid`, with all that is wrong
 */
export async function openOtherFile(
  source: ReadableStream<Uint8Array> | OtherForm,
  { profile, planned, asksForColumns, onProgress, signal, limits }: OtherFileOptions,
): Promise<OtherFile> {
  const reason = "spool" in source ? source.reason : undefined;
  let why: string | null = null;
  let look: ProfileLook | undefined;
  let unmapped: ((table: SourceTable) => UnmappedFile) | undefined;
  const options: SourceTableOptions = {
    form: profile?.file,
    onProgress,
    signal,
    limits: { spoolBytes: limits?.spool },
    look(header, form) {
      const found = profile === undefined ? proposeProfile(header) : { profile, why: null };
      try {
        if (found === undefined) throw unknownForm(header, reason);
        why = found.why;
        look = onLine(form.headerLine, () => lookByProfile(found.profile, header, limits));
        return look.note;
      } catch (error) {
        if (asksForColumns !== true || !(error instanceof WorkflowError)) throw error;
        const samples = sampleColumns(header);
        unmapped = (table) =>
          unmappedFile(error, table, samples.columns(), found?.profile ?? beginningProfile(header));
        return samples.note;
      }
    },
  };
  const table = "spool" in source
    ? await tableOf(source, options)
    : await openSourceTable(source, options);
  try {
    if (unmapped !== undefined) throw unmapped(table);
    const file = look!.finish(table, limits);
    const questions = [...table.questions, ...file.questions];
    return {
      file,
      table,
      why,
      reason: reason?.faults[0]?.at === "line 1" ? undefined : reason,
      questions,
      plan: questions.length > 0 ? undefined : planHash(table.sha256, file.settings, planned),
      isCertain: profile === undefined && table.form.container !== "xlsx" &&
        isOwnForm(file.settings),
    };
  } catch (error) {
    table.close();
    throw error;
  }
}

function unmappedFile(
  { message, faults }: WorkflowError,
  { form, notes, totalRows, questions }: SourceTable,
  columns: PreviewColumn[],
  profile: ImportProfile,
): UnmappedFile {
  const plan = planColumns(profile, columns.map(({ name }) => name));
  const lacks = Array.isArray(plan) ? plan : [message];
  return new UnmappedFile(message, faults, {
    form,
    notes,
    rows: totalRows,
    columns,
    profile,
    questions: [columnsQuestion(lacks), ...questions],
  });
}

/** Does work that may find a line wrong, and says which. */
function onLine<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    throw new WorkflowError(error.code, `line ${line}: ${error.message}`, error.faults);
  }
}

/** Whether every value is read as the own form has it. */
function isOwnForm({ name, money, time, fillDown }: ImportProfile): boolean {
  return name === "native" && money?.in !== "units" && fillDown !== "order" &&
    (time?.order === undefined || time.order === "ymd") && time?.numbers === undefined &&
    (time?.zone === undefined || time.zone === "UTC");
}

function unknownForm(
  header: readonly string[],
  reason: WorkflowError | undefined,
): WorkflowError {
  const remedy =
    "describe its columns in a profile (--profile=FILE.json, over HTTP the field profile), or give it " +
    "the importer's own columns";
  const what = reason?.message ?? `no known form has the columns ${header.slice(0, 10).join(", ")}`;
  return new WorkflowError("invalid", `${what}; ${remedy}`, reason?.faults ?? []);
}
