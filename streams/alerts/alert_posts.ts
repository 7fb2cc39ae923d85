/**
 * Posts changes of alerts to a webhook.
 *
 * A change is noted in Redis together with the alert itself, and whichever process comes first posts it, in a loop
 * of its own: a receiver that is slow or dead holds up nothing. A crash after the post and before its note has it
 * posted again under the same id.
 *
 * @module
 */

import type { ChainableCommander } from "ioredis";
import type { AlertNews } from "../../domain/operation/alerts.ts";
import type { Config } from "../../config/config.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { backoffMs } from "../../domain/messages/retry.ts";
import type { Keys, RedisDeps } from "../redis/keys.ts";
import { endLease, takeLease } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";
import { postWebhook } from "../notifications/post_webhook.ts";

/** What posting works with. */
export interface AlertPostDeps extends RedisDeps {
  config: Pick<Config, "alertWebhookUrl" | "alertWebhookSecrets">;
  log: Log;
}

/** A change that is to be posted. */
interface Post {
  /** Name of the alert. */
  alert: string;
  body: string;
  /** When it came about, in ms since 1970. */
  atMs: number;
  /** Posts in vain so far, after each of which the next waits longer. */
  tries: number;
  /** Not before this time. */
  dueMs: number;
}

/** How often is looked for changes, in milliseconds. */
const lookMs = 5_000;

/** Longest wait for the receiver, in milliseconds. */
const timeoutMs = 5_000;

/** Posts of one change, before it is given up: over more than half an hour. */
export const maxTries = 10;

/** Wait after the first post that failed, in milliseconds; doubles with every further one. */
const firstWaitMs = 5_000;

/** Longest wait that a receiver may ask for, in milliseconds. */
const maxRetryAfterMs = 900_000;

/** Longest wait between two posts, in milliseconds. */
const maxWaitMs = Math.max(maxRetryAfterMs, backoffMs(maxTries, firstWaitMs));

/** How long it is remembered that a change was posted, in seconds. */
const rememberSeconds = 86_400;

/** Notes a change, in the transaction that makes it. */
export function noteAlertNews(
  writes: ChainableCommander,
  keys: Keys,
  alert: string,
  { id, body }: AlertNews,
  nowMs: number,
): void {
  const post: Post = { alert, body, atMs: nowMs, tries: 0, dueMs: nowMs };
  writes.hsetnx(keys.alertPosts, id, JSON.stringify(post));
}

/** Posts changes until the signal aborts; does nothing where the settings name no receiver. */
export async function keepPosting(deps: AlertPostDeps, signal: AbortSignal): Promise<void> {
  if (deps.config.alertWebhookUrl === "") return;
  while (!signal.aborted) {
    try {
      await postOnce(deps, Date.now(), signal);
    } catch (error) {
      if (!signal.aborted) deps.log.warn("alerts not posted", { error: messageOf(error) });
    }
    await pause(lookMs, signal);
  }
}

/**
 * Posts the changes that are due: of each alert the oldest one, because nobody wants to hear of an end before the
 * beginning.
 *
 * @param nowMs the time in ms since 1970
 * @returns how many were taken by the receiver
 * @throws when Redis is away
 */
export async function postOnce(
  deps: AlertPostDeps,
  nowMs: number,
  signal?: AbortSignal,
): Promise<number> {
  const noted = await deps.redis.hgetall(deps.keys.alertPosts);
  const oldest = new Map<string, [id: string, post: Post]>();
  for (const [id, text] of Object.entries(noted)) {
    const post = JSON.parse(text) as Post;
    const known = oldest.get(post.alert);
    if (known === undefined || post.atMs < known[1].atMs) oldest.set(post.alert, [id, post]);
  }
  // What is due later than any wait allows was noted by a clock that was ahead.
  const due = [...oldest.values()].filter(([, { dueMs }]) =>
    dueMs <= nowMs || dueMs > nowMs + maxWaitMs
  );
  const taken = await Promise.all(
    due.map(([id, post]) => postChange(deps, id, post, nowMs, signal)),
  );
  return taken.filter((posted) => posted).length;
}

/** @returns true where this call posted it and the receiver took it */
async function postChange(
  { redis, keys, config, log }: AlertPostDeps,
  id: string,
  post: Post,
  nowMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const mark = keys.alertPost + id;
  const lease = await takeLease(redis, mark, 2 * timeoutMs);
  if (lease === null) {
    // Another process may have posted it and then noted it once more, when both looked at the same moment.
    if (await redis.get(mark) === "done") await redis.hdel(keys.alertPosts, id);
    return false;
  }
  const { alertWebhookUrl: url, alertWebhookSecrets: secrets } = config;
  const result = await postWebhook({ url, secrets, timeoutMs, signal }, { id, body: post.body });
  const tries = post.tries + 1;
  if (result.error === null) {
    await redis.multi().hdel(keys.alertPosts, id).set(mark, "done", "EX", rememberSeconds).exec();
    return true;
  }
  const stopped = signal?.aborted === true;
  if (!stopped && tries >= maxTries) {
    log.error("alert given up", { alert: post.alert, tries, error: result.error });
    await redis.multi().hdel(keys.alertPosts, id).set(mark, "done", "EX", rememberSeconds).exec();
    return false;
  }
  const asked = Math.min(result.retryAfterMs ?? 0, maxRetryAfterMs);
  const dueMs = nowMs + Math.max(backoffMs(tries, firstWaitMs), asked);
  const next: Post = stopped ? post : { ...post, tries, dueMs };
  if (!stopped) log.warn("alert not posted", { alert: post.alert, tries, error: result.error });
  await redis.hset(keys.alertPosts, id, JSON.stringify(next));
  await endLease(redis, lease);
  return false;
}
