/**
 * `POST /orders` as most requests bring it, answered without what only others need.
 *
 * Passing twenty-five layers and a router, of which all but a few have nothing to do with it, took such a request 90 µs of
 * processor time, and left so much behind that as long again went into taking it away. Nothing is decided here: each guard is
 * the function that the layers use, and whatever has anything of its own goes through the layers.
 *
 * @module
 */

import { isAllowed } from "../../../domain/operation/api_token.ts";
import type { ConnectionFacts } from "../../../runtime/serve.ts";
import { tracing } from "../../../streams/telemetry/tracing.ts";
import { withDeadline } from "../../../streams/timing/deadline.ts";
import type { AppDeps } from "../../deps.ts";
import { callerWithoutSession, neededScopes } from "../../middleware/access.ts";
import { usualHeaders } from "../../middleware/answer_headers.ts";
import { answerMs, bodyTimes, inTime } from "../../middleware/body_times.ts";
import type { Caller } from "../../middleware/caller.ts";
import { isJson, readJson, validOf } from "../../middleware/checked.ts";
import { addressBehind } from "../../middleware/client_address.ts";
import { meantHosts } from "../../middleware/guard.ts";
import { idempotencyHeaders, type OnceAnswer } from "../../middleware/idempotency.ts";
import { lightBytes } from "../../middleware/limit_body.ts";
import type { CountRate } from "../../middleware/limit_rate.ts";
import { logRequest } from "../../middleware/log_requests.ts";
import {
  type AskedBy,
  httpAnswer,
  type ProblemAnswer,
  problemAnswer,
  problemType,
} from "../../middleware/problem.ts";
import type { RecordRequest } from "../operation/metrics.ts";
import type { TakeOrder } from "./order_placer.ts";
import { readOrder } from "./read_order.ts";

/** Where orders are posted to. */
const path = "/orders";

/** What plain orders share with all other requests. */
export interface SharedParts {
  countRate: CountRate;
  takeOrder: TakeOrder;
  recordRequest: RecordRequest;
}

/** A request of which all was looked at but its body. */
interface PlainRequest {
  request: Request;
  caller: Caller;
  /** Of whoever has sent no token: where it comes from, behind proxies that are trusted. */
  address: string;
  asked: AskedBy;
}

/**
 * Makes the function that answers plain orders.
 *
 * @returns undefined for a request that has to go through the layers, of which nothing was read but its head
 */
export function plainOrders(
  deps: AppDeps,
  parts: SharedParts,
): (request: Request, facts: ConnectionFacts) => Promise<Response> | undefined {
  const { config } = deps;
  const isMeant = meantHosts(deps);
  const needed = neededScopes("POST", path);
  let usual: Promise<AnswerHeaders> | undefined;

  return (request, facts) => {
    if (tracing || request.method !== "POST" || needed === "nothing") return undefined;
    const { headers } = request;
    const host = headers.get("host");
    if (host === null || request.url !== `http://${host}${path}` || !isMeant(host)) {
      return undefined;
    }
    if (headers.has("origin") || !isLightJson(headers)) return undefined;
    const caller = callerWithoutSession(config, headers.get("authorization"));
    if (caller === undefined || !isAllowed(caller.scopes, needed)) return undefined;
    usual ??= usualHeaders(config).then(Object.fromEntries);
    const asked = { request_id: requestIdOf(headers), method: "POST", path };
    // Only who sends no token is told from others by where it comes from.
    const address = caller.name === null
      ? addressBehind(facts, headers.get("x-forwarded-for"), config)
      : "";
    return answered(deps, parts, { request, caller, address, asked }, usual);
  };
}

function isLightJson(headers: Headers): boolean {
  if (headers.has("transfer-encoding") || !isJson(headers.get("content-type"))) return false;
  const bytes = Number(headers.get("content-length") ?? 0);
  return bytes > 0 && bytes <= lightBytes;
}

/** The id that a request brings, where it is one, or a new one; `hono/request-id` reads and makes them so. */
function requestIdOf(headers: Headers): string {
  const brought = headers.get("x-request-id") ?? "";
  return /^[\w\-=]{1,255}$/.test(brought) ? brought : crypto.randomUUID();
}

/** By name: a list of pairs takes the runtime half as long again. */
type AnswerHeaders = Record<string, string>;

/** The parts of an answer that are not always the same. */
interface Answer {
  status: number;
  text: string;
  headers: AnswerHeaders;
}

async function answered(
  deps: AppDeps,
  { countRate, takeOrder, recordRequest }: SharedParts,
  plain: PlainRequest,
  usual: Promise<AnswerHeaders>,
): Promise<Response> {
  const start = performance.now();
  const { caller: { actor, name }, asked } = plain;
  const rate = await countRate(name);
  let answer: Answer;
  try {
    answer = rate?.refusal === undefined
      ? taken(await take(deps, takeOrder, plain))
      : refused(httpAnswer(429, rate.refusal.detail, rate.refusal.headers));
  } catch (error) {
    answer = refused(problemAnswer(error, deps, asked));
  }
  const { status, text, headers } = answer;
  const all = { ...headers, "x-request-id": asked.request_id, ...await usual, ...rate?.headers };
  const ms = performance.now() - start;
  recordRequest({ method: asked.method, route: path, status }, ms);
  logRequest(deps, asked, { actor, status, ms });
  return new Response(text, { status, headers: all });
}

/** Reads the order and takes it, looking at the parts of the request in the order in which the layers do. */
async function take(
  { bodyTimes: { wholeMs } = bodyTimes }: AppDeps,
  takeOrder: TakeOrder,
  { request, caller, address }: PlainRequest,
): Promise<OnceAnswer> {
  const bytes = await inTime(wholeMs, request.arrayBuffer());
  const sent = request.headers.get("idempotency-key");
  const { "idempotency-key": key } = sent === null
    ? { "idempotency-key": undefined }
    : validOf("header", idempotencyHeaders, { "idempotency-key": sent });
  const order = readOrder(readJson(bytes));
  return await withDeadline(answerMs, "An engine", takeOrder({ order, caller, address, key }));
}

function taken({ status, location, etag, replayed, body }: OnceAnswer): Answer {
  const headers: AnswerHeaders = { "content-type": "application/json" };
  if (location !== null) headers.location = location;
  if (etag !== undefined) headers.etag = etag;
  if (replayed) headers["idempotent-replayed"] = "true";
  return { status, text: JSON.stringify(body), headers };
}

function refused({ problem, headers }: ProblemAnswer): Answer {
  return {
    status: problem.status,
    text: JSON.stringify(problem),
    headers: { "content-type": problemType, ...headers },
  };
}
