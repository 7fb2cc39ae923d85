/**
 * Errors as RFC 9457 problem documents.
 *
 * @module
 */

import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ErrorCode, type Fault, messageOf, WorkflowError } from "../../domain/errors.ts";
import { isBrokenOff } from "../../runtime/serve.ts";
import { OtherErasureSecret } from "../../db/customers/erased_keys.ts";
import { isServerFault, unclearFault } from "../../db/connection/faults.ts";
import { StatementTooLarge } from "../../db/connection/packet_size.ts";
import { diskFaultOf } from "../../streams/imports/disk_fault.ts";
import { isRedisAway } from "../../streams/redis/redis_away.ts";
import type { AppDeps } from "../deps.ts";

/** A problem document; `type` is the address of a page about it, or `about:blank` where the status says it all. */
export interface Problem {
  type: string;
  title: string;
  status: ContentfulStatusCode;
  detail: string;
  /** Every faulty field: `pointer` into the body, or the name of a query or path parameter or header. */
  errors?: ({ pointer: string; detail: string } | { parameter: string; detail: string })[];
}

/** Most faulty fields that one answer lists: all that an order of a thousand items may have. */
const maxFaults = 5_000;

/** Seconds after which a caller may try again that was turned away. */
const retryAfterSeconds = 1;

/** Status and title of each code that a route may meet. */
const problems: Readonly<Record<ErrorCode, [ContentfulStatusCode, string]>> = {
  bad_request: [400, "The request cannot be understood"],
  not_found: [404, "Not found"],
  order_conflict: [409, "The order is known with another content"],
  product_conflict: [409, "The product is known with another content"],
  stock_changed: [412, "The product is not as it was seen"],
  stock_file_applied: [409, "The file was applied before"],
  charge_not_known: [409, "The charge is not known, or not any more"],
  order_not_cancellable: [409, "The order can no longer be cancelled"],
  order_not_editable: [409, "The order can no longer be edited"],
  stock_insufficient: [409, "There is not enough stock"],
  precondition_failed: [412, "It was changed meanwhile"],
  precondition_required: [428, "If-Match is missing"],
  not_yours: [403, "It was brought by another token"],
  order_not_capturable: [409, "No money of the order can be captured"],
  capture_not_total: [422, "The amount is not the order's total"],
  order_not_refundable: [409, "The order cannot be refunded"],
  refund_not_by_hand: [409, "No person gives this money back"],
  order_not_retryable: [409, "The order cannot be taken up again"],
  customer_not_erasable: [409, "The customer's data cannot be erased yet"],
  payment_not_disputed: [409, "No payment waits for this decision"],
  chargeback_not_decidable: [409, "Nobody has to say how the chargeback ended"],
  discrepancy_not_mendable: [409, "The discrepancy can't be mended in this way"],
  reconciliation_conflict: [409, "The reconciliation does not allow it"],
  import_has_no_rejects: [409, "The import has no rejects file"],
  dead_letter_decided: [409, "It was decided about the dead letter otherwise"],
  dead_letter_not_retryable: [409, "The dead letter can't be retried"],
  verification_running: [409, "A verification is running already"],
  import_not_cancellable: [409, "The import can no longer be cancelled"],
  notification_not_replayable: [409, "The notification cannot be sent again"],
  channel_not_configured: [409, "The channel is not configured"],
  webhook_endpoint_conflict: [409, "The webhook endpoint can't be so"],
  idempotency_key_in_use: [409, "A request with this idempotency key is still running"],
  invalid: [422, "The request is not valid"],
  refund_exceeds_left: [422, "The amount exceeds what is left to refund"],
  idempotency_key_reused: [422, "The idempotency key belongs to another request"],
  unavailable: [503, "Temporarily unavailable"],
  bad_settings: [500, "Internal error"],
  bad_usage: [500, "Internal error"],
};

/** Titles of problems that are about HTTP alone. */
const httpTitles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  408: "Request timeout",
  413: "Content too large",
  415: "Unsupported media type",
  421: "Misdirected request",
  429: "Too many requests",
};

/** The problem document of a status that says it all. */
export function httpProblemOf(status: ContentfulStatusCode, detail: string): Problem {
  return { type: "about:blank", title: httpTitles[status] ?? "Error", status, detail };
}

/** Answers with a problem that is about HTTP alone. */
export function httpProblem(
  c: Context,
  status: ContentfulStatusCode,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  return send(c, httpAnswer(status, detail, headers));
}

/** A problem and the further headers of its answer. */
export interface ProblemAnswer {
  problem: Problem;
  headers: Readonly<Record<string, string>>;
}

/** The content type of a problem document. */
export const problemType = "application/problem+json";

/** The same as an answer that is yet to be sent. */
export function httpAnswer(
  status: ContentfulStatusCode,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): ProblemAnswer {
  // The rest of such a body is not read, so nothing can follow on the connection.
  const isCutOff = status === 408 || status === 413;
  return {
    problem: httpProblemOf(status, detail),
    headers: isCutOff ? { ...headers, connection: "close" } : headers,
  };
}

/** A request, as far as the log names it. */
export interface AskedBy {
  request_id: string;
  method: string;
  path: string;
}

/** Makes the one error handler, see {@linkcode problemAnswer}. */
export function problemHandler({ log }: AppDeps): (error: Error, c: Context) => Response {
  return (error, c) => {
    const { method, path } = c.req;
    return send(c, problemAnswer(error, { log }, { request_id: c.get("requestId"), method, path }));
  };
}

/**
 * The answer to a request that failed: an expected error becomes its problem, an engine that is away 503, and
 * everything else a 500 that says nothing of what happened; the log does.
 */
export function problemAnswer(
  error: unknown,
  { log }: Pick<AppDeps, "log">,
  { request_id, method, path }: AskedBy,
): ProblemAnswer {
  if (error instanceof WorkflowError && problems[error.code][0] !== 500) {
    const problem = problemOf(error);
    const passes = problem.status === 503 || error.code === "idempotency_key_in_use";
    return passes ? unavailable(problem) : { problem, headers: {} };
  }
  if (error instanceof HTTPException && error.status === 400) {
    return { problem: problemOf(new WorkflowError("bad_request", error.message)), headers: {} };
  }
  if (error instanceof HTTPException) {
    const again: Record<string, string> = error.status === 429 ? retryAfter : {};
    return httpAnswer(error.status as ContentfulStatusCode, error.message, again);
  }
  if (isBrokenOff(error)) return httpAnswer(400, "The body ended too early");
  if (isEngineAway(error)) {
    log.warn("engine away", { request_id, path, error: messageOf(error) });
    return unavailable(
      problemOf(new WorkflowError("unavailable", "An engine cannot be reached; try again later")),
    );
  }
  if (error instanceof OtherErasureSecret) {
    log.error("another ERASURE_SECRET", { request_id, path, error: error.message });
    const detail =
      "This server has another ERASURE_SECRET than the one that people were erased with: " +
      "no order is taken and nobody erased until its operator has set that one";
    return unavailable(problemOf(new WorkflowError("unavailable", detail)));
  }
  const disk = diskFaultOf(error);
  if (disk !== null) {
    log.error("no file can be kept", { request_id, path, error: messageOf(error) });
    const detail = `This server can't keep files: ${disk}`;
    return unavailable(problemOf(new WorkflowError("unavailable", detail)));
  }
  const stack = error instanceof Error ? error.stack : undefined;
  log.error("request failed", { request_id, method, path, error: messageOf(error), stack });
  return httpAnswer(500, `An unexpected error; the log has it under ${request_id}`);
}

/**
 * True for an error of an engine that is away for now, whatever was asked of it: it can't be reached, or it
 * takes nothing, as a database that is read-only, full or not set up. One that only takes nothing so long is not away.
 */
export function isEngineAway(error: unknown): boolean {
  if (error instanceof WorkflowError) {
    return error.code === "unavailable" && !(error.cause instanceof StatementTooLarge);
  }
  // What nobody knows and nobody asked for is more likely to pass than to be a fault of the request.
  return isServerFault(error) || unclearFault(error) !== null || isRedisAway(error);
}

/** Such an engine, for people; a limit of time does not know which of them was asked. */
export function awayName(error: unknown): string {
  if (isServerFault(error) || unclearFault(error) !== null) return "The database";
  return isRedisAway(error) ? "Redis" : "An engine";
}

/** A code that a route may meet. */
export type ProblemCode = Exclude<ErrorCode, "bad_settings" | "bad_usage">;

/** Every type of problem that has a name of its own. */
export function problemTypes(): {
  code: ProblemCode;
  type: string;
  status: number;
  title: string;
}[] {
  return (Object.entries(problems) as [ErrorCode, [number, string]][])
    .filter(([, [status]]) => status !== 500)
    .map(([code, [status, title]]) => ({
      code: code as ProblemCode,
      type: typeOf(code),
      status,
      title,
    }));
}

/** The address of the page that explains a type, on whatever host was asked: see `problem_pages.ts`. */
function typeOf(code: string): string {
  return `/problems/${code.replaceAll("_", "-")}`;
}

/** The name of a type: the last part of its address. */
export function problemName(type: string): string {
  return type.slice(type.lastIndexOf("/") + 1);
}

/**
 * The problem document of an expected error.
 *
 * @param mostFaults that it lists
 */
export function problemOf(error: WorkflowError, mostFaults: number = maxFaults): Problem {
  const [status, title] = problems[error.code];
  const problem: Problem = {
    type: typeOf(error.code),
    title,
    status,
    detail: error.message,
  };
  const { length } = error.faults;
  if (length > 0) problem.errors = error.faults.slice(0, mostFaults).map(faultJson);
  if (length > mostFaults) {
    problem.detail += mostFaults === 1
      ? ` (the first of ${length} faults follows)`
      : ` (the first ${mostFaults} of ${length} faults follow)`;
  }
  return problem;
}

function faultJson({ at, detail }: Fault) {
  return at.startsWith("#") ? { pointer: at, detail } : { parameter: at, detail };
}

const retryAfter = { "retry-after": String(retryAfterSeconds) };

function unavailable(problem: Problem): ProblemAnswer {
  return { problem, headers: retryAfter };
}

function send(c: Context, { problem, headers }: ProblemAnswer): Response {
  return c.body(JSON.stringify(problem), problem.status, {
    ...headers,
    "content-type": problemType,
  });
}
