/**
 * Opens a file of orders that is not in this product's own form: as a table first, then by a profile.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import type { PreviewColumn } from "../../domain/import/import_preview.ts";
import { planHash, type PlannedOptions } from "../../domain/import/plan_hash.ts";
import { planFile } from "../../domain/import/profile/plan_file.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import { visibleText } from "../../domain/text/visible_text.ts";
import { proposeProfile } from "../../domain/import/profile/shipped_profiles.ts";
import type { OpenQuestion } from "../../domain/import/source_row.ts";
import type { ImportFileLimits, OtherForm } from "./import_file.ts";
import {
  lookByProfile,
  type ProfiledFile,
  type ProfileLook,
  type UnusedColumn,
} from "./profiled_file.ts";
import {
  openSourceTable,
  type SourceTable,
  type SourceTableOptions,
  tableOf,
} from "./source_table.ts";
import type { NamedSettings } from "./import_options.ts";
import { SheetQuestion } from "./sheet_question.ts";
import {
  beginning,
  beginningProfile,
  columnsQuestion,
  sampleColumns,
  UnmappedFile,
} from "./unmapped_file.ts";

/** How such a file is opened. */
export interface OtherFileOptions {
  /** Part of its plan. */
  planned?: PlannedOptions;
  /** What its columns mean; undefined where that is to be found out. */
  profile?: ImportProfile;
  /** The sheet of a workbook, by its name or its place from 1; undefined where that is to be found out. */
  sheet?: string;
  /** Settings of whatever profile it is read by. */
  settings?: NamedSettings;
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
  /** A column that may be part of what orders cost, and that nothing is said of; undefined where there is none. */
  unreadMoney: UnusedColumn | undefined;
}

/**
 * Opens such a file.
 *
 * @param source the file, or all of its bytes with the reason why they are not in the own form
 * @throws {WorkflowError} `invalid`, with all that is wrong
 */
export async function openOtherFile(
  source: ReadableStream<Uint8Array> | OtherForm,
  options: OtherFileOptions,
): Promise<OtherFile> {
  const { profile: given, planned, sheet, settings, asksForColumns, onProgress, signal, limits } =
    options;
  const told = (profile: ImportProfile) =>
    withSheet(settings === undefined ? profile : settings.apply(profile), sheet);
  const profile = given && told(given);
  const reason = "spool" in source ? source.reason : undefined;
  let why: string | null = null;
  let look: ProfileLook | undefined;
  let unmapped: ((table: SourceTable) => UnmappedFile) | undefined;
  const tableOptions: SourceTableOptions = {
    form: { ...profile?.file, ...settings?.file, ...(sheet === undefined ? {} : { sheet }) },
    onProgress,
    signal,
    limits: { spoolBytes: limits?.spool },
    look(header, form) {
      const found = profile === undefined ? proposedBy(header, told) : { profile, why: null };
      try {
        if (found === undefined) throw unknownForm(header, reason);
        why = found.why;
        look = onLine(form.headerLine, () => lookByProfile(found.profile, header, limits));
        return look.note;
      } catch (error) {
        if (asksForColumns !== true || !(error instanceof WorkflowError)) throw error;
        const samples = sampleColumns(header);
        unmapped = (table) =>
          unmappedFile(
            error,
            table,
            samples.columns(),
            found?.profile ?? told(beginningProfile(header)),
          );
        return samples.note;
      }
    },
  };
  const opening = "spool" in source
    ? tableOf(source, tableOptions)
    : openSourceTable(source, tableOptions);
  const table = await opening.catch((error) => {
    throw asksForColumns === true && error instanceof SheetQuestion ? askedSheet(error) : error;
  });
  try {
    if (unmapped !== undefined) throw unmapped(table);
    const file = look!.finish(table, limits);
    const questions = [...table.questions, ...file.questions];
    return {
      file,
      table,
      why,
      // What another shop's columns lack of the own ones is no reason.
      reason: file.settings.name === "native" && reason?.faults[0]?.at !== "line 1"
        ? reason
        : undefined,
      questions,
      plan: questions.length > 0 ? undefined : planHash(table.sha256, file.settings, planned),
      isCertain: profile === undefined && table.form.container !== "xlsx" &&
        isOwnForm(file.settings),
      unreadMoney: unreadMoney(file),
    };
  } catch (error) {
    table.close();
    throw error;
  }
}

/** The profile that a header looks like, with what was told of it. */
function proposedBy(header: readonly string[], told: (profile: ImportProfile) => ImportProfile) {
  const proposed = proposeProfile(header);
  return proposed && { ...proposed, profile: told(proposed.profile) };
}

/**
 * The first column that looks as though it were part of what orders cost, has amounts, and is passed over in a file that names no
 * totals: one that the shop has added or renamed since, with nobody there to see that it is not used.
 */
function unreadMoney({ usedColumns, unusedColumns }: ProfiledFile): UnusedColumn | undefined {
  if (usedColumns.some(({ fills }) => fills.includes("order_total"))) return;
  return unusedColumns.find(({ suspicious, samples }) =>
    suspicious !== undefined && samples.some((sample) => /[1-9]/.test(sample))
  );
}

/** A profile that says which sheet it is about: what is read of a file is part of its plan. */
function withSheet(profile: ImportProfile, sheet: string | undefined): ImportProfile {
  return sheet === undefined ? profile : { ...profile, file: { ...profile.file, sheet } };
}

/** A workbook of which nothing can be told before its sheet is known. */
function askedSheet({ message, faults, question }: SheetQuestion): UnmappedFile {
  return new UnmappedFile(message, faults, {
    form: { container: "xlsx", encoding: "utf-8", delimiter: ",", headerLine: 1 },
    notes: [],
    rows: 0,
    columns: [],
    profile: undefined,
    questions: [question],
  });
}

function unmappedFile(
  { message, faults }: WorkflowError,
  { form, notes, totalRows, questions }: SourceTable,
  columns: PreviewColumn[],
  profile: ImportProfile,
): UnmappedFile {
  const plan = planFile(profile, columns.map(({ name }) => name));
  const lacks = Array.isArray(plan) ? plan : [message];
  const proposed = Object.entries(profile.columns)
    .map(([ours, theirs]) =>
      `${theirs.map((one) => visibleText([one].flat().join(" + "))).join(" / ")} as ${ours}`
    );
  const isProposed = profile.name === beginning && proposed.length > 0;
  return new UnmappedFile(message, faults, {
    form,
    notes: isProposed
      ? [...notes, `proposed by their names, to be looked at: ${proposed.join(", ")}`]
      : notes,
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

/** Columns that are named of a file whose form is not known. */
const maxNames = 20;

function unknownForm(
  header: readonly string[],
  reason: WorkflowError | undefined,
): WorkflowError {
  const remedy =
    "describe its columns in a profile (--preview --save-profile=mine.json shows them and writes one to begin with, " +
    "--profile=mine.json reads it; over HTTP preview=true and the field profile), or give it the importer's own columns";
  const names = header.slice(0, maxNames).map((name) => visibleText(name)).join(", ");
  const more = header.length > maxNames ? `, and ${header.length - maxNames} more` : "";
  const has = `the file has ${names}${more}`;
  // That it is not UTF-8, or without commas, is no reason once it was read as a table.
  if (reason?.message.endsWith("are missing") === true) {
    return new WorkflowError("invalid", `${reason.message}; ${remedy}; ${has}`, reason.faults);
  }
  const detail = `its columns are of no known form: ${has}`;
  return new WorkflowError("invalid", `${detail}; ${remedy}`, [{ at: "header", detail }]);
}
