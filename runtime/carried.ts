/**
 * What a single executable carries in place of the product's folder. It loads nothing, because every command pays for it.
 *
 * @module
 */

/** What a single executable has in it. */
export interface Carried {
  /** Texts by the names of their files, such as `advance.lua` and `0001_catalog.sql`; no two have one name. */
  texts: Readonly<Record<string, string>>;
  /** Modules that are loaded by an address, by their paths from the product's folder. */
  modules: Readonly<Record<string, () => Promise<unknown>>>;
}

const root = new URL("../", import.meta.url);

/** Undefined in the product's folder. Whoever begins a single executable sets it before anything else is loaded. */
export const carried = (globalThis as { ordersCarried?: Carried }).ordersCarried;

/** True in a single executable. */
export const isSingleExecutable = carried !== undefined;

/** True for a module that {@linkcode loadModule} finds: a single executable has not all of them. */
export function hasModule(path: string): boolean {
  return carried === undefined || Object.hasOwn(carried.modules, path);
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
