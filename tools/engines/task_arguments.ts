import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bun } from "../../runtime/bun.ts";
import { capture } from "./capture.ts";

/** The project's own folder. */
const project = new URL("../../", import.meta.url);

/**
 * What a task gives to `deno`, to start it without the shell of `deno task`: a process of its own to signal and
 * to measure. Its permissions stand in deno.json and nowhere else, so it has to run in the project's folder. On Bun, what
 * the script of that name gives to `bun`.
 *
 * They are those that it has on engines that are set, and what `.env` says is left out: who starts a task like this
 * tells it everything.
 *
 * @param options.root of another copy of the project, with a slash at its end
 * @param options.env settings that its flags go by, besides those of this process
 * @returns `["run", …]`; the task's own arguments may follow
 */
export async function taskArguments(
  task: string,
  { root = project, env = {} }: { root?: URL; env?: Readonly<Record<string, string>> } = {},
): Promise<string[]> {
  const command = await commandOf(task, root);
  // Older copies have their flags in deno.json.
  const script = /\$\(sh (\S+) (\S+)\)/.exec(command);
  const flags = script === null ? "" : await flagsOf([script[1]!, script[2]!], { root, env });
  const [runtime, ...args] = command.replace(/\$\([^)]*\)/, flags).split(" ");
  if (runtime !== "deno" && runtime !== "bun") {
    throw new Error(`The task ${task} is no single run of the runtime`);
  }
  return args.filter((arg) => arg !== "--env-file");
}

async function flagsOf(
  args: [script: string, task: string],
  { root, env }: { root: URL; env: Readonly<Record<string, string>> },
): Promise<string> {
  const options = { cwd: fileURLToPath(root), env: { ...env, REQUIRE_SETTINGS: "1" } };
  return (await capture("sh", args, options)).stdout.trim();
}

async function commandOf(task: string, root: URL): Promise<string> {
  const read = async (name: string) => JSON.parse(await readFile(new URL(name, root), "utf8"));
  if (bun !== undefined) return (await read("package.json")).scripts[task];
  return (await read("deno.json")).tasks[task].command;
}
