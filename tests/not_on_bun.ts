/**
 * What of the tasks and the suite does not run on Bun, and why; all else does: by scripts of the same names, and by
 * `test:bun`.
 *
 * @module
 */

const permissions = "Deno keeps a process to permissions; Bun has none";
const checker = "it runs Deno's type checker";
const server =
  "it is about bytes that Deno's server takes; Bun's refuses them by an empty answer of its own";

/** Test files, or folders with a slash at their end, by their paths from the project's folder. */
export const filesNotOnBun: Readonly<Record<string, string>> = {
  "tests/e2e/": "the browser is driven by Deno's task test:e2e, once for both: pages are the same",
  "tests/permissions_test.ts": permissions,
  "tests/upgrade_test.ts":
    "other versions run from copies, where Bun would need packages of their own installed",
  "tests/cluster_chaos_test.ts":
    "what breaks is engines and hosts, for either runtime; the harness that breaks them is Deno's",
  "tests/runtime/serve_test.ts": "it is about how Deno's server ends",
  "tests/read_only_test.ts": "it runs the command of the image, which is Deno's",
  "tests/both_runtimes_test.ts": "it types every command on Deno and on Bun itself, from Deno",
  "tests/client_package_test.ts":
    "the package is built with node:module's stripTypeScriptTypes, which Bun 1.4 lacks",
  "tests/streams/telemetry/tracing_test.ts": "traces are Deno's own (OTEL_DENO)",
};

/** Tasks of deno.json that are no scripts of package.json. */
export const tasksNotOnBun: Readonly<Record<string, string>> = {
  check: "formatter, linter, type checker and documentation are Deno's",
  client: "types are stripped by node:module's stripTypeScriptTypes, which Bun 1.4 lacks",
  sbom: "it reads deno.lock, and the licences from Deno's cache of exactly those packages",
  bench: "one program measures both runtimes, or numbers were no comparison: bench --bun=PATH",
  chaos:
    "its proxies, listeners and signals are Deno's; what breaks is the engines, for either runtime",
  "test:e2e": "pages are the same on both, and the browser's driver asks for Deno",
  "test:files": "it runs for minutes in the words of Deno; the suite runs the same files on Bun",
  "test:model": "it runs for minutes in the words of Deno; the suite runs the same model on Bun",
};

/** A single test of a file that runs otherwise. */
export interface TestNotOnBun {
  file: string;
  /** As the test's name begins. */
  name: string;
  why: string;
}

/** Single tests. */
export const testsNotOnBun: readonly TestNotOnBun[] = [
  {
    file: "tests/streams/workflow/every_type_test.ts",
    name: "the compiler refuses",
    why: checker,
  },
  {
    file: "tests/sbom_test.ts",
    name: "docs/sbom.cdx.json lists what deno.lock has",
    why:
      "licences are read from Deno's cache, which has the packages of deno.lock, not of bun.lock",
  },
  {
    file: "tests/routes/client_test.ts",
    name: "the example of docs/integrating.md is typed",
    why: checker,
  },
  {
    file: "tests/routes/hostile/hostile_bytes_test.ts",
    name: "targets, hosts, methods and headers",
    why: server,
  },
  {
    file: "tests/routes/hostile/hostile_bytes_test.ts",
    name: "requests with bytes changed at random",
    why: server,
  },
  {
    file: "tests/routes/api/operation/metrics_test.ts",
    name: "methods that nobody knows share one label",
    why:
      "Bun's server closes the connection of a method that it does not know, so none reaches the metrics",
  },
  {
    file: "tests/commands/import_test.ts",
    name: "import uses no socket and no certificate that start may not use",
    why: permissions,
  },
  {
    file: "tests/commands/stock_test.ts",
    name: "the task stock uses no socket that start may not use",
    why: permissions,
  },
  {
    file: "tests/commands/doctor_test.ts",
    name: "doctor says how each engine is reached",
    why: permissions,
  },
];

/** True for a file of tests that Bun runs. */
export function runsOnBun(file: string): boolean {
  return !Object.keys(filesNotOnBun).some((left) =>
    left.endsWith("/") ? file.startsWith(left) : file === left
  );
}
