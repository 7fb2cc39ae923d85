/**
 * What an error of the database means: whose fault it is, and whether trying again may help.
 *
 * The numbers are those of MySQL 8 to 9 and of MariaDB 10.6 to 11; where a standard class of SQLSTATE says
 * the same, it counts for numbers that are not listed, too.
 *
 * @module
 */

/** What the driver gives an error. */
interface DriverError {
  errno?: number;
  fatal?: boolean;
  code?: string;
  sqlState?: string;
  syscall?: string;
}

/**
 * Error numbers after which the same transaction may succeed: lock wait time-out (it rolls back the
 * statement only, so the whole is rolled back here), deadlock, MariaDB's "record has changed" and what it
 * says of a deadlock over an auto-increment counter, a table that was altered meanwhile, a transaction that
 * the other members of a group refused.
 */
const retryableErrors: ReadonlySet<number> = new Set([
  1020,
  1205,
  1213,
  1412,
  1467,
  1613,
  1614,
  3101,
]);

/**
 * Error numbers of a server that is going or gone, or has no connection left, or has ended this one; the
 * driver does not mark all of them fatal.
 */
const connectionErrors: ReadonlySet<number> = new Set([
  1040,
  1053,
  1077,
  1079,
  1080,
  1152,
  1158,
  1159,
  1160,
  1161,
  1184,
  1203,
  1927,
  2006,
  2013,
  3032,
  3168,
  3169,
  4031,
]);

/**
 * Error numbers by which a server says that it is not the one to write to: a primary that was demoted and
 * lives on read-only (1290, 1792, 1836, 1874), a Galera node without quorum or that is not synced (1047), a
 * member of a group that can't commit (3100). Another server may stand behind the same address by now.
 */
const wrongServerErrors: ReadonlySet<number> = new Set([1047, 1290, 1792, 1836, 1874, 3100]);

/**
 * Error numbers of a statement that took longer than its connection was told when it was opened (MariaDB's and
 * MySQL's): the server's time limit may be another one by now.
 */
const timeLimitErrors: ReadonlySet<number> = new Set([1969, 3024]);

/** Error numbers of prepared statements that can't be had: the same as text may succeed. */
const preparedErrors: ReadonlySet<number> = new Set([1243, 1295, 1461, 1615]);

/**
 * Error numbers of a server that can't serve now, or of one that is not set up: too many connections or
 * locks or statements or transactions, no access or an account that is locked or has an expired password, a
 * missing schema, a full disk or log, out of memory, a broken table, a log that takes no such statement, a
 * killed statement.
 */
// deno-fmt-ignore
const serverFaults: ReadonlySet<number> = new Set([
  1015, 1021, 1023, 1024, 1026, 1028, 1030, 1034, 1036, 1037, 1038, 1040, 1041, 1043, 1044, 1045, 1049,
  1114, 1119, 1129, 1130, 1135, 1142, 1143, 1146, 1180, 1181, 1194, 1195, 1197, 1203, 1206, 1223, 1226,
  1227, 1251, 1275, 1297, 1317, 1370, 1374, 1378, 1399, 1436, 1524, 1534, 1587, 1595, 1598, 1637, 1661,
  1662, 1663, 1664, 1665, 1666, 1667, 1668, 1698, 1705, 1785, 1812, 1814, 1817, 1820, 1862, 1873, 1877,
  1878, 1931, 1932, 1950, 1964, 1969, 1986, 1998, 3024, 3098, 3118, 3159, 3170, 3955, 4150, 4151,
]);

/** Classes of SQLSTATE that say the same: the connection, the login. */
const serverStates = ["08", "28"];

/**
 * Classes of SQLSTATE that are about what was asked: cardinality, data, constraints, syntax and names,
 * features, check options, conditions that were raised by a program of the database.
 */
const askedStates = ["0A", "21", "22", "23", "42", "44", "45"];

/** Numbers about what was asked that come without such a state: missing, wrong or refused values. */
const askedErrors: ReadonlySet<number> = new Set([1265, 1364, 1366, 1411, 3819, 4025]);

/** True where running the whole transaction again may succeed. */
export function isRetryable(error: unknown): boolean {
  const { errno = 0, sqlState } = driverError(error);
  return isFatal(error) || retryableErrors.has(errno) || sqlState?.startsWith("40") === true;
}

/** True where the server says that it is not the one to write to; another connection may reach one that is. */
export function isWrongServer(error: unknown): boolean {
  return wrongServerErrors.has(driverError(error).errno ?? 0);
}

/** True where a time limit of the connection's own was over; a new connection may have another one. */
export function isOverTimeLimit(error: unknown): boolean {
  return timeLimitErrors.has(driverError(error).errno ?? 0);
}

/** True where the statement was not run because it could not be prepared: as text it may be. */
export function isUnprepared(error: unknown): boolean {
  return preparedErrors.has(driverError(error).errno ?? 0);
}

/** True where the server does not understand a statement. */
export function isSyntaxError(error: unknown): boolean {
  return driverError(error).errno === 1064;
}

/** True where the fault lies with the server or the way to it, and not with what was asked. */
export function isServerFault(error: unknown): boolean {
  const { errno = 0, sqlState = "" } = driverError(error);
  return isRetryable(error) || isWrongServer(error) || isUnprepared(error) ||
    serverFaults.has(errno) || serverStates.includes(sqlState.slice(0, 2));
}

/**
 * The number of an error of the database that no list knows and that is not about what was asked: it may be
 * the server's fault. Null for every other error.
 */
export function unclearFault(error: unknown): number | null {
  const { errno, sqlState } = driverError(error);
  if (typeof errno !== "number" || sqlState === undefined || isServerFault(error)) return null;
  return askedErrors.has(errno) || askedStates.includes(sqlState.slice(0, 2)) ? null : errno;
}

/** True for a duplicate key, whichever key it was. */
export function isDuplicateKey(error: unknown): boolean {
  return driverError(error).errno === 1062;
}

/**
 * True where the connection is of no further use. A connection that died may have no error code, so the
 * absence of a number from the server counts as well; yet the operating system has codes for files, too,
 * and a full or read-only disk of this machine is no fault of a server.
 */
export function isFatal(error: unknown): boolean {
  const { errno, fatal, code, sqlState, syscall } = driverError(error);
  if (fatal === true || connectionErrors.has(errno ?? 0)) return true;
  if (sqlState !== undefined || typeof code !== "string") return false;
  return code.startsWith("PROTOCOL_") || networkCodes.test(code) || syscall === "connect";
}

/** Codes of the operating system and of TLS that are about a connection. */
const networkCodes =
  /^(ECONN\w+|EPIPE|ETIMEDOUT|EHOST\w+|ENET\w+|ENOTCONN|ESHUTDOWN|EADDR\w+|EAI_\w+|ENOTFOUND|EPROTO|ERR_(TLS|SSL|STREAM|SOCKET)_\w+|HANDSHAKE_\w+|CERT_\w+|UNABLE_TO_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+)$/;

/** True where the server did not answer in time: what hangs now is not tried again at once. */
export function hangs(error: unknown): boolean {
  return driverError(error).code === "PROTOCOL_SEQUENCE_TIMEOUT";
}

function driverError(error: unknown): DriverError {
  return (typeof error === "object" && error !== null ? error : {}) as DriverError;
}
