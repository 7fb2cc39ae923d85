/**
 * A consumer of one group: takes messages in batches, has them handled, and acknowledges last.
 *
 * The order of things within a batch is what makes a crash harmless: the handler's transactions commit,
 * then the figures are counted, then follow-up messages are enqueued and the batch is acknowledged in one
 * step. Whatever stops in between is delivered again and repeats its effects.
 *
 * @module
 */

import { buryMessages, type DeadLetter } from "../db/dead_letters.ts";
import { isRetryable } from "../db/database.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import type { KpiEvent } from "../domain/kpi.ts";
import { decodeMessage, type Group } from "../domain/messages.ts";
import { backoffMs, decideRedelivery } from "../domain/retry.ts";
import type { Delivery, Handler, HandlerDeps, Outcome } from "./handler.ts";
import { shareOut } from "./handlers.ts";
import { applyKpis } from "./kpis.ts";
import { pause } from "./pause.ts";
import { finish, type Finished } from "./queue.ts";
import { isLostGroup, longestBlockMs, type RedisClient } from "./redis.ts";
import { runScript } from "./scripts.ts";

/** What one consumer works with. */
export interface ConsumerDeps extends HandlerDeps {
  /** For blocking reads only. */
  blocking: RedisClient;
}

/** How one consumer works. */
export interface ConsumerOptions {
  group: Group;
  /** Most messages at once. */
  batchSize: number;
  maxDeliveries: number;
  retryBackoffMs: number;
  /** Silence after which another consumer's messages are taken over. */
  takeoverMs: number;
  /** How to divide a batch among handlers; tests put other handlers in. */
  share?: typeof shareOut;
}

/** A consumer of one group; make one with {@linkcode makeConsumer}. */
export interface Consumer {
  deps: ConsumerDeps;
  options: ConsumerOptions;
  /** When orphaned messages were last looked for, by the monotonic clock in ms. */
  takeoverAt: number;
}

/** What one turn did. */
export interface Turn {
  handled: number;
  retried: number;
  dead: number;
  /** Messages that have to wait because an engine is away. */
  delayed: number;
}

/** A message as it was read, before anybody has understood it. */
interface Entry {
  id: string;
  fields: string[];
  deliveries: number;
  errors: number;
  lastError: string;
}

/** How long messages wait that failed for no fault of theirs, because an engine is away. */
const outagePauseMs = 1_000;

/** Pending entries that one take-over looks at. */
const takeoverScan = 10_000;

/** Creates a group and its stream from the very first message on; one that exists is left as it is. */
export async function ensureGroup(
  { redis, keys }: Pick<HandlerDeps, "redis" | "keys">,
  group: Group,
): Promise<void> {
  try {
    await redis.xgroup("CREATE", keys.stream(group), group, "0", "MKSTREAM");
  } catch (error) {
    if (!messageOf(error).includes("BUSYGROUP")) throw error;
  }
}

/** Makes a consumer; nothing is read yet. */
export function makeConsumer(deps: ConsumerDeps, options: ConsumerOptions): Consumer {
  return { deps, options, takeoverAt: -Infinity };
}

/**
 * Takes one turn: promotes scheduled messages that are due, claims parked and orphaned ones, reads new
 * ones, and handles them all.
 *
 * @param blockMs longest wait for a first message
 * @throws when Redis is away; what was read stays pending and is claimed later
 */
export async function consumeOnce(consumer: Consumer, blockMs = 0): Promise<Turn> {
  const { deps, options } = consumer;
  const { entries, nextDueMs } = await claim(consumer);
  const room = options.batchSize - entries.length;
  if (room > 0) {
    const wait = entries.length > 0 ? 0 : Math.min(blockMs, nextDueMs);
    entries.push(...await readNew(deps, options.group, room, wait));
  }
  return await runEntries(deps, options, entries);
}

/** What waits: due messages are claimed, and the time until the next one is due is told. */
async function claim(consumer: Consumer): Promise<{ entries: Entry[]; nextDueMs: number }> {
  const { redis, keys, consumer: name } = consumer.deps;
  const { group, batchSize, takeoverMs } = consumer.options;
  const stream = keys.stream(group);
  const retryKeys = [stream, keys.retries(group), keys.errors(group), keys.errorTexts(group)];
  const [promoted, due] = await Promise.all([
    runScript(redis, "promote", [keys.scheduled(group), stream], [batchSize]),
    runScript(redis, "claim_due", retryKeys, [group, name, batchSize]),
  ]) as [[number, number], [number, ...RawEntry[]]];
  const [nextParkedMs, ...parked] = due;
  const entries = parked.map(toEntry);
  // Looking for orphans costs a scan of what is pending: a few times in a take-over time is enough.
  const now = performance.now();
  if (entries.length < batchSize && now - consumer.takeoverAt >= takeoverMs / 5) {
    consumer.takeoverAt = now;
    const orphaned = await runScript(redis, "claim_crashed", retryKeys, [
      group,
      name,
      takeoverMs,
      batchSize - entries.length,
      takeoverScan,
    ]) as RawEntry[];
    entries.push(...orphaned.map(toEntry));
  }
  const times = [promoted[1], nextParkedMs].filter((ms) => ms >= 0);
  return { entries, nextDueMs: Math.min(longestBlockMs, ...times) };
}

type RawEntry = [string, number, number, string, string[]];

function toEntry([id, deliveries, errors, lastError, fields]: RawEntry): Entry {
  return { id, deliveries, errors, lastError, fields };
}

async function readNew(
  { redis, blocking, keys, consumer }: ConsumerDeps,
  group: Group,
  count: number,
  waitMs: number,
): Promise<Entry[]> {
  const reply = waitMs >= 1
    ? await blocking.xreadgroup(
      "GROUP",
      group,
      consumer,
      "COUNT",
      count,
      "BLOCK",
      Math.floor(waitMs),
      "STREAMS",
      keys.stream(group),
      ">",
    )
    : await redis.xreadgroup(
      "GROUP",
      group,
      consumer,
      "COUNT",
      count,
      "STREAMS",
      keys.stream(group),
      ">",
    );
  const streams = (reply ?? []) as [string, [string, string[]][]][];
  return (streams[0]?.[1] ?? []).map(([id, fields]) => ({
    id,
    fields,
    deliveries: 1,
    errors: 0,
    lastError: "",
  }));
}

async function runEntries(
  deps: ConsumerDeps,
  options: ConsumerOptions,
  entries: readonly Entry[],
): Promise<Turn> {
  const turn: Turn = { handled: 0, retried: 0, dead: 0, delayed: 0 };
  if (entries.length === 0) return turn;
  const together: Delivery[] = [];
  const alone: Delivery[] = [];
  const results: Result[] = [];
  for (const entry of entries) {
    const message = decodeMessage(entry.fields);
    if (typeof message === "string") {
      results.push({ entry, delivery: null, outcome: { kind: "dead", error: message } });
      continue;
    }
    const delivery = { id: entry.id, message, attempt: entry.deliveries };
    switch (decideRedelivery(entry.deliveries, entry.errors, options.maxDeliveries)) {
      case "run":
        together.push(delivery);
        break;
      case "run_alone":
        alone.push(delivery);
        break;
      case "bury":
        results.push({ entry, delivery, outcome: { kind: "dead", error: reasonToBury(entry) } });
    }
  }

  const beat = startHeartbeat(deps, options, entries.map(({ id }) => id));
  try {
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    const batches = [together, ...alone.map((delivery) => [delivery])];
    const share = options.share ?? shareOut;
    // What is known to be finished is written before a suspect is tried that may kill the process.
    for (const batch of batches) {
      for (const { handle, deliveries } of share(batch)) {
        const outcomes = await runHalving(deps, handle, deliveries);
        deliveries.forEach((delivery, index) => {
          results.push({ entry: byId.get(delivery.id)!, delivery, outcome: outcomes[index]! });
        });
      }
      await conclude(deps, options, results.filter(({ entry }) => !beat.lost.has(entry.id)), turn);
      results.length = 0;
    }
  } finally {
    beat.stop();
  }
  return turn;
}

interface Result {
  entry: Entry;
  /** Null where the message could not be understood. */
  delivery: Delivery | null;
  outcome: RunOutcome;
}

/** An outcome of a handler, or that an engine was away: then the message is not to blame. */
type RunOutcome = Outcome | { kind: "outage"; error: string };

function reasonToBury({ deliveries, errors, lastError }: Entry): string {
  return errors > 0
    ? lastError
    : `${deliveries - 1} consumers stopped while handling it, without an error`;
}

/**
 * Has a batch handled. A batch that fails is halved until the culprits stand alone, so that one bad
 * message never fails its neighbours.
 */
async function runHalving(
  deps: ConsumerDeps,
  handle: Handler,
  deliveries: Delivery[],
): Promise<RunOutcome[]> {
  try {
    return await handle(deps, deliveries);
  } catch (error) {
    const text = messageOf(error);
    if (isOutage(error)) {
      deps.log.warn("engine away", { error: text, messages: deliveries.length });
      return deliveries.map(() => ({ kind: "outage", error: text }));
    }
    if (deliveries.length === 1) {
      deps.log.warn("message failed", {
        id: deliveries[0]!.id,
        order_id: deliveries[0]!.message.orderId,
        attempt: deliveries[0]!.attempt,
        error: text,
      });
      return [{ kind: "retry", error: text }];
    }
    const middle = Math.ceil(deliveries.length / 2);
    return [
      ...await runHalving(deps, handle, deliveries.slice(0, middle)),
      ...await runHalving(deps, handle, deliveries.slice(middle)),
    ];
  }
}

/** True where the fault lies with an engine and not with a message. */
function isOutage(error: unknown): boolean {
  if (isRetryable(error)) return true;
  if (error instanceof WorkflowError) return error.code === "unavailable";
  return /Connection is closed|Command timed out|max retries|isn't writeable|ECONNREFUSED|LOADING|MASTERDOWN|READONLY|OOM command/i
    .test(messageOf(error));
}

/** Counts, buries, parks and acknowledges, in this order. */
async function conclude(
  deps: ConsumerDeps,
  { group, retryBackoffMs }: ConsumerOptions,
  results: readonly Result[],
  turn: Turn,
): Promise<void> {
  const finished: Finished[] = [];
  const buried: Finished[] = [];
  const parked: [string, number, number, string][] = [];
  const letters: DeadLetter[] = [];
  const kpis: KpiEvent[] = [];
  for (const { entry, delivery, outcome } of results) {
    const money = delivery && {
      currency: delivery.message.currency,
      amountCents: delivery.message.amountCents,
    };
    switch (outcome.kind) {
      case "done":
        finished.push({ id: entry.id, money, followUps: outcome.followUps });
        kpis.push(...outcome.kpis);
        break;
      case "retry":
        parked.push([entry.id, backoffMs(entry.errors + 1, retryBackoffMs), 1, outcome.error]);
        break;
      case "outage":
        parked.push([entry.id, outagePauseMs, 0, outcome.error]);
        turn.delayed++;
        break;
      case "dead":
        buried.push({ id: entry.id, money, followUps: [] });
        letters.push({
          group,
          messageId: entry.id,
          orderId: delivery?.message.orderId ?? null,
          refundId: delivery && "refundId" in delivery.message ? delivery.message.refundId : null,
          amountCents: money?.amountCents ?? 0,
          currency: money?.currency ?? null,
          payload: JSON.stringify(entry.fields),
          error: outcome.error,
          attempts: entry.deliveries,
          firstSeenMs: Number(entry.id.split("-")[0]),
        });
        break;
      default:
        throw new Error(`unknown outcome ${JSON.stringify(outcome satisfies never)}`);
    }
  }
  if (kpis.length > 0) await applyKpis(deps, kpis);
  turn.handled += await finish(deps, group, finished, "processed");
  if (letters.length > 0) {
    await buryMessages(deps.db, letters);
    turn.dead += await finish(deps, group, buried, "dead");
    for (const { messageId, orderId, error } of letters) {
      deps.log.error("message buried", { group, id: messageId, order_id: orderId, error });
    }
  }
  if (parked.length > 0) {
    const count = await runScript(
      deps.redis,
      "park",
      [
        deps.keys.stream(group),
        deps.keys.retries(group),
        deps.keys.errors(group),
        deps.keys.errorTexts(group),
        deps.keys.stats(group),
      ],
      [group, deps.consumer, JSON.stringify(parked)],
    ) as number;
    turn.retried += count - turn.delayed;
  }
}

/** Tells a few times in a take-over time that the messages are being worked on. */
function startHeartbeat(
  { redis, keys, consumer, log }: ConsumerDeps,
  { group, takeoverMs }: ConsumerOptions,
  ids: readonly string[],
): { lost: Set<string>; stop: () => void } {
  const lost = new Set<string>();
  const timer = setInterval(async () => {
    try {
      const gone = await runScript(redis, "heartbeat", [keys.stream(group)], [
        group,
        consumer,
        ...ids,
      ]) as string[];
      for (const id of gone) lost.add(id);
    } catch (error) {
      log.warn("heartbeat failed", { group, error: messageOf(error) });
    }
  }, takeoverMs / 3);
  return { lost, stop: () => clearInterval(timer) };
}

/**
 * Takes turns until the signal aborts; the batch in hand is finished first. A lost group is made anew,
 * and while an engine is away the pauses between turns grow.
 *
 * @param onTurn is told what each turn did; it ends the loop by returning false
 */
export async function consume(
  consumer: Consumer,
  signal: AbortSignal,
  onTurn: (turn: Turn) => boolean | Promise<boolean> = () => true,
  blockMs = longestBlockMs,
): Promise<void> {
  const { deps, options: { group } } = consumer;
  let failures = 0;
  let grouped = false;
  while (!signal.aborted) {
    try {
      if (!grouped) await ensureGroup(deps, group);
      grouped = true;
      const turn = await consumeOnce(consumer, blockMs);
      failures = turn.delayed > 0 ? failures + 1 : 0;
      if (!await onTurn(turn)) break;
    } catch (error) {
      if (signal.aborted) break;
      grouped = false;
      if (!isLostGroup(error)) failures++;
      deps.log.warn("turn failed", { group, error: messageOf(error) });
    }
    if (failures > 0) await pause(Math.min(50 * 2 ** Math.min(failures, 6), 2_000), signal);
  }
  await runScript(deps.redis, "remove_consumer", [deps.keys.stream(group)], [
    group,
    deps.consumer,
    0,
  ]).catch(() => {});
}
