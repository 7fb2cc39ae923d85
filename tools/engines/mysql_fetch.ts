import { join } from "node:path";
import process from "node:process";
import { capture } from "./capture.ts";
import {
  type FetchedServer,
  fetchServer,
  findServer,
  type UnpackedServer,
} from "./debian_fetch.ts";
import type { Program } from "./program.ts";

const HELP = `Fetches a real MySQL 9 from Debian's unstable suite into .data/mysql/.

Usage: deno task fetch-mysql

Needs apt-get and dpkg, but no root: nothing is installed on the machine. Does nothing if it is
there already; remove .data/mysql/ to fetch it again. "deno task test --engine=mysql" uses it.`;

const mysql9: FetchedServer = {
  title: "MySQL",
  folder: "mysql",
  suite: "sid",
  package: "mysql-server-core",
  megabytes: 50,
};

/** Finds the MySQL that {@linkcode fetchMysql} has unpacked; undefined if none was. */
export async function findFetchedMysql(): Promise<Program | undefined> {
  const found = await findServer(mysql9);
  return found && programOf(found);
}

function programOf({ root, loader, libraries }: UnpackedServer): Program {
  return {
    command: loader,
    args: [
      "--library-path",
      libraries,
      join(root, "usr/sbin/mysqld"),
      "--no-defaults",
      `--basedir=${join(root, "usr")}`,
      `--lc-messages-dir=${join(root, "usr/share/mysql")}`,
      `--plugin-dir=${join(root, "usr/lib/mysql/plugin")}`,
    ],
  };
}

/** Obtains a real MySQL 9 for the tests; 270 MB of disk. See {@linkcode fetchServer}. */
export async function fetchMysql(
  options: { log: (line: string) => void },
): Promise<Program> {
  return programOf(await fetchServer(mysql9, options));
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
