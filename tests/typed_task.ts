import { bun } from "../runtime/bun.ts";

/** What follows the runtime's name where a task is typed: `deno task --quiet import FILE`, or Bun's script of that name. */
export function typedTask(task: string, ...args: string[]): string[] {
  return bun === undefined
    ? ["task", "--quiet", task, ...args]
    : ["run", "--silent", task, ...args];
}
