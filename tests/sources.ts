/**
 * Finds the project's own files.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { join } from "node:path";

/** Folders that hold nothing of ours. */
const skipped = new Set([".data", ".git", "node_modules", "samples"]);

/** The path of a `file:` URL. */
export function fromFileUrl(url: URL): string {
  return fileURLToPath(url);
}

/** Every file under a folder whose name matches; folders that hold nothing of ours are passed over. */
export async function* walk(folder: string, name: RegExp): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) {
      if (!skipped.has(entry.name)) yield* walk(path, name);
    } else if (name.test(entry.name)) yield path;
  }
}
