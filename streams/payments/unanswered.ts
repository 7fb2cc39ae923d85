/**
 * Why a provider gave no answer, and what is said of requests because of it.
 *
 * @module
 */

import type { ProviderAway } from "./gateway.ts";

/** The provider could not be asked, or gave no answer that says anything: try again later. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

/** Another request under the same key is being worked on: no answer for this one alone, and no fault of the provider's. */
export class Busy extends Error {
  override name = "Busy";
}

/**
 * What was asked for is refused as it was asked for, and always will be. Its message is the provider's reason, on one
 * line; nothing is concluded from it before the key was looked up.
 */
export class Refused extends Error {
  override name = "Refused";
  /** The provider's word for it, such as `amount_too_small`; null where it has none. */
  readonly code: string | null;

  constructor(reason: string, code: string | null = null) {
    super(reason);
    this.code = code;
  }
}

/** An answer that can't be used: it is incomplete, or of a kind that is not known. */
export class Unusable extends Error {
  override name = "Unusable";
}

/** The provider serves nobody, as far as this answer tells: the key to it is wrong, or may not. */
export class Denied extends Error {
  override name = "Denied";
  /** What the request is refused with, should others of its kind be served: then it is refused for itself. */
  readonly ifAlone: string | undefined;
  /** The settings to look at. */
  readonly settings: string;

  /** @param options.ifAlone left out where the answer can mean nothing but everybody */
  constructor(cause: string, options: { settings: string; ifAlone?: string }) {
    super(cause);
    this.settings = options.settings;
    this.ifAlone = options.ifAlone;
  }
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
    return { kind: "away", error: `the payment provider refuses everything: ${error.message}` };
  }
  if (error instanceof NotAsked) {
    const text = `the payment provider was not asked: ${error.message}`;
    return { kind: "away", error: text, notAsked: true };
  }
  if (error instanceof NoAnswer) return failed(`the provider gave no answer: ${error.message}`);
  if (error instanceof Unusable) return failed(error.message);
  throw error;
}

/** An answer that could not be had, or can't be used. */
export function failed(error: string): { kind: "failed"; error: string } {
  return { kind: "failed", error };
}
