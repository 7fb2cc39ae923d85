/**
 * Whose fault it is when messages fail for a reason that no list knows: theirs, or an engine's.
 *
 * Servers say new things with every version, and what stands in no list must not turn a backlog of good
 * work into dead letters. So an engine is tried before a message is blamed; and where all messages of a
 * batch fail alike, and those of another batch too, it is the engine, whatever the trial says. Messages
 * that really are all bad end nevertheless: as soon as one of their group succeeds, or after
 * {@linkcode maxDoubtMs}, every failure counts.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { isRedisAway } from "../redis/redis_away.ts";
import { pause } from "../timing/pause.ts";
import type { EngineDeps, Outcome, QueueTypes, Store } from "./work.ts";

/** How long failures that are alike are taken for an engine's while nothing succeeds. */
export const maxDoubtMs = 900_000;

/** An engine that needs longer for a simple change is not well. */
const trialMs = 5_000;

/** How long a trial of Redis stays there. */
const probeMs = 10_000;

/**
 * What an engine said that no list knows and that is not about what was asked, in a word by which two
 * failures are alike; undefined for every other error.
 */
export function unclearOf(
  store: Pick<Store<never>, "unclearOf">,
  error: unknown,
): string | undefined {
  const unclear = store.unclearOf(error);
  if (unclear !== undefined) return unclear;
  const isReply = error instanceof Error && error.name === "ReplyError";
  if (!isReply || isRedisAway(error)) return undefined;
  const code = /^([A-Z]{3,}) /.exec(messageOf(error))?.[1];
  return code === undefined || askedCodes.has(code) ? undefined : `redis ${code}`;
}

/** Codes of Redis that are about what was asked, or that consumers repair by themselves. */
const askedCodes = new Set(["ERR", "WRONGTYPE", "NOSCRIPT", "NOGROUP", "BUSYGROUP", "UNBLOCKED"]);

/** True if Redis and what stands behind the handlers take a simple change now, in the way in which work is done. */
export async function enginesTakeWrites<T extends QueueTypes>(
  deps: T["deps"],
  store: Store<T["deps"]>,
): Promise<boolean> {
  const { redis, keys } = deps;
  const trial = Promise.all([
    store.tryWriting(deps),
    redis.set(keys.probe, "1", "PX", probeMs),
  ]).then(() => true, () => false);
  return await Promise.race([trial, pause(trialMs).then(() => false)]);
}

/** Failures that are alike, of all groups of this process. */
interface Doubt {
  /** See {@linkcode unclearOf}. */
  unclear: string;
  since: number;
  /** Groups that failed so, and the messages of the latest batch of each. */
  groups: Map<string, ReadonlySet<string>>;
  /** True once two batches failed alike. */
  confirmed: boolean;
}

const doubts = new WeakMap<object, Doubt>();

/**
 * Notes a batch all of whose messages failed alike.
 *
 * @param engines what all consumers of a process have in common
 * @param ids of the messages: the same ones again are no other batch
 * @param now monotonic clock in ms
 * @returns true where it is the engine
 */
export function noteAlike(
  engines: object,
  group: string,
  unclear: string,
  ids: readonly string[],
  now: number,
): boolean {
  let doubt = doubts.get(engines);
  if (doubt?.unclear !== unclear) {
    doubts.set(engines, doubt = { unclear, since: now, groups: new Map(), confirmed: false });
  }
  const before = doubt.groups.get(group);
  if (before === undefined ? doubt.groups.size > 0 : ids.every((id) => !before.has(id))) {
    doubt.confirmed = true;
  }
  doubt.groups.set(group, new Set(ids));
  return doubt.confirmed && now - doubt.since < maxDoubtMs;
}

/** Notes that messages of a group succeed: whatever failed of it meanwhile failed for its own reason. */
export function noteSuccess(engines: object, group: string): void {
  if (doubts.get(engines)?.groups.has(group)) doubts.delete(engines);
}

/** Whether a message failed of what may be an engine's fault. */
export function isUnclear(outcome: Outcome<unknown, unknown>): boolean {
  return outcome.kind === "retry" && outcome.unclear !== undefined;
}

/** A message, and what became of it. */
interface Weighed<M, E> {
  /** Among those of both lanes. */
  id: string;
  outcome: Outcome<M, E>;
}

/**
 * Looks at what a batch failed of, and takes back the blame where it is an engine's.
 *
 * @param results of which some are {@linkcode isUnclear}
 * @param work.isWell see {@linkcode enginesTakeWrites}
 * @param work.isLast true for a message that would become a dead letter now
 * @param work.again tries a message once more
 * @returns the outcomes that count, in the same order
 */
export async function weighFailures<M, E>(
  { redis, log }: Pick<EngineDeps, "redis" | "log">,
  group: string,
  results: readonly Weighed<M, E>[],
  work: {
    isWell: () => Promise<boolean>;
    isLast: (index: number) => boolean;
    again: (index: number) => Promise<Outcome<M, E>>;
  },
): Promise<Outcome<M, E>[]> {
  const outcomes = results.map(({ outcome }) => outcome);
  const reasons = outcomes.map((outcome) => outcome.kind === "retry" ? outcome.unclear : undefined);
  if (outcomes.some(({ kind }) => kind === "done")) noteSuccess(redis, group);
  const blameless = (): Outcome<M, E>[] =>
    outcomes.map((outcome, index) =>
      outcome.kind === "retry" && reasons[index] !== undefined
        ? { kind: "outage", error: outcome.error }
        : outcome
    );
  if (!await work.isWell()) {
    log.warn("engine not well", { group, error: reasons.find((reason) => reason !== undefined) });
    return blameless();
  }
  const [first] = reasons;
  if (first !== undefined && reasons.every((reason) => reason === first)) {
    if (noteAlike(redis, group, first, results.map(({ id }) => id), performance.now())) {
      log.warn("all messages fail alike", { group, error: first, messages: results.length });
      return blameless();
    }
  }
  for (const [index, reason] of reasons.entries()) {
    if (reason !== undefined && work.isLast(index)) outcomes[index] = await work.again(index);
  }
  return outcomes;
}
