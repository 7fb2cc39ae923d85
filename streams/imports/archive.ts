/**
 * Takes a file out of a zip archive: the only one that it has, or the parts of a workbook.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { badFile } from "../../domain/import/source/file_kind.ts";
import type { Spool } from "./spool.ts";
import { takeTurns } from "../timing/take_turns.ts";

/** A file in an archive. */
export interface ArchiveEntry {
  /** With its folders. */
  name: string;
  /**
   * Its bytes.
   *
   * @throws {WorkflowError} `invalid` for what is damaged, and for more than the archive may unpack to
   */
  bytes(): AsyncGenerator<Uint8Array>;
}

/** See {@linkcode openArchive}. */
export interface Archive {
  /** Files; folders and what some systems add are none. */
  entries: ArchiveEntry[];
}

/** Entries of an archive: a workbook has some dozen. */
const maxEntries = 10_000;

/** Bytes of their names and of what is said besides, which are in memory. */
const maxNameBytes = 16 * 1024 * 1024;

/**
 * Lists what a zip archive has. Its directory stands at its end, so one that is cut off is refused.
 *
 * @param maxBytes that all entries together may unpack to while they are read
 * @throws {WorkflowError} `invalid` for what is no zip archive, or damaged
 */
export async function openArchive(spool: Spool, maxBytes: number): Promise<Archive> {
  const zip = await openZip(spool);
  if (zip.entryCount > maxEntries) {
    throw badFile(`is an archive of ${zip.entryCount} files; there may be one`);
  }
  const budget = { left: maxBytes, all: maxBytes };
  const entries: ArchiveEntry[] = [];
  const othersTurn = takeTurns();
  let nameBytes = 0;
  await new Promise<void>((resolve, reject) => {
    zip.on("error", (error) => reject(damaged(error)));
    zip.on("end", () => resolve());
    zip.on("entry", (entry) => {
      nameBytes += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
      if (nameBytes > maxNameBytes) {
        return reject(badFile(`is an archive with more than ${maxNameBytes} bytes of names`));
      }
      if (isFile(entry.fileName)) {
        entries.push({ name: entry.fileName, bytes: () => bytesOf(zip, entry, budget) });
      }
      // Nothing of it waits for the network or a timer.
      const turn = othersTurn();
      if (turn === undefined) zip.readEntry();
      else turn.then(() => zip.readEntry());
    });
    zip.readEntry();
  });
  return { entries };
}

/** What is used of a zip archive as yauzl has it. */
interface Zip {
  entryCount: number;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "end", listener: () => void): void;
  on(event: "entry", listener: (entry: ZipEntry) => void): void;
  readEntry(): void;
  openReadStream(
    entry: ZipEntry,
    done: (error: Error | null, stream: AsyncIterable<Uint8Array>) => void,
  ): void;
}

interface ZipEntry {
  fileName: string;
  uncompressedSize: number;
  fileNameLength: number;
  extraFieldLength: number;
  fileCommentLength: number;
  crc32: number;
  isEncrypted(): boolean;
}

async function openZip(spool: Spool): Promise<Zip> {
  const yauzl = await import("yauzl");
  class SpoolReader extends yauzl.RandomAccessReader {
    _readStreamForRange(start: number, end: number): Readable {
      return Readable.from(rangeOf(spool, start, end), { objectMode: false });
    }
  }
  const options = { lazyEntries: true, autoClose: false, validateEntrySizes: true };
  return await new Promise((resolve, reject) => {
    const done = (error: Error | null, zip: Zip) => error ? reject(damaged(error)) : resolve(zip);
    yauzl.fromRandomAccessReader(new SpoolReader(), spool.size(), options, done);
  });
}

/** @param budget bytes that may still come, of all entries together */
async function* bytesOf(
  zip: Zip,
  entry: ZipEntry,
  budget: { left: number; all: number },
): AsyncGenerator<Uint8Array> {
  if (entry.isEncrypted()) throw badFile("is encrypted: remove its password");
  if (entry.uncompressedSize > budget.left) throw tooLarge(budget.all);
  let sum = 0;
  try {
    const stream = await new Promise<AsyncIterable<Uint8Array>>((resolve, reject) =>
      zip.openReadStream(entry, (error, stream) => error ? reject(error) : resolve(stream))
    );
    for await (const chunk of stream) {
      budget.left -= chunk.length;
      if (budget.left < 0) throw tooLarge(budget.all);
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    throw damaged(error);
  }
  if (sum !== entry.crc32) throw damaged(new Error("its checksum does not fit"));
}

/** Bytes that are read at once. */
const rangeBytes = 65_536;

function* rangeOf(spool: Spool, start: number, end: number): Generator<Buffer> {
  for (let at = start; at < end; at += rangeBytes) {
    // Whoever gets it may keep it.
    yield Buffer.from(spool.read(at, Math.min(rangeBytes, end - at)));
  }
}

/** Folders, and what a Mac adds. */
function isFile(name: string): boolean {
  return !name.endsWith("/") &&
    !/(?:^|\/)(?:__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$)/.test(name);
}

function tooLarge(maxBytes: number): WorkflowError {
  return badFile(
    `unpacks to more than ${Math.floor(maxBytes / 1024 / 1024)} MB: import it in parts`,
  );
}

function damaged(error: unknown): unknown {
  if (error instanceof WorkflowError) return error;
  return badFile(`is a zip archive that is damaged or cut off (${messageOf(error)})`);
}
