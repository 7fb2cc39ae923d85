/**
 * The files of `migrations/`.
 *
 * @module
 */

import {
  type MigrationHeader,
  readMigrationHeader,
} from "../../domain/operation/migration_header.ts";
import { namesIn, readOwnText } from "../../runtime/own_files.ts";

/** One file. */
export interface MigrationFile {
  /** The number in front of its name. */
  version: number;
  /** Its name without `.sql`. */
  name: string;
}

/** Where they are. */
export const migrationsFolder = new URL("../../migrations/", import.meta.url);

/**
 * Lists them by their numbers.
 *
 * @throws {Error} where two have one number
 */
export function listMigrations(folder: URL = migrationsFolder): MigrationFile[] {
  const found: MigrationFile[] = [];
  for (const name of namesIn(folder)) {
    const match = /^(\d{4})_\w+\.sql$/.exec(name);
    if (match) found.push({ version: Number(match[1]), name: name.slice(0, -".sql".length) });
  }
  found.sort((a, b) => a.version - b.version);
  const twin = found.find(({ version }, index) => version === found[index - 1]?.version);
  if (twin !== undefined) throw new Error(`Two migrations have the number of ${twin.name}`);
  return found;
}

let newest: number | undefined;

/** The newest migration that this process knows: by it processes of different versions are told apart. */
export function newestMigration(): number {
  return newest ??= listMigrations().at(-1)!.version;
}

/** The text of a migration. */
export function readMigration({ name }: MigrationFile, folder: URL = migrationsFolder): string {
  return readOwnText(new URL(`${name}.sql`, folder));
}

/** What a migration says of itself; of one that says nothing it is not known whom it leaves alone, so nobody older is. */
export function headerOf({ version }: MigrationFile, source: string): MigrationHeader {
  const header = readMigrationHeader(source);
  if (typeof header !== "string") return header;
  return { oldestBeside: version, locks: "not said", atTenMillion: "not said" };
}

/** Statements end with a semicolon at the end of a line; a comment line never ends one. */
export function splitStatements(source: string): string[] {
  return source
    .split("\n")
    .filter((line) => !line.startsWith("--"))
    .join("\n")
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
