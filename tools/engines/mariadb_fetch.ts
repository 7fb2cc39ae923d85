/**
 * A MariaDB of a newer series than the machine's own, for tests.
 *
 * @module
 */

import { join } from "node:path";
import { type FetchedServer, fetchServer } from "./debian_fetch.ts";
import type { Program } from "./program.ts";

const mariadb11: FetchedServer = {
  title: "MariaDB 11.8",
  folder: "mariadb-11",
  suite: "trixie",
  package: "mariadb-server-core",
  megabytes: 20,
};

/** Obtains MariaDB 11.8 for `deno task test --engine=mariadb-11`; see {@linkcode fetchServer}. */
export async function fetchMariadb11(
  options: { log: (line: string) => void },
): Promise<{ database: Program; systemTablesFile: string }> {
  const { root, loader, libraries } = await fetchServer(mariadb11, options);
  const share = join(root, "usr/share/mariadb");
  return {
    database: {
      command: loader,
      args: [
        "--library-path",
        libraries,
        join(root, "usr/sbin/mariadbd"),
        "--no-defaults",
        `--basedir=${join(root, "usr")}`,
        `--lc-messages-dir=${share}`,
        `--character-sets-dir=${join(share, "charsets")}`,
        `--plugin-dir=${join(root, "usr/lib/mysql/plugin")}`,
      ],
    },
    systemTablesFile: join(share, "mariadb_system_tables.sql"),
  };
}
