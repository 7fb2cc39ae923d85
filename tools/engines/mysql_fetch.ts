import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { platform } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { capture, type Captured } from "./capture.ts";
import { dataDir } from "./data_dir.ts";
import type { Program } from "./program.ts";

const HELP = `Fetches a real MySQL 9 from Debian's unstable suite into .data/mysql/.

Usage: deno task fetch-mysql

Needs apt-get and dpkg, but no root: nothing is installed on the machine. Does nothing if it is
there already; remove .data/mysql/ to fetch it again. "deno task test --engine=mysql" uses it.`;

const MIRROR = "http://deb.debian.org/debian";
const SUITE = "sid";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PACKAGE = "mysql-server-core";

/** Only scripts that ship beside the server need Perl. */
const UNNEEDED_PACKAGE = /^(lib)?perl/;

const mysqlDir = join(dataDir, "mysql");
const rootDir = join(mysqlDir, "root");

/**
 * Finds the MySQL that {@linkcode fetchMysql} has unpacked.
 *
 * @returns the server, run by the dynamic loader and with the libraries that came with it, because
 * the C library of this machine may be older; undefined if none was fetched
 */
export async function findFetchedMysql(): Promise<Program | undefined> {
  const loader = await findLoader();
  if (!loader) return undefined;
  return {
    command: join(loader.folder, loader.name),
    args: [
      "--library-path",
      loader.folder,
      join(rootDir, "usr/sbin/mysqld"),
      "--no-defaults",
      `--basedir=${join(rootDir, "usr")}`,
      `--lc-messages-dir=${join(rootDir, "usr/share/mysql")}`,
      `--plugin-dir=${join(rootDir, "usr/lib/mysql/plugin")}`,
    ],
  };
}

/**
 * Obtains a real MySQL 9 for the tests: downloads Debian's package and the libraries it needs with
 * apt's own signature checks, but with package lists and a cache of its own, and unpacks them
 * without installing anything. Takes about 50 MB of traffic and 270 MB of disk.
 *
 * Does nothing if it is there already. A crash leaves only a folder that is removed by the next
 * run, because the finished tree gets its place by one rename.
 *
 * @param options.log gets one line for each step
 * @throws {Error} where apt, dpkg, Debian's keyring or Debian's mirror are missing
 */
export async function fetchMysql(
  options: { log: (line: string) => void },
): Promise<Program> {
  const fetched = await findFetchedMysql();
  if (fetched) return fetched;
  await requireTools();

  await mkdir(mysqlDir, { recursive: true });
  await removeLeftovers();
  const work = await mkdtemp(join(mysqlDir, "fetch_"));
  try {
    await download(work, options.log);
    await rename(join(work, "root"), rootDir).catch(async (error) => {
      // Another process was faster.
      if (!await findFetchedMysql()) throw error;
    });
  } finally {
    await rm(work, { recursive: true });
  }
  const mysqld = await findFetchedMysql();
  if (!mysqld) throw new Error(`Cannot fetch MySQL: ${PACKAGE} has no usable server`);
  return mysqld;
}

async function requireTools(): Promise<void> {
  const advice = `put a mysqld of MySQL into PATH instead`;
  if (platform() !== "linux") {
    throw new Error(`Cannot fetch MySQL: that needs Debian's packages, so Linux; ${advice}`);
  }
  for (const tool of ["apt-get", "apt-cache", "dpkg"]) {
    const found = await capture(tool, ["--version"]).catch(() => undefined);
    if (!found?.success) throw new Error(`Cannot fetch MySQL: no ${tool} here; ${advice}`);
  }
  if (!await stat(KEYRING).catch(() => undefined)) {
    throw new Error(
      `Cannot fetch MySQL: no ${KEYRING} here; run "sudo apt-get install debian-archive-keyring"`,
    );
  }
}

/** Of fetches that were killed more than an hour ago; a younger one may still be running. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(mysqlDir)) {
    if (!name.startsWith("fetch_")) continue;
    const path = join(mysqlDir, name);
    const { mtime } = await stat(path);
    if (Date.now() - mtime.getTime() > 3_600_000) await rm(path, { recursive: true });
  }
}

async function download(work: string, log: (line: string) => void): Promise<void> {
  const sources = join(work, "sources.list");
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${MIRROR} ${SUITE} main\n`);
  const debs = join(work, "debs");
  for (const folder of ["lists/partial", "cache/archives/partial", "debs", "root"]) {
    await mkdir(join(work, folder), { recursive: true });
  }
  // An empty status file: what this machine has installed does not count.
  const separation = [
    `Dir::Etc::SourceList=${sources}`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State::Lists=${join(work, "lists")}`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${join(work, "cache")}`,
    ...(process.getuid?.() === 0 ? ["APT::Sandbox::User=root"] : []),
  ].flatMap((option) => ["-o", option]);

  log(`MySQL not found: fetching ${PACKAGE} of Debian ${SUITE} from ${MIRROR} into .data/mysql/`);
  await run("apt-get", [...separation, "-qq", "update"], { step: "reading the package lists" });
  const dependencies = await run("apt-cache", [
    ...separation,
    "depends",
    "--recurse",
    "--no-recommends",
    "--no-suggests",
    "--no-conflicts",
    "--no-breaks",
    "--no-replaces",
    "--no-enhances",
    PACKAGE,
  ], { step: "listing what it needs" });
  const packages = dependencies.stdout.split("\n")
    .filter((line) => /^[a-z0-9]/.test(line) && !UNNEEDED_PACKAGE.test(line));

  log(`Downloading ${packages.length} packages (about 50 MB) …`);
  await run("apt-get", [...separation, "-qq", "download", ...packages], {
    step: "downloading",
    cwd: debs,
  });
  log("Unpacking …");
  for (const name of await readdir(debs)) {
    await run("dpkg", ["-x", join(debs, name), join(work, "root")], { step: "unpacking" });
  }
}

async function run(
  command: string,
  args: string[],
  options: { step: string; cwd?: string },
): Promise<Captured> {
  const result = await capture(command, args, { cwd: options.cwd });
  if (result.success) return result;
  const reason = (result.stderr || result.stdout).trim().split("\n").slice(-5).join("\n");
  throw new Error(`Cannot fetch MySQL: ${options.step} failed:\n${reason}`);
}

/** Debian keeps it in `usr/lib/TRIPLET/`, where the other libraries are. */
async function findLoader(): Promise<{ folder: string; name: string } | undefined> {
  const libraries = join(rootDir, "usr/lib");
  if (!await stat(libraries).catch(() => undefined)) return undefined;
  for (const triplet of await readdir(libraries, { withFileTypes: true })) {
    if (!triplet.isDirectory() || !triplet.name.includes("-linux-")) continue;
    const folder = join(libraries, triplet.name);
    for (const name of await readdir(folder)) {
      if (/^ld-linux.*\.so\.\d+$/.test(name)) return { folder, name };
    }
  }
}

if (import.meta.main) {
  const [option] = process.argv.slice(2);
  if (option !== undefined) {
    const isHelp = option === "--help" || option === "-h";
    (isHelp ? console.log : console.error)(isHelp ? HELP : "fetch-mysql takes no arguments");
    process.exit(isHelp ? 0 : 2);
  }
  try {
    const mysqld = await fetchMysql({ log: console.error });
    const { stdout } = await capture(mysqld.command, [...mysqld.args, "--version"]);
    console.log(`MySQL is in .data/mysql/: ${stdout.trim().replace(/^.*?Ver/, "Ver")}`);
  } catch (error) {
    if (process.env.LOG_LEVEL === "debug") throw error;
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}
