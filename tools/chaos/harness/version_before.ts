/**
 * The version before this one, from the history of this repository.
 *
 * @module
 */

import { join } from "node:path";

/** The last commit of the version before: its schema ends with migration 0020. */
export const commitBefore = "8631caa";

/**
 * Makes a copy of the version before in a new folder.
 *
 * @returns the folder, with a slash at its end
 * @throws {Error} that says what is missing, where this is no clone of the repository with its history
 */
export async function checkOutVersionBefore(parent: string): Promise<string> {
  const project = new URL("../../../", import.meta.url).pathname;
  const dir = join(parent, "version_before");
  const missing = `Commit ${commitBefore}, the version before, is not in ${project}`;
  await git(["clone", "-q", "--no-checkout", "--shared", project, dir], missing);
  await git(["-C", dir, "checkout", "-q", commitBefore], missing);
  return `${dir}/`;
}

async function git(args: string[], missing: string): Promise<void> {
  const command = new Deno.Command("git", { args, stdout: "null", stderr: "piped" });
  const output = await command.output().catch((error) => {
    throw new Error(`${missing}: git cannot be run`, { cause: error });
  });
  if (output.success) return;
  const said = new TextDecoder().decode(output.stderr).trim().split("\n")[0];
  throw new Error(`${missing}; this takes a clone with its whole history (git says: ${said})`);
}
