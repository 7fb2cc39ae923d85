import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, realpath } from "node:fs/promises";
import { dirname, relative } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { capture } from "./capture.ts";
import type { Program } from "./program.ts";

/** Seconds that an engine gets for an orderly end before it is killed. */
const GRACE_SECONDS = 20;

/** Milliseconds that a start waits for a previous engine of the same folder to end. */
const PREVIOUS_ENGINE_MS = (GRACE_SECONDS + 5) * 1000;

/** An engine process that cannot outlive the process that started it. */
export interface Supervised {
  /** Process id of the engine itself, not of its supervisor. */
  readonly pid: number;
  /** Settles when the engine has ended, for whatever reason; never rejects. */
  readonly exited: Promise<void>;
  /** Whether {@linkcode Supervised.exited} has settled. */
  hasExited(): boolean;
  /** Sends a signal to the engine; does nothing once it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Asks the engine to end in order, kills it after a grace time, and waits for its end. */
  stop(): Promise<void>;
}

// $1 pid file, $2 log file, $3 folder to remove when the parent died (or ""), $4 grace in seconds,
// then the engine's command line. Standard input is a pipe that only the parent holds: a line on it
// means "end in order", end of file without a line means that the parent is gone. The watcher reads
// it; the main shell waits for the engine. SIGCONT follows SIGTERM because a stopped engine would
// not see it.
const SUPERVISOR = `
pid_file=$1 log=$2 orphan_folder=$3 tenths=$(($4 * 10))
shift 4
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
engine=$!
echo "$engine" >"$pid_file"
echo "$engine"
exec >/dev/null
(
  if read -r order <&3; then orphan_folder=; else trap '' TERM; fi
  kill -TERM "$engine"
  kill -CONT "$engine"
  while [ "$tenths" -gt 0 ] && kill -0 "$engine"; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  kill -KILL "$engine"
  if [ -n "$orphan_folder" ]; then
    in_memory=$(readlink -- "$orphan_folder/data")
    [ -z "$in_memory" ] || rm -rf -- "$in_memory"
    rm -rf -- "$orphan_folder"
    rmdir -- "$(dirname -- "$orphan_folder")"
  fi
) 2>/dev/null &
watcher=$!
exec 3<&-
wait "$engine"
rm -f -- "$pid_file"
kill -TERM "$watcher" 2>/dev/null
exit 0
`;

/**
 * Starts an engine under a tiny shell supervisor in a session of its own.
 *
 * A Ctrl-C on the terminal does not reach the engine, so its owner can end it in order. When this
 * process dies in any way, `kill -9` included, the kernel closes the supervisor's standard input
 * and the supervisor ends the engine; with `temporaryDir` it then removes that folder too, with what a link `data` in it
 * leads to, and its parent folder when that is empty. The engine sees an environment of `PATH`, `LC_ALL` and `TZ`.
 *
 * @param program the engine's executable with its fixed arguments
 * @param options.args further arguments
 * @param options.pidFile holds the engine's process id while it runs; an engine of an earlier
 * owner that is still ending is waited for
 * @param options.logFile the engine's standard output and error are appended to it
 * @param options.temporaryDir removed when this process dies without stopping the engine
 * @throws {Error} if an earlier engine of the same pid file does not end in time
 */
export async function supervise(
  program: Program,
  options: { args: string[]; pidFile: string; logFile: string; temporaryDir?: string },
): Promise<Supervised> {
  await waitForPreviousEngine(options.pidFile);
  const child = spawn("/bin/sh", [
    "-c",
    SUPERVISOR,
    "supervise",
    options.pidFile,
    options.logFile,
    options.temporaryDir ?? "",
    String(GRACE_SECONDS),
    program.command,
    ...program.args,
    ...options.args,
  ], {
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  let ended = false;
  const exited = once(child, "exit").then(() => {
    ended = true;
  });
  // A supervisor that has ended breaks the pipe.
  child.stdin.on("error", () => {});
  const pid = Number(await readFirstLine(child.stdout));
  return {
    pid,
    exited,
    hasExited: () => ended,
    kill(signal) {
      if (ended) return;
      try {
        process.kill(pid, signal);
      } catch (error) {
        // The engine has ended and its supervisor is about to say so.
        if (!isGone(error)) throw error;
      }
    },
    async stop() {
      if (!ended) child.stdin.write("end\n");
      await exited;
      child.stdin.destroy();
    },
  };
}

async function readFirstLine(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return text.trim();
}

async function waitForPreviousEngine(pidFile: string): Promise<void> {
  const deadline = Date.now() + PREVIOUS_ENGINE_MS;
  while (true) {
    const pid = Number(await readFile(pidFile, "utf8").catch(() => ""));
    if (!pid || !isAlive(pid) || await worksElsewhere(pid, dirname(pidFile))) return;
    if (Date.now() > deadline) {
      throw new Error(
        `Cannot start an engine: process ${pid} of ${pidFile} is still running; ` +
          `end it, or remove the file if that process is something else`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * After a power cut or a new start of a container the pid file is still there, and its number may be that of
 * another process by now. An engine works in its own folder or below it; what Linux says of a process that is
 * not ours is nothing, and elsewhere nothing is known.
 */
async function worksElsewhere(pid: number, folder: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const { success, stdout } = await capture("readlink", [`/proc/${pid}/cwd`]);
  // A process that ended meanwhile and one of another user have no folder to tell.
  return !success || relative(await realpath(folder), stdout.trim()).startsWith("..");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isGone(error);
  }
}

function isGone(error: unknown): boolean {
  return (error as { code?: string }).code === "ESRCH";
}
