/**
 * Reads the certificates that a connection is encrypted with.
 *
 * @module
 */

import type { TlsChoice } from "../../config/engine_url.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { readConfiguredFile } from "../../runtime/configured_file.ts";

/** What a driver is told of a connection that is encrypted. */
export interface TlsMaterial {
  ca?: string;
  cert?: string;
  key?: string;
  /** Whether the certificate must be one of a known authority. */
  rejectUnauthorized: boolean;
  /** Whether it must have been made for the host. */
  verifyIdentity: boolean;
}

/**
 * Reads the files that a URL names.
 *
 * @param setting whose URL it is, for the error
 * @throws {WorkflowError} `bad_settings` naming the file that can't be read, or holds something else
 */
export function readTlsFiles(setting: string, tls: TlsChoice): TlsMaterial {
  const read = (name: "ca" | "cert" | "key") => {
    const path = tls[name];
    return path === undefined ? {} : { [name]: readPem(`${setting}: ssl-${name}`, path) };
  };
  return {
    ...read("ca"),
    ...read("cert"),
    ...read("key"),
    rejectUnauthorized: tls.mode !== "required",
    verifyIdentity: tls.mode === "verify-identity",
  };
}

function readPem(what: string, path: string): string {
  let text: string;
  try {
    text = readConfiguredFile(path);
  } catch (error) {
    throw new WorkflowError("bad_settings", `${what} ${path} cannot be read: ${messageOf(error)}`);
  }
  if (!/-----BEGIN [A-Z ]+-----/.test(text)) {
    throw new WorkflowError("bad_settings", `${what} ${path} is no PEM file`);
  }
  return text;
}
