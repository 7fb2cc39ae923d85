/**
 * What is done with the messages of a queue: handlers as a table, and hooks for what goes beyond them.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { AnyMessage, Codec, Enqueued, Marks, QueueDeps } from "./queue.ts";

/** What every handler works with, whatever else it needs. */
export interface EngineDeps extends QueueDeps {
  log: Log;
  /** Name of this consumer. */
  consumer: string;
  /** The lane that it reads, and that what follows from its messages stays in. */
  lane: Lane;
  /**
   * Tells whether any of some deliveries is still this consumer's, and if so keeps it so for another while. To be asked
   * before whatever can't be taken back; without it all are.
   */
  stillOurs?: (ids: readonly string[]) => Promise<boolean>;
}

/** A message that was handed to this consumer. */
export interface Delivery<M> {
  /** The stream entry's id. */
  id: string;
  message: M;
  /** How often it was handed out, this time included. */
  attempt: number;
  /**
   * It was handed out before, even where that does not count. Those that are new stand together in the stream: whatever
   * else stands between two of them is this consumer's as well.
   */
  again?: boolean;
}

/** What became of one message. */
export type Outcome<M, E> =
  /** Committed, or found committed: take the events, enqueue what follows, acknowledge. */
  | { kind: "done"; followUps: Enqueued<M>[]; events: E[] }
  /** Failed: try again after a backoff, as often as is allowed; `unclear`: see `engine_doubt.ts`. */
  | { kind: "retry"; error: string; unclear?: string; early?: true; ifLost?: Enqueued<M>[] }
  /** Something that handlers need was away: it waits, and loses no try. */
  | { kind: "outage"; error: string; ifLost?: Enqueued<M>[] }
  /** A newer version has published it, and a process of that one will take it: it waits, and loses no try. */
  | { kind: "newer"; error: string; ms: number; ifLost?: Enqueued<M>[] }
  /** Not yet: it waits for what is to be done before, and loses no try. */
  | { kind: "later"; error: string; ifLost?: Enqueued<M>[] }
  /**
   * No retry can help: a person has to look, unless {@linkcode Work.judgeDead} knows better.
   *
   * Of these five, `ifLost` is enqueued where another consumer has claimed the message and this outcome counts for
   * nothing. `early` says that it was judged by rows which may be older than the message.
   */
  | {
    kind: "dead";
    error: string;
    early?: true;
    ifLost?: Enqueued<M>[];
    /** What it is about does not exist. */
    vanished?: { what: string; id: number };
  };

/** What a queue is made of. */
export interface QueueTypes {
  group: string;
  message: AnyMessage;
  /** What handlers report, to be taken before the acknowledgement. */
  event: unknown;
  /** What handlers work with. */
  deps: EngineDeps;
}

/**
 * Handles a batch: commits what it decides, then returns an outcome for each delivery, in the same order. The older
 * message comes first.
 *
 * Running it again for the same messages has no second effect and returns the same outcomes. What it
 * throws means that nothing was committed: the batch is then halved until the culprit stands alone.
 */
export type Handler<T extends QueueTypes> = (
  deps: T["deps"],
  deliveries: Delivery<T["message"]>[],
) => Promise<Outcome<T["message"], T["event"]>[]>;

/** A message that ends without having been handled. */
export interface Failed<M> {
  entry: Entry;
  /** Null where it could not be understood. */
  message: M | null;
  error: string;
  /** See {@linkcode Outcome}. */
  vanished?: { what: string; id: number };
  /** Likewise. */
  early?: true;
  /** How long it waits for others, in milliseconds, where an engine's absence is not the reason. */
  waitMs?: number;
}

/** A message as it was read, before anybody has understood it. */
export interface Entry {
  id: string;
  fields: string[];
  deliveries: number;
  errors: number;
  lastError: string;
  /** It was handed out before. */
  again: boolean;
}

/** What a turn did, for those who watch. */
export interface TurnFacts<E> extends Turn {
  /** Messages that were taken together. */
  batch: number;
  /** How long they took from the first look to the acknowledgement, in milliseconds. */
  ms: number;
  /** What was reported about them. */
  events: readonly E[];
}

/** What one turn did. */
export interface Turn {
  handled: number;
  retried: number;
  dead: number;
  /** Messages that have to wait because an engine is away. */
  delayed: number;
}

/** Somebody who watches what a consumer does. */
export interface Watch<E> {
  /** Called where a turn had messages. */
  note(turn: TurnFacts<E>): void;
  /**
   * Called after every turn, and with `force` when the consumer ends.
   *
   * @throws at will: nothing depends on it
   */
  flush(options: { force?: boolean }): Promise<void>;
}

/** What stands behind the handlers, usually a database. */
export interface Store<D> {
  /** True where an error says that it is away, so that no message is to blame. */
  isAway(error: unknown): boolean;
  /** What it said that no list knows, in a word by which two failures are alike; else undefined. */
  unclearOf(error: unknown): string | undefined;
  /** @throws where it takes no change now */
  tryWriting(deps: D): Promise<unknown>;
}

/** What is done with the messages of a queue. Everything is called once for a batch, never for each message. */
export interface Work<T extends QueueTypes> {
  codec: Codec<T["message"]>;
  /** The handler of each type, in the order in which the parts of a batch are handled. */
  handlers: Readonly<Record<string, Handler<T>>>;
  store: Store<T["deps"]>;
  /** The longest that a message is scheduled ahead, in milliseconds. */
  maxDelayMs(deps: T["deps"]): number;
  /** Takes the events of finished messages: after their commit and before their acknowledgement, so perhaps again. */
  beforeAcknowledge(deps: T["deps"], events: T["event"][]): Promise<void>;
  /** What becomes of messages that no retry helps; without it all are kept as dead letters. */
  judgeDead?(
    deps: T["deps"],
    group: T["group"],
    dead: readonly Failed<T["message"]>[],
  ): Promise<readonly Verdict[]>;
  /** Keeps dead letters where people see them, before they leave the stream; perhaps again after a crash. */
  keepDead(
    deps: T["deps"],
    group: T["group"],
    dead: readonly Failed<T["message"]>[],
  ): Promise<void>;
  /** See {@linkcode Marks}. */
  marks?(deps: T["deps"]): Marks;
  /** Makes what watches a consumer. */
  watch?(deps: T["deps"], group: T["group"]): Watch<T["event"]>;
}

/** Keep it as a dead letter, let it wait, or drop it because there is nothing to decide. */
export type Verdict = "keep" | "wait" | "drop";
