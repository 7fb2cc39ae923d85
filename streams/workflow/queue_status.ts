/**
 * What waits in the streams, in money and with the dead letters.
 *
 * @module
 */

import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { type Group, groups } from "../../domain/messages/messages.ts";
import type { Lane } from "../../domain/messages/lane.ts";
import { typed } from "../../runtime/typed.ts";
import type { QueueDeps } from "../queue/queue.ts";
import { readStreamStatus, type StreamStatus, type Waiting } from "../queue/queue_status.ts";

/** What waits in a lane, and the money in it. */
export interface LaneStatus extends Omit<Waiting, "weights"> {
  /** What the waiting messages are about, by currency, without those that are 0. */
  money: { currency: string; amountCents: number }[];
}

/** What waits in a group, in both lanes together and in each. */
export interface GroupStatus extends Omit<StreamStatus<Group>, "weights" | "lanes">, LaneStatus {
  lanes: Record<Lane, LaneStatus>;
  /** Dead letters that nobody has dealt with. */
  dead: number;
}

/**
 * Reads the state of every group, in one round trip to Redis and one to the database. A stream or a group
 * that does not exist counts as empty.
 */
export async function readQueueStatus(deps: QueueDeps, db: Queryable): Promise<GroupStatus[]> {
  const [streams, dead] = await Promise.all([readStreams(deps), countDeadLetters(db)]);
  return streams.map((status) => ({ ...status, dead: dead.get(status.group) ?? 0 }));
}

/** The groups that have work, no consumer, and no pause that would be the reason. */
export function groupsWithoutConsumer(streams: readonly Omit<GroupStatus, "dead">[]): Group[] {
  return streams
    .filter(({ length, scheduled, consumers, paused }) =>
      length + scheduled > 0 && consumers === 0 && !paused
    )
    .map(({ group }) => group);
}

/** Says which groups have work that no consumer takes, and what to type; undefined where there is none. */
export function describeNobody(streams: readonly Omit<GroupStatus, "dead">[]): string | undefined {
  const waiting = groupsWithoutConsumer(streams);
  if (waiting.length === 0) return undefined;
  const names = new Intl.ListFormat("en-GB").format(waiting);
  return `Nobody works on ${names} yet: run ${typed("start")}`;
}

/** What Redis alone knows of every group. */
export async function readStreams(deps: QueueDeps): Promise<Omit<GroupStatus, "dead">[]> {
  const streams = await readStreamStatus(deps, groups);
  return streams.map(({ lanes: { live, bulk }, ...status }) => ({
    ...inMoney(status),
    lanes: { live: inMoney(live), bulk: inMoney(bulk) },
  }));
}

function inMoney<T extends Waiting>({ weights, ...rest }: T) {
  return {
    ...rest,
    money: weights.map(({ unit, amount }) => ({ currency: unit, amountCents: amount })),
  };
}
