import process from "node:process";
import { ensureBrowser } from "./browser.ts";
import { runTests } from "./test.ts";

const HELP = `Runs the tests of the dashboard in a real Chromium, on private engines.

Usage: deno task test:e2e [--optional] [ARGS]

  --optional  where no Chromium can be had, say why and exit 0 instead of 1
  --help      this text

A missing Chromium is installed with apt or Homebrew. All other arguments are those of "deno task test".
SCREENSHOTS=1 also makes the pictures in docs/screenshots.`;

/** Where the tests find the browser; without it they are skipped. */
const VARIABLE = "TEST_BROWSER";

async function run(args: string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  const optional = args.includes("--optional");
  try {
    process.env[VARIABLE] = await ensureBrowser({ log: console.error });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`${optional ? "Skipped" : "Cannot run"} the tests in a browser: ${reason}`);
    return optional ? 0 : 1;
  }
  // The driver of the browser asks for every permission.
  return await runTests(["-A", "tests/e2e", ...args.filter((arg) => arg !== "--optional")]);
}

if (import.meta.main) process.exit(await run(process.argv.slice(2)));
