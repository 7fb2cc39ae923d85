/**
 * Puts messages into the streams of their groups.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import type { Lane } from "../../domain/messages/lane.ts";
import { type Message, orderIdOf } from "../../domain/messages/messages.ts";
import { LeftDatabaseError } from "../../domain/operation/left_database.ts";
import { enqueue } from "../queue/enqueue.ts";
import type * as queue from "../queue/queue.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/redis.ts";
import { messageCodec } from "./message_codec.ts";

/** What publishing works with. */
export interface PublishDeps {
  redis: RedisClient;
  keys: Keys;
  /** Where what the messages are about was committed. */
  db?: Queryable;
}

/**
 * A message to enqueue. What looks for money that may have been taken is enqueued even where the message that it
 * follows from was claimed by another consumer, which knows nothing of that money.
 */
export type Enqueued = queue.Enqueued<Message>;

/**
 * Puts messages into the streams of their groups.
 *
 * A crash in the middle leaves the calls that were made; publishing again is safe because handlers meet
 * a repeated message with the same effects.
 *
 * @param options.lane live unless it says otherwise; what comes by the thousand belongs in the bulk lane
 * @param options.oncePerOrder skip orders that an earlier call with this option has published
 * @param options.committed their orders and refunds are in the database for certain, so that a database which lacks them
 * have lost them, see `database_age.ts`
 * @returns how many were enqueued
 * @throws {LeftDatabaseError} where what they are about was committed to a database that does not count any more
 */
export function publish(
  deps: PublishDeps,
  messages: readonly Enqueued[],
  options: { lane?: Lane; oncePerOrder?: boolean; committed?: boolean } = {},
): Promise<number> {
  return enqueue(deps, messageCodec, messages, {
    lane: options.lane ?? "live",
    once: options.oncePerOrder,
    marks: databaseMarksOf(deps, options.committed === true ? messages : []),
  });
}

/** How far the database is for certain, see `database_age.ts`. */
export function databaseMarksOf(
  { keys, db }: PublishDeps,
  committed: readonly Enqueued[] = [],
): queue.Marks {
  let orders = 0;
  let refunds = 0;
  for (const { message } of committed) {
    orders = Math.max(orders, orderIdOf(message) ?? 0);
    if ("refundId" in message) refunds = Math.max(refunds, message.refundId);
  }
  return {
    key: keys.databaseMarks,
    least: { orders, refunds, order_events: db?.lastStep?.() ?? 0 },
    refused: () => {
      db?.lookAgain?.();
      return new LeftDatabaseError();
    },
  };
}
