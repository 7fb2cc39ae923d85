/**
 * Ends a batch: counts, acknowledges, buries and parks, in this order, so that a stop in between leaves
 * messages that are delivered again and never one that is gone too early.
 *
 * @module
 */

import { readLossFloors } from "../../db/recovery/database_marks.ts";
import { buryMessages } from "../../db/dead_letters/dead_letters.ts";
import { isServerFault } from "../../db/connection/faults.ts";
import { causeHash } from "../../domain/order/content_hash.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import { type Group, purposeOf } from "../../domain/messages/messages.ts";
import { backoffMs, decideRedelivery } from "../../domain/messages/retry.ts";
import { lookAtBooks } from "../recovery/database_age.ts";
import type { Delivery, HandlerDeps, Outcome } from "./handler.ts";
import { beat } from "./heartbeat.ts";
import { applyKpis } from "../kpis/kpis.ts";
import { finish, type Finished } from "./publish.ts";
import { isRedisAway } from "../redis/redis_away.ts";
import { runScript } from "../redis/scripts.ts";
import { noteOutcome, traceIdOf, tracing } from "../telemetry/tracing.ts";

/** What one turn did. */
export interface Turn {
  handled: number;
  retried: number;
  dead: number;
  /** Messages that have to wait because an engine is away. */
  delayed: number;
}

/** A message as it was read, before anybody has understood it. */
export interface Entry {
  id: string;
  fields: string[];
  deliveries: number;
  errors: number;
  lastError: string;
}

/** What became of one entry. */
export interface Result {
  entry: Entry;
  /** Null where the message could not be understood. */
  delivery: Delivery | null;
  outcome: Outcome;
}

/** How a batch is ended. */
export interface ConcludeOptions {
  group: Group;
  maxDeliveries: number;
  retryBackoffMs: number;
}

/** How long messages wait that failed for no fault of theirs, because an engine is away. */
const outagePauseMs = 1_000;

/** The longest that a message is parked, in milliseconds. */
export function longestParkMs({ maxDeliveries, retryBackoffMs }: ConcludeOptions): number {
  return Math.max(outagePauseMs, backoffMs(maxDeliveries, retryBackoffMs));
}

/** Characters of an error that are kept with a message until its next try. */
const longestErrorText = 2_000;

/** True where the fault lies with an engine and not with a message. */
export function isOutage(error: unknown): boolean {
  if (error instanceof WorkflowError) return error.code === "unavailable";
  return isServerFault(error) || isRedisAway(error);
}

/**
 * Ends the messages of a batch. What failed for the last time that is allowed is buried at once; what
 * can't be buried stays pending and is tried again.
 *
 * @param turn is raised by what was done
 * @throws when Redis is away; whatever was not acknowledged is delivered again
 */
export async function conclude(
  deps: HandlerDeps,
  options: ConcludeOptions,
  results: readonly Result[],
  turn: Turn,
): Promise<void> {
  const { group, maxDeliveries } = options;
  const finished: Finished[] = [];
  const kpis: KpiEvent[] = [];
  const failed: Failed[] = [];
  const delayed: Failed[] = [];
  const dead: Failed[] = [];
  for (const { entry, delivery, outcome } of results) {
    switch (outcome.kind) {
      case "done":
        finished.push({ id: entry.id, money: moneyOf(delivery), followUps: outcome.followUps });
        kpis.push(...outcome.kpis);
        break;
      case "retry": {
        const next = decideRedelivery(entry.deliveries + 1, entry.errors + 1, maxDeliveries);
        (next === "bury" ? dead : failed).push({ entry, delivery, error: outcome.error });
        break;
      }
      case "outage":
        delayed.push({ entry, delivery, error: outcome.error });
        break;
      case "dead":
        dead.push({ entry, delivery, error: outcome.error, vanished: outcome.vanished });
        break;
      default:
        throw new Error(`unknown outcome ${JSON.stringify(outcome satisfies never)}`);
    }
  }
  if (kpis.length > 0) await applyKpis(deps, kpis);
  turn.handled += await finish(deps, group, finished, "processed");
  try {
    const { buried, waiting } = await bury(deps, group, dead);
    turn.dead += buried;
    delayed.push(...waiting);
  } catch (error) {
    if (isRedisAway(error)) throw error;
    const { consumer } = deps;
    deps.log.error("messages not buried", { group, consumer, error: messageOf(error) });
    (isOutage(error) ? delayed : failed).push(...dead);
  }
  turn.retried += await park(deps, options, failed, "error");
  turn.delayed += await park(deps, options, delayed, "outage");
}

/** A message that is not finished, and why. */
interface Failed {
  entry: Entry;
  delivery: Delivery | null;
  error: string;
  /** The row that does not exist. */
  vanished?: { what: string; id: number };
}

function moneyOf(delivery: Delivery | null): Finished["money"] {
  if (delivery === null) return null;
  const { currency, amountCents } = delivery.message;
  return { currency, amountCents };
}

/** @returns how many were still pending, and which of them have to wait */
async function bury(
  deps: HandlerDeps,
  group: Group,
  all: readonly Failed[],
): Promise<{ buried: number; waiting: Failed[] }> {
  if (all.length === 0) return { buried: 0, waiting: [] };
  // One that is another's by now, or that Redis forgot because its order is gone, is not this one's to bury.
  const lost = await beat(deps, group, all.map(({ entry }) => entry.id));
  const own = all.filter(({ entry }) => !lost.includes(entry.id));
  const { dead, waiting } = await withoutLost(deps, group, own);
  if (dead.length === 0) return { buried: 0, waiting };
  await buryMessages(
    deps.db,
    dead.map(({ entry, delivery, error }) => {
      const money = moneyOf(delivery);
      return {
        group,
        messageId: entry.id,
        orderId: delivery?.message.orderId ?? null,
        refundId: delivery && "refundId" in delivery.message ? delivery.message.refundId : null,
        amountCents: money?.amountCents ?? 0,
        currency: money?.currency ?? null,
        payload: JSON.stringify(entry.fields),
        error,
        attempts: entry.deliveries,
        firstSeenMs: Number(entry.id.split("-")[0]),
        cause: delivery === null ? null : causeHash(group, purposeOf(delivery.message)),
      };
    }),
  );
  const gone = dead.map(({ entry, delivery }): Finished => ({
    id: entry.id,
    money: moneyOf(delivery),
    followUps: [],
  }));
  const count = await finish(deps, group, gone, "dead");
  for (const { entry, delivery, error } of dead) {
    deps.log.error("message buried", {
      group,
      id: entry.id,
      order_id: delivery?.message.orderId,
      consumer: deps.consumer,
      attempt: entry.deliveries,
      error,
      trace_id: tracing ? traceIdOf(entry.id) : undefined,
    });
  }
  if (tracing) noteOutcome(dead.map(({ entry }) => entry.id), "dead", (at) => dead[at]!.error);
  return { buried: count, waiting };
}

/**
 * Ends messages about orders and refunds that the database lost when it was restored: whoever published them had
 * committed before and did not know it yet. There is nothing for a person to decide.
 *
 * @returns the others: those to be buried, and those that wait because rows are gone right now
 */
async function withoutLost(
  deps: HandlerDeps,
  group: Group,
  dead: readonly Failed[],
): Promise<{ dead: Failed[]; waiting: Failed[] }> {
  if (dead.every(({ vanished }) => vanished === undefined)) return { dead: [...dead], waiting: [] };
  const { db } = deps;
  if (await lookAtBooks(deps, db) !== null) {
    db.lookAgain();
    return {
      dead: dead.filter(({ vanished }) => vanished === undefined),
      waiting: dead.filter(({ vanished }) => vanished !== undefined),
    };
  }
  const floors = new Map(Object.entries(await readLossFloors(deps.db)));
  const isLost = ({ vanished }: Failed): boolean =>
    vanished !== undefined && vanished.id <= (floors.get(vanished.what) ?? 0);
  const lost = dead.filter(isLost);
  const gone = lost.map(({ entry, delivery }): Finished => ({
    id: entry.id,
    money: moneyOf(delivery),
    followUps: [],
  }));
  await finish(deps, group, gone, "processed");
  for (const { entry, delivery, error } of lost) {
    const { id } = entry;
    deps.log.warn("message about a lost row dropped", {
      group,
      id,
      order_id: delivery?.message.orderId,
      error,
    });
  }
  return { dead: dead.filter((failed) => !isLost(failed)), waiting: [] };
}

/**
 * Leaves messages pending until a later time.
 *
 * @param why an outage is not counted against them
 * @returns how many were still pending with this consumer
 */
async function park(
  { redis, keys, consumer }: HandlerDeps,
  { group, retryBackoffMs }: ConcludeOptions,
  messages: readonly Failed[],
  why: "error" | "outage",
): Promise<number> {
  if (messages.length === 0) return 0;
  const parked = messages.map(({ entry, error }) => [
    entry.id,
    why === "error" ? backoffMs(entry.errors + 1, retryBackoffMs) : outagePauseMs,
    why === "error" ? 1 : 0,
    cutText(error, longestErrorText),
  ]);
  if (tracing) {
    const outcome = why === "error" ? "retried" : "delayed";
    noteOutcome(messages.map(({ entry }) => entry.id), outcome, (at) => messages[at]!.error);
  }
  const parkKeys = [
    keys.stream(group),
    keys.retries(group),
    keys.errors(group),
    keys.errorTexts(group),
    keys.stats(group),
  ];
  const args = [group, consumer, JSON.stringify(parked)];
  return await runScript(redis, "delay", parkKeys, args) as number;
}
