/**
 * Unpacks a server of another suite of Debian beside what the machine has installed.
 *
 * @module
 */

import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { platform } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { capture, type Captured } from "./capture.ts";
import { dataDir } from "./data_dir.ts";

const MIRROR = "http://deb.debian.org/debian";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Only scripts that ship beside the server need Perl. */
const UNNEEDED_PACKAGE = /^(lib)?perl/;

/** A server to fetch. */
export interface FetchedServer {
  /** What people call it. */
  title: string;
  /** Name of its folder in `.data/`. */
  folder: string;
  /** Of Debian, such as `sid`. */
  suite: string;
  package: string;
  /** Megabytes to download, about. */
  megabytes: number;
}

/** Where an unpacked server is. */
export interface UnpackedServer {
  /** What stands for `/`. */
  root: string;
  /** The dynamic loader that came with it, because the C library of this machine may be older. */
  loader: string;
  /** Where its libraries are. */
  libraries: string;
}

/** Finds what {@linkcode fetchServer} has unpacked; undefined if nothing was. */
export async function findServer({ folder }: FetchedServer): Promise<UnpackedServer | undefined> {
  const root = join(dataDir, folder, "root");
  const loader = await findLoader(root);
  return loader && { root, loader: join(loader.folder, loader.name), libraries: loader.folder };
}

/**
 * Downloads a package and the libraries it needs with apt's own signature checks, but with package lists and a cache of its
 * own, and unpacks them without installing anything.
 *
 * Does nothing if it is there already. A crash leaves only a folder that is removed by the next
 * run, because the finished tree gets its place by one rename.
 *
 * @param options.log gets one line for each step
 * @throws {Error} where apt, dpkg, Debian's keyring or Debian's mirror are missing
 */
export async function fetchServer(
  server: FetchedServer,
  options: { log: (line: string) => void },
): Promise<UnpackedServer> {
  const fetched = await findServer(server);
  if (fetched) return fetched;
  await requireTools(server);
  const dir = join(dataDir, server.folder);
  await mkdir(dir, { recursive: true });
  await removeLeftovers(dir);
  const work = await mkdtemp(join(dir, "fetch_"));
  try {
    await download(server, work, options.log);
    await rename(join(work, "root"), join(dir, "root")).catch(async (error) => {
      // Another process was faster.
      if (!await findServer(server)) throw error;
    });
  } finally {
    await rm(work, { recursive: true });
  }
  const found = await findServer(server);
  if (!found) {
    throw new Error(`Cannot fetch ${server.title}: ${server.package} has no usable server`);
  }
  return found;
}

async function requireTools({ title }: FetchedServer): Promise<void> {
  const advice = "put its server into PATH instead";
  if (platform() !== "linux") {
    throw new Error(`Cannot fetch ${title}: that needs Debian's packages, so Linux; ${advice}`);
  }
  for (const tool of ["apt-get", "apt-cache", "dpkg"]) {
    const found = await capture(tool, ["--version"]).catch(() => undefined);
    if (!found?.success) throw new Error(`Cannot fetch ${title}: no ${tool} here; ${advice}`);
  }
  if (!await stat(KEYRING).catch(() => undefined)) {
    throw new Error(
      `Cannot fetch ${title}: no ${KEYRING} here; run "sudo apt-get install debian-archive-keyring"`,
    );
  }
}

/** Of fetches that were killed more than an hour ago; a younger one may still be running. */
async function removeLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.startsWith("fetch_")) continue;
    const path = join(dir, name);
    const { mtime } = await stat(path);
    if (Date.now() - mtime.getTime() > 3_600_000) await rm(path, { recursive: true });
  }
}

async function download(
  { title, folder, suite, package: name, megabytes }: FetchedServer,
  work: string,
  log: (line: string) => void,
): Promise<void> {
  const sources = join(work, "sources.list");
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`);
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

  log(
    `${title} not found: fetching ${name} of Debian ${suite} from ${MIRROR} into .data/${folder}/`,
  );
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
    name,
  ], { step: "listing what it needs" });
  const packages = dependencies.stdout.split("\n")
    .filter((line) => /^[a-z0-9]/.test(line) && !UNNEEDED_PACKAGE.test(line));

  log(`Downloading ${packages.length} packages (about ${megabytes} MB) …`);
  await run("apt-get", [...separation, "-qq", "download", ...packages], {
    step: "downloading",
    cwd: debs,
  });
  log("Unpacking …");
  for (const file of await readdir(debs)) {
    await run("dpkg", ["-x", join(debs, file), join(work, "root")], { step: "unpacking" });
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
  throw new Error(`Cannot fetch it: ${options.step} failed:\n${reason}`);
}

/** Debian keeps it in `usr/lib/TRIPLET/`, where the other libraries are. */
async function findLoader(root: string): Promise<{ folder: string; name: string } | undefined> {
  const libraries = join(root, "usr/lib");
  if (!await stat(libraries).catch(() => undefined)) return undefined;
  for (const triplet of await readdir(libraries, { withFileTypes: true })) {
    if (!triplet.isDirectory() || !triplet.name.includes("-linux-")) continue;
    const folder = join(libraries, triplet.name);
    for (const name of await readdir(folder)) {
      if (/^ld-linux.*\.so\.\d+$/.test(name)) return { folder, name };
    }
  }
}
