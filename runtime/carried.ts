/**
 * Files of the product that are read while it runs: from its folder or, in a single executable, from what that carries.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** What a single executable has in it. */
export interface Carried {
  /** Texts by the names of their files, such as `advance.lua` and `0001_catalog.sql`; no two have one name. */
  texts: Readonly<Record<string, string>>;
  /** Modules that are loaded by an address, by their paths from the product's folder. */
  modules: Readonly<Record<string, () => Promise<unknown>>>;
}

const root = new URL("../", import.meta.url);

// Whoever begins a single executable sets it before anything else is loaded.
const carried = (globalThis as { ordersCarried?: Carried }).ordersCarried;

/** True in a single executable. */
export const isSingleExecutable = carried !== undefined;

/**
 * Reads a text that belongs to the product.
 *
 * @throws {Error} where there is no such file
 */
export function readOwnText(at: URL): string {
  if (carried === undefined) return readFileSync(at, "utf8");
  const name = basename(at.pathname);
  const text = carried.texts[name];
  if (text === undefined) throw new Error(`The executable has no ${name} in it`);
  return text;
}

/** The names of the files in a folder of the product; in a single executable of all that it has, whatever the folder. */
export function namesIn(folder: URL): string[] {
  return carried === undefined ? readdirSync(folder) : Object.keys(carried.texts);
}

/**
 * Loads a module by an address that Deno can't foresee.
 *
 * @param path from the product's folder
 * @throws {Error} where there is no such module
 */
export async function loadModule<T>(path: string): Promise<T> {
  if (carried === undefined) return await import(new URL(path, root).href);
  const load = carried.modules[path];
  if (load === undefined) throw new Error(`The executable has no ${path} in it`);
  return await load() as T;
}

/** A path in the product's folder; of a single executable, which has none, in the folder that it was started in. */
export function ownPath(path: string): string {
  return fileURLToPath(new URL(path, carried === undefined ? root : `file://${cwdPath()}/`));
}

function cwdPath(): string {
  const { process } = globalThis as unknown as { process: { cwd(): string } };
  return process.cwd();
}
