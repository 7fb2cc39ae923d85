/**
 * A file for what does not fit into memory.
 *
 * @module
 */

import { WorkflowError } from "../domain/errors.ts";
import { diskFaultOf } from "./disk_fault.ts";

/** Where bytes lie in the file. */
export interface Extent {
  offset: number;
  length: number;
}

/** See {@linkcode openTemporaryFile}. */
export interface TemporaryFile {
  /**
   * @returns where the bytes begin
   * @throws {WorkflowError} `unavailable` when the disk is full
   */
  append(bytes: Uint8Array): number;
  /**
   * @param into where the bytes are read to, if they fit; else, and by default, to new memory
   * @throws {Error} when the file ends before
   */
  read(extent: Extent, into?: Uint8Array): Uint8Array;
  close(): void;
}

/**
 * Writes all of some bytes.
 *
 * @throws {WorkflowError} `unavailable` when the disk is full
 */
export function writeWhole(file: Pick<Deno.FsFile, "writeSync">, bytes: Uint8Array): void {
  try {
    for (let written = 0; written < bytes.length;) {
      written += file.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOSPC") throw error;
    throw new WorkflowError("unavailable", "The disk for temporary files is full");
  }
}

/** The file is removed while it is open. */
function makeFile(): Deno.FsFile {
  try {
    const path = Deno.makeTempFileSync({ prefix: "orders_import_" });
    const file = Deno.openSync(path, { read: true, write: true });
    Deno.removeSync(path);
    return file;
  } catch (error) {
    throw new WorkflowError(
      "unavailable",
      `No temporary file can be made: ${reasonOf(error)}; give the process a folder that can be ` +
        "written to, such as a tmpfs on /tmp",
    );
  }
}

/** Why, without a path: whoever sends a file reads it. */
function reasonOf(error: unknown): string {
  const fault = diskFaultOf(error);
  if (fault !== null) return fault;
  if (error instanceof Deno.errors.NotCapable) return "the task may not write there";
  if (error instanceof Deno.errors.NotFound) return "the folder does not exist";
  return "the folder can't be used";
}

/**
 * Opens a file that is removed while it is open: whatever ends the process, nothing stays behind.
 *
 * It reads and writes at once instead of through promises: blocks are small and go to the system's cache,
 * and the way over another thread took 0.3 ms each.
 *
 * @throws {WorkflowError} `unavailable` naming why no file can be made: a read-only or full disk, no folder
 */
export function openTemporaryFile(): TemporaryFile {
  const file = makeFile();
  let end = 0;
  return {
    append(bytes) {
      const offset = end;
      end += bytes.length;
      file.seekSync(offset, Deno.SeekMode.Start);
      writeWhole(file, bytes);
      return offset;
    },
    read({ offset, length }, into) {
      const bytes = into !== undefined && into.length >= length
        ? into.subarray(0, length)
        : new Uint8Array(length);
      file.seekSync(offset, Deno.SeekMode.Start);
      for (let at = 0; at < length;) {
        const got = file.readSync(bytes.subarray(at));
        if (got === null) throw new Error("The temporary file of the import was cut off");
        at += got;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}
