/** Private engines for one command: those that run, or new ones that are kept for the commands after it. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { dataDir } from "./data_dir.ts";
import { ensurePrograms } from "./programs.ts";
import { type Held, holdEngines, keeperName } from "./shared_engines.ts";

/** Milliseconds without a user after which kept engines end. */
const idleMs = 600_000;

/** Milliseconds between two looks whether they are there. */
const lookMs = 25;

/** How long engines may take to be there, their recovery after a crash included, in milliseconds. */
const maxStartMs = 120_000;

/** How private engines are found and started. */
export interface UseOptions {
  /** Folder in which they are kept; default: {@linkcode keptDir}. */
  dir?: string;
  /** Whether only those in `dir` will do, and not the engines of a demo. */
  keptOnly?: boolean;
  /** Default ten minutes. */
  idleMs?: number;
  /** Gets a line before programs are installed. */
  log: (line: string) => void;
}

/** The folder in which engines are kept for commands, unless another one is named. */
export const keptDir: string = join(dataDir, "dev");

/**
 * Uses private engines until {@linkcode Held.release} or the end of this process: those that run already, whoever runs
 * them, or else new ones. Several commands that start at the same moment get the same: each may start a process that wants
 * to keep engines, of which the lock of the folder lets one begin, and the others end.
 *
 * @returns also whether they had to be started
 * @throws {Error} where they can't be started; its message ends with what their keeper said
 */
export async function useEngines(options: UseOptions): Promise<Held & { isNew: boolean }> {
  const dir = options.dir ?? keptDir;
  const by = options.keptOnly ? keeperName : undefined;
  const running = await holdEngines(dir, by);
  if (running !== undefined) return { ...running, isNew: false };
  // Here and not by the keeper, which has no terminal to ask on.
  await ensurePrograms({ engine: "mariadb", log: options.log });
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  const logFile = join(dir, `keeper-${Deno.pid}.log`);
  const deadline = Date.now() + maxStartMs;
  let keeper = startKeeper(dir, options.idleMs ?? idleMs, logFile);
  try {
    while (Date.now() < deadline) {
      const held = await holdEngines(dir, by);
      if (held !== undefined) return { ...held, isNew: true };
      const code = keeper.exitCode();
      if (code === 0) {
        // It gave way to another one, whose engines have ended since.
        keeper = startKeeper(dir, options.idleMs ?? idleMs, logFile);
      } else if (code !== undefined) {
        const said = (await Deno.readTextFile(logFile).catch(() => "")).trim();
        throw new Error(`Cannot start private engines: ${said || `exit code ${code}`}`);
      }
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
    throw new Error(`Cannot start private engines: they are not there after ${maxStartMs} ms`);
  } finally {
    await Deno.remove(logFile).catch(() => {});
  }
}

/**
 * A process of its own that outlives this one: in another session, so that neither Ctrl-C nor the end of the terminal
 * reaches it, and without this process' output, whose reader would otherwise wait for its end.
 */
function startKeeper(
  dir: string,
  idle: number,
  logFile: string,
): { exitCode(): number | undefined } {
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'log=$1; shift; exec "$@" >/dev/null 2>"$log"',
      "keep",
      logFile,
      Deno.execPath(),
      "run",
      "-q",
      "--no-prompt",
      "-P=tools",
      fileURLToPath(new URL("keep.ts", import.meta.url)),
      dir,
      String(idle),
    ],
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  child.unref();
  let exitCode: number | undefined;
  void child.status.then(({ code }) => exitCode = code);
  return { exitCode: () => exitCode };
}
