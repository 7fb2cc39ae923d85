/**
 * The file in a multipart form, as it comes in.
 *
 * Read by ourselves, because `@fastify/busboy` 3.2.6 in its place was no shorter (174 lines for 176: a session's
 * first field has to be looked at without taking it away) and no faster (1.3 s of processor time for 512 MB,
 * like this), held 365 MB instead of 60 MB for a body of 1 MB in pieces of one byte, and a form that ended within
 * a part which nobody listened to ended the process by an uncaught error.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { WorkflowError } from "../../../domain/errors.ts";

/** A file that is still on its way. */
export interface UploadedFile {
  /** As the form says; empty where it says nothing. */
  name: string;
  /** Fails where the form ends before the file does. */
  source: ReadableStream<Uint8Array>;
  /** The document of the profile that explains it, which stands in the form before it; undefined for none. */
  profile?: string;
  /** The other fields before the file, by their names. */
  fields: Readonly<Record<string, string | undefined>>;
}

/** The boundary of a `multipart/form-data` content type; undefined for any other type. */
export function boundaryOf(contentType: string): string | undefined {
  const match = /^multipart\/form-data\s*;.*boundary=("([^"]{1,70})"|[^\s;"]{1,70})/i.exec(
    contentType,
  );
  return match?.[2] ?? match?.[1];
}

/** Most bytes of a part's headers. */
const maxBytes = 16_384;

/** Most bytes of a field, and of all fields: a form has a choice for each column of its file. */
const maxFieldBytes = { one: 65_536, all: 262_144 };

/** Most parts until the file. */
const maxParts = 500;

/**
 * Finds the first file of a `multipart/form-data` body, and the fields before it; a field `profile` may be a file itself.
 * Of what comes after the file only the names of fields are looked at. Memory holds the fields and a piece of the body: a
 * piece of the file is good until the next one is asked for.
 *
 * @param body may lend its pieces
 * @param boundary of the content type
 * @param onField is told the name of each field but the profile, and may throw; reading the file throws that of those after
 * it
 * @throws {WorkflowError} `bad_request` for a body that is no such form or has no file; reading the file throws the same
 * for a profile that comes after it, because it would mean nothing there
 */
export async function fileOfForm(
  body: ReadableStream<Uint8Array>,
  boundary: string,
  onField: (name: string) => void = () => {},
): Promise<UploadedFile> {
  const bytes = readPieces(body);
  try {
    return await findFile(bytes, boundary, onField);
  } catch (error) {
    await bytes.cancel();
    throw error;
  }
}

async function findFile(
  bytes: ReturnType<typeof readPieces>,
  boundary: string,
  onField: (name: string) => void,
): Promise<UploadedFile> {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  await bytes.text(delimiter);
  let profile: string | undefined;
  const fields: Record<string, string | undefined> = Object.create(null);
  let left = maxFieldBytes.all;
  const value = async () => {
    const text = await bytes.text(delimiter, Math.min(left, maxFieldBytes.one));
    left -= text.length;
    return text;
  };
  for (let part = 0; part < maxParts; part++) {
    const end = await bytes.text(Buffer.from("\r\n"));
    if (end.startsWith("--")) break;
    const disposition = dispositionIn(await bytes.text(Buffer.from("\r\n\r\n")));
    const name = /;\s*filename="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1];
    if (isProfile(disposition)) profile = await value();
    else if (name === undefined) {
      const field = fieldName(disposition) ?? "";
      onField(field);
      fields[field] = await value();
    } else {
      const source = ReadableStream.from(fileOf(bytes, delimiter, onField));
      return { name, source, profile, fields };
    }
  }
  throw new WorkflowError("bad_request", "The form has no file");
}

/** The file that a form has come to. What follows must be nothing that would have meant something before it. */
async function* fileOf(
  bytes: ReturnType<typeof readPieces>,
  delimiter: Buffer,
  onField: (name: string) => void,
): AsyncGenerator<Uint8Array> {
  yield* bytes.until(delimiter);
  for (let part = 0; part < maxParts; part++) {
    const headers = await bytes.text(Buffer.from("\r\n\r\n")).catch(() => undefined);
    if (headers === undefined) return;
    const disposition = dispositionIn(headers);
    if (isProfile(disposition)) {
      throw new WorkflowError("bad_request", "The profile must stand in the form before the file");
    }
    onField(fieldName(disposition) ?? "");
    const value = await bytes.text(delimiter, maxFieldBytes.one).catch(() => undefined);
    if (value === undefined) return;
  }
}

function dispositionIn(headers: string): string {
  return /^content-disposition:.*$/im.exec(headers)?.[0] ?? "";
}

function fieldName(disposition: string): string | undefined {
  return /;\s*name="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1];
}

function isProfile(disposition: string): boolean {
  return /;\s*name="profile"/i.test(disposition);
}

/** The first part of a form, if it is a field. */
export interface FirstField {
  /** Its name; empty where the form does not begin with a short field. */
  name: string;
  value: string;
  /** The whole body, to be read instead of the one that was looked into. */
  body: ReadableStream<Uint8Array>;
}

/**
 * Looks at the first field of a `multipart/form-data` body without taking it away, and without reading on to
 * the file.
 *
 * @param boundary of the content type
 */
export async function firstFieldOf(
  body: ReadableStream<Uint8Array>,
  boundary: string,
): Promise<FirstField> {
  const reader = body.getReader();
  const dashes = Buffer.from(`--${boundary}`);
  let room = Buffer.alloc(2 * maxBytes);
  let length = 0, boundaries = 0, searched = 0;
  while (length <= maxBytes && boundaries < 2) {
    const { value, done } = await reader.read();
    if (done) break;
    // Copied, because a chunk of one byte would keep a whole read buffer.
    if (length + value.length > room.length) {
      room = Buffer.concat([room.subarray(0, length)], length + value.length);
    }
    room.set(value, length);
    length += value.length;
    while (boundaries < 2) {
      const at = room.subarray(0, length).indexOf(dashes, searched);
      if (at < 0) break;
      boundaries++;
      searched = at + 1;
    }
    // The end of what there is may be the beginning of a boundary.
    if (boundaries < 2) searched = Math.max(searched, length - dashes.length + 1);
  }
  const head = room.subarray(0, length);
  let isHeadRead = false;
  const whole = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (!isHeadRead) {
        isHeadRead = true;
        if (head.length > 0) return controller.enqueue(new Uint8Array(head));
      }
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return { ...await fieldIn(head, boundary), body: whole };
}

async function fieldIn(head: Buffer, boundary: string): Promise<{ name: string; value: string }> {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const pieces = readPieces(ReadableStream.from([new Uint8Array(head)]));
  try {
    await pieces.text(delimiter);
    await pieces.text(Buffer.from("\r\n"));
    const headers = await pieces.text(Buffer.from("\r\n\r\n"));
    const disposition = /^content-disposition:.*$/im.exec(headers)?.[0] ?? "";
    const name = fieldName(disposition);
    if (name === undefined || /;\s*filename=/i.test(disposition)) return { name: "", value: "" };
    return { name, value: await pieces.text(delimiter) };
  } catch (error) {
    if (error instanceof WorkflowError) return { name: "", value: "" };
    throw error;
  }
}

/** The same memory as what it is for everybody else: a part of a buffer is no copy of it. */
function bytesOf({ buffer, byteOffset, length }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Finds a delimiter, or -1. By the byte that would be its last it is known how far its next place is away at least, so that
 * of a file few bytes are looked at (Horspool): `Buffer.indexOf` took 0.5 s of processor time for 109 MB, a fifteenth of a
 * preview.
 */
function searchFor(delimiter: Uint8Array): (bytes: Uint8Array) => number {
  const { length } = delimiter;
  const leaps = new Uint8Array(256).fill(length);
  for (let at = 0; at < length - 1; at++) leaps[delimiter[at]!] = length - 1 - at;
  const last = delimiter[length - 1]!;
  return (bytes) => {
    for (let at = 0; at + length <= bytes.length;) {
      const byte = bytes[at + length - 1]!;
      if (byte === last && isAt(bytes, at, delimiter)) return at;
      at += leaps[byte]!;
    }
    return -1;
  };
}

/** From its beginning, a line break, which no boundary has: whatever a boundary repeats, most places differ at once. */
function isAt(bytes: Uint8Array, at: number, delimiter: Uint8Array): boolean {
  for (let place = 0; place < delimiter.length; place++) {
    if (bytes[at + place] !== delimiter[place]) return false;
  }
  return true;
}

function readPieces(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader();
  // One room for all pieces: what is made for each waits for the garbage collector, which has time while a file comes.
  let room = Buffer.alloc(2 * maxBytes);
  // The first delimiter has no line break before it.
  let rest = room.subarray(0, room.write("\r\n"));
  const take = (piece: Uint8Array): void => {
    const length = rest.length + piece.length;
    const from = room;
    if (length > room.length) room = Buffer.alloc(2 * length);
    // Within one room the two may overlap.
    if (from === room) rest.copy(room, 0);
    else room.set(rest);
    room.set(piece, rest.length);
    rest = room.subarray(0, length);
  };

  async function* until(delimiter: Buffer): AsyncGenerator<Uint8Array> {
    const find = searchFor(delimiter);
    for (;;) {
      const at = find(rest);
      if (at >= 0) {
        const last = rest.subarray(0, at);
        rest = rest.subarray(at + delimiter.length);
        if (last.length > 0) yield bytesOf(last);
        return;
      }
      // The end of what there is may be the beginning of the delimiter.
      const sure = rest.subarray(0, Math.max(0, rest.length - delimiter.length + 1));
      rest = rest.subarray(sure.length);
      if (sure.length > 0) yield bytesOf(sure);
      const { value, done } = await reader.read();
      if (done) throw new WorkflowError("bad_request", "The form is not complete");
      take(value);
    }
  }

  async function text(delimiter: Buffer, max = maxBytes): Promise<string> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of until(delimiter)) {
      size += piece.length;
      if (size > max) {
        throw new WorkflowError(
          "bad_request",
          "The form has a part that is too long before its file",
        );
      }
      pieces.push(piece.slice());
    }
    return Buffer.concat(pieces).toString("utf8");
  }

  /** Wants no more of the body, whose sender may still be sending. */
  const cancel = () => reader.cancel().catch(() => {});

  return { until, text, cancel };
}
