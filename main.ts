/**
 * The command line: finds the command that was typed, hands it the environment and the arguments, and
 * turns what it throws into one clear line and an exit code.
 *
 * @module
 */

import type { Command } from "./commands/command.ts";
import { print, printError } from "./commands/print.ts";
import { settings } from "./config/config.ts";
import { messageOf, WorkflowError } from "./domain/errors.ts";
import { environmentVariable, exitProcess, processArguments } from "./runtime/process.ts";

/** Every command, loaded only when it is typed: each task needs no more permissions than its own. */
const commands: Readonly<Record<string, () => Promise<{ default: Command }>>> = {
  start: () => import("./commands/start.ts"),
  serve: () => import("./commands/serve.ts"),
  consume: () => import("./commands/consume.ts"),
  import: () => import("./commands/import.ts"),
  refund: () => import("./commands/refund.ts"),
  retry: () => import("./commands/retry.ts"),
  kpis: () => import("./commands/kpis.ts"),
  verify: () => import("./commands/verify.ts"),
  recover: () => import("./commands/recover.ts"),
  dead: () => import("./commands/dead.ts"),
  stock: () => import("./commands/stock.ts"),
  gateway: () => import("./commands/gateway.ts"),
  token: () => import("./commands/token.ts"),
  migrate: () => import("./commands/migrate.ts"),
  doctor: () => import("./commands/doctor.ts"),
  demo: () => import("./commands/demo.ts"),
  dev: () => import("./commands/dev.ts"),
};

/**
 * Runs one command.
 *
 * @param args the command's name and its arguments
 * @returns the exit code: 0 success, 1 failure, 2 wrong usage or settings
 */
export async function main(
  args: string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const [name = "--help", ...rest] = args;
  try {
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined) {
      const list = Object.keys(commands).join(", ");
      if (name === "--help") {
        print(`Usage: deno task COMMAND [ARGS]\n\nCommands: ${list}\nEach has --help.`);
        return 0;
      }
      throw new WorkflowError("bad_usage", `There is no command "${name}"; there are ${list}`);
    }
    const { default: command } = await load();
    if (rest.includes("--help")) {
      print(`${command.summary}\n\n${command.help.trim()}`);
      return 0;
    }
    return await command.run(rest, env);
  } catch (error) {
    const expected = error instanceof WorkflowError;
    const line = messageOf(error).split("\n")[0];
    printError(`${name}: ${line}`);
    if (env.LOG_LEVEL === "debug" && error instanceof Error) printError(error.stack ?? "");
    return expected && (error.code === "bad_usage" || error.code === "bad_settings") ? 2 : 1;
  }
}

if (import.meta.main) {
  // No settings, and read where the task may: USER names the operator in timelines; INIT_CWD is where the
  // task was started, which relative paths begin at.
  const names = [...settings.map(({ name }) => name), "USER", "INIT_CWD"];
  const env = Object.fromEntries(names.map((name) => [name, environmentVariable(name)]));
  exitProcess(await main(processArguments(), env));
}
