/**
 * Answers that are CSV files, sent while they are read.
 *
 * @module
 */

import type { Context } from "hono";
import { messageOf } from "../../../domain/errors.ts";
import { csvLine } from "../../../domain/import/csv_text.ts";
import { spreadsheetText } from "../../../domain/import/spreadsheet_text.ts";
import type { AppDeps } from "../../deps.ts";

/** A file to be sent. */
export interface CsvFile {
  /** As it is to be saved. */
  name: string;
  /** The names of the columns, in their order. */
  columns: readonly string[];
  /**
   * The next rows, by the names of the columns: numbers, text and null. Nothing may be held between two calls,
   * because a slow reader may let a long time pass.
   *
   * @returns undefined after the last; an empty page is not the last one
   */
  nextPage: () => Promise<readonly CsvRecord[] | undefined>;
}

/** One row, by the names of the columns. */
export type CsvRecord = Readonly<Record<string, string | number | null | undefined>>;

/**
 * Sends a file page after page, the next one when the reader has taken the one before, so memory does not grow
 * with the file. A reader that hangs up ends the reading. The first page is read before the answer begins: an
 * engine that is away is a problem document as everywhere. An error after that, or the end of the process,
 * breaks the connection, so that a part is never taken for the whole.
 *
 * Text is made safe for spreadsheets, see {@linkcode spreadsheetText}; numbers and times are never touched.
 */
export async function csvDownload(
  c: Context,
  { log, stopping }: Pick<AppDeps, "log" | "stopping">,
  { name, columns, nextPage }: CsvFile,
): Promise<Response> {
  const first = await nextPage();
  const headers = {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": `attachment; filename="${name}"`,
  };
  if (c.req.method === "HEAD") return c.body(null, 200, headers);

  const encoder = new TextEncoder();
  const written = (page: readonly CsvRecord[], withHeader: boolean) => {
    const lines = page.map((row) => csvLine(columns.map((name) => safeField(row[name])), "\r\n"));
    return encoder.encode((withHeader ? csvLine(columns, "\r\n") : "") + lines.join(""));
  };
  let isGone = false;
  let head: typeof first | null = first;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (head !== null) {
        controller.enqueue(written(head ?? [], true));
        if (head === undefined) controller.close();
        head = null;
        return;
      }
      try {
        while (!isGone) {
          if (stopping?.aborted) throw new Error("The process is stopping");
          const page = await nextPage();
          if (isGone) return;
          if (page === undefined) return controller.close();
          if (page.length > 0) return controller.enqueue(written(page, false));
        }
      } catch (error) {
        log.warn("a file was broken off", { file: name, error: messageOf(error) });
        // Deno prints what a body fails with: a sentence then, and no stack.
        controller.error(`Cannot send the rest of ${name}: ${messageOf(error)}`);
      }
    },
    cancel: () => {
      isGone = true;
    },
  }, { highWaterMark: 0 });
  return c.body(body, 200, headers);
}

function safeField(value: CsvRecord[string]): string | number | null {
  return typeof value === "string" ? spreadsheetText(value) : value ?? null;
}
