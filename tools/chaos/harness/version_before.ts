/**
 * Versions before this one, from the history of this repository.
 *
 * @module
 */

import { join } from "node:path";

/** The last commit of a version long before: its schema ends with migration 0020. */
export const commitBefore = "8631caa";

/** What stands for the release before where the repository has no tag yet: its schema ends with migration 0028. */
const commitWithoutTag = "39169013";

const project = new URL("../../../", import.meta.url).pathname;

/**
 * Makes a copy of a version before in a new folder.
 *
 * @param commit or tag; default {@linkcode commitBefore}
 * @returns the folder, with a slash at its end
 * @throws {Error} that says what is missing, where this is no clone of the repository with its history
 */
export async function checkOutVersionBefore(
  parent: string,
  commit = commitBefore,
): Promise<string> {
  const dir = join(parent, "version_before");
  const missing = `Commit ${commit}, a version before, is not in ${project}`;
  await git(["clone", "-q", "--no-checkout", "--shared", project, dir], missing);
  await git(["-C", dir, "checkout", "-q", commit], missing);
  return `${dir}/`;
}

/**
 * The release before this version: the newest tag that is not this very commit, else a commit that stands for it.
 *
 * @throws {Error} that says what is missing, where the history is not here
 */
export async function releaseBefore(): Promise<string> {
  const at = ["-C", project];
  const tag = await git(
    [...at, "describe", "--tags", "--abbrev=0", "HEAD^"],
    "There is no tag",
  ).catch(() => "");
  const commit = tag.trim() || commitWithoutTag;
  await git(
    [...at, "cat-file", "-e", `${commit}^{commit}`],
    `${commit}, the release before, is not in ${project}`,
  );
  return commit;
}

/** @returns what it says */
async function git(args: string[], missing: string): Promise<string> {
  const command = new Deno.Command("git", { args, stdout: "piped", stderr: "piped" });
  const output = await command.output().catch((error) => {
    throw new Error(`${missing}: git cannot be run`, { cause: error });
  });
  const text = new TextDecoder();
  if (output.success) return text.decode(output.stdout);
  const said = text.decode(output.stderr).trim().split("\n")[0];
  throw new Error(`${missing}; this takes a clone with its whole history (git says: ${said})`);
}
