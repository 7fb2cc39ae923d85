/**
 * Small files that settings name: certificates and secrets.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { isNotPermitted } from "./permissions.ts";

/** A secret or a bundle of certificates is smaller by far; a name of something else, such as a device, is soon noticed. */
const maxBytes = 1 << 20;

/**
 * Reads the text of a file that a setting names.
 *
 * @throws {Error} whose message says why it can't be read and what to do, fit to follow a colon
 */
export function readConfiguredFile(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
  if (bytes.length > maxBytes) throw new Error(`it is larger than ${maxBytes >> 20} MB`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error("it is no text in UTF-8", { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (isNotPermitted(error)) {
    return "the task may not read there; put the file below the project's folder, /run/secrets, /run/credentials, " +
      "/etc/ssl, /etc/pki or /etc/orders, or name another folder among the permissions in deno.json";
  }
  const { code } = error as { code?: string };
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "its permissions do not allow it";
  if (code === "EISDIR") return "it is a folder";
  return error instanceof Error ? error.message : String(error);
}
