/**
 * What the handlers of this workflow work with, and how they say what became of their messages.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import type { Effects } from "../../domain/order/effects.ts";
import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import type { Group, Message, OrderMessage } from "../../domain/messages/messages.ts";
import type { NotificationChannel } from "../../domain/notification/notification.ts";
import type { Gateways } from "../payments/gateway.ts";
import type * as queue from "../queue/work.ts";
import type { Keys } from "../redis/keys.ts";
import type { Enqueued } from "./publish.ts";

/** What handlers work with. */
export interface HandlerDeps extends Gateways, queue.EngineDeps {
  db: Database;
  keys: Keys;
  baseCurrency: string;
  /** The KPI day of a database time. */
  kpiDay: (settledAt: string) => string;
  /** How long a reservation waits for its payment. */
  reservationTtlSeconds: number;
  /** Money is held first and taken when somebody asks for its capture, unless an order says otherwise. */
  capturesLater?: boolean;
  /** How long an order may wait for its capture; where nobody says it, a week. */
  holdSeconds?: number;
  /**
   * How long a message waits for the row that it is about, in milliseconds: the row was committed before the message was
   * published, but the server that is asked may follow the one that knows it.
   */
  missingRowMs: number;
  /** What becomes of an order that runs short; default `fail`. */
  onShortage?: "fail" | "wait";
  /** Where customers are told how orders and refunds ended; default `log` alone. */
  notifyChannels?: readonly NotificationChannel[];
}

/** What the queue of this workflow is made of. */
export interface WorkflowTypes {
  group: Group;
  message: Message;
  event: KpiEvent;
  deps: HandlerDeps;
}

/** A message that was handed to a consumer. */
export type Delivery<M extends Message = OrderMessage> = queue.Delivery<M>;

/** What became of one message; its events are what counts for the figures. */
export type Outcome = queue.Outcome<Message, KpiEvent>;

/** A handler of any messages. */
export type Handler = queue.Handler<WorkflowTypes>;

/** Finished, with what follows. */
export function done({ messages, kpis }: Effects = { messages: [], kpis: [] }): Outcome {
  return { kind: "done", followUps: messages.map(followUpOf), events: kpis };
}

/** A payment that was recorded as money to give back has to go back whoever has the message by now. */
function followUpOf(message: Message): Enqueued {
  return message.type === "payment.reverse" ? { message, evenIfLost: true } : { message };
}

/** Finished, with messages for other groups. */
export function doneWith(...messages: Message[]): Outcome {
  return done({ messages, kpis: [] });
}

/**
 * Outcomes of a batch, the first that is done with what follows from the batch as a whole. It is enqueued whoever has
 * the message by now: who handles it again finds nothing to do, and would not know.
 */
export function withFollowUps(outcomes: Outcome[], messages: readonly Message[]): Outcome[] {
  if (messages.length === 0) return outcomes;
  const first = outcomes.find((outcome) => outcome.kind === "done");
  for (const message of messages) first?.followUps.push({ message, evenIfLost: true });
  return outcomes;
}

/** A message about a row that does not exist, or that this server does not know yet: see `missingRowMs`. */
export function vanished(what: string, id: number): Outcome {
  return { kind: "dead", error: `${what} ${id} does not exist`, vanished: { what, id } };
}
