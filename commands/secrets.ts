/**
 * Secrets that stand in files: read at the start, and again when they are replaced.
 *
 * @module
 */

import { type Config, settingsTable } from "../config/settings.ts";
import {
  type Environment,
  fileVariable,
  readSecretFile,
  type ReadText,
  withSecretFiles,
} from "../config/secret_files.ts";
import type { Log } from "../domain/operation/log.ts";
import { readConfiguredFile } from "../runtime/configured_file.ts";
import { pause } from "../streams/timing/pause.ts";

/**
 * How often the files are read, in milliseconds. By reading and not by watching: a container's secret is replaced by
 * moving a link, which watchers of the file itself don't hear of.
 */
const lookMs = 10_000;

/** Whoever uses these reads them from the configuration each time; a start is needed for others to change. */
export const replaceableSecrets = [
  "apiTokens",
  "gatewayToken",
  "gatewaySecrets",
  "stripeWebhookSecrets",
  "smtpUrl",
  "notifyWebhookSecrets",
  "alertWebhookSecrets",
] as const satisfies (keyof Config)[];

/** See {@linkcode withSecretFiles}. */
export function readSecrets(env: Environment): Record<string, string | undefined> {
  return withSecretFiles(env, readConfiguredFile);
}

/** The secrets of a running process. */
export interface LiveSecrets {
  /** Reads the files now; undefined where no secret stands in one. */
  reload: (() => void) | undefined;
  /** Reads them every few seconds until the signal aborts. */
  keepLooking(signal: AbortSignal): Promise<void>;
}

/**
 * Replaces secrets in `config` once their files say others. One that can't be read, or is none, is told in the log and
 * the one before stays: a service that runs is not stopped by a slip of the hand.
 *
 * @param env as it was read at the start, with what the files said then
 */
export function liveSecrets(
  { config, log }: { config: Config; log: Log },
  env: Environment,
  readText: ReadText = readConfiguredFile,
): LiveSecrets {
  const files = Object.entries(settingsTable)
    .filter(([, { name }]) => env[fileVariable(name)])
    .map(([key, setting]) => ({ key: key as keyof Config, setting, last: env[setting.name] }));
  const look = (file: (typeof files)[number]) => {
    const { key, setting: { name, kind } } = file;
    const read = readSecretFile(env, name, readText)!;
    const text = "text" in read ? read.text : read.fault;
    if (text === file.last) return;
    file.last = text;
    if ("fault" in read) {
      return log.error("secret not reloaded", { setting: name, why: read.fault });
    }
    if (!replaceableSecrets.some((known) => known === key)) {
      return log.warn("secret changed, which takes a restart", { setting: name });
    }
    const faults: string[] = [];
    const value = kind.read(text, (fault) => faults.push(fault));
    // Without tokens everybody may do everything.
    if (Array.isArray(value) && value.length === 0) faults.push("must not be empty");
    if (faults.length > 0) {
      return log.error("secret not reloaded", { setting: name, why: faults.join("; ") });
    }
    Object.assign(config, { [key]: value });
    log.info("secret reloaded", { setting: name });
  };
  if (files.length === 0) return { reload: undefined, keepLooking: () => Promise.resolve() };
  const reload = () => files.forEach(look);
  return {
    reload,
    async keepLooking(signal) {
      while (!signal.aborted) {
        await pause(lookMs, signal);
        if (!signal.aborted) reload();
      }
    },
  };
}

/** As {@linkcode liveSecrets}; `reloading` tells by the event `reload` whoever else has such secrets that SIGHUP asks for them. */
export function announcedSecrets(
  context: { config: Config; log: Log },
  env: Environment,
): LiveSecrets & { reloading: EventTarget } {
  const { reload, keepLooking } = liveSecrets(context, env);
  const reloading = new EventTarget();
  const announced = reload && (() => {
    reload();
    reloading.dispatchEvent(new Event("reload"));
  });
  return { reload: announced, keepLooking, reloading };
}
