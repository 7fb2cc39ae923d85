/**
 * Ends a batch: reports, acknowledges, keeps dead letters and delays, in this order, so that a stop in between
 * leaves messages that are delivered again and never one that is gone too early.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { decideRedelivery } from "../../domain/messages/retry.ts";
import { isRedisAway } from "../redis/redis_away.ts";
import { deadLetter } from "./dead_letter.ts";
import { delay } from "./delay.ts";
import { finish, type Finished } from "./enqueue.ts";
import type { Entry, Failed, Outcome, QueueTypes, Store, Turn, Work } from "./work.ts";

/** What became of one entry. */
export interface Result<T extends QueueTypes> {
  entry: Entry;
  /** Null where it could not be understood. */
  message: T["message"] | null;
  outcome: Outcome<T["message"], T["event"]>;
}

/** How a batch is ended. */
export interface CompleteOptions<T extends QueueTypes> {
  group: T["group"];
  work: Work<T>;
  maxDeliveries: number;
  retryBackoffMs: number;
}

/** True where the fault lies with an engine and not with a message. */
export function isOutage(
  store: Pick<Store<never>, "isAway">,
  error: unknown,
): boolean {
  if (error instanceof WorkflowError) return error.code === "unavailable";
  return store.isAway(error) || isRedisAway(error);
}

/** A batch by what is to be done with its messages. */
interface Sorted<T extends QueueTypes> {
  finished: Finished<T["message"]>[];
  events: T["event"][];
  failed: Failed<T["message"]>[];
  delayed: Failed<T["message"]>[];
  newer: Failed<T["message"]>[];
  later: Failed<T["message"]>[];
  dead: Failed<T["message"]>[];
}

/**
 * Ends the messages of a batch. What failed for the last time that is allowed becomes a dead letter at once; what
 * can't be kept as one stays pending and is tried again.
 *
 * @param turn is raised by what was done
 * @throws when Redis is away; whatever was not acknowledged is delivered again
 */
export async function complete<T extends QueueTypes>(
  deps: T["deps"],
  options: CompleteOptions<T>,
  results: readonly Result<T>[],
  turn: Turn,
): Promise<void> {
  const { group, work } = options;
  const { finished, events, failed, delayed, newer, later, dead } = sortResults(
    options,
    results,
  );
  if (events.length > 0) await work.beforeAcknowledge(deps, events);
  const marks = work.marks?.(deps);
  turn.handled += await finish(deps, work.codec, { group, finished, counter: "processed", marks });
  try {
    const { ended, waiting } = await deadLetter(deps, options, dead);
    turn.dead += ended;
    delayed.push(...waiting);
  } catch (error) {
    if (isRedisAway(error)) throw error;
    const { consumer } = deps;
    deps.log.error("messages not buried", { group, consumer, error: messageOf(error) });
    (isOutage(work.store, error) ? delayed : failed).push(...dead);
  }
  turn.retried += await delay(deps, options, failed, "error");
  turn.retried += await delay(deps, options, later, "outage");
  turn.delayed += await delay(deps, options, delayed, "outage");
  // No reason to rest: what else there is can be done.
  await delay(deps, options, newer, "outage");
}

function sortResults<T extends QueueTypes>(
  { maxDeliveries }: CompleteOptions<T>,
  results: readonly Result<T>[],
): Sorted<T> {
  const sorted: Sorted<T> = {
    finished: [],
    events: [],
    failed: [],
    delayed: [],
    newer: [],
    later: [],
    dead: [],
  };
  for (const { entry, message, outcome } of results) {
    switch (outcome.kind) {
      case "done":
        sorted.finished.push({ id: entry.id, message, followUps: outcome.followUps });
        sorted.events.push(...outcome.events);
        break;
      case "retry": {
        const next = decideRedelivery(entry.deliveries + 1, entry.errors + 1, maxDeliveries);
        const failed = next === "dead_letter" ? sorted.dead : sorted.failed;
        failed.push({ entry, message, error: outcome.error, early: outcome.early });
        break;
      }
      case "later":
        sorted.later.push({ entry, message, error: outcome.error });
        break;
      case "outage":
        sorted.delayed.push({ entry, message, error: outcome.error });
        break;
      case "newer":
        sorted.newer.push({ entry, message, error: outcome.error, waitMs: outcome.ms });
        break;
      case "dead":
        sorted.dead.push({
          entry,
          message,
          error: outcome.error,
          vanished: outcome.vanished,
          early: outcome.early,
        });
        break;
      default:
        throw new Error(`unknown outcome ${JSON.stringify(outcome satisfies never)}`);
    }
  }
  return sorted;
}
