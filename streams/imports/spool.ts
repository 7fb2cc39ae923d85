/**
 * Keeps the bytes of a file so that it can be read once more.
 *
 * @module
 */

import { openTemporaryFile, type TemporaryFile } from "./temporary_file.ts";

/** See {@linkcode openSpool}. */
export interface Spool {
  /** Adds bytes; they must not be changed afterwards. */
  write(bytes: Uint8Array): void;
  /**
   * Gives all bytes back in pieces, once; nothing can be added any more. A piece is good until the next one
   * is asked for.
   */
  pieces(): Generator<Uint8Array>;
  /** Frees the disk. */
  close(): void;
}

/** Bytes to a piece that is read from disk. */
const pieceBytes = 65_536;

/** @param memoryBytes how much is kept in memory; what is more goes to a temporary file */
export function openSpool(memoryBytes: number): Spool {
  let file: TemporaryFile | undefined;
  let held: Uint8Array[] = [];
  let length = 0;
  return {
    write(bytes) {
      length += bytes.length;
      if (file === undefined && length > memoryBytes) {
        file = openTemporaryFile();
        for (const piece of held) file.append(piece);
        held = [];
      }
      if (file === undefined) held.push(bytes);
      else file.append(bytes);
    },
    *pieces() {
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
    close: () => file?.close(),
  };
}
