/** The project's own folder. */
const project = new URL("../../", import.meta.url);

/**
 * What a task gives to `deno`, to start it without the shell of `deno task`: a process of its own to signal and
 * to measure. Its permissions stand in deno.json and nowhere else, so it has to run in the project's folder.
 *
 * @param root of another copy of the project, with a slash at its end
 * @returns `["run", …]`; the task's own arguments may follow
 */
export async function taskArguments(task: string, root = project): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    tasks: Record<string, { command: string }>;
  };
  const [deno, ...args] = tasks[task]!.command.split(" ");
  if (deno !== "deno") throw new Error(`The task ${task} is no single run of deno`);
  return args;
}
