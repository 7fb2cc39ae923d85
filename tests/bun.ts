/**
 * The Bun of npm, for tests on Deno that start it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { capture } from "../tools/engines/capture.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/**
 * Finds Bun and gives it the product's packages, as `bun install` leaves them.
 *
 * @returns the path of its program, beside which nothing else lies but programs of npm; undefined where it can't be had, which is said on standard error
 */
export async function findBun(): Promise<string | undefined> {
  // In a shell of npm's: scripts of package.json type `bun` themselves, so its folder has to be in PATH for them.
  const script = "bun install --frozen-lockfile >&2 && command -v bun";
  const found = await capture("npx", ["-y", "-p", "bun", "-c", script], { cwd: root })
    .catch((error) => ({ success: false, stdout: "", stderr: String(error) }));
  if (found.success) return found.stdout.trim();
  console.error(`Not tried: no Bun, or no registry: ${found.stderr}`);
}
