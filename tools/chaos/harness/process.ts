/**
 * Processes of the product, started as `deno task` starts them: with the permissions of their task and no
 * others.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { taskArguments } from "../../engines/task_arguments.ts";
import { NoHope, until } from "./until.ts";

/** A line of a process's log. */
export interface LogLine {
  /** Milliseconds since 1970. */
  timeMs: number;
  event: string;
  /** Everything that the line says. */
  fields: Record<string, unknown>;
}

/** How a process ended. */
export interface Ended {
  /** Null where a signal ended it. */
  code: number | null;
  signal: string | null;
  stdout: string;
  seconds: number;
}

/** A process of the product. */
export interface Process {
  readonly task: string;
  readonly pid: number;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** Everything on its standard error, the log included. */
  readonly messages: readonly string[];
  readonly hasEnded: () => boolean;
  /** Settles when it has ended, whatever its exit code. */
  readonly ended: Promise<Ended>;
  /** The same, unless that takes too long. @throws {Error} then */
  endedWithin(ms: number): Promise<Ended>;
  /** Sends a signal; nothing happens once it has ended. */
  kill(signal: Deno.Signal): void;
  /**
   * Waits until it logs an event, or finds that it has.
   *
   * @returns the first such line
   */
  logged(event: string, withinMs?: number): Promise<LogLine>;
}

const projectDir = new URL("../../../", import.meta.url).pathname;

/** A process that does not even start in this time has failed: Deno compiles what it has not cached. */
const startMs = 60_000;

/** How a process differs from what `deno task` starts. */
export interface TaskOptions {
  /** How wrong its clock is, in milliseconds. */
  clockOffsetMs?: number;
  /** The folder of another version of the product, with a slash at its end; default this one's. */
  dir?: string;
  /** The words before its command, by which it runs on another host; default none. */
  enter?: readonly string[];
}

/** Starts a task of deno.json with arguments added. */
export async function startTask(
  task: string,
  args: readonly string[],
  env: Record<string, string>,
  options: TaskOptions = {},
): Promise<Process> {
  const startedAt = performance.now();
  const [command, ...words] = [
    ...options.enter ?? [],
    Deno.execPath(),
    ...await argumentsOf(task, options),
  ];
  const child = new Deno.Command(command!, {
    args: [...words, ...args],
    cwd: options.dir ?? projectDir,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  const log: LogLine[] = [];
  const messages: string[] = [];
  const readMessages = async () => {
    for await (const line of linesOf(child.stderr)) {
      messages.push(line);
      const entry = parseLogLine(line);
      if (entry !== null) log.push(entry);
    }
  };
  let over = false;
  const end = async (): Promise<Ended> => {
    const [stdout, { code, signal }] = await Promise.all([
      new Response(child.stdout).text(),
      child.status,
      readMessages(),
    ]);
    over = true;
    const seconds = (performance.now() - startedAt) / 1000;
    return { code: signal === null ? code : null, signal, stdout, seconds };
  };
  const ended = end();

  return {
    task: [task, ...args].join(" "),
    pid: child.pid,
    log,
    messages,
    hasEnded: () => over,
    ended,
    endedWithin: async (ms) => {
      await until(`${task} (process ${child.pid}) ends`, ms, () => {
        return over || `it has logged:\n${messages.slice(-5).join("\n")}`;
      });
      return await ended;
    },
    kill: (signal) => sendSignal(child, signal),
    logged: async (event, withinMs = startMs) => {
      let found: LogLine | undefined;
      await until(`${task} logs "${event}"`, withinMs, () => {
        found = log.find((line) => line.event === event);
        if (found !== undefined) return true;
        const tail = messages.slice(-5).join("\n");
        if (over) throw new NoHope(`${task} has ended:\n${tail}`);
        return `it has logged:\n${tail}`;
      });
      return found!;
    },
  };
}

/** Does nothing once the process has ended. */
function sendSignal(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound || error instanceof TypeError;
    if (!gone) throw error;
  }
}

/** Reads a line such as `{"time": …, "level": …, "event": …, …}`; null for any other. */
function parseLogLine(line: string): LogLine | null {
  if (!line.startsWith("{")) return null;
  try {
    const { time, event, ...fields } = JSON.parse(line) as Record<string, unknown>;
    return { timeMs: Date.parse(String(time)), event: String(event), fields };
  } catch {
    // A process that is killed while it writes leaves half a line.
    return null;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** What a task gives to `deno`, with a wrong clock where there is to be one. */
async function argumentsOf(
  task: string,
  { clockOffsetMs = 0, dir = projectDir }: TaskOptions,
): Promise<string[]> {
  const [run, ...args] = await taskArguments(task, { root: pathToFileURL(dir) });
  if (clockOffsetMs === 0) return [run!, ...args];
  const clock = new URL(`wrong_clock.ts?ms=${clockOffsetMs}`, import.meta.url);
  return [run!, `--preload=${clock}`, ...args];
}
