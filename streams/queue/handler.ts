/**
 * What a handler of messages is: it gets a batch and returns an outcome for each message of it.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import type { Effects } from "../../domain/order/effects.ts";
import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { Message } from "../../domain/messages/messages.ts";
import type { NoticeChannel } from "../../domain/notification/notification.ts";
import type { Gateways } from "../payments/gateway.ts";
import type { Keys } from "../redis/keys.ts";
import type { Enqueued } from "./publish.ts";
import type { RedisClient } from "../redis/redis.ts";

/** What handlers work with. */
export interface HandlerDeps extends Gateways {
  db: Database;
  redis: RedisClient;
  keys: Keys;
  log: Log;
  baseCurrency: string;
  /** The KPI day of a database time. */
  kpiDay: (settledAt: string) => string;
  /** How long a reservation waits for its payment. */
  reservationTtlSeconds: number;
  /** Where customers are told how orders and refunds ended; default `log` alone. */
  notifyChannels?: readonly NoticeChannel[];
  /** Name of this consumer, for timelines and locks. */
  consumer: string;
  /**
   * Tells whether any of some deliveries is still this consumer's, and if so keeps it so for another while. Asked
   * before whatever can't be taken back; without it all are.
   */
  stillOurs?: (ids: readonly string[]) => Promise<boolean>;
}

/** A message that was handed to this consumer. */
export interface Delivery<M extends Message = Message> {
  /** The stream entry's id. */
  id: string;
  message: M;
  /** How often it was handed out, this time included. */
  attempt: number;
}

/** What became of one message. */
export type Outcome =
  /** Committed, or found committed: count, tell the next group, acknowledge. */
  | { kind: "done"; followUps: Enqueued[]; kpis: KpiEvent[] }
  /** Failed: try again after a backoff, as often as is allowed; `unclear`: see `engine_doubt.ts`. */
  | { kind: "retry"; error: string; unclear?: string; ifLost?: Enqueued[] }
  /** An engine or the payment provider was away: it waits, and loses no try. */
  | { kind: "outage"; error: string; ifLost?: Enqueued[] }
  /**
   * No retry can help: a person has to look, unless it is about a row that a restored database lost.
   *
   * Of these three, `ifLost` is what looks for money that may have been taken, where another consumer has taken the
   * message over and this outcome counts for nothing.
   */
  | {
    kind: "dead";
    error: string;
    ifLost?: Enqueued[];
    vanished?: { what: string; id: number };
  };

/**
 * Handles a batch: commits what it decides, then returns an outcome for each delivery, in the same order.
 *
 * Running it again for the same messages has no second effect and returns the same outcomes. What it
 * throws means that nothing was committed: the batch is then halved until the culprit stands alone.
 */
export type Handler = (deps: HandlerDeps, deliveries: Delivery[]) => Promise<Outcome[]>;

/** Finished, with what follows. */
export function done({ messages, kpis }: Effects = { messages: [], kpis: [] }): Outcome {
  return { kind: "done", followUps: messages.map(followUpOf), kpis };
}

/** A payment that was recorded as money to give back has to go back whoever has the message by now. */
function followUpOf(message: Message): Enqueued {
  return message.type === "payment.reverse" ? { message, evenIfLost: true } : { message };
}

/** Finished, with messages for other groups. */
export function doneWith(...messages: Message[]): Outcome {
  return done({ messages, kpis: [] });
}

/** A message about a row that does not exist. */
export function vanished(what: string, id: number): Outcome {
  return { kind: "dead", error: `${what} ${id} does not exist`, vanished: { what, id } };
}
