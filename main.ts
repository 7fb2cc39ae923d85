/**
 * The command line: finds the command that was typed, hands it the environment and the arguments, and
 * turns what it throws into one clear line and an exit code.
 *
 * @module
 */

import type { Command } from "./commands/command.ts";
import { print, printError } from "./commands/print.ts";
import { readRedisUrls } from "./config/engine_url.ts";
import { settings } from "./config/config.ts";
import { fileVariable, secretSettings } from "./config/secret_files.ts";
import { messageOf, WorkflowError } from "./domain/errors.ts";
import { refusalOf } from "./domain/operation/engine_fault.ts";
import { hasModule, isSingleExecutable, loadModule } from "./runtime/carried.ts";
import { collectGarbageEarly } from "./runtime/memory.ts";
import { environmentVariable, exitProcess, processArguments } from "./runtime/process.ts";
import { typed, typedFirst } from "./runtime/typed.ts";

/** Every command: a file of `commands/` has its name. */
const commands = [
  "start",
  "serve",
  "consume",
  "import",
  "refund",
  "capture",
  "retry",
  "kpis",
  "verify",
  "recover",
  "losses",
  "reconcile",
  "dead",
  "stock",
  "customer",
  "archive",
  "webhooks",
  "gateway",
  "token",
  "migrate",
  "doctor",
  "demo",
  "dev",
  "engines",
].filter((name) => hasModule(moduleOf(name)));

/** Commands that take files over HTTP beside their other work. */
const uploadCommands = ["start", "serve"];

/**
 * Loads a command only when it is typed: each task needs no more permissions than its own. By an address that is put
 * together, because Deno reads the files of all imports that it can foresee, and each process would hold the sources
 * of the whole product.
 */
async function loadCommand(name: string): Promise<Command> {
  return (await loadModule<{ default: Command }>(moduleOf(name))).default;
}

function moduleOf(command: string): string {
  return `commands/${command}.ts`;
}

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
  let whole = env;
  try {
    if (!commands.includes(name)) {
      const list = commands.join(", ");
      if (name === "--help") {
        print(await overview());
        return 0;
      }
      throw new WorkflowError("bad_usage", `There is no command "${name}"; there are ${list}`);
    }
    const command = await loadCommand(name);
    if (rest.includes("--help")) {
      const help = command.help.trim().replaceAll("deno task", typedFirst);
      const { fitHelp } = await loadModule<{ fitHelp(text: string): string }>(
        "commands/help_text.ts",
      );
      print(fitHelp(`${command.summary}\n\n${help}`));
      return 0;
    }
    whole = await readSecrets(env);
    return await command.run(rest, whole);
  } catch (error) {
    const expected = error instanceof WorkflowError;
    const refused = expected ? undefined : refusalOf(error, redisUserIn(whole));
    const line = refused === undefined
      ? messageOf(error).split("\n")[0]
      : `${refused.why}; ${refused.remedy}`;
    printError(`${name}: ${line}`);
    if (env.LOG_LEVEL === "debug" && error instanceof Error) printError(error.stack ?? "");
    return expected && (error.code === "bad_usage" || error.code === "bad_settings") ? 2 : 1;
  }
}

/** The environment with what stands in files of secrets, for which nothing is loaded where none is named. */
async function readSecrets(
  env: Record<string, string | undefined>,
): Promise<Record<string, string | undefined>> {
  if (!secretSettings.some(({ name }) => env[fileVariable(name)])) return env;
  const secrets = await loadModule<{ readSecrets: typeof readSecrets }>("commands/secrets.ts");
  return await secrets.readSecrets(env);
}

/** As whom Redis knows the commands of this environment, where it names a Redis. */
function redisUserIn(
  { REDIS_URL: url, REDIS_PREFIX: prefix = "" }: Record<string, string | undefined>,
) {
  return url === undefined || url === ""
    ? {}
    : { user: readRedisUrls(url).address[0]?.user, prefix };
}

/** Every command in a line of its own. */
async function overview(): Promise<string> {
  const width = Math.max(...commands.map((name) => name.length));
  const lines = await Promise.all(
    commands.map(async (name) => `  ${name.padEnd(width)}  ${(await loadCommand(name)).summary}`),
  );
  return [
    `Usage: ${typed("COMMAND")} [ARGS]`,
    "",
    ...lines,
    "",
    "Each has --help.",
  ].join("\n");
}

/** What of the environment the commands see. */
export function readEnvironment(): Record<string, string | undefined> {
  // No settings, and read where the task may: USER names the operator in timelines; INIT_CWD is where the
  // task was started, which relative paths begin at; NODE_ENV=production allows no private engines.
  const files = secretSettings.map(({ name }) => fileVariable(name));
  const names = [...settings.map(({ name }) => name), ...files, "USER", "NODE_ENV"];
  // An executable is started where its paths begin, whatever script of npm started that.
  if (!isSingleExecutable) names.push("INIT_CWD");
  return Object.fromEntries(names.map((name) => [name, environmentVariable(name)]));
}

/** Answers a request; the server may say more of its connection. */
type Fetch = (request: Request, said?: unknown) => Promise<Response>;

let app: Promise<Fetch> | undefined;

/**
 * The API and the dashboard for another server: `deno serve main.ts`, or Bun's. Importing this opens nothing and starts
 * no consumer.
 */
export default {
  async fetch(request: Request, said?: unknown): Promise<Response> {
    app ??= loadModule<{ lazyApp(env: Record<string, string | undefined>): Fetch }>(
      "commands/app.ts",
    )
      .then(async ({ lazyApp }) => lazyApp(await readSecrets(readEnvironment())));
    return await (await app)(request, said);
  },
};

/** Runs what was typed and ends the process. */
export async function runTyped(typed: string[]): Promise<never> {
  if (uploadCommands.includes(typed[0]!)) collectGarbageEarly();
  return exitProcess(await main(typed, readEnvironment()));
}

// Without arguments no command was typed: `deno serve` starts this file in the same way.
const given = import.meta.main ? processArguments() : [];
if (given.length > 0) await runTyped(given);
