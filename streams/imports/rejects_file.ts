/**
 * Writes the rows that an import did not take, with the reasons, to a CSV file that can be corrected and
 * imported again.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { RejectedRow } from "../../domain/import/order_csv.ts";
import { rejectsCsv, type RejectsForm } from "../../domain/import/rejects_csv.ts";
import { holdRejects } from "./held_rejects.ts";

/** See {@linkcode openRejectsFile}. */
export interface RejectsFile {
  /** Takes rows; those that are held together come into the file by their lines. */
  add(rows: readonly RejectedRow[]): Promise<void>;
  /** Completes the file and gives it its name. */
  finish(): Promise<void>;
  /** Closes and removes what is unfinished. After `finish` it does nothing. */
  discard(): Promise<void>;
}

/** Where a rejects file is written to until it is complete. */
export function partialOf(path: string): string {
  return `${path}.partial`;
}

/**
 * Begins a rejects file under the name `PATH.partial`; an earlier file under its final name stays until this
 * one is complete. A crash leaves the `.partial` file, which the next run removes.
 *
 * Rows hold names and addresses, so only the owner may read the file. It is made anew and never opened through a
 * link that somebody has put there; two runs that write to the same name don't mix, the one that ends first fails.
 *
 * @param form of the imported file
 * @throws {WorkflowError} `bad_request` when the file can't be created
 */
export async function openRejectsFile(
  path: string,
  form: RejectsForm,
): Promise<RejectsFile> {
  const partial = partialOf(path);
  const text = rejectsCsv(form);
  const encoder = new TextEncoder();
  const file = await createAnew(path, partial);
  let isOpen = true;

  const write = async (text: string) => {
    const bytes = encoder.encode(text);
    for (let written = 0; written < bytes.length;) {
      written += await file.write(bytes.subarray(written));
    }
  };
  const held = holdRejects(text, write);

  await write(text.header);
  return {
    add: (rows) => held.add(rows),
    async finish() {
      await held.flush();
      await file.sync();
      if (!await isStill(partial, file)) {
        throw new WorkflowError(
          "bad_request",
          `Cannot write the rejects file ${path}: another import is writing to it`,
        );
      }
      file.close();
      isOpen = false;
      await Deno.rename(partial, path);
    },
    async discard() {
      if (!isOpen) return;
      isOpen = false;
      const isOurs = await isStill(partial, file);
      file.close();
      if (isOurs) await Deno.remove(partial);
    },
  };
}

/** Removes what an earlier run has left behind, and creates the file. */
async function createAnew(path: string, partial: string): Promise<Deno.FsFile> {
  try {
    const target = await lstat(path);
    if (target !== undefined && !target.isFile && !target.isSymlink) {
      throw new Error("it is there and is not a file");
    }
    if ((await lstat(partial))?.isDirectory === false) await Deno.remove(partial);
    return await Deno.open(partial, { write: true, createNew: true, mode: 0o600 });
  } catch (error) {
    throw new WorkflowError(
      "bad_request",
      `Cannot write the rejects file ${path}: ${messageOf(error)}`,
    );
  }
}

/** What stands under a name, links not followed; undefined for nothing. */
async function lstat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether an open file is still the one under its name. */
async function isStill(path: string, file: Deno.FsFile): Promise<boolean> {
  const [there, own] = await Promise.all([lstat(path), file.stat()]);
  return there?.ino === own.ino && there.dev === own.dev;
}
