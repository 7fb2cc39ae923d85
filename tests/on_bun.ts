/**
 * The words of Deno that the tests use, for a run of them on Bun: `bun run test`. The product has
 * none of them outside of `runtime/`, so what is tested is what runs.
 *
 * @module
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as files from "node:fs/promises";
import { connect as connectTo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Readable, Writable } from "node:stream";
import { bun } from "../runtime/bun.ts";
import { testsNotOnBun } from "./not_on_bun.ts";

/** A test may start engines and processes of its own. */
const maxTestMs = 300_000;

class NotFound extends Error {
  code = "ENOENT";
}
class NotCapable extends Error {}

type Path = string | URL;
type Body = (context: unknown) => unknown;

/** What fails because there is no such file fails as it does on Deno. */
async function found<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    throw Object.assign(new NotFound((error as Error).message), { cause: error });
  }
}

const infoOf = (stats: fs.Stats) => ({
  isFile: stats.isFile(),
  isDirectory: stats.isDirectory(),
  isSymlink: stats.isSymbolicLink(),
  isCharDevice: stats.isCharacterDevice(),
  size: stats.size,
  mode: stats.mode,
  mtime: stats.mtime,
  dev: stats.dev,
  ino: stats.ino,
});

const namesOf = (options: { prefix?: string; suffix?: string; dir?: string } = {}) =>
  join(
    options.dir ?? tmpdir(),
    `${options.prefix ?? ""}${crypto.randomUUID()}${options.suffix ?? ""}`,
  );

function makeTempFileSync(options?: { prefix?: string; suffix?: string; dir?: string }): string {
  const path = namesOf(options);
  fs.closeSync(fs.openSync(path, "wx", 0o600));
  return path;
}

async function makeTempDir(options?: { prefix?: string; dir?: string }): Promise<string> {
  const path = namesOf(options);
  await files.mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}

async function* readDir(path: Path) {
  for (const entry of await found(files.readdir(path, { withFileTypes: true }))) {
    yield { name: entry.name, isFile: entry.isFile(), isDirectory: entry.isDirectory() };
  }
}

/** A connection as Deno has it: reads wait for bytes, and null is the end. */
function connectionOf(socket: Socket) {
  socket.on("error", () => {});
  const { port = 0, address = "" } = socket.address() as { port?: number; address?: string };
  const readable = Readable.toWeb(socket) as ReadableStream<Uint8Array>;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let rest = new Uint8Array();
  return {
    localAddr: { transport: "tcp", hostname: address, port },
    get readable() {
      return readable;
    },
    get writable() {
      return Writable.toWeb(socket);
    },
    async read(into: Uint8Array): Promise<number | null> {
      reader ??= readable.getReader();
      if (rest.length === 0) {
        const { value, done } = await reader.read();
        if (done) return null;
        rest = new Uint8Array(value);
      }
      const part = rest.subarray(0, into.length);
      into.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    },
    write(bytes: Uint8Array): Promise<number> {
      return new Promise((resolve, reject) => {
        socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
      });
    },
    closeWrite: () => new Promise<void>((resolve) => socket.end(() => resolve())),
    close: () => void socket.destroy(),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

async function connect({ hostname = "127.0.0.1", port }: { hostname?: string; port: number }) {
  const socket = connectTo({ host: hostname, port });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  return connectionOf(socket);
}

/** Listens at once: Bun knows the port before the first event. */
function listen({ hostname, port }: { hostname: string; port: number }) {
  const waiting: Socket[] = [];
  let wake = () => {};
  let isOpen = true;
  const server = createServer((socket) => {
    waiting.push(socket);
    wake();
  }).listen(port, hostname);
  const accept = async () => {
    while (isOpen && waiting.length === 0) await new Promise<void>((resolve) => wake = resolve);
    if (!isOpen) throw new Error("the listener was closed");
    return connectionOf(waiting.shift()!);
  };
  return {
    addr: { transport: "tcp", hostname, port: (server.address() as { port: number }).port },
    accept,
    async *[Symbol.asyncIterator]() {
      while (isOpen) {
        const connection = await accept().catch(() => undefined);
        if (connection !== undefined) yield connection;
      }
    },
    close() {
      isOpen = false;
      server.close();
      wake();
    },
  };
}

interface CommandOptions {
  args?: string[];
  cwd?: Path;
  env?: Record<string, string>;
  clearEnv?: boolean;
  stdin?: string;
  stdout?: string;
  stderr?: string;
}

const streamOf = (kind: string | undefined, usual: string) => {
  const wanted = kind ?? usual;
  return wanted === "piped" ? "pipe" : wanted === "null" ? "ignore" : "inherit";
};

class Command {
  constructor(readonly command: string, readonly options: CommandOptions = {}) {
    // What Deno is given before the program says what it may do, which Bun does not limit.
    const [first, ...args] = options.args ?? [];
    if (command !== process.execPath || first !== "run" || args[0] === "--silent") return;
    const program = args.findIndex((arg) => arg === "-" || !arg.startsWith("-"));
    const typed = args.slice(program);
    if (typed[0]?.startsWith("file:")) typed[0] = fileURLToPath(typed[0]);
    this.options = { ...options, args: ["run", ...typed] };
  }

  spawn(usual = "inherit") {
    const { args = [], cwd, env, clearEnv, stdin, stdout, stderr } = this.options;
    const child = spawn(this.command, args, {
      cwd,
      env: clearEnv ? env : { ...process.env, ...env },
      stdio: [
        streamOf(stdin, usual === "piped" ? "null" : usual),
        streamOf(stdout, usual),
        streamOf(stderr, usual),
      ],
    });
    const status = new Promise<{ success: boolean; code: number; signal: string | null }>(
      (resolve, reject) => {
        child.on("error", reject);
        child.on(
          "exit",
          (code, signal) => resolve({ success: code === 0, code: code ?? 128 + 15, signal }),
        );
      },
    );
    const web = (stream: Readable | null) =>
      stream ? Readable.toWeb(stream) as ReadableStream<Uint8Array> : undefined;
    const [out, err] = [web(child.stdout), web(child.stderr)];
    child.stdin?.on("error", () => {});
    return {
      pid: child.pid!,
      status,
      stdin: child.stdin ? Writable.toWeb(child.stdin) : undefined,
      stdout: out,
      stderr: err,
      kill: (signal: NodeJS.Signals = "SIGTERM") => void child.kill(signal),
      async output() {
        const bytes = async (stream?: ReadableStream<Uint8Array>) =>
          new Uint8Array(await new Response(stream).arrayBuffer());
        const [stdout, stderr, ended] = await Promise.all([bytes(out), bytes(err), status]);
        return { ...ended, stdout, stderr };
      },
    };
  }

  output() {
    return this.spawn("piped").output();
  }
}

/** Serves by Bun's own server, as the product does. */
function serve(
  options: { hostname?: string; port?: number; signal?: AbortSignal; onListen?(a: unknown): void },
  answer: (request: Request, info: unknown) => Response | Promise<Response>,
) {
  const server = bun!.serve({
    hostname: options.hostname ?? "0.0.0.0",
    port: options.port ?? 0,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch: (request, server) =>
      answer(request, { remoteAddr: { hostname: server.requestIP(request)?.address } }),
  });
  const finished = Promise.withResolvers<void>();
  const stop = async (atOnce: boolean) => {
    await (server.stop as (atOnce?: boolean) => Promise<void>).call(server, atOnce);
    finished.resolve();
  };
  options.onListen?.({ hostname: server.hostname, port: server.port });
  options.signal?.addEventListener("abort", () => void stop(true));
  return {
    addr: { transport: "tcp", hostname: server.hostname, port: server.port },
    finished: finished.promise,
    shutdown: () => stop(false),
    [Symbol.asyncDispose]: () => stop(true),
  };
}

/** Runs the parts of a test one after the other. */
const context = {
  async step(name: string, body: Body) {
    try {
      await body(context);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
    return true;
  },
};

/** Tests of Deno's own checker, permissions and server. */
const isLeftOut = (name: string) => testsNotOnBun.some((left) => name.startsWith(left.name));

interface BunTest {
  test: ((name: string, body: () => unknown, ms: number) => void) & {
    skip(name: string, body: () => unknown): void;
  };
  beforeAll(body: () => unknown, ms: number): void;
  afterAll(body: () => unknown, ms: number): void;
}

async function wordsOfTests() {
  const runner = "bun:test";
  const { test, beforeAll, afterAll }: BunTest = await import(runner);
  const add = (first: string | { name: string; ignore?: boolean; fn: Body }, body?: Body) => {
    const { name, ignore, fn } = typeof first === "string"
      ? { name: first, ignore: false, fn: body! }
      : first;
    if (ignore || isLeftOut(name)) test.skip(name, () => {});
    else test(name, async () => void await fn(context), maxTestMs);
  };
  return Object.assign(add, {
    beforeAll: (body: () => unknown) => beforeAll(body, maxTestMs),
    afterAll: (body: () => unknown) => afterAll(body, maxTestMs),
  });
}

const stat = async (path: Path) => infoOf(await found(files.stat(path)));

const words = {
  test: await wordsOfTests(),
  args: process.argv.slice(2),
  pid: process.pid,
  build: { os: process.platform, arch: process.arch },
  errors: { NotFound, NotCapable },
  execPath: () => process.execPath,
  exit: (code: number) => process.exit(code),
  kill: (pid: number, signal: NodeJS.Signals) => process.kill(pid, signal),
  memoryUsage: () => process.memoryUsage(),
  env: {
    get: (name: string) => process.env[name],
    set: (name: string, value: string) => void (process.env[name] = value),
    toObject: () => ({ ...process.env }),
  },
  readTextFile: (path: Path) => found(files.readFile(path, "utf8")),
  readTextFileSync: (path: Path) => fs.readFileSync(path, "utf8"),
  readFile: async (path: Path) => new Uint8Array(await found(files.readFile(path))),
  writeTextFile: (path: Path, text: string, options?: { mode?: number; append?: boolean }) =>
    files.writeFile(path, text, { mode: options?.mode, flag: options?.append ? "a" : "w" }),
  writeFile: (path: Path, bytes: Uint8Array) => files.writeFile(path, bytes),
  copyFile: files.copyFile,
  symlink: (from: string, to: string) => files.symlink(from, to),
  link: files.link,
  mkdir: (path: Path, options?: { recursive?: boolean; mode?: number }) =>
    files.mkdir(path, options),
  remove: async (path: Path, options?: { recursive?: boolean }) => {
    // An empty folder is removed like a file.
    const { isDirectory } = infoOf(await found(files.lstat(path)));
    if (isDirectory && !options?.recursive) await files.rmdir(path);
    else await found(files.rm(path, options));
  },
  removeSync: (path: Path) => fs.rmSync(path),
  uid: () => process.getuid?.() ?? null,
  chown: (path: Path, uid: number | null, gid: number | null) =>
    files.chown(path, uid ?? -1, gid ?? -1),
  chmod: files.chmod,
  rename: files.rename,
  chmodSync: fs.chmodSync,
  stat,
  statSync: (path: Path) => infoOf(fs.statSync(path)),
  lstat: async (path: Path) => infoOf(await found(files.lstat(path))),
  open: async (path: Path) => {
    await stat(path);
    const descriptor = fs.openSync(path, "r");
    return {
      readable: bun!.file(descriptor).stream(),
      close: () => fs.closeSync(descriptor),
    };
  },
  readDir,
  makeTempDir,
  makeTempFile: (options?: object) => Promise.resolve(makeTempFileSync(options)),
  makeTempFileSync,
  connect,
  listen,
  serve,
  Command,
};

assert.ok(bun, "Deno has these words itself");
Object.assign(globalThis, { Deno: words });
