/**
 * A queue on Redis Streams that is worked on in batches. This folder knows nothing of what its messages are about:
 * {@linkcode Codec} tells how they are read and written, `work.ts` what is done with them. It promises:
 *
 * - Messages are taken in batches, and there is an outcome for each message, not for the batch.
 * - A message is acknowledged last, after its handler's commit and in one step with the enqueueing of what follows:
 *   a crash at any moment loses nothing and repeats something, which must then have no second effect.
 * - A consumer gives heartbeats; others claim what one had that died, and a claimed message counts for nothing there.
 * - What fails is delayed, longer each time; a batch is halved until the culprit is alone and fails no neighbour.
 * - While an engine is away messages wait and lose no try, also where it fails in a way that no list knows.
 * - What outlives several consumers is tried alone; what can't be handled ends as a dead letter, which is kept first.
 * - A message may be scheduled, and the same one twice is one. Redis' clock alone decides what is due and who is alive.
 * - A group has two lanes, each with a stream and all that belongs to it. What follows from a message stays in its lane;
 *   the live one is never kept waiting for the bulk one, which takes all that is left and a share whatever happens.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";
import type { LogFields } from "../../domain/operation/log.ts";
import type { RedisClient } from "../redis/redis.ts";

/** The Redis keys of a queue. */
export interface QueueKeys {
  /** Stream of a group in a lane: entries are deleted when acknowledged, so its length is the backlog. */
  stream(group: string, lane: Lane): string;
  /** Sorted set: messages that are not due yet by due time in ms. */
  scheduled(group: string, lane: Lane): string;
  /** Hash: scheduled message → its trace, where there is one. */
  scheduledTraces: string;
  /** Sorted set: ids of pending messages that failed, by the time in ms when they are due again. */
  retries(group: string, lane: Lane): string;
  /** Sorted set: consumers by the time in ms of their last sign of life. */
  alive(group: string): string;
  /** Hash: consumer → when it began, ISO 8601. */
  consumerStarts(group: string): string;
  /** Hash: message id → how often a handler failed on it. */
  errors(group: string, lane: Lane): string;
  /** Hash: message id → the last error's text. */
  errorTexts(group: string, lane: Lane): string;
  /** Hash: unit → what waits in the stream and among the scheduled, see {@linkcode Weight}. */
  weights(group: string, lane: Lane): string;
  /** Hash of counters: `processed`, `retried`, `dead`. */
  stats(group: string): string;
  /** Set while the group's consumers are told to take nothing; its value says who told them. */
  paused(group: string): string;
  /** Prefix of the bitmaps of what was enqueued once. */
  publishedOnce: string;
  /** Written to see whether anything can be written; expires by itself. */
  probe: string;
}

/** What the queue works with. */
export interface QueueDeps {
  redis: RedisClient;
  keys: QueueKeys;
}

/** What a message is worth: a queue is summed up by unit, for people. */
export interface Weight {
  unit: string;
  /** An integer. */
  amount: number;
}

/** A message, as far as the queue knows it. */
export interface AnyMessage {
  /** Decides about its handler. */
  type: string;
}

/** How messages are read and written. */
export interface Codec<M extends AnyMessage> {
  /** The groups of consumers; each reads the stream of its own name. */
  groups: readonly string[];
  groupOf(message: M): string;
  /** The lane that a message belongs to whatever it follows from; undefined where its cause decides. */
  laneOf(message: M): Lane | undefined;
  /** The field of a stream entry that holds the message, and the one that holds its trace. */
  messageField: string;
  traceField: string;
  encode(message: M): string;
  /** The message, or a sentence saying why nobody understands it. */
  decode(text: string): M | string;
  /** The same of the fields of a stream entry. */
  read(fields: readonly string[]): M | string;
  /**
   * Whether an entry that nobody understands is of a version that is newer than this one: it waits for a process of that
   * version instead of ending as a dead letter.
   */
  isOfNewerVersion?(fields: readonly string[]): boolean;
  /** The trace of a stream entry, a W3C `traceparent`. */
  traceOf(fields: readonly string[]): string | undefined;
  /** See {@linkcode Weight}. */
  unitOf(message: M): string;
  amountOf(message: M): number;
  /** A positive integer that is the same for messages of which only the first is to be enqueued. */
  onceIdOf(message: M): number;
  /** What a log line or a span says of the message besides its id. */
  logFacts(message: M): LogFields;
  spanFacts(message: M): Record<string, string | number>;
}

/** A message to enqueue. */
export interface Enqueued<M> {
  message: M;
  /** Milliseconds until it may be read. The same message scheduled twice is one message. */
  delayMs?: number;
  /**
   * Enqueued even where the message that it follows from was claimed by another consumer meanwhile: it looks at what
   * that consumer can't know of.
   */
  evenIfLost?: true;
  /** The trace that it belongs to; by default the one of whoever publishes it, or of what it follows from. */
  traceparent?: string;
}

/**
 * Numbers in a hash that are raised to at least these in the step in which messages are enqueued. Where one of them lies
 * within a gap of the hash, nothing is done.
 */
export interface Marks {
  /** The hash. */
  key: string;
  /** By field; 0 says nothing. */
  least: Readonly<Record<string, number>>;
  /** What is thrown where one of them lies within a gap. */
  refused(): Error;
}
