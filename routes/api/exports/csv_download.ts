/**
 * Answers that are CSV files, sent while they are read.
 *
 * @module
 */

import type { Context } from "hono";
import { messageOf } from "../../../domain/errors.ts";
import { csvLine } from "../../../domain/import/csv_text.ts";
import { spreadsheetText } from "../../../domain/import/spreadsheet_text.ts";
import type { SharedPlaces } from "../../../domain/operation/shared_places.ts";
import type { AppDeps } from "../../deps.ts";
import { piecedBody, takeFilePlace } from "../../middleware/read_answer.ts";

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
 * with the file; only so many files are sent at once. A reader that hangs up, or reads nothing for half a minute, ends the
 * reading. The first page is read before the answer begins: an engine that is away is a problem document as
 * everywhere. An error after that, or the end of the process, breaks the connection, so that a part is never taken for
 * the whole.
 *
 * Text is made safe for spreadsheets, see {@linkcode spreadsheetText}; numbers and times are never touched.
 *
 * @param options of tests: other places, and another time for readers
 * @throws {WorkflowError} `unavailable` where too many files are sent
 */
export async function csvDownload(
  c: Context,
  { log, stopping }: Pick<AppDeps, "log" | "stopping">,
  { name, columns, nextPage }: CsvFile,
  { places, silentMs }: { places?: SharedPlaces; silentMs?: number } = {},
): Promise<Response> {
  const headers = {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": `attachment; filename="${name}"`,
  };
  const leave = takeFilePlace(c, places);
  let first: readonly CsvRecord[] | undefined;
  try {
    first = await nextPage();
  } catch (error) {
    leave();
    throw error;
  }
  if (c.req.method === "HEAD") {
    leave();
    return c.body(null, 200, headers);
  }

  const encoder = new TextEncoder();
  const written = (page: readonly CsvRecord[]) =>
    page.map((row) => csvLine(columns.map((name) => safeField(row[name])), "\r\n")).join("");
  let isBegun = false;
  const body = piecedBody({
    async next() {
      if (!isBegun) {
        isBegun = true;
        const head = encoder.encode(csvLine(columns, "\r\n") + written(first ?? []));
        if (first !== undefined) first = [];
        return head;
      }
      if (first === undefined) return undefined;
      const page = await nextPage();
      return page && encoder.encode(written(page));
    },
    onBreak: (error) => log.warn("a file was broken off", { file: name, error: messageOf(error) }),
    onEnd: leave,
    stopping,
    silentMs,
  });
  return c.body(body, 200, headers);
}

function safeField(value: CsvRecord[string]): string | number | null {
  return typeof value === "string" ? spreadsheetText(value) : value ?? null;
}
