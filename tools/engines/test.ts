import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import process from "node:process";
import type { Readable } from "node:stream";
import { isatty } from "node:tty";
import { bun } from "../../runtime/bun.ts";
import { type EngineName, mariadbSeries } from "./programs.ts";
import { type PrivateEngines, startPrivateEngines } from "./private_engines.ts";

const HELP = `Runs the test suite on private engines that it starts and stops itself.

Usage: deno task test [--engine=mariadb|mariadb-11|mysql] [ARGS]

  --engine=NAME  the database server to test on: mariadb (the machine's own, the default), mariadb-11 (MariaDB 11.8)
                 and mysql (MySQL 9), which are fetched
  --help         this text

All other arguments go to "deno test", or on Bun to "bun test": a file or folder instead of tests/, --filter=TEXT,
--fail-fast, --coverage … Exits 0 only if tests ran and all of them passed.
Servers that DATABASE_URL and REDIS_URL point to are never touched.`;

/** Test files that run at the same time: three, as half of their time they wait for processes and engines. */
const JOBS = 3;

/** Test files of half a minute that begin first, because by their names they would be the last, with nothing beside them. */
export const LONG_FILES = [
  "tests/upgrade_test.ts",
  "tests/streams/redis/sentinel_test.ts",
  "tests/streams/workflow/every_type_test.ts",
  "tests/streams/redis/redis_moves_test.ts",
];

/**
 * Of the database that the suite runs on: a commit is with the kernel at once, and on the disk within a second. Tests kill
 * processes, never the machine. On MariaDB all tables are in one file, or some 100,000 would be made and removed; where they
 * are on a disk, nothing waits for it as long as the files of tables come and go.
 */
export function suiteDatabaseArgs(engine: EngineName): string[] {
  const args = ["--innodb-flush-log-at-trx-commit=2"];
  return engine === "mariadb"
    ? [...args, "--innodb-file-per-table=0", "--loose-debug-no-sync"]
    : args;
}

/** What test files may do; engines need processes, ports, folders and the user id. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-sys",
];

/** What `bun test` is given: the words of Deno that the tests use, and files one after the other. */
const ON_BUN = ["test", "--preload", "./tests/on_bun.ts"];

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

/** The arguments of `deno task test`, or what is wrong with them. */
export type TestArgs =
  | { kind: "run"; engine: EngineName; series?: string; denoArgs: string[] }
  | { kind: "help" }
  | { kind: "wrong"; reason: string };

/** Takes the arguments apart into those of this program and those of `deno test`. */
export function parseTestArgs(args: string[]): TestArgs {
  let engine = "mariadb";
  const denoArgs = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--help" || arg === "-h") return { kind: "help" };
    if (arg === "--engine") engine = args[++at] ?? "";
    else if (arg.startsWith("--engine=")) engine = arg.slice("--engine=".length);
    else denoArgs.push(arg);
  }
  if (engine === "mariadb-11") return { kind: "run", engine: "mariadb", series: "11", denoArgs };
  if (engine !== "mariadb" && engine !== "mysql") {
    const reason = `--engine must be mariadb, mariadb-11 or mysql, not "${engine}"`;
    return { kind: "wrong", reason };
  }
  return { kind: "run", engine, denoArgs };
}

/** The counts of a finished run of tests. */
export interface TestCounts {
  passed: number;
  failed: number;
  /** Tests that are marked as ignored. */
  skipped: number;
}

/**
 * Reads the counts from the summary line of `deno test`, such as
 * `ok | 3 passed (2 steps) | 0 failed | 1 ignored (5ms)`, colours or not.
 *
 * @returns undefined for any other line
 */
export function parseSummary(line: string): TestCounts | undefined {
  // deno-lint-ignore no-control-regex
  const plain = line.replace(/\x1b\[[0-9;]*m/g, "");
  const counts = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/.exec(plain);
  if (!counts) return undefined;
  const skipped = /\| (\d+) ignored/.exec(plain);
  return {
    passed: Number(counts[1]),
    failed: Number(counts[2]),
    skipped: Number(skipped?.[1] ?? 0),
  };
}

const namesOnBun = { pass: "passed", fail: "failed", skip: "skipped" } as const;

/** Reads one of the counts that `bun test` ends with, each in a line such as ` 3 pass`; undefined for any other line. */
export function parseBunCount(line: string): Partial<TestCounts> | undefined {
  const [, count, name] = /^ *(\d+) (pass|fail|skip)$/.exec(line) ?? [];
  return name === undefined
    ? undefined
    : { [namesOnBun[name as keyof typeof namesOnBun]]: Number(count) };
}

/** The last line of `deno task test`: `tests: 123 passed, 0 failed`, with skipped ones if any. */
export function formatCounts(counts: TestCounts): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  return `tests: ${counts.passed} passed, ${counts.failed} failed${skipped}`;
}

async function run(engine: EngineName, denoArgs: string[]): Promise<number> {
  let child: ChildProcess | undefined;
  let signalled = 0;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      signalled = number;
      child?.kill("SIGTERM");
    });
  }

  console.error(`Starting a private ${engine} and a private redis for the tests …`);
  const engines = await startPrivateEngines({
    engine,
    inMemory: true,
    redoLogMb: 128,
    databaseArgs: suiteDatabaseArgs(engine),
  });
  try {
    if (signalled) return 128 + signalled;
    child = await spawnTests(engines, engine, denoArgs);
    const [counts, [code]] = await Promise.all([readCounts(child), once(child, "exit")]);
    if (signalled) console.error("Interrupted");
    else if (counts.passed + counts.failed === 0) console.error("No test ran");
    console.log(formatCounts(counts));
    if (signalled) return 128 + signalled;
    if (code !== 0) return code ?? 1;
    return counts.passed > 0 && counts.failed === 0 ? 0 : 1;
  } finally {
    await engines.stop();
  }
}

async function spawnTests(
  engines: PrivateEngines,
  engine: EngineName,
  denoArgs: string[],
): Promise<ChildProcess> {
  const namesFiles = await Promise.all(
    denoArgs.map((arg) => stat(arg).then(() => true, () => false)),
  );
  const files = namesFiles.includes(true) ? [] : [...(bun ? [] : LONG_FILES), "tests/"];
  const mayAll = denoArgs.includes("-A") || denoArgs.includes("--allow-all");
  const onDeno = ["test", "--parallel", ...(mayAll ? [] : PERMISSIONS)];
  const wantsColour = isatty(1) && !process.env.NO_COLOR;
  return spawn(process.execPath, [...(bun ? ON_BUN : onDeno), ...denoArgs, ...files], {
    env: {
      ...process.env,
      DENO_JOBS: String(JOBS),
      TEST_DATABASE_URL: engines.env.DATABASE_URL,
      TEST_REDIS_URL: engines.env.REDIS_URL,
      TEST_ENGINE: engine,
      ...(wantsColour ? { FORCE_COLOR: "1" } : {}),
    },
    stdio: ["ignore", "pipe", bun ? "pipe" : "inherit"],
  });
}

/** Copies the output as it comes and keeps the counts; Bun writes its summary on standard error. */
async function readCounts({ stdout, stderr }: ChildProcess): Promise<TestCounts> {
  const parts = await Promise.all([
    passThrough(stdout!, process.stdout),
    stderr === null ? {} : passThrough(stderr, process.stderr),
  ]);
  return Object.assign({ passed: 0, failed: 0, skipped: 0 }, ...parts);
}

async function passThrough(
  output: Readable,
  into: NodeJS.WritableStream,
): Promise<Partial<TestCounts>> {
  const read = bun ? parseBunCount : parseSummary;
  let counts: Partial<TestCounts> = {};
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of output) {
    if (!into.write(chunk)) await once(into, "drain");
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) counts = { ...counts, ...read(line) };
  }
  return { ...counts, ...read(rest) };
}

/**
 * Runs tests on private engines.
 *
 * @param args as {@linkcode parseTestArgs} takes them
 * @returns the exit code
 */
export async function runTests(args: string[]): Promise<number> {
  const parsed = parseTestArgs(args);
  if (parsed.kind === "help") {
    console.log(HELP);
    return 0;
  }
  if (parsed.kind === "wrong") {
    console.error(`${parsed.reason} (see --help)`);
    return 2;
  }
  // For this process' server, and for those that tests start.
  if (parsed.series !== undefined) process.env[mariadbSeries] = parsed.series;
  try {
    return await run(parsed.engine, parsed.denoArgs);
  } catch (error) {
    if (process.env.LOG_LEVEL === "debug") throw error;
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) process.exit(await runTests(process.argv.slice(2)));
