/**
 * The settings of a command: those of the environment or, where it names no engines, private ones.
 *
 * @module
 */

import { type Config, isLoopback, parseConfig } from "../config/config.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import { EngineFault } from "../domain/operation/engine_fault.ts";
import { isSingleExecutable } from "../runtime/carried.ts";
import { isNotPermitted } from "../runtime/permissions.ts";
import { typed } from "../runtime/typed.ts";
import { printError } from "./print.ts";

/** Variables of which one is enough for nothing private to be used. */
const engineNames = ["DATABASE_URL", "REDIS_URL"] as const;

/** For trials, of which there may be several at once; a service for others listens where it was told, or not at all. */
export const anyPort = "8000+";

/** Stand in for private engines while everything else is looked at. */
const placeholders = {
  DATABASE_URL: "mysql://private@127.0.0.1/orders",
  REDIS_URL: "redis://127.0.0.1",
};

/** The engines that this process uses: a command may ask for its settings more than once. */
let inUse: Promise<Record<string, string>> | undefined;

/** True where the environment names neither engine. */
export function namesNoEngine(env: Record<string, string | undefined>): boolean {
  return engineNames.every((name) => !env[name]?.trim());
}

/**
 * Reads the settings. Where neither DATABASE_URL nor REDIS_URL is set, private engines are found or started, which is
 * said on standard error, and held until this process ends; their settings go where the environment says nothing. A crash
 * leaves engines that end by themselves when nobody has used them for ten minutes.
 *
 * @param options.serves whether the command listens, which in front of private engines it may on loopback alone
 * @throws {WorkflowError} `bad_settings`; also for want of engines with `REQUIRE_SETTINGS=1` or `NODE_ENV=production`
 * @throws {WorkflowError} `unavailable` where private engines can't be started
 */
export async function readSettings(
  env: Record<string, string | undefined>,
  { serves = false }: { serves?: boolean } = {},
): Promise<Config> {
  if (!namesNoEngine(env)) return parseConfig(env);
  // Before engines are started for nothing.
  const { requireSettings, host } = parseConfig({ ...env, ...placeholders });
  const reason = isSingleExecutable
    ? "a single executable"
    : requireSettings
    ? "REQUIRE_SETTINGS=1"
    : env.NODE_ENV === "production"
    ? "NODE_ENV=production"
    : undefined;
  if (reason !== undefined) {
    throw new WorkflowError(
      "bad_settings",
      `Bad settings: DATABASE_URL and REDIS_URL are required, because ${reason} allows no private engines`,
      engineNames.map((at) => ({ at, detail: `is required with ${reason}` })),
    );
  }
  if (serves && !isLoopback(host)) {
    const detail = `is ${host}, but private engines are for this machine alone`;
    throw new WorkflowError(
      "bad_settings",
      `Bad settings: HOST ${detail}; set DATABASE_URL and REDIS_URL, or HOST=127.0.0.1`,
      [{ at: "HOST", detail }],
    );
  }
  inUse ??= holdPrivateEngines(env);
  const shared = await inUse;
  return parseConfig({ PORT: anyPort, ...shared, ...given(env) });
}

/** Settings that are really set. */
export function given(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}

async function holdPrivateEngines(
  env: Record<string, string | undefined>,
): Promise<Record<string, string>> {
  const [{ useEngines }, { default: process }] = await Promise.all([
    import("../tools/engines/use_engines.ts"),
    import("node:process"),
  ]);
  try {
    const held = await useEngines({ dir: env.ENGINES_DIR, log: printError });
    const { by, pid, env: settings } = held.engines;
    const which = by !== "engines"
      ? `those of ${by} (${pid})`
      : held.isNew
      ? "private ones, started now"
      : "private ones";
    printError(`No engine is set: using ${which}; see ${typed("engines")}`);
    void held.ended.then(() => {
      printError("The private engines that this process used were stopped, so it stops as well");
      process.exit(1);
    });
    return settings;
  } catch (error) {
    const why = isNotPermitted(error)
      ? `this process may start no programs; run it as ${typed("NAME")}`
      : messageOf(error);
    throw new EngineFault("Cannot use private engines", {
      why,
      remedy: "or set DATABASE_URL and REDIS_URL",
    });
  }
}
