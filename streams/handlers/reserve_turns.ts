/**
 * Turns to reserve: the orders of a lane are decided about in the order of its stream, whoever has them.
 *
 * Stock comes and goes under the locks of the database, and nothing here guards it. This only says when a batch may ask
 * for those locks: once all messages before its own are decided. Up to where they are is a mark in Redis, raised after
 * each commit; without it, or with one that is too low, whoever comes next looks into the database and finds that there
 * is nothing to decide.
 *
 * Nobody waits for one that has died. Whoever finds that the mark does not move, and that who has the messages ahead gives
 * no sign of life, decides about the orders before its own first, in a transaction of its own; their messages come again
 * later and meet orders that are decided. Messages that nobody else may try (they fail, they kill their consumers, their
 * orders are locked by one that stands still) are passed over and remembered: until they are decided, whoever comes after
 * them gets no unit that they may need.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { deliveriesBeforeIsolation } from "../../domain/messages/retry.ts";
import { groupOf, messageOfEntry } from "../../domain/messages/messages.ts";
import { isOutage } from "../queue/complete.ts";
import { beat } from "../queue/heartbeat.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import { pause } from "../timing/pause.ts";
import type { HandlerDeps } from "../workflow/handler.ts";
import { store } from "../workflow/store.ts";

const turnLookScript = defineScript("turn_look", import.meta.url);
const turnPassScript = defineScript("turn_pass", import.meta.url);
const turnTryScript = defineScript("turn_try", import.meta.url);

/** What a turn works with. */
export type TurnDeps = Pick<HandlerDeps, "redis" | "keys" | "lane" | "log" | "consumer">;

const type = "order.reserve";
const group = groupOf[type];

/**
 * Shortest and longest pause between two looks whether it is one's turn, in milliseconds. They grow with the time that
 * was waited for: a tenth of it is lost at the most, and several who wait for each other's thousands of orders cost little.
 */
const minLookMs = 2, maxLookMs = 20;

/**
 * How long the mark may stand still, and whoever has the messages ahead give no sign of life, before their orders are decided
 * from here, in milliseconds; half to one and a half of it.
 */
const patienceMs = 500;

/**
 * How long for one that gives signs: a batch of thousands takes a second on a busy machine, and to decide it here as well
 * is work done twice. It may stand still all the same, waiting for the locks of one that does.
 */
const patienceWithLivingMs = 3_000;

/** How often whoever waits for its turn, or has it, gives a sign of life, in milliseconds. */
const signMs = patienceMs / 4;

/**
 * Two who lose patience at the same moment each lock some of the orders ahead, and find the others' locked: with patience of
 * the same length they would do so again in every round.
 */
const patience = () => patienceMs * (0.5 + Math.random());

/** How often that is tried before they are passed over: their orders may be locked by one that is about to commit. */
const maxRounds = 3;

/** Most messages to one call. */
const messagesPerCall = 5_000;

/** A message that came before others and is not decided. */
export interface Undecided {
  /** The stream entry's id. */
  id: string;
  orderId: number;
}

/** A message that waits for its turn. */
export interface InTurn {
  /** The stream entry's id. */
  id: string;
  /** It was handed out before, so that others may stand between it and the next. */
  again?: boolean;
}

/**
 * Decides about orders whose messages others have.
 *
 * @param messages in their turn
 * @param passedOver what came before some of them and is not decided
 * @returns the orders that are decided now
 */
export type Decide = (
  messages: readonly Undecided[],
  passedOver: readonly Undecided[],
) => Promise<ReadonlySet<number>>;

/**
 * Waits until all before a message is decided, or passed over.
 *
 * @param messages in the order of the stream
 * @returns how many of the messages may be decided about together, and what was passed over, before them or between
 * @throws when Redis is away, or `decide` finds that the database is
 */
export async function awaitTurn(
  deps: TurnDeps,
  messages: readonly InTurn[],
  decide: Decide,
): Promise<{ count: number; passedOver: Undecided[] }> {
  // What was read at once stands together.
  const isTogether = !messages.some(({ again }) => again === true);
  const ids = isTogether ? [messages[0]!.id] : messages.map(({ id }) => id);
  let mark: string | undefined;
  let deadline = Infinity;
  let movedAt = -Infinity;
  const startedAt = performance.now();
  for (let round = 1;;) {
    const look = await lookAhead(deps, ids);
    if (look.before === "") {
      const { count, passedOver } = look;
      return { count: isTogether ? messages.length : count, passedOver };
    }
    const now = performance.now();
    if (look.mark !== mark) {
      mark = look.mark;
      movedAt = now;
      deadline = now + patience();
      round = 1;
    } else if (now >= deadline) {
      const ahead = await lookAhead(deps, ids, { tellsAll: true });
      if (ahead.before === "" || ahead.mark !== mark) continue;
      const lives = ahead.silentMs >= 0 && ahead.silentMs < patienceMs;
      if (lives && now - movedAt < patienceWithLivingMs) {
        deadline = now + patience();
        continue;
      }
      const isLast = round >= maxRounds;
      const passed = await decideAhead(deps, { ...ahead, isLast }, decide);
      if (passed === null) {
        round++;
        deadline = performance.now() + patience();
      } else {
        // Who did not decide about these will not decide about the next either.
        round = 1;
        mark = passed;
      }
      continue;
    }
    await pause(Math.min(maxLookMs, Math.max(minLookMs, (now - startedAt) / 10)));
  }
}

/**
 * Gives signs of life to whoever waits behind messages, until it is stopped. They look at the last one alone.
 *
 * @returns stops it
 */
export function giveSigns(deps: TurnDeps, lastId: string): () => void {
  const timer = setInterval(() => {
    // Who misses a sign waits less long, and nothing else.
    beat(deps, group, [lastId]).catch(() => {});
  }, signMs);
  return () => clearInterval(timer);
}

/**
 * Notes that all up to a message is decided, but what is named.
 *
 * @param decided of which some may have been passed over before
 */
export async function passTurn(
  { redis, keys, lane }: TurnDeps,
  lastId: string,
  undecided: readonly Undecided[],
  decided: readonly InTurn[],
): Promise<void> {
  const passedOver = keys.passedOver(group, lane);
  let left = 0;
  for (let from = 0; from === 0 || from < undecided.length; from += messagesPerCall) {
    const some = undecided.slice(from, from + messagesPerCall).flatMap(({ id, orderId }) => [
      id,
      orderId,
    ]);
    const scriptKeys = [keys.turn(group, lane), passedOver];
    // Whoever sees the mark has to see all of them: it is raised with the last.
    const mark = from + messagesPerCall < undecided.length ? "0-0" : lastId;
    left = await runScript(redis, turnPassScript, scriptKeys, [mark, ...some]) as number;
  }
  if (left === 0) return;
  for (let from = 0; from < decided.length; from += messagesPerCall) {
    const ids = decided.slice(from, from + messagesPerCall).map(({ id }) => id);
    await redis.hdel(passedOver, ...ids);
  }
}

interface Ahead {
  before: string;
  /** Since whoever has `before` gave a sign; -1 where nobody has it, or it was not asked. */
  silentMs: number;
  mark: string;
  count: number;
  passedOver: Undecided[];
}

/** @param options.tellsAll also where others come first */
async function lookAhead(
  { redis, keys, lane }: TurnDeps,
  ids: readonly string[],
  { tellsAll = false } = {},
): Promise<Ahead> {
  const scriptKeys = [
    keys.stream(group, lane),
    keys.turn(group, lane),
    keys.passedOver(group, lane),
  ];
  const args = [`${type} `, tellsAll ? group : "", ...ids];
  const reply = await runScript(redis, turnLookScript, scriptKeys, args);
  const [before, mark, count, silentMs, ...passed] = reply as [
    string,
    string,
    number,
    number,
    ...string[],
  ];
  const passedOver: Undecided[] = [];
  for (let at = 0; at < passed.length; at += 2) {
    passedOver.push({ id: passed[at]!, orderId: Number(passed[at + 1]) });
  }
  return { before, mark, count, silentMs, passedOver };
}

/**
 * Decides about the orders ahead, and passes over what is left of them where that can't be helped.
 *
 * @returns the id up to which all is decided or passed over now; null where waiting may still help
 */
async function decideAhead(
  deps: TurnDeps,
  { before, mark, passedOver, isLast }: Ahead & { isLast: boolean },
  decide: Decide,
): Promise<string | null> {
  const { redis, keys, lane, log } = deps;
  const stream = keys.stream(group, lane);
  const after = mark === "" ? "-" : `(${mark}`;
  const entries = await redis.xrange(stream, after, before, "COUNT", messagesPerCall);
  const ahead = entries.flatMap(([id, fields]): Undecided[] => {
    const message = messageOfEntry(fields);
    return typeof message !== "string" && message.type === type
      ? [{ id, orderId: message.orderId }]
      : [];
  });
  const tries = await countTry(deps, ahead, 1);
  const tried = ahead.filter((_, at) => tries[at] === 1);
  const suspects = ahead.filter((_, at) => tries[at] !== 1);
  const known: Known = { decided: new Set(), failed: new Set() };
  try {
    await decideHalving(deps, tried, [...passedOver, ...suspects], decide, known);
  } finally {
    await countTry(deps, tried, -1);
  }
  const { decided, failed } = known;
  const left = ahead.filter(({ orderId }) => !decided.has(orderId));
  log.info("orders ahead decided", { lane, orders: decided.size, left: left.length });
  const isLocked = tried.some(({ orderId }) => !decided.has(orderId) && !failed.has(orderId));
  if (isLocked && !isLast) return null;
  const last = entries.at(-1)?.[0] ?? before;
  await passTurn(deps, last, left, []);
  return last;
}

/** What is known of orders that were tried. */
interface Known {
  decided: Set<number>;
  /** Those that failed alone. */
  failed: Set<number>;
}

/** Decides, and halves what fails, so that one that fails by itself leaves no other undecided. */
async function decideHalving(
  deps: TurnDeps,
  messages: readonly Undecided[],
  passedOver: readonly Undecided[],
  decide: Decide,
  known: Known,
): Promise<void> {
  if (messages.length === 0) return;
  try {
    for (const orderId of await decide(messages, passedOver)) known.decided.add(orderId);
  } catch (error) {
    if (isOutage(store, error)) throw error;
    if (messages.length === 1) {
      const [{ orderId }] = messages as [Undecided];
      deps.log.warn("order ahead failed", { order_id: orderId, error: messageOf(error) });
      known.failed.add(orderId);
      return;
    }
    const middle = Math.ceil(messages.length / 2);
    const first = messages.slice(0, middle);
    await decideHalving(deps, first, passedOver, decide, known);
    const open = first.filter(({ orderId }) => !known.decided.has(orderId));
    await decideHalving(deps, messages.slice(middle), [...passedOver, ...open], decide, known);
  }
}

/** @returns for each 1 where it may be tried */
async function countTry(
  { redis, keys, lane }: TurnDeps,
  messages: readonly Undecided[],
  change: 1 | -1,
): Promise<number[]> {
  if (messages.length === 0) return [];
  const scriptKeys = [keys.stream(group, lane), keys.errors(group, lane)];
  const args = [group, change, deliveriesBeforeIsolation, ...messages.map(({ id }) => id)];
  return await runScript(redis, turnTryScript, scriptKeys, args) as number[];
}
