/**
 * The server as a process of its own, for what it does to the whole process.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Api } from "./api.ts";
import { bytesOf, readAll } from "./hostile/raw_http.ts";
import { typedTask } from "../typed_task.ts";

/** A running `serve` or `start`. */
export interface Served {
  url: string;
  port: number;
  pid: number;
  /** What it has logged so far. */
  log(): string;
  /** Bytes of memory that it holds, and the most that it ever held. */
  memory(): Promise<{ now: number; most: number }>;
  /** Milliseconds that its own thread has worked so far. */
  workedMs(): Promise<number>;
  /** Ends it and waits for its end; its exit code. */
  stop(): Promise<number>;
}

const root = new URL("../../", import.meta.url);

/**
 * Starts the product with the permissions of its task, on a port of its own choice.
 *
 * @param options.cwd where it runs; by default the project's folder
 */
export async function startServed(
  { env: engines }: Pick<Api, "env">,
  env: Record<string, string> = {},
  task: "serve" | "start" = "serve",
): Promise<Served> {
  const process = new Deno.Command(Deno.execPath(), {
    args: typedTask(task),
    cwd: root,
    env: { ...engines, PORT: "0", LOG_FORMAT: "json", LOG_LEVEL: "info", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  const heard = Promise.withResolvers<string>();
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (url !== undefined) heard.resolve(url);
    }
  };
  const listening = [listen(process.stdout), listen(process.stderr)];
  const ended = Promise.all(listening).then(() => heard.reject(new Error(`It ended: ${output}`)));
  const url = await heard.promise;
  const pid = await childOf(process.pid);
  const ask = asker(pid);
  return {
    url,
    port: Number(new URL(url).port),
    pid,
    log: () => output,
    async memory() {
      const status = await ask("status");
      const bytes = (name: string) =>
        1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]);
      return { now: bytes("VmRSS"), most: bytes("VmHWM") };
    },
    workedMs: async () => Number((await ask(`task/${pid}/schedstat`)).split(" ")[0]) / 1_000_000,
    async stop() {
      ask.end();
      Deno.kill(pid, "SIGTERM");
      const { code } = await process.status;
      await ended;
      return code;
    },
  };
}

/** The program that a task runs is a process below that of the task. */
async function childOf(pid: number): Promise<number> {
  const ask = asker(pid);
  const child = Number((await ask(`task/${pid}/children`)).trim().split(" ")[0]);
  ask.end();
  return child > 0 ? child : pid;
}

/** Reads files about a process, which Deno itself lets nobody read who may not do everything. */
function asker(pid: number) {
  // Hundreds of times a second: a program for each look would take as much of the machine as the server that is watched.
  const program = `
    while read -r file; do
      while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done <"/proc/$0/$file"
      echo .
    done`;
  const reader = new Deno.Command("sh", {
    args: ["-c", program, String(pid)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = reader.stdin.getWriter();
  const lines = reader.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let turn = Promise.resolve("");
  const ask = (file: string): Promise<string> => {
    turn = turn.then(async () => {
      await writer.write(new TextEncoder().encode(`${file}\n`));
      let text = "";
      while (!text.endsWith(".\n")) {
        const { value, done } = await lines.read();
        if (done) throw new Error("Nothing is told of the process any more");
        text += value;
      }
      return text.slice(0, -2);
    });
    return turn;
  };
  return Object.assign(ask, { end: () => void writer.close().catch(() => {}) });
}

/** Sends bytes on a connection of its own and reads the answer to its end. */
export async function sendRaw(
  port: number,
  head: string,
  body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const answer = readAll(connection, 60_000, /\r\n\r\n[^]*[}>]\s*$/);
  const write = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  };
  try {
    await write(bytesOf(head));
    for await (const bytes of body) await write(bytes);
  } catch {
    // It may answer and close before it has read everything.
  }
  try {
    return (await answer).text;
  } finally {
    connection.close();
  }
}

/** A body in chunks of one byte each, `count` times, as it goes over the wire. */
export function oneByteChunks(count: number, character = "x"): Uint8Array {
  return bytesOf(`1\r\n${character}\r\n`.repeat(count));
}

/** One chunk as it goes over the wire. */
export function chunkOf(bytes: Uint8Array): Uint8Array[] {
  return [bytesOf(`${bytes.length.toString(16)}\r\n`), bytes, bytesOf("\r\n")];
}

export const lastChunk: Uint8Array = bytesOf("0\r\n\r\n");

/**
 * The longest time that an ordinary request takes while something goes on, in milliseconds. Of that only counts what
 * the server's own thread has worked meanwhile: other programs share the machine.
 */
export async function maxGapMs(
  { url, workedMs }: Served,
  work: () => Promise<unknown>,
): Promise<number> {
  let isOver = false;
  let max = 0;
  const watching = (async () => {
    while (!isOver) {
      const startedAt = await workedMs();
      const response = await fetch(`${url}/livez`);
      await response.body?.cancel();
      assert.equal(response.status, 200);
      max = Math.max(max, await workedMs() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await watching;
  }
  return max;
}
