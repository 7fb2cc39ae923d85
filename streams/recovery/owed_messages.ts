/**
 * Messages that were to be published when Redis was away, about what the database has committed.
 *
 * The sweep finds whatever the database holds and no stream does, but it looks once a minute and leaves alone
 * what is younger than that: work that somebody waits for is not left to it, where this process knows of it.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { LeftDatabaseError } from "../../domain/operation/left_database.ts";
import type { Lane } from "../../domain/messages/lane.ts";
import type { Log } from "../../domain/operation/log.ts";
import { pause } from "../timing/pause.ts";
import { type Enqueued, publish, type PublishDeps } from "../workflow/publish.ts";
import type { RedisClient } from "../redis/redis.ts";

/** Messages that are owed at the most, a few hundred bytes each; the sweep finds what is more. */
const maxOwed = 50_000;

const messagesPerTry = 500;

/** Wait between two tries, in milliseconds. */
const tryMs = 1_000;

/** What is owed through one connection. */
interface Debt {
  /** Each with its lane, and with whether it is published at most once for its order. */
  owed: { entry: Enqueued; lane: Lane; oncePerOrder: boolean }[];
  paying: boolean;
}

const debts = new WeakMap<RedisClient, Debt>();

/**
 * Publishes messages as soon as Redis takes them. It may have them already, when only its answer was lost:
 * handlers meet a repeated message with the same effects.
 *
 * A process that stops before leaves them to the sweep.
 *
 * @param options.lane see `publish`
 * @param options.oncePerOrder likewise
 * @param options.signal ends the tries
 * @returns ends when nothing is owed any more, or the signal aborts, or the connection is closed for good
 */
export async function publishWhenBack(
  deps: PublishDeps & { log: Log },
  messages: readonly Enqueued[],
  options: { lane?: Lane; oncePerOrder?: boolean; signal?: AbortSignal; tryMs?: number } = {},
): Promise<void> {
  const { redis, log } = deps;
  let debt = debts.get(redis);
  if (debt === undefined) debts.set(redis, debt = { owed: [], paying: false });
  const { owed } = debt;
  const { lane = "live", oncePerOrder = false } = options;
  for (const entry of messages.slice(0, maxOwed - owed.length)) {
    owed.push({ entry, lane, oncePerOrder });
  }
  if (debt.paying) return;
  debt.paying = true;
  try {
    for (let published = 0; owed.length > 0;) {
      await pause(options.tryMs ?? tryMs, options.signal);
      if (options.signal?.aborted === true || redis.status === "end") return;
      try {
        published += await pay(deps, owed);
        if (owed.length === 0) log.info("owed messages published", { messages: published });
      } catch (error) {
        if (error instanceof LeftDatabaseError) {
          log.error("messages about a database that was left are dropped", {
            messages: owed.length,
          });
          owed.length = 0;
          return;
        }
        log.debug("messages still owed", { messages: owed.length, error: messageOf(error) });
      }
    }
  } finally {
    debt.paying = false;
  }
}

/** Takes off the list whatever Redis has taken. */
async function pay(deps: PublishDeps, owed: Debt["owed"]): Promise<number> {
  let published = 0;
  while (owed.length > 0) {
    const { lane, oncePerOrder } = owed[0]!;
    const other = owed.findIndex((one) => one.lane !== lane || one.oncePerOrder !== oncePerOrder);
    const count = Math.min(messagesPerTry, other < 0 ? owed.length : other);
    const part = owed.slice(0, count).map(({ entry }) => entry);
    await publish(deps, part, { lane, oncePerOrder, committed: true });
    owed.splice(0, count);
    published += count;
  }
  return published;
}
