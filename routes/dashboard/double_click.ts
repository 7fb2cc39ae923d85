/**
 * Answers to questions that a browser sends twice: both lead to where the first one does.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import { requestHash } from "../../domain/order/content_hash.ts";
import { readForm } from "../middleware/read_form.ts";

/** The field by which the second answer to a question is told from the answer to another one. */
export const onceField = "once";

/** How long an answer counts as one that was sent twice, in milliseconds: who comes back later means it anew. */
const twiceMs = 60_000;

/** Answers that are remembered at once; beyond that the oldest are forgotten. */
const maxAnswers = 1_000;

/** An answer that was sent. */
interface Sent {
  /** By the monotonic clock, in milliseconds. */
  at: number;
  /** Where it leads, once that is known; null where it was refused. */
  location: Promise<string | null>;
}

/**
 * Leads the second of two equal answers to where the first one leads, also where scripts are off or not there yet: a browser
 * gives up the first once the second is sent, and would show that what is asked for is done already. That nothing is done
 * twice is no matter of this, but of the guards of what is asked for. So it is remembered by this process alone: another one, or
 * the same after a crash, refuses the second answer as ever. What was refused is forgotten at once.
 *
 * @param options.now a monotonic clock in milliseconds
 */
export function answerDoubleClicks(
  { now = () => performance.now() }: { now?: () => number } = {},
): MiddlewareHandler {
  const sent = new Map<string, Sent>();
  return async (c, next) => {
    const form = await formOf(c);
    if (form?.[onceField] === undefined) return await next();
    const answer = requestHash([c.get("caller").actor, c.req.path, form]);
    for (let before; (before = sent.get(answer)) && now() - before.at < twiceMs;) {
      const location = await before.location;
      if (location !== null) return c.redirect(location, 303);
    }
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const own = { at: now(), location: promise };
    if (sent.size >= maxAnswers) sent.delete(sent.keys().next().value!);
    sent.set(answer, own);
    try {
      await next();
    } finally {
      const location = c.res.status === 303 ? c.res.headers.get("location") : null;
      if (location === null && sent.get(answer) === own) sent.delete(answer);
      resolve(location);
    }
  };
}

/** The fields of a form without files. */
async function formOf(c: Context): Promise<Record<string, string | undefined> | undefined> {
  const type = c.req.header("content-type") ?? "";
  if (c.req.method !== "POST" || !/^application\/x-www-form-urlencoded\b/i.test(type)) {
    return undefined;
  }
  return await readForm(c);
}
