/**
 * Judges whether a user of the database may do what the product does.
 *
 * @module
 */

import { type Finding, fine, problem, warning } from "./diagnosis.ts";

/** Rights without which no work is done. */
const workRights = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/** Rights that migrations take besides. */
const schemaRights = ["CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"];

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
  const has = grantedRights(grants, database);
  const lacks = (rights: readonly string[]) =>
    has.has("ALL PRIVILEGES") ? [] : rights.filter((right) => !has.has(right));
  const remedy =
    `type as its administrator: GRANT ALL PRIVILEGES ON \`${database}\`.* TO ${account}`;
  // What a role brings, the server tells only those who ask for it by name.
  if (grants.some((grant) => /^GRANT (?!.* ON )/i.test(grant))) {
    return fine(what, `${account} has a role; what it brings is seen when it is used`);
  }
  const ofTables = tables.map((table) => tableRights(grants, database, table));
  const isOnEvery = (right: string) =>
    ofTables.length > 0 &&
    ofTables.every((has) => has.has(right) || has.has("ALL PRIVILEGES"));
  const missing = lacks(workRights).filter((right) => !isOnEvery(right));
  if (missing.length > 0) {
    return problem(what, `${account} may not ${missing.join(", ")} in ${database}`, remedy);
  }
  const later = lacks(schemaRights);
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
