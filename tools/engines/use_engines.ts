/** Private engines for one command: those that run, or new ones that are kept for the commands after it. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bun } from "../../runtime/bun.ts";
import { dataDir } from "./data_dir.ts";
import { ensurePrograms } from "./programs.ts";
import { describeStartFault } from "./start_fault.ts";
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
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error) => {
    throw new Error(describeStartFault(error, dir));
  });
  const logFile = join(dir, `keeper-${process.pid}.log`);
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
        const said = (await readFile(logFile, "utf8").catch(() => "")).trim();
        throw new Error(said || `their process ended with exit code ${code}`);
      }
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
    throw new Error(`they are not there after ${maxStartMs} ms`);
  } finally {
    await rm(logFile, { force: true });
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
  const flags = bun === undefined ? ["-q", "--no-prompt", "-P=tools"] : [];
  const program = fileURLToPath(new URL("keep.ts", import.meta.url));
  const log = openSync(logFile, "w", 0o600);
  const child = spawn(process.execPath, ["run", ...flags, program, dir, String(idle)], {
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    detached: true,
    stdio: ["ignore", "ignore", log],
  });
  closeSync(log);
  child.unref();
  let exitCode: number | undefined;
  child.on("exit", (code) => exitCode = code ?? 1);
  return { exitCode: () => exitCode };
}
