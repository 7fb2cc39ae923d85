/**
 * Keeps the bytes of a file so that it can be read once more.
 *
 * @module
 */

import { openTemporaryFile, type TemporaryFile } from "./temporary_file.ts";

/** See {@linkcode openSpool}. */
export interface Spool {
  /**
   * Adds bytes.
   *
   * @param options.isLent they are changed afterwards, so what stays in memory is copied; by default they must not be
   */
  write(bytes: Uint8Array, options?: { isLent?: boolean }): void;
  /** Bytes so far. */
  size(): number;
  /**
   * Gives all bytes back in pieces; nothing can be added any more. A piece is good until the next one is asked for.
   *
   * @param options.keep they may be asked for again; by default memory is freed as they are given
   */
  pieces(options?: { keep?: boolean }): Generator<Uint8Array>;
  /**
   * Bytes from somewhere; fewer at the end. They must not be changed, and are good until others are asked for.
   *
   * @param into where they are read to, if they fit; else, and by default, to new memory
   */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array;
  /** Frees the disk. */
  close(): void;
}

/** Bytes to a piece that is read from disk. */
const pieceBytes = 65_536;

/** What is kept in memory. */
const defaultMemoryBytes = 8 * 1024 * 1024;

/** @param memoryBytes how much is kept in memory; what is more goes to a temporary file */
export function openSpool(memoryBytes = defaultMemoryBytes): Spool {
  let file: TemporaryFile | undefined;
  let held: Uint8Array[] = [];
  let length = 0;
  return {
    write(bytes, { isLent = false } = {}) {
      length += bytes.length;
      if (file === undefined && length > memoryBytes) {
        file = openTemporaryFile();
        for (const piece of held) file.append(piece);
        held = [];
      }
      if (file === undefined) held.push(isLent ? new Uint8Array(bytes) : bytes);
      else file.append(bytes);
    },
    size: () => length,
    *pieces({ keep = false } = {}) {
      if (file === undefined && keep) {
        yield* held;
        return;
      }
      if (file === undefined) {
        const all = held.reverse();
        held = [];
        for (let piece = all.pop(); piece !== undefined; piece = all.pop()) yield piece;
        return;
      }
      const piece = new Uint8Array(pieceBytes);
      for (let offset = 0; offset < length; offset += pieceBytes) {
        yield file.read({ offset, length: Math.min(pieceBytes, length - offset) }, piece);
      }
    },
    read(offset, wanted, into) {
      const end = Math.min(length, offset + wanted);
      if (offset >= end) return new Uint8Array(0);
      return file === undefined
        ? readHeld(held, offset, end)
        : file.read({ offset, length: end - offset }, into);
    },
    close: () => file?.close(),
  };
}

function readHeld(held: readonly Uint8Array[], offset: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - offset);
  let at = 0;
  for (const piece of held) {
    const from = Math.max(offset, at);
    const to = Math.min(end, at + piece.length);
    if (from < to) bytes.set(piece.subarray(from - at, to - at), from - offset);
    at += piece.length;
    if (at >= end) break;
  }
  return bytes;
}
