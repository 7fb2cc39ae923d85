/**
 * `test:bun`: every test file that runs on Bun, in a process of its own, on private engines.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { delimiter, dirname, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bun } from "../runtime/bun.ts";
import { startPrivateEngines } from "../tools/engines/private_engines.ts";
import { suiteDatabaseArgs } from "../tools/engines/test.ts";
import { runsOnBun } from "./not_on_bun.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

const help = `
Runs all test files on Bun that are not about Deno, each in a process of its own, on private engines.

Usage: bun run test:bun [TEXT…]

  TEXT    only files whose path has one of these
  --help  this text

Needs: bun install. From Deno's task of the same name the Bun of npm is used. Exits 0 only if every file passed. What is
left out, and why, stands in tests/not_on_bun.ts.`.trim();

/** How long one file may take, in milliseconds. */
const maxFileMs = 300_000;

/** Every test file of the suite that Bun runs, from the project's folder. */
export async function filesOnBun(): Promise<string[]> {
  const entries = await readdir(new URL("./", import.meta.url), {
    recursive: true,
    withFileTypes: true,
  });
  return entries
    .map(({ parentPath, name }) => relative(root, `${parentPath}/${name}`))
    .filter((path) => /_test\.tsx?$/.test(path) && runsOnBun(path))
    .sort();
}

/** Runs one file; what it printed, and whether it passed. */
async function runFile(file: string, env: NodeJS.ProcessEnv) {
  const args = ["test", "--preload", "./tests/on_bun.ts", `./${file}`];
  // A group of its own: what a test leaves behind after its time ends with it.
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => said += text);
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), maxFileMs);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  return { passed: code === 0, said };
}

async function runAll(texts: string[]): Promise<number> {
  const files = (await filesOnBun())
    .filter((file) => texts.length === 0 || texts.some((text) => file.includes(text)));
  const engines = await startPrivateEngines({
    engine: "mariadb",
    databaseArgs: suiteDatabaseArgs("mariadb"),
  });
  const failed: string[] = [];
  try {
    const env = {
      ...process.env,
      // Tests type `bun run NAME`.
      PATH: [dirname(process.argv0), process.env.PATH].join(delimiter),
      TEST_DATABASE_URL: engines.env.DATABASE_URL,
      TEST_REDIS_URL: engines.env.REDIS_URL,
      TEST_ENGINE: "mariadb",
    };
    for (const file of files) {
      const startedAt = performance.now();
      const { passed, said } = await runFile(file, env);
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      console.log(`${passed ? "ok    " : "FAILED"} ${file} (${seconds} s)`);
      if (passed) continue;
      console.log(said);
      failed.push(file);
    }
  } finally {
    await engines.stop();
  }
  for (const file of failed) console.log(`failed: ${file}`);
  console.log(`test files: ${files.length - failed.length} passed, ${failed.length} failed`);
  return files.length > 0 && failed.length === 0 ? 0 : 1;
}

async function main(args: string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(help);
    return 0;
  }
  if (bun !== undefined) return await runAll(args);
  const child = spawn("npx", ["-y", "bun", "run", "test:bun", ...args], {
    cwd: root,
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  return code ?? 1;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
