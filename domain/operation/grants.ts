/**
 * Judges whether a user of the database may do what the product does.
 *
 * @module
 */

import type { FaultWords } from "./engine_fault.ts";
import { type Finding, fine, problem, warning } from "./diagnosis.ts";

/** Rights without which no work is done. */
const workRights = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/** Rights that migrations take besides. */
const schemaRights = ["CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"];

/** Those of them without which one stops half done; nothing is dropped yet. */
const migrationRights = schemaRights.filter((right) => right !== "DROP");

/**
 * What a user lacks to migrate, as far as the server tells.
 *
 * @param tables of the database
 * @returns undefined where nothing is missing, or rights come from a role
 */
export function migrationFault(
  grants: readonly string[],
  database: string,
  account: string,
  tables: readonly string[],
): FaultWords | undefined {
  if (hasRole(grants)) return undefined;
  const missing = missingRights(grants, database, migrationRights, tables);
  return missing.length === 0 ? undefined : {
    why: `${account} may not ${missing.join(", ")} in ${database}, which migrations need`,
    remedy: grantRemedy(database, account),
  };
}

/** What a role brings, the server tells only those who ask for it by name. */
function hasRole(grants: readonly string[]): boolean {
  return grants.some((grant) => /^GRANT (?!.* ON )/i.test(grant));
}

function grantRemedy(database: string, account: string): string {
  return `type as its administrator: GRANT ALL PRIVILEGES ON \`${database}\`.* TO ${account}`;
}

/** Of some rights those that a user has neither in the database nor on each of its tables. */
function missingRights(
  grants: readonly string[],
  database: string,
  rights: readonly string[],
  tables: readonly string[],
): string[] {
  const has = grantedRights(grants, database);
  if (has.has("ALL PRIVILEGES")) return [];
  const ofTables = tables.map((table) => tableRights(grants, database, table));
  return rights.filter((right) =>
    !has.has(right) &&
    !(ofTables.length > 0 &&
      ofTables.every((rights) => rights.has(right) || rights.has("ALL PRIVILEGES")))
  );
}

/**
 * Judges what the server says that a user was granted.
 *
 * @param grants as SHOW GRANTS tells them
 * @param database name of the database
 * @param account the user as the server knows it, `'name'@'host'`
 * @param migrates whether processes of this user may be the ones to migrate
 * @param tables of the database: a right that is given on each of them is one on all
 */
export function judgeGrants(
  grants: readonly string[],
  database: string,
  account: string,
  migrates: boolean,
  tables: readonly string[] = [],
): Finding {
  const what = "database grants";
  const remedy = grantRemedy(database, account);
  if (hasRole(grants)) {
    return fine(what, `${account} has a role; what it brings is seen when it is used`);
  }
  const missing = missingRights(grants, database, workRights, tables);
  if (missing.length > 0) {
    return problem(what, `${account} may not ${missing.join(", ")} in ${database}`, remedy);
  }
  const later = missingRights(grants, database, schemaRights, []);
  if (later.length === 0) return fine(what, `${account} may do everything that is needed`);
  return migrates
    ? warning(
      what,
      `${account} may not ${later.join(", ")} in ${database}, which migrations need`,
      `${remedy}; or let another user migrate, and set AUTO_MIGRATE=0`,
    )
    : fine(what, `${account} may do everything but migrate`);
}

/** The rights that are given in one table. */
function tableRights(grants: readonly string[], database: string, table: string): Set<string> {
  const rights = new Set<string>();
  const plain = (name: string) => name.slice(1, -1).replaceAll("``", "`");
  for (const grant of grants) {
    const [, list, inDatabase, inTable] =
      /^GRANT (.+?) ON (`(?:[^`]|``)*`)\.(`(?:[^`]|``)*`)(?: |$)/i.exec(grant) ?? [];
    if (list === undefined || plain(inDatabase!) !== database || plain(inTable!) !== table) {
      continue;
    }
    for (const right of list.split(",")) rights.add(right.trim().toUpperCase());
  }
  return rights;
}

/** All rights that hold for every table of a database. */
function grantedRights(grants: readonly string[], database: string): Set<string> {
  const rights = new Set<string>();
  for (const grant of grants) {
    const [, list, scope] = /^GRANT (.+?) ON (\*|`(?:[^`]|``)*`)\.\*(?: |$)/i.exec(grant) ?? [];
    if (list === undefined || !isWithin(database, scope!)) continue;
    for (const right of list.split(",")) rights.add(right.trim().toUpperCase());
  }
  return rights;
}

/** The name of a database in a grant is a pattern as of LIKE. */
function isWithin(database: string, scope: string): boolean {
  if (scope === "*") return true;
  const parts = scope.slice(1, -1).replaceAll("``", "`").match(/\\.|[\s\S]/g) ?? [];
  const pattern = parts.map((part) => {
    if (part === "%") return "[\\s\\S]*";
    if (part === "_") return "[\\s\\S]";
    return RegExp.escape(part.length === 2 ? part[1]! : part);
  });
  return new RegExp(`^${pattern.join("")}$`).test(database);
}
