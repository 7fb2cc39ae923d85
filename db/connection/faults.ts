/**
 * What an error of the database means: whose fault it is, and whether trying again may help.
 *
 * The numbers stand in `error_numbers.ts`; where a standard class of SQLSTATE says the same, it counts for numbers that
 * are not listed, too.
 *
 * @module
 */

import { classOfNumber, type FaultClass } from "./error_numbers.ts";

/** What the driver gives an error. */
interface DriverError {
  errno?: number;
  fatal?: boolean;
  code?: string;
  sqlState?: string;
  syscall?: string;
}

/** Classes of SQLSTATE that say the same: the connection, the login. */
const serverStates = ["08", "28"];

/**
 * Classes of SQLSTATE that are about what was asked: cardinality, data, constraints, syntax and names,
 * features, check options, conditions that were raised by a program of the database.
 */
const askedStates = ["0A", "21", "22", "23", "42", "44", "45"];

/** True where running the whole transaction again may succeed. */
export function isRetryable(error: unknown): boolean {
  return isFatal(error) || classOf(error) === "again" ||
    driverError(error).sqlState?.startsWith("40") === true;
}

/** True where a transaction had to give way to another one, and was rolled back; nothing else is wrong. */
export function isDeadlock(error: unknown): boolean {
  const { errno, sqlState } = driverError(error);
  return !isFatal(error) && (errno === 1213 || sqlState === "40001");
}

/** True where the server says that it is not the one to write to; another connection may reach one that is. */
export function isWrongServer(error: unknown): boolean {
  return classOf(error) === "wrong_server";
}

/** True where a time limit of the connection's own was over; a new connection may have another one. */
export function isOverTimeLimit(error: unknown): boolean {
  return classOf(error) === "time_limit";
}

/** True where the statement was not run because it could not be prepared: as text it may be. */
export function isUnprepared(error: unknown): boolean {
  return classOf(error) === "unprepared";
}

/** True where the server does not understand a statement. */
export function isSyntaxError(error: unknown): boolean {
  return driverError(error).errno === 1064;
}

/** True where the fault lies with the server or the way to it, and not with what was asked. */
export function isServerFault(error: unknown): boolean {
  const known = classOf(error);
  if (known !== undefined && known !== "asked") return true;
  const { sqlState = "" } = driverError(error);
  return isRetryable(error) || serverStates.includes(sqlState.slice(0, 2));
}

/**
 * The number of an error of the database that no list knows and that is not about what was asked: it may be
 * the server's fault. Null for every other error.
 */
export function unclearFault(error: unknown): number | null {
  const { errno, sqlState } = driverError(error);
  if (typeof errno !== "number" || sqlState === undefined || isServerFault(error)) return null;
  return classOf(error) === "asked" || askedStates.includes(sqlState.slice(0, 2)) ? null : errno;
}

/** True where another transaction kept a lock for longer than this one may wait. */
export function isLockTimeout(error: unknown): boolean {
  return driverError(error).errno === 1205;
}

/** True where the user may not do what a statement does to a table. */
export function isForbidden(error: unknown): boolean {
  return driverError(error).errno === 1142;
}

/** True for a duplicate key, whichever key it was. */
export function isDuplicateKey(error: unknown): boolean {
  return driverError(error).errno === 1062;
}

/** True where a row names one that is not there. */
export function isMissingParent(error: unknown): boolean {
  return driverError(error).errno === 1452;
}

/**
 * True where the connection is of no further use. A connection that died may have no error code, so the
 * absence of a number from the server counts as well; yet the operating system has codes for files, too,
 * and a full or read-only disk of this machine is no fault of a server.
 */
export function isFatal(error: unknown): boolean {
  const { fatal, code, sqlState, syscall } = driverError(error);
  if (fatal === true || classOf(error) === "connection") return true;
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

/** Operating systems number their errors as well, below zero or far below those of servers. */
function classOf(error: unknown): FaultClass | undefined {
  const { errno } = driverError(error);
  return errno === undefined ? undefined : classOfNumber(errno);
}

function driverError(error: unknown): DriverError {
  return (typeof error === "object" && error !== null ? error : {}) as DriverError;
}
