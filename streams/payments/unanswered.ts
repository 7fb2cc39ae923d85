/**
 * Why a provider gave no answer, and what is said of requests because of it.
 *
 * @module
 */

import type { ProviderAway } from "./gateway.ts";

/** The provider could not be asked, or gave no answer that says anything. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

/** The provider is left alone, and was not asked. */
export class LeftAlone extends Error {
  override name = "LeftAlone";
}

/** The provider refuses, and not because of what was asked: the settings are wrong, and everything has to wait. */
export class RefusesAll extends Error {
  override name = "RefusesAll";
}

/** The provider was not asked for money, because the message that wanted it may be another consumer's by now. */
export class NotAsked extends Error {
  override name = "NotAsked";
}

/** What is said of a request that got no answer. */
export type Unanswered = { kind: "failed"; error: string } | ProviderAway;

/**
 * What is said of a request because of an error.
 *
 * @throws what is neither the provider's fault nor a rest that it gets
 */
export function unanswered(error: unknown): Unanswered {
  if (error instanceof LeftAlone) {
    return {
      kind: "away",
      error: `the payment provider is left alone for a while: ${error.message}`,
    };
  }
  if (error instanceof RefusesAll) {
    return {
      kind: "away",
      error: `the payment provider refuses everything: ${error.message}; are GATEWAY_URL and ` +
        "GATEWAY_TOKEN right?",
    };
  }
  if (error instanceof NotAsked) {
    const text = `the payment provider was not asked: ${error.message}`;
    return { kind: "away", error: text, notAsked: true };
  }
  if (error instanceof NoAnswer) return failed(`the provider gave no answer: ${error.message}`);
  throw error;
}

/** An answer that could not be had, or can't be used. */
export function failed(error: string): { kind: "failed"; error: string } {
  return { kind: "failed", error };
}
