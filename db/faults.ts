/**
 * What an error of the database means: whose fault it is, and whether trying again may help.
 *
 * @module
 */

/**
 * Error numbers after which the same transaction may succeed: lock wait time-out (it rolls back the
 * statement only, so the whole is rolled back here), deadlock, MariaDB's "record has changed", and what it
 * says of a deadlock over an auto-increment counter.
 */
const retryableErrors: ReadonlySet<number> = new Set([1205, 1213, 1020, 1467]);

/**
 * Error numbers of a server that is going or gone, or has no connection left; the driver does not mark
 * all of them fatal.
 */
const connectionErrors: ReadonlySet<number> = new Set([
  1040,
  1053,
  1077,
  1079,
  1203,
  1927,
  2006,
  2013,
  3032,
]);

/** True where running the whole transaction again may succeed. */
export function isRetryable(error: unknown): boolean {
  return isFatal(error) || retryableErrors.has((error as { errno?: number })?.errno ?? 0);
}

/**
 * Error numbers of a server that can't serve now, or of one that is not set up: too many connections, no
 * access, a missing schema, read-only, a full disk, out of memory, a killed statement.
 */
// deno-fmt-ignore
const serverFaults: ReadonlySet<number> = new Set([
  1021, 1037, 1038, 1040, 1041, 1044, 1045, 1049, 1114, 1129, 1130, 1142, 1143, 1146, 1203, 1226,
  1290, 1317, 1792, 1836, 1969, 3024,
]);

/** True where the fault lies with the server or the way to it, and not with what was asked. */
export function isServerFault(error: unknown): boolean {
  return isRetryable(error) || serverFaults.has((error as { errno?: number })?.errno ?? 0);
}

/** True for a duplicate key, whichever key it was. */
export function isDuplicateKey(error: unknown): boolean {
  return (error as { errno?: number })?.errno === 1062;
}

/**
 * True where the connection is of no further use. A connection that died may have no error code, so the
 * absence of a number from the server counts as well.
 */
export function isFatal(error: unknown): boolean {
  const { errno, fatal, code, sqlState } = (error ?? {}) as {
    errno?: number;
    fatal?: boolean;
    code?: string;
    sqlState?: string;
  };
  if (fatal === true || connectionErrors.has(errno ?? 0)) return true;
  // Codes of the operating system begin with E, those of the server with ER_ and come with a state.
  return sqlState === undefined && typeof code === "string" && /^(E(?!R_)|PROTOCOL_)/.test(code);
}

/** True where the server did not answer in time: what hangs now is not tried again at once. */
export function hangs(error: unknown): boolean {
  return (error as { code?: string })?.code === "PROTOCOL_SEQUENCE_TIMEOUT";
}
