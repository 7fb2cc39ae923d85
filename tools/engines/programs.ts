import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readlink, realpath, rename, stat, symlink } from "node:fs/promises";
import { platform } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { isatty } from "node:tty";
import { fetchMariadb11 } from "./mariadb_fetch.ts";
import { fetchMysql, findFetchedMysql } from "./mysql_fetch.ts";
import { capture } from "./capture.ts";
import { dataDir } from "./data_dir.ts";
import type { Program } from "./program.ts";

/** The two database servers that the product runs on. */
export type EngineName = "mariadb" | "mysql";

/** Variable of tests that run on another series of MariaDB than the machine's own: `11`. */
export const mariadbSeries = "TEST_MARIADB_SERIES";

/** Everything needed to run private engines. */
export interface Programs {
  engine: EngineName;
  /** `mariadbd` or `mysqld`. */
  database: Program;
  /** MariaDB only: the SQL file of the system tables, which a new data folder is made from. */
  systemTablesFile: string | undefined;
  /** `redis-server`. */
  redis: Program;
}

/** Folders that hold servers, in PATH or not: where packages of Debian and kegs of Homebrew go. */
const MORE_FOLDERS = [
  "/usr/bin",
  "/usr/sbin",
  "/usr/local/bin",
  "/usr/local/sbin",
  "/opt/homebrew/bin",
  "/opt/homebrew/opt/mariadb/bin",
  "/opt/homebrew/opt/mysql/bin",
  "/usr/local/opt/mariadb/bin",
  "/usr/local/opt/mysql/bin",
];

/** Database servers read no configuration of the machine; it must be their first argument. */
const NO_DEFAULTS = ["--no-defaults"];

/** What is missing, as the name of the program and the packages that bring it. */
export interface Missing {
  /** What people call it. */
  program: string;
  /** The package of Debian and Ubuntu. */
  apt: string;
  /** The package of Homebrew. */
  brew: string;
}

const MARIADB: Missing = { program: "mariadbd", apt: "mariadb-server-core", brew: "mariadb" };

// redis-tools, not redis-server: Debian and Ubuntu ship the server's executable in redis-tools
// (redis-server is a link to redis-check-rdb, and the package of that name adds only the link and
// a system service). So no service is ever started or enabled on the machine.
const REDIS: Missing = { program: "redis-server", apt: "redis-tools", brew: "redis" };

/**
 * Finds the database server and the Redis server, and installs what is missing with apt (as root
 * or with sudo) or Homebrew. No system service is started or enabled by it. A real MySQL that is
 * missing is fetched into the data folder instead (see `fetchMysql`).
 *
 * Safe to run in several processes at once: apt waits for its own lock. A crash leaves at worst a
 * half-installed package, which apt completes at the next run.
 *
 * @param options.engine which database server is wanted
 * @param options.log gets one line before anything is installed or fetched
 * @throws {Error} naming the exact command to run, where it cannot install by itself
 */
export async function ensurePrograms(
  options: { engine: EngineName; log: (line: string) => void },
): Promise<Programs> {
  const wantsNewer = options.engine === "mariadb" && process.env[mariadbSeries] === "11";
  const missing = [];
  if (options.engine === "mariadb" && !wantsNewer && !await findMariadb()) missing.push(MARIADB);
  if (!await findRedis()) missing.push(REDIS);
  await install(missing, options.log);

  const redis = await findRedis();
  if (!redis) throw new Error(notFound("redis-server", "sudo apt-get install redis-server"));
  if (options.engine === "mysql") {
    const database = await findMysql() ?? await fetchMysql(options);
    return { engine: "mysql", database, systemTablesFile: undefined, redis };
  }
  if (wantsNewer) return { engine: "mariadb", ...await fetchMariadb11(options), redis };
  const database = await findMariadb();
  if (!database) throw new Error(notFound("mariadbd", "sudo apt-get install mariadb-server"));
  const systemTablesFile = await findSystemTables(database.command);
  return { engine: "mariadb", database, systemTablesFile, redis };
}

/**
 * Finds the Redis server alone, and installs it like {@linkcode ensurePrograms} if it is missing.
 *
 * @throws {Error} naming the exact command to run, where it cannot install by itself
 */
export async function ensureRedisProgram(
  options: { log: (line: string) => void },
): Promise<Program> {
  if (!await findRedis()) await install([REDIS], options.log);
  const redis = await findRedis();
  if (!redis) throw new Error(notFound("redis-server", "sudo apt-get install redis-server"));
  return redis;
}

async function findMariadb(): Promise<Program | undefined> {
  for (const command of await findInPath("mariadbd")) return { command, args: NO_DEFAULTS };
}

async function findMysql(): Promise<Program | undefined> {
  for (const command of await findInPath("mysqld")) {
    // Debian's mysqld is a link to mariadbd.
    const { success, stdout } = await capture(command, [...NO_DEFAULTS, "--version"]);
    if (success && !stdout.includes("MariaDB")) return { command, args: NO_DEFAULTS };
  }
  return await findFetchedMysql();
}

async function findRedis(): Promise<Program | undefined> {
  for (const command of await findInPath("redis-server")) return { command, args: [] };
  for (const executable of await findInPath("redis-check-rdb")) {
    const command = await linkRedisServer(executable);
    const { success, stdout } = await capture(command, ["--version"]);
    if (success && stdout.startsWith("Redis server")) return { command, args: [] };
  }
}

/** The one executable takes its role from the name that it is called by, hence the link. */
async function linkRedisServer(executable: string): Promise<string> {
  const folder = join(dataDir, "redis");
  const link = join(folder, "redis-server");
  if (await readlink(link).catch(() => "") === executable) return link;
  await mkdir(folder, { recursive: true });
  const fresh = `${link}.${process.pid}`;
  await symlink(executable, fresh);
  await rename(fresh, link);
  return link;
}

/** Every executable of this name, in PATH and where servers are besides. */
export async function findInPath(name: string): Promise<string[]> {
  const folders = [...(process.env.PATH ?? "").split(":").filter(Boolean), ...MORE_FOLDERS];
  const found = [];
  for (const folder of new Set(folders)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info?.isFile() && (info.mode & 0o111) !== 0) found.push(path);
  }
  return found;
}

/** Up to MariaDB 10.11 the file is called mysql_system_tables.sql, later mariadb_system_tables.sql. */
async function findSystemTables(mariadbd: string): Promise<string> {
  const prefix = dirname(dirname(await realpath(mariadbd)));
  for (const share of [`${prefix}/share`, "/usr/share"]) {
    for (const folder of ["mysql", "mariadb", "."]) {
      for (const name of ["mariadb_system_tables.sql", "mysql_system_tables.sql"]) {
        const path = join(share, folder, name);
        if (await stat(path).catch(() => undefined)) return path;
      }
    }
  }
  throw new Error(
    `Cannot find mariadb_system_tables.sql of ${mariadbd}: is the MariaDB installation complete?`,
  );
}

/**
 * Installs packages with apt (as root or with sudo) or Homebrew; nothing if none is missing.
 *
 * @param log gets one line before anything is installed
 * @throws {Error} naming the exact command to run, where it cannot install by itself
 */
export async function install(missing: Missing[], log: (line: string) => void): Promise<void> {
  if (missing.length === 0) return;
  if (platform() === "win32") {
    throw new Error("Private engines need Linux or macOS: use WSL or `docker compose up`");
  }
  const names = missing.map(({ program }) => program).join(" and ");
  if ((await findInPath("apt-get")).length > 0) {
    await installWithApt(names, missing.map(({ apt }) => apt), log);
  } else if ((await findInPath("brew")).length > 0) {
    const args = ["install", ...missing.map(({ brew }) => brew)];
    log(`${names} not found: running "brew ${args.join(" ")}" (no service is started)`);
    const { success } = await capture("brew", args);
    if (!success) throw new Error(`Cannot install ${names}: "brew ${args.join(" ")}" failed`);
  } else {
    const packages = missing.map(({ brew }) => brew);
    throw new Error(
      `${names} not found, and neither apt-get nor brew to install with: install the packages of ` +
        `${packages.join(" and ")} with this machine's package manager, or use "docker compose up"`,
    );
  }
}

async function installWithApt(
  programs: string,
  packages: string[],
  log: (line: string) => void,
): Promise<void> {
  let wanted = await withVersionedNames(packages);
  const command = ["apt-get", "install", "--no-install-recommends", ...wanted].join(" ");
  const root = await rootPrefix();
  if (!root) throw new Error(notFound(programs, `sudo ${command}`));
  log(`${programs} not found: running "${[...root, command].join(" ")}" (no service is started)`);

  const apt = (args: string[]) => {
    const line = [
      ...root,
      "env",
      "DEBIAN_FRONTEND=noninteractive",
      "apt-get",
      "-qq",
      "-o",
      "DPkg::Lock::Timeout=120",
      ...args,
    ];
    return capture(line[0]!, line.slice(1));
  };
  const installWanted = () => apt(["install", "-y", "--no-install-recommends", ...wanted]);
  let result = await installWanted();
  if (!result.success) {
    // No package lists yet, or lists so old that the files they name are gone.
    await apt(["update"]);
    wanted = await withVersionedNames(packages);
    result = await installWanted();
  }
  if (!result.success) {
    const reason = (result.stderr || result.stdout).trim().split("\n").slice(-5).join("\n");
    throw new Error(`Cannot install ${programs}: "${command}" failed:\n${reason}`);
  }
}

/** Ubuntu 22.04 has no mariadb-server-core, but a mariadb-server-core-10.6. */
async function withVersionedNames(packages: string[]): Promise<string[]> {
  const names = [];
  for (const name of packages) {
    const pattern = `^${name}(-[0-9.]+)?$`;
    const { stdout } = await capture("apt-cache", ["search", "--names-only", pattern]);
    const found = stdout.split("\n").map((line) => line.split(" ")[0]!).filter(Boolean).sort();
    names.push(found[0] ?? name);
  }
  return names;
}

/** The words that come before a command to run it as root, or undefined if that is impossible. */
async function rootPrefix(): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  if ((await findInPath("sudo")).length === 0) return undefined;
  if ((await capture("sudo", ["-n", "true"])).success) return ["sudo", "-n"];
  if (!isatty(0)) return undefined;
  const [code] = await once(spawn("sudo", ["-v"], { stdio: "inherit" }), "exit");
  return code === 0 ? ["sudo", "-n"] : undefined;
}

function notFound(programs: string, command: string): string {
  return `${programs} not found: run "${command}" and try again, or use "docker compose up"`;
}
