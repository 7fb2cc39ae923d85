/**
 * `bun run compile`: the product as a single executable that needs no runtime and no folder. Scripts, migrations and
 * commands, which are found by their addresses otherwise, are in it.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

const help = `
Builds the service as one file that needs no runtime: migrate, import, consume, serve, start and so on.

Usage: bun run compile [--out=FILE] [--target=bun-linux-x64]

Without --out it is .data/orders. A target of another system makes Bun download its runtime.`
  .trim();

/** Commands that need the product's folder, because they start engines of their own. */
const ofTheFolder = ["demo", "dev", "engines"];

/** Files whose text is read while the product runs, by their paths from its folder. */
function textFiles(): string[] {
  return ["streams", "migrations"].flatMap((folder) =>
    readdirSync(resolve(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(lua|sql)$/.test(path))
      .map((path) => `${folder}/${path}`)
  ).sort();
}

/**
 * The module that the executable begins with.
 *
 * @throws {Error} where two texts have one name
 */
export function entryOf(): string {
  const at = (path: string) => JSON.stringify(resolve(root, path));
  const texts = textFiles();
  const names = new Set(texts.map((path) => basename(path)));
  if (names.size < texts.length) throw new Error("two scripts or migrations have one name");
  const commands = readdirSync(resolve(root, "commands"))
    .filter((file) => file.endsWith(".ts") && !ofTheFolder.includes(file.slice(0, -3)));
  return [
    ...texts.map((path, index) => `import text${index} from ${at(path)} with { type: "text" };`),
    "globalThis.ordersCarried = {",
    "  texts: {",
    ...texts.map((path, index) => `    ${JSON.stringify(basename(path))}: text${index},`),
    "  },",
    "  modules: {",
    ...commands.map((file) => `    "commands/${file}": () => import(${at(`commands/${file}`)}),`),
    "  },",
    "};",
    `const { runTyped } = await import(${at("main.ts")});`,
    "await runTyped(process.argv.slice(2));",
    "",
  ].join("\n");
}

/** @returns the exit code */
function build(args: string[]): number {
  const options = new Map(args.map((arg) => {
    const [, name = arg, value = ""] = /^--(out|target|help)(?:=(.+))?$/.exec(arg) ?? [];
    return [name, value];
  }));
  const wrong = [...options].some(([name, value]) =>
    name !== "help" && (!["out", "target"].includes(name) || value === "")
  );
  if (wrong || options.has("help")) {
    (wrong ? console.error : console.log)(wrong ? "compile: see --help" : help);
    return wrong ? 2 : 0;
  }
  const out = resolve(options.get("out") ?? resolve(root, ".data/orders"));
  const folder = mkdtempSync(join(tmpdir(), "orders_compile_"));
  const entry = join(folder, "orders.ts");
  writeFileSync(entry, entryOf());
  const target = options.has("target") ? [`--target=${options.get("target")}`] : [];
  try {
    const { status } = spawnSync(
      process.execPath,
      // Neither .env nor bunfig.toml of wherever it is started is anything to it: the second could name code to run.
      [
        "build",
        "--compile",
        "--no-compile-autoload-dotenv",
        "--no-compile-autoload-bunfig",
        ...target,
        `--outfile=${out}`,
        entry,
      ],
      { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
    );
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) process.exit(build(process.argv.slice(2)));
