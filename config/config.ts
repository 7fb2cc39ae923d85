/**
 * Settings from the environment, validated all at once.
 *
 * @module
 */

import { type Fault, WorkflowError } from "../domain/errors.ts";
import { isClusterUrl } from "./engine_url.ts";
import { parsePaymentRoute } from "../domain/payment/payment_route.ts";
import {
  type Config,
  type Requirement,
  type Setting,
  settings,
  settingsTable,
} from "./settings.ts";

export { type Config, settings } from "./settings.ts";

/** The text of a setting by the name of its variable; empty for one that is not set and has no default. */
type Texts = (name: string) => string;

/**
 * Reads and checks every setting.
 *
 * @param env the environment; an empty value counts as not set
 * @throws {WorkflowError} `bad_settings` naming every fault; a secret's value is never part of it
 */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const texts = textsOf(env);
  const faults: Fault[] = [];
  const entries = Object.entries(settingsTable).map(([key, setting]: [string, Setting]) => {
    const read = readSetting(setting, texts);
    faults.push(...read.faults.map((detail) => ({ at: setting.name, detail })));
    return [key, read.value];
  });
  faults.push(...faultsBetween(texts));
  if (faults.length > 0) {
    const lines = faults.map(({ at, detail }) => `${at} ${detail}`);
    throw new WorkflowError("bad_settings", `Bad settings: ${lines.join("; ")}`, faults);
  }
  return Object.fromEntries(entries) as Config;
}

function textsOf(env: Record<string, string | undefined>): Texts {
  const texts = new Map(
    settings.map(({ name, fallback = "" }) => [name, env[name]?.trim() || fallback]),
  );
  return (name) => texts.get(name) ?? "";
}

/** The value is of no use where there are faults. */
function readSetting(setting: Setting, texts: Texts): { value?: unknown; faults: string[] } {
  const { name, fallback, kind, neededWith, isElseIgnored = false } = setting;
  const text = texts(name);
  const isNeeded = fallback === undefined ||
    (neededWith !== undefined && isGiven(neededWith, texts));
  if (isNeeded && text.replaceAll(/[\s,]/g, "") === "") {
    return { faults: [neededWith ? `is required with ${neededWith.words}` : "is required"] };
  }
  if (!isNeeded && isElseIgnored) return { value: text, faults: [] };
  const faults: string[] = [];
  const value = kind.read(text, (fault) => faults.push(fault));
  return { value, faults };
}

function isGiven({ name, value, orIn }: Requirement, texts: Texts): boolean {
  const all = orIn === undefined ? texts(name) : `${texts(name)},${texts(orIn)}`;
  const entries = all.split(",").map((entry) => entry.trim());
  return value === undefined ? texts(name) !== "" : entries.includes(value);
}

/** Settings that are well by themselves and do not go together. */
function faultsBetween(texts: Texts): Fault[] {
  const faults: Fault[] = [];
  if (isClusterUrl(texts("REDIS_URL")) && !/\{[^{}]+\}/.test(texts("REDIS_PREFIX"))) {
    faults.push({
      at: "REDIS_PREFIX",
      detail: "must hold a hash tag such as {orders}: for a cluster",
    });
  }
  faults.push(...routeFaults(texts));
  const host = texts("HOST");
  const asksNobody = texts("API_TOKENS").replaceAll(/[\s,]/g, "") === "";
  if (asksNobody && texts("ALLOW_ANONYMOUS") !== "1" && !isLoopback(host)) {
    faults.push({
      at: "HOST",
      detail: `"${host}" is reachable from outside and nobody is asked who they are; ` +
        "set API_TOKENS, or ALLOW_ANONYMOUS=1 to allow it",
    });
  }
  return faults;
}

/** Routes to providers that are not configured. */
function routeFaults(texts: Texts): Fault[] {
  const entries = (name: string) => texts(name).split(",").map((entry) => entry.trim());
  const configured = [...entries("GATEWAY"), ...entries("FURTHER_GATEWAYS")];
  return entries("GATEWAY_ROUTES").flatMap((text) => {
    const provider = parsePaymentRoute(text)?.provider;
    return provider === undefined || configured.includes(provider) ? [] : [{
      at: "GATEWAY_ROUTES",
      detail: `leads to "${provider}", which is neither GATEWAY nor one of FURTHER_GATEWAYS`,
    }];
  });
}

/** True where only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(host);
}
