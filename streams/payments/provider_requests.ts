/**
 * Asks a payment provider, and leaves it alone while it fails.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { type Refusals, refusalsOf } from "./refusals.ts";
import { Busy, Denied, LeftAlone, NoAnswer, Refused, RefusesAll, Unusable } from "./unanswered.ts";

/** What is asked, under an idempotency key. */
export interface ProviderRequest {
  /** Requests of a kind rest together: a token may be good for charges and not for refunds. */
  of: "charges" | "refunds";
  /** Money may move by it; else it only looks. */
  moves: boolean;
  key: string;
}

/** Failures in a row after which the provider counts as away. */
const failuresToRest = 5;

/** Asks a provider, and knows how it is. */
export interface Requests {
  /**
   * Asks once.
   *
   * @throws {NoAnswer}
   * @throws {LeftAlone}
   * @throws {RefusesAll}
   * @throws {Refused} what `call` throws
   * @throws {Unusable} likewise
   */
  ask<A>(request: ProviderRequest, call: () => Promise<A>): Promise<A>;
  /**
   * What a failure looks like once others have been asked: where again and again none of those that began after it were
   * answered, the provider had broken down already, and the request is not to blame.
   */
  inHindsight(failure: NoAnswer): NoAnswer | LeftAlone;
}

/**
 * Makes what asks a provider once.
 *
 * When it fails again and again it is left alone for a while. Then a single request finds out whether it is back. A
 * provider that refuses for reasons of its own or of the settings is left alone just so, each kind of requests by
 * itself. A look-up that is answered does not end these, because it may be good for looking and not for charging.
 *
 * @param options.restMs how long nothing is asked after the provider failed again and again
 */
export function openRequests({ restMs }: { restMs: number }): Requests {
  const rest = restsAfterFailures(restMs);
  const kinds = new Map<string, Refusals>();
  const ask = async <A>(request: ProviderRequest, call: () => Promise<A>): Promise<A> => {
    const { of, key } = request;
    const refusals = kinds.get(of) ?? refusalsOf({ most: failuresToRest, restMs });
    kinds.set(of, refusals);
    rest.check();
    if (!refusals.admits(key)) throw new LeftAlone(refusals.cause);
    const turn = rest.begin();
    const begun = refusals.begin();
    try {
      const answer = await call();
      rest.answered(turn);
      weigh(request, { begun, refusals, isSuccess: true });
      return answer;
    } catch (error) {
      if (!isAnswer(error)) return rest.failed(error);
      rest.answered(turn);
      if (error instanceof Denied) throw judgeDenial(error, request, refusals);
      weigh(request, { begun, refusals, isSuccess: error instanceof Unusable });
      throw error instanceof Busy ? new NoAnswer(error.message) : error;
    }
  };
  return { ask, inHindsight: rest.inHindsight };
}

/** True of what the provider was there to say. */
function isAnswer(error: unknown): boolean {
  return error instanceof Denied || error instanceof Refused || error instanceof Busy ||
    error instanceof Unusable;
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

/** Tells others of the kind that one was answered. */
function weigh(
  { moves, key }: ProviderRequest,
  { begun, refusals, isSuccess }: { begun: number; refusals: Refusals; isSuccess: boolean },
): void {
  if (moves) refusals.posted(key, { begun, isSuccess });
  else refusals.lookedUp(key);
}

/** Whether a denial is meant for everybody, as far as is known; notes it then. */
function judgeDenial(
  { message, ifAlone, settings }: Denied,
  { moves, key }: ProviderRequest,
  refusals: Refusals,
): RefusesAll | Refused {
  if (moves && ifAlone !== undefined && refusals.isAlone(key)) return new Refused(ifAlone);
  refusals.refused(key, message);
  return new RefusesAll(`${message}; are ${settings} right?`);
}
