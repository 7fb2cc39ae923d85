/**
 * A file for what does not fit into memory.
 *
 * @module
 */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
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
 * @throws {WorkflowError} `unavailable` when the disk is full or fails
 */
export function writeWhole(file: Pick<Deno.FsFile, "writeSync">, bytes: Uint8Array): void {
  try {
    for (let written = 0; written < bytes.length;) {
      written += file.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    if ((error as { code?: string }).code === "ENOSPC") {
      throw new WorkflowError("unavailable", "The disk for temporary files is full");
    }
    throw new WorkflowError("unavailable", `Cannot write a temporary file: ${reasonOf(error)}`);
  }
}

/** The folder that the tasks may write to wherever `TMPDIR` points; it is made when it is needed. */
const ownFolder = fileURLToPath(new URL("../../.data/tmp", import.meta.url));

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
    if (Deno.statSync(ownFolder).isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(ownFolder, { recursive: true });
  Deno.chmodSync(ownFolder, 0o1777);
}

/** Why, without a path: whoever sends a file reads it. */
function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "the task has no permission to write there";
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
  make: MakeFile = Deno.makeTempFileSync,
): { folder: string } | { fault: string } {
  try {
    const path = makeFile(make);
    Deno.removeSync(path);
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
export function openTemporaryFile(make: MakeFile = Deno.makeTempFileSync): TemporaryFile {
  const path = makeFile(make);
  const file = Deno.openSync(path, { read: true, write: true });
  Deno.removeSync(path);
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
