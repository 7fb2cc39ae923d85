/**
 * Locks files between processes. The kernel gives a lock back when its holder ends, however that ends; Node's modules have
 * no such lock.
 *
 * @module
 */

import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { platform } from "node:os";
import { pid } from "node:process";
import { bun } from "./bun.ts";

/** A lock that is held. */
export interface FileLock {
  release(): void;
}

/** `LOCK_EX | LOCK_NB` of flock(2): alone, and without waiting. */
const exclusive = 2 | 4;

/** What `bun:ffi` gives for flock(2). */
interface Libc {
  symbols: { flock(descriptor: number, operation: number): number };
}

/**
 * Locks a file, which is made if it is missing, and writes the number of this process into it.
 *
 * @returns undefined where another process holds the lock
 */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  if (bun === undefined) {
    const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
    if (!await file.tryLock(true)) {
      file.close();
      return undefined;
    }
    await file.truncate();
    await file.write(new TextEncoder().encode(`${pid}\n`));
    return { release: () => file.close() };
  }
  const descriptor = openSync(path, "a+", 0o600);
  const { symbols } = await openLibc();
  if (symbols.flock(descriptor, exclusive) !== 0) {
    closeSync(descriptor);
    return undefined;
  }
  ftruncateSync(descriptor);
  writeSync(descriptor, `${pid}\n`);
  return { release: () => closeSync(descriptor) };
}

async function openLibc(): Promise<Libc> {
  // Deno knows no module of that name, and would look for it if it stood in the import.
  const ffi = "bun:ffi";
  const { dlopen } = await import(ffi);
  const library = platform() === "darwin" ? "libSystem.dylib" : "libc.so.6";
  return dlopen(library, { flock: { args: ["i32", "i32"], returns: "i32" } });
}
