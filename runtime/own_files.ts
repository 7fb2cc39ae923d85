/**
 * Files of the product that are read while it runs: from its folder or, in a single executable, from what that carries.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { carried } from "./carried.ts";

const root = new URL("../", import.meta.url);

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

/** A path in the product's folder; of a single executable, which has none, in the folder that it was started in. */
export function ownPath(path: string): string {
  return carried === undefined ? fileURLToPath(new URL(path, root)) : resolve(path);
}
