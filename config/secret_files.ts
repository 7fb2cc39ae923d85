/**
 * Secrets that stand in files: for each secret `NAME` the environment may name a file by `NAME_FILE` instead, as Docker,
 * Kubernetes and systemd hand them over, where no list of processes and no dump of an environment shows them.
 *
 * @module
 */

import { type Fault, messageOf, WorkflowError } from "../domain/errors.ts";
import { type Setting, settings } from "./settings.ts";

/** Environment variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings that may stand in files. */
export const secretSettings: readonly Setting[] = settings.filter(({ isSecret }) => isSecret);

/** The variable that names the file of a secret. */
export function fileVariable(name: string): string {
  return `${name}_FILE`;
}

/** Reads a whole file, or throws an error whose message says why it can't be read. */
export type ReadText = (path: string) => string;

/**
 * What the file of a secret says. White space around a secret, such as the line's end that an editor leaves, is none of it;
 * a file that is empty otherwise is a fault, since a secret that is missing is not one that is left out on purpose.
 *
 * @returns undefined where the environment names no file; a fault never has what is in one
 */
export function readSecretFile(
  env: Environment,
  name: string,
  readText: ReadText,
): { text: string } | { fault: string } | undefined {
  const path = env[fileVariable(name)]?.trim();
  if (!path) return undefined;
  const shown = looksLikeSecret(path) ? "something that is no path" : path;
  try {
    const text = readText(path).trim();
    return text === "" ? { fault: `names ${shown}, which is empty` } : { text };
  } catch (error) {
    return { fault: `names ${shown}, which cannot be read: ${messageOf(error)}` };
  }
}

/** True for what may be the secret itself, where somebody has mistaken the one variable for the other. */
function looksLikeSecret(path: string): boolean {
  return /:\/\/|^(whsec|[sr]k)_|:[0-9a-f]{64}:|^[^./][\w+/-]{20,}=*$/i.test(path);
}

/**
 * The environment with the secrets of all files that it names. The variables that name the files stay in it.
 *
 * @throws {WorkflowError} `bad_settings` naming every file that can't be used
 */
export function withSecretFiles(
  env: Environment,
  readText: ReadText,
): Record<string, string | undefined> {
  const faults: Fault[] = [];
  const secrets: Record<string, string> = {};
  for (const { name } of secretSettings) {
    const read = readSecretFile(env, name, readText);
    if (read === undefined) continue;
    const at = fileVariable(name);
    if (env[name]?.trim()) {
      faults.push({ at, detail: `names a file, but ${name} is set as well; set one of them` });
    } else if ("fault" in read) {
      faults.push({ at, detail: read.fault });
    } else {
      secrets[name] = read.text;
    }
  }
  if (faults.length > 0) {
    const lines = faults.map(({ at, detail }) => `${at} ${detail}`);
    throw new WorkflowError("bad_settings", `Bad settings: ${lines.join("; ")}`, faults);
  }
  return { ...env, ...secrets };
}
