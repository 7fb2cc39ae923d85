/**
 * Asks a payment provider over HTTP, and leaves it alone while it fails.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { trimEnd } from "../../domain/text/trim_end.ts";
import { readReply } from "./read_reply.ts";
import { type Refusals, refusalsOf } from "./refusals.ts";
import { LeftAlone, NoAnswer, RefusesAll } from "./unanswered.ts";

/** How requests reach the provider. */
export interface ProviderAccess {
  /** Where its paths begin. */
  url: string;
  /** Sent as a bearer token; empty where it wants none. */
  token: string;
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: number;
  /** How long nothing is asked after the provider failed again and again. */
  restMs: number;
}

/** An answer of the provider. */
export interface Reply {
  method: string;
  status: number;
  body: Record<string, unknown>;
}

/** What is asked, under an idempotency key. */
export interface ProviderRequest {
  method: "GET" | "POST";
  path: string;
  key: string;
  body?: unknown;
}

/** Failures in a row after which the provider counts as away. */
const failuresToRest = 5;

/** Statuses by which everybody is refused: the token is not known or may not, or the address is wrong. */
const refusesAll: readonly number[] = [401, 403, 405, 407];

/** Those of them that may be about one request alone, which the others of its kind tell. */
const refusesAllOrOne: readonly number[] = [403, 404];

/** Statuses that mean "try again", besides those of 500 and more. */
const tryAgain: readonly number[] = [408, 425, 429];

/** Statuses that mean the same for this one alone: another request under its key is being worked on. */
const inProgress: readonly number[] = [409, 423];

/** Asks a provider, and knows how it is. */
export interface Provider {
  /** Asks once; throws {@linkcode NoAnswer}, {@linkcode LeftAlone} or {@linkcode RefusesAll}. */
  ask(request: ProviderRequest): Promise<Reply>;
  /**
   * What a failure looks like once others have been asked: where again and again none of those that began after it were
   * answered, the provider had broken down already, and the request is not to blame.
   */
  inHindsight(failure: NoAnswer): NoAnswer | LeftAlone;
}

/**
 * Makes what asks the provider once.
 *
 * When it fails again and again it is left alone for a while. Then a single request finds out whether it is back. A
 * provider that refuses for reasons of its own or of the settings is left alone just so, each kind of requests by
 * itself: a token may be good for charges and not for refunds. A look-up that is answered does not end these, because
 * it may be good for looking and not for charging.
 */
export function openProvider(options: ProviderAccess): Provider {
  const send = sender(options);
  const rest = restsAfterFailures(options.restMs);
  const kinds = new Map<string, Refusals>();
  const ask = async (request: ProviderRequest): Promise<Reply> => {
    const [, resource = ""] = request.path.split("/");
    const refusals = kinds.get(resource) ??
      refusalsOf({ most: failuresToRest, restMs: options.restMs });
    kinds.set(resource, refusals);
    rest.check();
    if (!refusals.admits(request.key)) throw new LeftAlone(refusals.cause);
    const turn = rest.begin();
    const begun = refusals.begin();
    const reply = await send(request).catch(rest.failed);
    rest.answered(turn);
    weigh(reply, { resource, key: request.key, begun, refusals });
    if (inProgress.includes(reply.status)) throw new NoAnswer(`it answered ${reply.status}`);
    return reply;
  };
  return { ask, inHindsight: rest.inHindsight };
}

/** One request and its answer. */
function sender({ url, token, timeoutMs }: ProviderAccess) {
  const base = trimEnd(url, "/");
  return async ({ method, path, key, body }: ProviderRequest): Promise<Reply> => {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        accept: "application/json",
        "idempotency-key": key,
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readReply(response);
    const { status } = response;
    if (status >= 500 || tryAgain.includes(status)) throw new NoAnswer(`it answered ${status}`);
    return { method, status, body: objectOf(text) };
  };
}

/**
 * A circuit breaker: closed, open after failures in a row, then half open for one request. Own code, because the one of
 * cockatiel goes by the wall clock, so that a clock set back by an hour leaves the provider alone for an hour, and has
 * others wait for the one request, where messages had better be put off.
 */
function restsAfterFailures(restMs: number) {
  let inRow = 0;
  let restsUntil = -Infinity;
  let cause = "";
  const breakdown = breakdownOf();
  return {
    inHindsight: breakdown.inHindsight,
    /** @throws {LeftAlone} while it rests */
    check(): void {
      if (performance.now() < restsUntil) throw new LeftAlone(cause);
    },
    /**
     * After a rest one request is let through; until it is answered, all others stay out.
     *
     * @returns its number
     */
    begin(): number {
      if (inRow >= failuresToRest) restsUntil = Infinity;
      return breakdown.begin();
    },
    /** Any answer ends a rest, a late one too: a provider that fails now and then is not away. */
    answered(request: number): void {
      inRow = 0;
      restsUntil = -Infinity;
      breakdown.answered(request);
    },
    failed(error: unknown): never {
      inRow++;
      cause = messageOf(error);
      const failure = new NoAnswer(cause);
      breakdown.failed(failure);
      if (inRow < failuresToRest) throw failure;
      restsUntil = performance.now() + restMs;
      // Whoever finds out that it is still away is not to blame either.
      throw new LeftAlone(cause);
    },
  };
}

/**
 * Tells failures of a provider that has broken down from those of single requests. Answers that were under way while it
 * broke down come late, between the failures of others, and keep them from being so many in a row: what counts is that
 * none is answered that began after the first failure.
 */
function breakdownOf() {
  /** Requests are numbered as they begin. */
  let begun = 0;
  let failures = 0;
  /** The last that had begun at the first of these failures. */
  let lastBefore = 0;
  const begunBefore = new WeakMap<NoAnswer, number>();
  return {
    begin: () => ++begun,
    answered(request: number): void {
      if (request > lastBefore) failures = 0;
    },
    failed(failure: NoAnswer): void {
      if (failures === 0) lastBefore = begun;
      failures++;
      begunBefore.set(failure, begun);
    },
    inHindsight(failure: NoAnswer): NoAnswer | LeftAlone {
      const belongs = (begunBefore.get(failure) ?? -1) >= lastBefore;
      return belongs && failures >= failuresToRest ? new LeftAlone(failure.message) : failure;
    },
  };
}

/**
 * Tells others of the kind what an answer means for them.
 *
 * @throws {RefusesAll} where it refuses everybody, as far as is known
 */
function weigh(
  { method, status }: Reply,
  { resource, key, begun, refusals }: {
    resource: string;
    key: string;
    begun: number;
    refusals: Refusals;
  },
): void {
  const isPost = method === "POST";
  if (refusesAll.includes(status) || (isPost && status === 404)) {
    if (isPost && refusesAllOrOne.includes(status) && refusals.isAlone(key)) return;
    const cause = `it answered ${status} to ${method} /${resource}`;
    refusals.refused(key, cause);
    throw new RefusesAll(cause);
  }
  if (isPost) refusals.posted(key, { begun, isSuccess: status < 300 });
  else refusals.lookedUp(key);
}

/** The object that a text says; an empty one for any other text. */
function objectOf(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
