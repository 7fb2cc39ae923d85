/**
 * Opens a file that a command is given.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../domain/errors.ts";

/**
 * Opens the file, or standard input for `-`, of which the size is not known.
 *
 * @param verb what is to be done with it, for messages
 * @throws {WorkflowError} `bad_request` for what can't be read
 */
export async function openSource(
  name: string,
  path: (given: string) => string,
  verb = "import",
): Promise<{ source: ReadableStream<Uint8Array>; bytes: number | undefined }> {
  if (name === "-") return { source: Deno.stdin.readable, bytes: undefined };
  try {
    const file = await Deno.open(path(name), { read: true });
    const { isDirectory, isFile, size } = await file.stat();
    if (isDirectory) {
      file.close();
      throw new WorkflowError("bad_request", "it is a folder");
    }
    return { source: file.readable, bytes: isFile ? size : undefined };
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : error instanceof Deno.errors.PermissionDenied
      ? "it can't be read: permission denied"
      : messageOf(error);
    throw new WorkflowError("bad_request", `Cannot ${verb} ${name}: ${reason}`);
  }
}
