import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type FSWatcher, readdirSync, watch } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { taskArguments } from "./task_arguments.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What no process reads that serves. */
const ignored = /^(\.|docs$|node_modules$|ops$|tests$)/;

/** Milliseconds of quiet after which a change is over: editors write a file in several steps. */
const quietMs = 100;

/** A task that begins again whenever a file of the product changes. */
export interface WatchedTask {
  /** Asks it to end, by that signal; it does not begin again then. */
  end(signal: NodeJS.Signals): void;
  /** Its last exit code, once it has ended and does not begin again. */
  ended: Promise<number>;
}

/**
 * Starts a task, and ends it in order and starts it again whenever a file changes. The runtimes' own `--watch` stays when
 * its program was asked to end. One that ends by itself begins again with the next change.
 *
 * It has a process group of its own: the Ctrl-C of a terminal would reach it by itself and by this process, and a second
 * signal means to end at once.
 *
 * @param env is added to the environment of this process
 * @param log gets a line when it begins again, or waits for that
 */
export async function watchTask(
  task: string,
  env: Record<string, string>,
  log: (line: string) => void,
): Promise<WatchedTask> {
  const args = await taskArguments(task);
  const changes = watchSources();
  const end = Promise.withResolvers<void>();
  let isEnding = false;
  let child: ChildProcess;
  const runAll = async () => {
    while (true) {
      const changed = changes.next();
      const isChanged = changed.then(() => true);
      child = spawn(process.execPath, args, {
        cwd: root,
        env: { ...process.env, ...env },
        stdio: ["ignore", "inherit", "inherit"],
        detached: true,
      });
      const exited = once(child, "exit");
      const first = await Promise.race([exited.then(() => false), isChanged]);
      if (first && !isEnding) child.kill("SIGTERM");
      const [code] = await exited;
      if (!isEnding && !first) {
        log(`${task} has ended; it begins again when a file changes`);
        await Promise.race([changed, end.promise]);
      }
      // Deno tells of one that was sent a signal that it died of it, however it ended.
      if (isEnding) return code ?? 0;
      log(`A file has changed: ${task} begins again`);
    }
  };
  return {
    end(signal) {
      isEnding = true;
      child.kill(signal);
      end.resolve();
    },
    ended: runAll().finally(changes.close),
  };
}

/** Tells of changes in the folders from which a process is made. */
function watchSources(): { next(): Promise<void>; close(): void } {
  let next = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onChange = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      next.resolve();
      next = Promise.withResolvers();
    }, quietMs);
  };
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !ignored.test(entry.name));
  const watchers: FSWatcher[] = [
    // By their folder: an editor may put another file in the place of one.
    watch(root, (_, name) => {
      if (!ignored.test(name ?? "")) onChange();
    }),
    ...folders.map(({ name }) => watch(join(root, name), { recursive: true }, onChange)),
  ];
  return {
    next: () => next.promise,
    close() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
