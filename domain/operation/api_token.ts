/**
 * Who may use the API, and for what. A token itself is known to its holder alone: the settings have its
 * SHA-256, and tokens are random enough that nobody finds one by trying.
 *
 * @module
 */

import { hash as digestOf, timingSafeEqual } from "node:crypto";

/** What a token may be for; `admin` includes the others. */
export const scopes = ["read", "orders", "refunds", "cancel", "stock", "admin"] as const;

/** One of {@linkcode scopes}. */
export type Scope = (typeof scopes)[number];

/** One entry of `API_TOKENS`. */
export interface ApiToken {
  /** Stands in the timelines as `api:NAME`. Two tokens may have one name, so that one can replace the other. */
  name: string;
  /** SHA-256 of the token, 64 hexadecimal digits in lower case. */
  hash: string;
  /** What it may be used for. */
  scopes: Scope[];
}

/** Most entries of `API_TOKENS`: each request is compared with all of them. */
export const maxTokens = 200;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** True for 1…64 letters, digits, dots, dashes and underscores, beginning with a letter or digit. */
export function isTokenName(name: string): boolean {
  return namePattern.test(name);
}

/** True for one of {@linkcode scopes}. */
export function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text);
}

/**
 * Reads `API_TOKENS`: entries `name:sha256:scope+scope`, separated by commas; spaces around entries and line
 * breaks do not matter.
 *
 * @param onFault is told what is wrong with an entry, by its number: whatever stands there may be a secret
 */
export function parseApiTokens(text: string, onFault: (detail: string) => void): ApiToken[] {
  const entries = text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
  // Meant to name somebody: nobody being named would mean that nobody is asked.
  if (entries.length === 0 && text !== "") onFault("must have an entry where it is set");
  if (entries.length > maxTokens) onFault(`must have at most ${maxTokens} entries`);
  const numberOf = new Map<string, number>();
  return entries.slice(0, maxTokens).flatMap((entry, index): ApiToken[] => {
    const at = `entry ${index + 1}`;
    const [name = "", hash = "", scopeText = "", ...rest] = entry.split(":");
    if (rest.length > 0 || scopeText === "") {
      onFault(`${at} must be name:sha256:scope+scope`);
      return [];
    }
    const wanted = scopeText.split("+");
    const before = numberOf.get(hash.toLowerCase());
    const faults = [
      isTokenName(name) ? "" : "name must be 1…64 letters, digits, dots, dashes or underscores",
      /^[0-9a-f]{64}$/i.test(hash) ? "" : "hash must be the 64 hexadecimal digits of a SHA-256",
      wanted.every(isScope) ? "" : `scopes must be of ${scopes.join(", ")}`,
      before === undefined ? "" : `hash is the one of entry ${before}`,
    ].filter((fault) => fault !== "");
    for (const fault of faults) onFault(`${at}: its ${fault}`);
    if (faults.length > 0) return [];
    numberOf.set(hash.toLowerCase(), index + 1);
    return [{ name, hash: hash.toLowerCase(), scopes: [...new Set(wanted.filter(isScope))] }];
  });
}

/** The entry for `API_TOKENS`. */
export function formatApiToken({ name, hash, scopes }: ApiToken): string {
  return `${name}:${hash}:${scopes.join("+")}`;
}

/** What stands for a token in the settings. */
export function tokenHash(token: string): string {
  return digestOf("sha256", token, "hex");
}

/** Digits of a hash by which its entry is looked up: 32 bits. */
const printDigits = 8;

/** By the first digits of their hashes; comparing all of two hundred for every request took longer than all else that it needs. */
const printed = new WeakMap<readonly ApiToken[], Map<string, ApiToken[]>>();

/**
 * The entry with a hash. Those that begin as it does are compared, each in a time that does not depend on where it differs:
 * how long an answer takes says nothing about how near a guess was, of whose hash nobody can choose the first digits.
 *
 * @param tokens the settings'; others that take their place are another list
 * @param hash 64 hexadecimal digits in lower case
 */
export function findToken(tokens: readonly ApiToken[], hash: string): ApiToken | undefined {
  let byPrint = printed.get(tokens);
  if (byPrint === undefined) {
    printed.set(tokens, byPrint = Map.groupBy(tokens, ({ hash }) => hash.slice(0, printDigits)));
  }
  const near = byPrint.get(hash.slice(0, printDigits));
  if (near === undefined) return undefined;
  const sought = Uint8Array.fromHex(hash);
  let found: ApiToken | undefined;
  for (const token of near) {
    if (timingSafeEqual(Uint8Array.fromHex(token.hash), sought)) found = token;
  }
  return found;
}

/** True where one of the scopes held is one of those needed, or is `admin`. */
export function isAllowed(held: readonly Scope[], needed: readonly Scope[]): boolean {
  return held.includes("admin") || needed.some((scope) => held.includes(scope));
}

/** True where a token, as the settings have it now, still allows all that it allowed before: it is there, and no scope was taken from it. */
export function stillAllows(token: ApiToken | undefined, before: readonly Scope[]): boolean {
  return token !== undefined && before.every((scope) => isAllowed(token.scopes, [scope]));
}
