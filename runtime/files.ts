/**
 * Files, where Node's modules do not do: as streams of the web, of which both runtimes have faster ones of their own, and
 * temporary ones, whose folder Deno alone knows in a task that may not read `TMPDIR`.
 *
 * @module
 */

import { closeSync, fstatSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bun } from "./bun.ts";

/** A file that was opened to be read to its end, or closed. */
export interface OpenFile {
  /** What it holds; the file is closed at its end. */
  readable(): ReadableStream<Uint8Array>;
  isDirectory: boolean;
  isFile: boolean;
  /** In bytes. */
  size: number;
  /** With `ino`: which file it is, whatever it is called. */
  dev: number;
  ino: number | null;
  close(): void;
}

/**
 * Opens a file.
 *
 * @throws {Error} with the `code` of the system, such as `ENOENT`, where it can't be opened
 */
export async function openForReading(path: string | URL): Promise<OpenFile> {
  if (bun === undefined) {
    const file = await Deno.open(path, { read: true });
    const { isDirectory, isFile, size, dev, ino } = await file.stat();
    const close = () => file.close();
    return { readable: () => file.readable, isDirectory, isFile, size, dev, ino, close };
  }
  const { file } = bun;
  const descriptor = openSync(path, "r");
  const stat = fstatSync(descriptor);
  return {
    readable: () => file(descriptor).stream(),
    isDirectory: stat.isDirectory(),
    isFile: stat.isFile(),
    size: stat.size,
    dev: stat.dev,
    ino: stat.ino,
    close: () => closeSync(descriptor),
  };
}

/** What comes from standard input. */
export function readStandardInput(): ReadableStream<Uint8Array> {
  return bun === undefined ? Deno.stdin.readable : bun.file(0).stream();
}

/**
 * Makes an empty file that only its owner may use, under a name that nobody else has.
 *
 * @param options.dir by default the folder that `TMPDIR` names, or the system's
 * @returns its path
 * @throws {Error} where it can't be made
 */
export function makeTemporaryFile({ prefix, dir }: { prefix: string; dir?: string }): string {
  if (bun === undefined) return Deno.makeTempFileSync({ prefix, dir });
  const path = join(dir ?? tmpdir(), `${prefix}${crypto.randomUUID()}`);
  closeSync(openSync(path, "wx", 0o600));
  return path;
}
