import { fileURLToPath } from "node:url";

/** The project's own folder. */
const project = new URL("../../", import.meta.url);

/**
 * What a task gives to `deno`, to start it without the shell of `deno task`: a process of its own to signal and
 * to measure. Its permissions stand in deno.json and nowhere else, so it has to run in the project's folder.
 *
 * They are those that it has on engines that are set, and what `.env` says is left out: who starts a task like this
 * tells it everything.
 *
 * @param root of another copy of the project, with a slash at its end
 * @returns `["run", …]`; the task's own arguments may follow
 */
export async function taskArguments(task: string, root = project): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    tasks: Record<string, { command: string }>;
  };
  const { command } = tasks[task]!;
  // Older copies have their flags in deno.json.
  const script = /\$\(sh (\S+) (\S+)\)/.exec(command);
  const flags = script === null ? "" : await flagsOf(script[1]!, script[2]!, root);
  const [deno, ...args] = command.replace(/\$\([^)]*\)/, flags).split(" ");
  if (deno !== "deno") throw new Error(`The task ${task} is no single run of deno`);
  return args.filter((arg) => arg !== "--env-file");
}

async function flagsOf(script: string, task: string, root: URL): Promise<string> {
  const { stdout } = await new Deno.Command("sh", {
    args: [script, task],
    cwd: fileURLToPath(root),
    env: { REQUIRE_SETTINGS: "1" },
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}
