/**
 * Repeated requests, told by the `Idempotency-Key` header: the first answer again, and no second change.
 *
 * @module
 */

import type { Context } from "hono";
import { z } from "zod";
import { requestHash } from "../../domain/order/content_hash.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { idempotencyKeyPattern, reusedKey } from "../../domain/refund/refund_request.ts";
import type { Queryable } from "../../db/connection/database.ts";
import {
  answerKeys,
  claimKeys,
  type ClaimResult,
  claimSeconds,
  type KeyClaim,
  prolongKey,
  purgeKeys,
  releaseKey,
  settleKey,
  settleUnlessErased,
} from "../../db/clients/idempotency.ts";
import type { AppDeps } from "../deps.ts";
import { batcher } from "./batcher.ts";
import { isEngineAway } from "./problem.ts";

/** Claims to one transaction. */
const maxClaims = 200;

/** Claims that wait for their transaction; further ones are turned away. */
const maxWaiting = 10_000;

/** Longest time for one transaction of claims, in milliseconds. */
const maxMs = 10_000;

/** Waits for a request that is still running, in milliseconds; then the caller is told so. */
const waitsMs = [25, 50, 100, 200, 400, 800];

/** Milliseconds between two purges of keys that are too old. */
const purgeEveryMs = 600_000;

/** Milliseconds between two signs of life of a request that takes its time. */
const prolongEveryMs = claimSeconds * 1_000 / 3;

export const idempotencyHeaders = z.object({
  "idempotency-key": z.string()
    .regex(idempotencyKeyPattern, "must have 1…255 visible ASCII characters")
    .optional()
    .meta({
      description: "The same request under the same key gets the first answer again, for a day",
    }),
});

/** What a request that succeeded is answered with. */
export interface KeyedAnswer {
  status: 200 | 201 | 202;
  /** The header, where there is one. */
  location: string | null;
  /** The header, where there is one: an answer that is told again has that of the first time. */
  etag?: string;
  /** To be sent as JSON. */
  body: unknown;
  /** Of the request's body, where that is not part of what the request says. */
  bodyHash?: string;
}

/** A key that this request holds, and the answer that was stored with the change. */
export interface HeldKey extends KeyClaim {
  /** Set by {@linkcode storeAnswers}, again for every try of a transaction. */
  answer?: KeyedAnswer;
}

/** What a request came to. */
export interface Worked extends KeyedAnswer {
  /** True where {@linkcode storeAnswers} has stored the answer in the transaction of the change. */
  stored: boolean;
  /** True where somebody else knew that it was a repetition. */
  replayed?: boolean;
}

/**
 * Stores the answers of requests that came with a key, in the transaction of their change.
 *
 * @throws {WorkflowError} `idempotency_key_in_use` where a key was lost to another request, which will make the
 * change: this transaction must not commit
 */
export async function storeAnswers(
  tx: Queryable,
  answers: readonly { key: HeldKey; answer: KeyedAnswer }[],
): Promise<void> {
  const areHeld = await answerKeys(
    tx,
    answers.map(({ key, answer }) => ({ claim: key, answer: JSON.stringify(answer) })),
  );
  if (!areHeld) throw keyInUse();
  for (const { key, answer } of answers) key.answer = answer;
}

/**
 * Does the work of a request once a key.
 *
 * @param c of a route that has checked {@linkcode idempotencyHeaders}
 * @param request what the request says, for telling it from others: anything that JSON can hold
 * @param work gets the key, or null where there is none; what it throws frees the key
 * @param options.isSame tells whether a request whose body is yet to be read is the one that got an answer
 */
export type AnswerOnce = (
  c: Context,
  request: readonly unknown[],
  work: (key: HeldKey | null) => Promise<Worked>,
  options?: { isSame?: (answer: KeyedAnswer) => Promise<boolean> },
) => Promise<Response>;

/** The key that a request came with, if any, and whose it is. */
export interface NamedKey {
  owner: string;
  key: string | undefined;
}

/** What a request is answered with; told again where somebody knows that it is a repetition. */
export type OnceAnswer = KeyedAnswer & { replayed?: boolean };

/** Does the work of a request once a key, as {@linkcode AnswerOnce} does. */
export type WorkOnce = (
  named: NamedKey,
  request: readonly unknown[],
  work: (key: HeldKey | null) => Promise<Worked>,
  options?: { isSame?: (answer: KeyedAnswer) => Promise<boolean> },
) => Promise<OnceAnswer>;

/** What came of holding a key. */
export type Held =
  /** What the first request was answered with, as it was stored. */
  | { answer: string }
  /** This request is the first, or the first that comes to an end. */
  | {
    key: HeldKey;
    /**
     * Stores an answer, unless one is stored already.
     *
     * @returns what is stored
     * @throws {WorkflowError} `idempotency_key_in_use` where the key was lost to another request
     */
    settle(answer: string): Promise<string>;
    /**
     * Stores an answer that took its time, unless somebody was erased meanwhile, whom it may name: the key is left to be released
     * then.
     *
     * @param erasures the latest erasure before anything was read for the answer
     */
    settleUnlessErased(answer: string, erasures: number): Promise<void>;
    /** Gives the key up, so that the request may come again under it. */
    release(): Promise<void>;
    /** Shows no more signs of life. To be called at the end, whatever that is. */
    end(): void;
  };

/**
 * Holds the key that a request came with, showing signs of life.
 *
 * @returns null for a request without a key
 * @throws {WorkflowError} `idempotency_key_in_use` while the first request under it is running, and
 * `idempotency_key_reused` where that says something else
 */
export type HoldKey = (named: NamedKey, request: readonly unknown[]) => Promise<Held | null>;

/** The key of a request to a route that has checked {@linkcode idempotencyHeaders}. */
export function keyOf(c: Context): NamedKey {
  return { owner: c.get("caller").actor, key: c.req.header("idempotency-key") };
}

/**
 * Makes {@linkcode HoldKey}. Keys are each token's own. An answer counts for a day; a key whose request died is free
 * after {@linkcode claimSeconds}.
 */
export function keyHolder(
  deps: Pick<AppDeps, "db" | "log">,
  options: { prolongEveryMs?: number } = {},
): HoldKey {
  const { db, log } = deps;
  const claimKey = batcher<KeyClaim, ClaimResult>((claims) => claimKeys(db, claims), {
    maxInputs: maxClaims,
    maxWaiting,
    maxMs,
    callerOf: ({ owner }) => owner,
    concernsAll: isEngineAway,
  });
  let purgedAt = -Infinity;
  const purge = () => {
    if (performance.now() - purgedAt < purgeEveryMs) return;
    purgedAt = performance.now();
    purgeKeys(db).catch((error) => log.warn("old keys not purged", { error: messageOf(error) }));
  };

  const claim = async (key: KeyClaim): Promise<ClaimResult> => {
    for (const waitMs of waitsMs) {
      const result = await claimKey(key);
      if (result.kind !== "running") return result;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    return await claimKey(key);
  };

  return async ({ owner, key: text }, request) => {
    if (text === undefined) return null;
    purge();
    const key: HeldKey = {
      owner,
      key: text,
      requestHash: requestHash(request),
      claim: crypto.randomUUID().replaceAll("-", ""),
    };
    const result = await claim(key);
    switch (result.kind) {
      case "answered":
        return { answer: result.answer };
      case "other_request":
        throw reusedKey();
      case "running":
        throw keyInUse();
      case "claimed":
    }
    const alive = setInterval(
      () => void prolongKey(db, key).catch(() => {}),
      options.prolongEveryMs ?? prolongEveryMs,
    );
    return {
      key,
      settleUnlessErased: (answer, erasures) => settleUnlessErased(db, key, answer, erasures),
      settle: async (answer) => {
        const settled = await settleKey(db, key, answer);
        if (settled === null) throw keyInUse();
        return settled;
      },
      release: () =>
        releaseKey(db, key).catch((cause) =>
          log.warn("key not released", { error: messageOf(cause) })
        ),
      end: () => clearInterval(alive),
    };
  };
}

/**
 * Makes {@linkcode AnswerOnce}. An answer is stored with the change itself, so a crash at any moment leaves both or
 * neither. Refusals are not stored: nothing has changed then, and the request may come again under its key.
 */
export function idempotency(
  deps: Pick<AppDeps, "db" | "log">,
  options: { prolongEveryMs?: number } = {},
): AnswerOnce {
  const once = workOnce(deps, options);
  return async (c, ...rest) => respond(c, await once(keyOf(c), ...rest));
}

/** Makes {@linkcode WorkOnce}. */
export function workOnce(
  deps: Pick<AppDeps, "db" | "log">,
  options: { prolongEveryMs?: number } = {},
): WorkOnce {
  const hold = keyHolder(deps, options);
  return async (named, request, work, { isSame } = {}) => {
    const held = named.key === undefined ? null : await hold(named, request);
    if (held === null) return await work(null);
    if ("answer" in held) {
      const answer = JSON.parse(held.answer) as KeyedAnswer;
      if (isSame !== undefined && !await isSame(answer)) throw reusedKey();
      return { ...answer, replayed: true };
    }
    try {
      const { stored, replayed, ...answer } = await work(held.key);
      if (stored) return { ...(held.key.answer ?? answer), replayed };
      return { ...JSON.parse(await held.settle(JSON.stringify(answer))), replayed };
    } catch (error) {
      await held.release();
      throw error;
    } finally {
      held.end();
    }
  };
}

/** The answer as the API gives it. */
export function respond(c: Context, answer: OnceAnswer): Response {
  if (answer.location !== null) c.header("location", answer.location);
  if (answer.etag !== undefined) c.header("etag", answer.etag);
  if (answer.replayed) c.header("idempotent-replayed", "true");
  return c.json(answer.body as object, answer.status);
}

/** The error for a key whose request is still being worked on. */
function keyInUse(): WorkflowError {
  return new WorkflowError(
    "idempotency_key_in_use",
    "A request with this idempotency key is still running; try again later",
  );
}
