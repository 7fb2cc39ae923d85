/**
 * A consumer as it stands between its turns.
 *
 * @module
 */

import type { LiveWatch } from "./live_watch.ts";
import type { RedisClient } from "../redis/redis.ts";
import type { ShareOut } from "./share_out.ts";
import type { QueueTypes, Watch, Work } from "./work.ts";

/** What one consumer works with. */
export type ConsumerDeps<T extends QueueTypes> = T["deps"] & {
  /** For blocking reads only. */
  blocking: RedisClient;
};

/** How one consumer works. */
export interface ConsumerOptions<T extends QueueTypes> {
  group: T["group"];
  work: Work<T>;
  /** Most messages at once; fewer in the live lane, see `batch_size.ts`. */
  batchSize: number;
  maxDeliveries: number;
  retryBackoffMs: number;
  /** Silence after which another consumer's messages are claimed. */
  takeoverMs: number;
  /** How to divide a batch among handlers, instead of by the table of its work; tests put other handlers in. */
  share?: ShareOut<T>;
  /** The consumer of the same process that this one helps: it works only while that one needs it. */
  helps?: Consumer<T>;
  /** Is told when the group got live messages, and knows whether others come. */
  live?: LiveWatch;
  /** Nothing but the bulk lane runs in this thread. */
  isApart?: boolean;
  /** Nothing is taken while it is shut. */
  gate?: { isShut: boolean };
}

/** A consumer of one group. */
export interface Consumer<T extends QueueTypes> {
  deps: ConsumerDeps<T>;
  options: ConsumerOptions<T>;
  share: ShareOut<T>;
  /** How many messages it takes at once, now. */
  sizeNow: () => number;
  /** When it was last looked for what waits besides new messages, by the monotonic clock in ms; see `claim.ts`. */
  claimedAt: number;
  /** When the next of that is due, likewise. */
  dueAt: number;
  /** When orphaned messages were last looked for, by the monotonic clock in ms. */
  reclaimAt: number;
  /** Where the next look begins: more may be pending than one look sees. */
  reclaimFrom: string;
  /** True while its latest batch was full, so more is likely to wait, and no other process serves the group. */
  needsHelp: boolean;
  /** Wakes the one that helps. */
  callHelp: () => void;
  /** Ids of the messages that are being handled. */
  inHand: readonly string[];
  /** Who is told what it does. */
  watch: Watch<T["event"]> | undefined;
}
