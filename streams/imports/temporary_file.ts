/**
 * A file for what does not fit into memory.
 *
 * @module
 */

import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { makeTemporaryFile } from "../../runtime/files.ts";
import { ownPath } from "../../runtime/own_files.ts";
import { isNotPermitted } from "../../runtime/permissions.ts";
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
 * @param write writes the rest from a place in them, and returns how many bytes the disk took
 * @throws {WorkflowError} `unavailable` when the disk is full or fails
 */
export function writeWhole(
  write: (rest: Uint8Array, at: number) => number,
  bytes: Uint8Array,
): void {
  try {
    for (let written = 0; written < bytes.length;) {
      written += write(bytes.subarray(written), written);
    }
  } catch (error) {
    if ((error as { code?: string }).code === "ENOSPC") {
      throw new WorkflowError("unavailable", "The disk for temporary files is full");
    }
    throw new WorkflowError("unavailable", `Cannot write a temporary file: ${reasonOf(error)}`);
  }
}

/** The folder that the tasks may write to wherever `TMPDIR` points; it is made when it is needed. */
const ownFolder = ownPath(".data/tmp");

/** How temporary files are made; tests put something else in the place of the system's way. */
export type MakeFile = (options: { prefix: string; dir?: string }) => string;

/** A new temporary file: in the folder that `TMPDIR` names, or in the own one where that can't be used. */
function makeFile(make: MakeFile): string {
  const prefix = "orders_import_";
  try {
    return make({ prefix });
  } catch {
    // TMPDIR is empty, or no folder, or none that the task may write to, as /tmp is.
  }
  try {
    makeOwnFolder();
    return make({ prefix, dir: ownFolder });
  } catch (error) {
    throw new WorkflowError(
      "unavailable",
      "Cannot make a temporary file in the folder of TMPDIR or in .data/tmp: " + reasonOf(error),
    );
  }
}

/**
 * Like `/tmp`: whoever makes it first, maybe root by `doctor`, leaves it to the service's user as well. The files are
 * their owner's alone, and unlinked as soon as they are open.
 */
function makeOwnFolder(): void {
  try {
    if (statSync(ownFolder).isDirectory()) return;
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
  mkdirSync(ownFolder, { recursive: true });
  chmodSync(ownFolder, 0o1777);
}

/** Why, without a path: whoever sends a file reads it. */
function reasonOf(error: unknown): string {
  if (isNotPermitted(error)) return "the task has no permission to write there";
  const { code } = error as { code?: string };
  return diskFaultOf(error) ?? reasons[code ?? ""] ?? "it can't be used";
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "there is no such folder",
  ENOTDIR: "it is no folder",
};

/**
 * Where temporary files go, which large uploads need, or why none can be made. Makes one and takes it away.
 *
 * @param make for tests
 */
export function findTemporaryFolder(
  make: MakeFile = makeTemporaryFile,
): { folder: string } | { fault: string } {
  try {
    const path = makeFile(make);
    rmSync(path);
    return { folder: dirname(path) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

/**
 * Opens a file that is removed while it is open: whatever ends the process, nothing stays behind.
 *
 * It reads and writes at once instead of through promises: blocks are small and go to the system's cache,
 * and the way over another thread took 0.3 ms each.
 *
 * @param make for tests
 * @throws {WorkflowError} `unavailable` where no file can be made, with the reason
 */
export function openTemporaryFile(make: MakeFile = makeTemporaryFile): TemporaryFile {
  const path = makeFile(make);
  const file = openSync(path, "r+");
  rmSync(path);
  let end = 0;
  return {
    append(bytes) {
      const offset = end;
      end += bytes.length;
      writeWhole((rest, at) => writeSync(file, rest, 0, rest.length, offset + at), bytes);
      return offset;
    },
    read({ offset, length }, into) {
      const bytes = into !== undefined && into.length >= length
        ? into.subarray(0, length)
        : new Uint8Array(length);
      for (let at = 0; at < length;) {
        const got = readSync(file, bytes, at, length - at, offset + at);
        if (got === 0) throw new Error("The temporary file of the import was cut off");
        at += got;
      }
      return bytes;
    },
    close: () => closeSync(file),
  };
}
