/**
 * Opens a file of orders of any form: in this product's own columns, or in others that a profile explains.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { type Fault, WorkflowError } from "../../domain/errors.ts";
import { isImportColumn } from "../../domain/import/csv_columns.ts";
import { planHash } from "../../domain/import/plan_hash.ts";
import { isOfPayment } from "../../domain/import/profile/payment_column.ts";
import { suspicionOf } from "../../domain/import/profile/suspicious_column.ts";
import { totalOf } from "../../domain/import/profile/total_names.ts";
import { questionFault } from "../../domain/import/source_row.ts";
import { namedAmount } from "../../domain/money.ts";
import { latestPlacedAt } from "../../domain/order/placed_at.ts";
import { counted } from "../../domain/text/plural.ts";
import { visibleText } from "../../domain/text/visible_text.ts";
import { inLongTurns } from "../timing/take_turns.ts";
import { type ImportFile, openImportFile } from "./import_file.ts";
import type { ImportOptions, ImportProgress } from "./import_options.ts";
import type { OtherFile, OtherFileOptions } from "./other_file.ts";

/** A file of orders. */
export interface OrderFile extends ImportFile {
  /** How it is read, where it is not in the own form; undefined where it is. */
  other: OtherFile | undefined;
  /**
   * See {@linkcode planHash}; undefined where something is in question, and of a file in the own form where it was not
   * asked for.
   */
  plan: string | undefined;
}

/** How a file is opened. */
export interface OrderFileOptions extends OtherFileOptions {
  /** Work out the plan of a file in the own form as well. */
  wantsPlan?: boolean;
}

/**
 * Reads a file to its end, so that it is known to be one of orders before anything is made of it. Nothing is loaded
 * for other forms where the file is in the own one.
 *
 * @throws {WorkflowError} `invalid`, with all that is wrong
 * @throws what the source throws
 */
export async function openOrderFile(
  source: ReadableStream<Uint8Array>,
  options: OrderFileOptions,
): Promise<OrderFile> {
  const { profile, sheet, settings, limits, onProgress } = options;
  if (profile !== undefined || sheet !== undefined || settings !== undefined) {
    const other = await (await import("./other_file.ts")).openOtherFile(source, options);
    return { ...other.file, other, plan: other.plan };
  }
  let other: OtherFile | undefined;
  const hash = options.wantsPlan === true ? createHash("sha256") : undefined;
  const file = await openImportFile(source, {
    limits,
    onProgress,
    onPiece: hash === undefined ? undefined : (bytes) => hash.update(bytes),
    otherBy: meaningfulColumn,
    async openOther(form) {
      other = await (await import("./other_file.ts")).openOtherFile(form, options);
      return other.file;
    },
  });
  const plan = other === undefined && hash !== undefined
    ? planHash(hash.digest("hex"), null, options.planned)
    : other?.plan;
  return { ...file, other, plan };
}

/**
 * Why a file in the own columns has to be read like any other. An order that its shop has cancelled or paid back must not be
 * charged, and one that comes to something else than its own total must not be booked: what such a column says can't be
 * passed over.
 */
function meaningfulColumn(header: readonly string[]): string | undefined {
  const others = [...new Set(header)].filter((name) => !isImportColumn(name));
  const status = others.find((name) => {
    const suspicion = suspicionOf(name);
    return suspicion === "status" || suspicion === "refund" || isOfPayment(name);
  });
  if (status !== undefined) return `column ${status} says what became of an order`;
  const total = others.find((name) => totalOf(name) !== undefined);
  return total === undefined ? undefined : `column ${total} says what an order comes to`;
}

/**
 * Makes sure that a file may be imported: nothing about it is in question, and one that was read by a profile was seen
 * in a preview, or somebody named the profile and said yes. A trial needs neither.
 *
 * @throws {WorkflowError} `invalid` where it may not, with every question among the faults
 */
export function requirePlan(
  { other, plan }: OrderFile,
  options: Pick<ImportOptions, "name" | "profile" | "plan" | "yes" | "dryRun">,
): void {
  const refuse = (message: string, faults: Fault[] = []) => {
    throw new WorkflowError("invalid", `Cannot import ${options.name}: ${message}`, faults);
  };
  if (other !== undefined && other.questions.length > 0) {
    const asked = other.questions.map(questionFault);
    const rest = asked.length === 1 ? "" : `, and ${asked.length - 1} more to settle`;
    const [{ at, detail }] = asked as [Fault];
    const { reason } = other;
    const because = reason === undefined ? "" : `${reason.message}; `;
    const next =
      "; a preview tells all of it. Answer it by --set SETTING=VALUE (over HTTP set=), such as --set time.zone=UTC; or a preview gives a profile to answer it in (--preview --save-profile=mine.json, then " +
      "--profile=mine.json; over HTTP preview=true, then the field profile)";
    return refuse(`${because}${at}: ${detail}${rest}${next}`, [...reason?.faults ?? [], ...asked]);
  }
  if (options.plan !== undefined) {
    if (options.plan.toLowerCase() === plan) return;
    const detail =
      "is not the plan of this file as it is read now: the file, its profile or an option was changed, preview it again";
    return refuse(`the plan ${detail}`, [{ at: "plan", detail }]);
  }
  if (other === undefined || other.isCertain || options.dryRun === true) return;
  const { name } = other.file.settings;
  if (options.yes === true && options.profile !== undefined) {
    const unread = other.unreadMoney;
    if (unread === undefined) return;
    const detail =
      `column ${unread.name} (${
        unread.samples.join(", ")
      }) looks like ${unread.suspicious}, the profile ${name} says ` +
      "nothing of it and names no total that would show whether it matters: say in the profile what it is, or put it " +
      'under "ignore"; a preview and its plan import the file as it is';
    return refuse(detail, [{ at: "header", detail }]);
  }
  const isWorkbook = other.table.form.container === "xlsx";
  const what = isWorkbook ? "this is an Excel workbook; it" : "it";
  const orCsv = isWorkbook ? ", or save it as CSV UTF-8 and import that" : "";
  const detail = options.profile === undefined
    ? `${what} looks like a file of the profile ${name} (${other.why}); see what it would book by a preview (--preview, ` +
      "over HTTP preview=true), then import it with the plan that ends it (--plan=HASH), or by " +
      `--profile=${name} --yes${orCsv}`
    : `a file that is read by a profile is imported with the plan that ends its preview (--preview, then --plan=HASH), ` +
      "or with --yes";
  return refuse(detail, [{ at: "plan", detail }]);
}

/**
 * Makes sure that no column which looks like a total, and is not used, contradicts what would be booked of a file that
 * nobody has seen in a preview. Only a file that has such a column is read once more for it.
 *
 * @throws {WorkflowError} `invalid` where one does, with how many orders and the largest difference
 */
export async function requireTotals(
  { other }: OrderFile,
  options: Pick<ImportOptions, "name" | "keepGoodRows" | "plan" | "dryRun" | "signal">,
): Promise<void> {
  const isSeen = options.plan !== undefined || options.dryRun === true;
  if (other === undefined || isSeen || !other.file.hasUnusedTotals) return;
  const { file } = other;
  const decide = {
    keepGoodRows: options.keepGoodRows ?? false,
    latestPlacedAt: latestPlacedAt(Date.now()),
  };
  for await (const { orders, oversized } of file.groups(options.signal)) {
    if (oversized !== undefined) continue;
    for (const rows of orders) {
      for (const _ of file.form.steps(rows, decide));
    }
  }
  const faults = file.contradictingTotals().map(({ name, named, agree, largest }): Fault => ({
    at: "header",
    detail:
      `column ${visibleText(name)} looks like a total and is not used, and ${named - agree} of ${
        counted(named, "order")
      } would be booked otherwise than it says` +
      (largest === undefined
        ? ""
        : `, the largest difference is ${
          namedAmount(largest.differenceCents, largest.currency)
        }, of ${visibleText(largest.externalOrderId)}`) +
      ': say in the profile what it is, or put it under "ignore"; a preview and its plan import the file as it is',
  }));
  if (faults.length === 0) return;
  const list = faults.map(({ detail }) => detail).join("; ");
  throw new WorkflowError("invalid", `Cannot import ${options.name}: ${list}`, faults);
}

/**
 * Opens the file of an import, which tells how far it is.
 *
 * @throws {WorkflowError} `invalid`, with the file's name and all that is wrong
 * @throws the reason of the signal, when it aborts
 */
export async function openNamedFile(
  source: ReadableStream<Uint8Array>,
  progress: ImportProgress,
  options: Pick<
    ImportOptions,
    | "name"
    | "profile"
    | "sheet"
    | "settings"
    | "keepGoodRows"
    | "replace"
    | "limits"
    | "signal"
    | "onProgress"
    | "alone"
  >,
  { wantsPlan, asksForColumns }: { wantsPlan: boolean; asksForColumns?: boolean },
): Promise<OrderFile> {
  const { name, limits, signal, profile, sheet, settings, keepGoodRows, replace, onProgress } =
    options;
  const open = () =>
    openOrderFile(source, {
      profile,
      sheet,
      settings,
      planned: { keepGoodRows, replace },
      wantsPlan,
      asksForColumns,
      signal,
      limits: limits?.file,
      onProgress({ bytes, unpackedBytes, rows }) {
        progress.bytesRead = bytes;
        progress.unpackedBytes = unpackedBytes;
        progress.rowsRead = rows;
        onProgress?.(progress);
        signal?.throwIfAborted();
      },
    });
  try {
    return await (options.alone === true ? inLongTurns(open) : open());
  } catch (error) {
    // An answer to whoever asked for it, and no refusal.
    if (!(error instanceof WorkflowError) || asksForColumns && "found" in error) throw error;
    throw new WorkflowError(error.code, `Cannot import ${name}: ${error.message}`, error.faults);
  }
}
