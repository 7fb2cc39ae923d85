/**
 * Writes the rows that an import did not take, with the reasons, to a CSV file that can be mended and
 * imported again.
 *
 * @module
 */

import { originalPlaces, rejectColumns } from "../domain/csv_columns.ts";
import { csvLine } from "../domain/csv_text.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import type { RejectedRow } from "../domain/order_csv.ts";

/** See {@linkcode openRejectsFile}. */
export interface RejectsFile {
  /** Takes rows; those that are held together come into the file by their lines. */
  add(rows: readonly RejectedRow[]): Promise<void>;
  /** Completes the file and gives it its name. */
  finish(): Promise<void>;
  /** Closes and removes what is unfinished. After `finish` it does nothing. */
  discard(): Promise<void>;
}

/** Rows that are held to be sorted. */
const rowsPerWrite = 10_000;

/**
 * Begins a rejects file under the name `PATH.partial`; an earlier file under its final name stays until this
 * one is complete. A crash leaves the `.partial` file, which the next run writes anew.
 *
 * @param header of the imported file; its columns `line` and `reason`, if it is an earlier rejects file, are
 * replaced
 * @throws {WorkflowError} `bad_request` when the file can't be created
 */
export async function openRejectsFile(
  path: string,
  header: readonly string[],
): Promise<RejectsFile> {
  const partial = `${path}.partial`;
  const places = originalPlaces(header);
  const encoder = new TextEncoder();
  let file: Deno.FsFile;
  try {
    file = await Deno.open(partial, { write: true, create: true, truncate: true });
  } catch (error) {
    throw new WorkflowError(
      "bad_request",
      `Cannot write the rejects file ${path}: ${messageOf(error)}`,
    );
  }
  let held: RejectedRow[] = [];
  let isOpen = true;

  const write = async (text: string) => {
    const bytes = encoder.encode(text);
    for (let written = 0; written < bytes.length;) {
      written += await file.write(bytes.subarray(written));
    }
  };
  const writeHeld = async () => {
    const rows = held.sort((a, b) => a.line - b.line);
    held = [];
    await write(
      rows.map(({ line, reason, fields }) =>
        csvLine([...places.map((place) => fields[place] ?? ""), line, reason])
      ).join(""),
    );
  };

  await write(csvLine([...places.map((place) => header[place]!), ...rejectColumns]));
  return {
    async add(rows) {
      for (const row of rows) held.push(row);
      if (held.length >= rowsPerWrite) await writeHeld();
    },
    async finish() {
      await writeHeld();
      await file.sync();
      file.close();
      isOpen = false;
      await Deno.rename(partial, path);
    },
    async discard() {
      if (!isOpen) return;
      isOpen = false;
      file.close();
      await Deno.remove(partial);
    },
  };
}
