/**
 * Keeps private engines for commands: `keep.ts DIR IDLE_MS`. Runs beside the commands that use them, without a terminal,
 * and ends when nobody has used them for a while.
 *
 * A crash of it ends the engines (they can't outlive who started them), frees the lock on the folder, and leaves a file
 * that nobody answers for: the next command starts everything anew.
 */
import process from "node:process";
import { keeperName, listEngines, type Share, shareEngines } from "./shared_engines.ts";
import { FolderInUse, type PrivateEngines, startPrivateEngines } from "./private_engines.ts";
import { describeStartFault } from "./start_fault.ts";
import type { ServerOnPort } from "./start_on_port.ts";

/** How long the folder is waited for while engines of another process end there, in milliseconds. */
const folderMs = 40_000;

/** Milliseconds between two looks at the folder. */
const lookMs = 100;

/** How often an engine that ended by itself is started again. */
const maxRestarts = 5;

/** Starts the engines, or returns nothing where another process was first and shares its own. */
async function start(dir: string): Promise<PrivateEngines | undefined> {
  const deadline = Date.now() + folderMs;
  while (true) {
    try {
      return await startPrivateEngines({ dir });
    } catch (error) {
      if (!(error instanceof FolderInUse)) throw error;
      const running = await listEngines(dir);
      if (running.some(({ engines }) => engines.dir === dir)) return undefined;
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }
}

/** Starts an engine again that ended by itself, on the same port, until that is of no use. */
async function keepUp(engine: ServerOnPort, isStopping: () => boolean): Promise<void> {
  for (let restarts = 0; restarts < maxRestarts; restarts++) {
    await engine.exited;
    if (isStopping()) return;
    await engine.restart();
  }
}

/** Resolves when nobody has used the engines for so long, or somebody asks for their end. */
async function untilUnused(share: Share, idleMs: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    timer = share.users().length === 0 ? setTimeout(over.resolve, idleMs) : undefined;
  };
  share.onChange = look;
  share.onStop = over.resolve;
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => over.resolve());
  look();
  await over.promise;
  clearTimeout(timer);
}

async function keep(dir: string, idleMs: number): Promise<void> {
  const engines = await start(dir);
  if (engines === undefined) return;
  let isStopping = false;
  try {
    const share = await shareEngines(dir, { by: keeperName, env: engines.env, dir });
    await Promise.race([
      untilUnused(share, idleMs),
      ...[engines.database, engines.redis].map((engine) => keepUp(engine, () => isStopping)),
    ]);
    isStopping = true;
    await share.withdraw();
    await engines.stop();
    share.close();
  } finally {
    isStopping = true;
    await engines.stop();
  }
}

if (import.meta.main) {
  const [dir, idleMs] = process.argv.slice(2);
  try {
    await keep(dir!, Number(idleMs));
    process.exit(0);
  } catch (error) {
    console.error(describeStartFault(error, dir!));
    process.exit(1);
  }
}
