/**
 * Writes the rows that an import did not take, with the reasons, to a CSV file that can be corrected and
 * imported again.
 *
 * @module
 */

import type { Stats } from "node:fs";
import { type FileHandle, lstat, open, rename, rm } from "node:fs/promises";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { RejectedRow } from "../../domain/import/order_csv.ts";
import { rejectsCsv, type RejectsForm } from "../../domain/import/rejects_csv.ts";
import { diskFaultOf } from "./disk_fault.ts";
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

  const write = (text: string) =>
    tellFullDisk(path, async () => {
      const bytes = encoder.encode(text);
      for (let written = 0; written < bytes.length;) {
        written += (await file.write(bytes, written)).bytesWritten;
      }
    });
  const held = holdRejects(text, write);

  await write(text.header);
  return {
    add: (rows) => held.add(rows),
    async finish() {
      await held.flush();
      await tellFullDisk(path, () => file.sync());
      if (!await isStill(partial, file)) {
        throw new WorkflowError(
          "bad_request",
          `Cannot write the rejects file ${path}: another import is writing to it`,
        );
      }
      await file.close();
      isOpen = false;
      await rename(partial, path);
    },
    async discard() {
      if (!isOpen) return;
      isOpen = false;
      const isOurs = await isStill(partial, file);
      await file.close();
      if (isOurs) await rm(partial);
    },
  };
}

/**
 * Writes to a rejects file, and says of a disk that can't be used what becomes of the import.
 *
 * @throws {WorkflowError} `unavailable` for a disk that is full or fails
 */
export async function tellFullDisk<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const fault = diskFaultOf(error);
    if (fault === null) throw error;
    throw new WorkflowError(
      "unavailable",
      `Cannot write the rejects file ${path}: ${fault}; make room or name a file elsewhere, and import the file again: ` +
        "orders that were taken so far are known then, and nothing is taken twice",
    );
  }
}

/** Removes what an earlier run has left behind, and creates the file. */
async function createAnew(path: string, partial: string): Promise<FileHandle> {
  try {
    const target = await statusOf(path);
    if (target !== undefined && !target.isFile() && !target.isSymbolicLink()) {
      throw new Error("it is there and is not a file");
    }
    if ((await statusOf(partial))?.isDirectory() === false) await rm(partial);
    return await open(partial, "wx", 0o600);
  } catch (error) {
    throw new WorkflowError(
      "bad_request",
      `Cannot write the rejects file ${path}: ${messageOf(error)}`,
    );
  }
}

/** What stands under a name, links not followed; undefined for nothing. */
async function statusOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether an open file is still the one under its name. */
async function isStill(path: string, file: FileHandle): Promise<boolean> {
  const [there, own] = await Promise.all([statusOf(path), file.stat()]);
  return there?.ino === own.ino && there.dev === own.dev;
}
