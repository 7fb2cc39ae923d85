/**
 * Opens the file that a command is given.
 *
 * @module
 */

import { fstatSync } from "node:fs";
import { stat } from "node:fs/promises";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import { openForReading, readStandardInput } from "../runtime/files.ts";
import { partialOf } from "../streams/imports/rejects_file.ts";

/** A file that is being read. */
export interface SourceFile {
  readable: ReadableStream<Uint8Array>;
  /** Its size, where that is known. */
  bytes: number | undefined;
  /** Which file it is, whatever it is called. */
  identity: { dev: number; ino: number | null };
}

/** Opens standard input, which may be a file as well. */
export function openStandardInput(): SourceFile {
  return { readable: readStandardInput(), bytes: undefined, identity: fstatSync(0) };
}

/**
 * Opens a file.
 *
 * @param name as it was typed
 * @param verb what is to be done with it, for messages
 * @throws {WorkflowError} `bad_request` where it can't be read
 */
export async function openSourceFile(
  path: string | URL,
  name: string,
  verb = "import",
): Promise<SourceFile> {
  try {
    const file = await openForReading(path);
    const { isDirectory, isFile, size, dev, ino } = file;
    if (isDirectory) {
      file.close();
      throw new WorkflowError("bad_request", "it is a folder");
    }
    return { readable: file.readable(), bytes: isFile ? size : undefined, identity: { dev, ino } };
  } catch (error) {
    const { code } = error as { code?: string };
    const reason = code === "ENOENT"
      ? "there is no such file"
      : code === "EACCES"
      ? "it can't be read: permission denied"
      : messageOf(error);
    throw new WorkflowError("bad_request", `Cannot ${verb} ${name}: ${reason}`);
  }
}

/**
 * Refuses to write rejects over the file that is being read, by whatever name: through links and in other spellings as
 * well.
 *
 * @param path of the rejects file
 * @param option as it was typed
 * @throws {WorkflowError} `bad_usage` where it is the source
 */
export async function refuseOverwriting(
  { identity: { dev, ino } }: SourceFile,
  path: string,
  option: string,
): Promise<void> {
  for (const written of [path, partialOf(path)]) {
    const there = await stat(written).catch(() => null);
    if (there === null || ino === null || there.dev !== dev || there.ino !== ino) continue;
    throw new WorkflowError("bad_usage", `${option} names the file that is read: name another`);
  }
}
