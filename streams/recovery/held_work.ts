/**
 * Which orders and refunds the streams hold: what is in a stream (read or not), scheduled, or a dead
 * letter that nobody has decided about.
 *
 * @module
 */

import { listDeadLetters } from "../../db/dead_letters/dead_letters.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { type Lane, lanes } from "../../domain/messages/lane.ts";
import { decodeMessage, type Message, messageOfEntry } from "../../domain/messages/messages.ts";
import {
  type Group,
  groups,
  groupsInSearchOrder,
  type MessageType,
  messageTypes,
  type Need,
  needs,
  needTable,
  workOf,
} from "../../domain/messages/work.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/redis.ts";

/** What was found. */
export interface HeldWork {
  /** True if a message or a dead letter is there for what the order, or the refund, needs. */
  holds(need: Need, id: number): boolean;
  /** True if a message is there that will bring it about; a dead letter brings nothing about. */
  moves(need: Need, id: number): boolean;
  /**
   * True if the very message that is for it alone is a dead letter: it was tried, and a person decides now. Trying
   * once more by itself would end the same way.
   */
  isDead(need: Need, id: number): boolean;
}

/** What is searched with. */
export interface HeldWorkDeps {
  db: Queryable;
  redis: RedisClient;
  keys: Keys;
  /** Ends the search between two pages when it aborts: its reason is thrown. */
  signal?: AbortSignal;
}

/** Entries to one reply. */
const pageSize = 2_000;

/** Ids to one piece of the flags. */
const pieceSize = 65_536;

/**
 * Searches all streams, schedules and dead letters.
 *
 * **Exactness.** A message that is somewhere during the whole search is found, even while consumers move
 * it on: messages move from `orders` to `payments` and from there and from `refunds` to `notifications`
 * or `refunds`, and the streams are read in that order; within `payments` a charge in the stream becomes
 * a scheduled answer and that an entry at the stream's end, so every group's stream is read, then its
 * schedule, then what the stream got since; each lane for itself, because messages stay in theirs. Dead letters are read before the streams and after them, so
 * neither a dead-lettering nor a retry slips through.
 *
 * Memory: a byte for each id up to `limits`, in pieces that are made only where there are messages.
 * A million messages take about five seconds of one core.
 *
 * @param limits the highest ids that matter; messages about others are passed over, so that garbage in
 * a stream costs no memory
 */
export async function findHeldWork(
  deps: HeldWorkDeps,
  limits: { orderId: number; refundId: number },
): Promise<HeldWork> {
  const moving = flagsOf(limits, everything);
  const dead = flagsOf(limits, everything);
  const deadOwn = flagsOf(limits, own);
  const noteDead = (message: Message | string) => {
    dead.note(message);
    deadOwn.note(message);
  };
  await readDeadLetters(deps.db, noteDead);
  for (const group of groupsInSearchOrder) {
    for (const lane of lanes) {
      const from = { group, lane };
      const last = await readStream(deps, from, "-", moving.note);
      await readSchedule(deps, from, moving.note);
      await readStream(deps, from, last === null ? "-" : `(${last}`, moving.note);
    }
  }
  await readDeadLetters(deps.db, noteDead);
  return {
    holds: (need, id) => moving.has(need, id) || dead.has(need, id),
    moves: (need, id) => moving.has(need, id),
    isDead: (need, id) => deadOwn.has(need, id),
  };
}

/** How many messages the streams and schedules hold: an upper bound of the orders that they hold. */
export async function countMessages(
  { redis, keys }: Pick<HeldWorkDeps, "redis" | "keys">,
  of: readonly Group[] = groups,
): Promise<number> {
  const counts = await Promise.all(
    of.flatMap((group) =>
      lanes.flatMap((lane) => [
        redis.xlen(keys.stream(group, lane)),
        redis.zcard(keys.scheduled(group, lane)),
      ])
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** @returns the last id that was read, or null if there was none */
async function readStream(
  { redis, keys, signal }: HeldWorkDeps,
  { group, lane }: { group: Group; lane: Lane },
  from: string,
  note: (message: Message | string) => void,
): Promise<string | null> {
  let last: string | null = null;
  for (let start = from;;) {
    signal?.throwIfAborted();
    const page = await redis.xrange(keys.stream(group, lane), start, "+", "COUNT", pageSize);
    for (const [id, fields] of page) {
      note(messageOfEntry(fields));
      last = id;
    }
    if (page.length < pageSize) return last;
    start = `(${last}`;
  }
}

/** A set that is scanned gives every member that it holds from the first to the last call. */
async function readSchedule(
  { redis, keys, signal }: HeldWorkDeps,
  { group, lane }: { group: Group; lane: Lane },
  note: (message: Message | string) => void,
): Promise<void> {
  let cursor = "0";
  do {
    signal?.throwIfAborted();
    const schedule = keys.scheduled(group, lane);
    const [next, flat] = await redis.zscan(schedule, cursor, "COUNT", pageSize);
    for (let i = 0; i < flat.length; i += 2) note(decodeMessage(flat[i]!));
    cursor = next;
  } while (cursor !== "0");
}

async function readDeadLetters(
  db: Queryable,
  note: (message: Message | string) => void,
): Promise<void> {
  for (let afterId = 0;;) {
    const page = await listDeadLetters(db, {}, afterId, pageSize);
    for (const { payload } of page) note(messageOfEntry(parseFields(payload)));
    if (page.length < pageSize) return;
    afterId = page.at(-1)!.id;
  }
}

/** The flat fields of a message in JSON; none for what is no list of strings. */
export function parseFields(json: string): string[] {
  try {
    const fields: unknown = JSON.parse(json);
    return Array.isArray(fields) && fields.every((field) => typeof field === "string")
      ? fields
      : [];
  } catch {
    return [];
  }
}

/** Each need's flag among the needs of orders, or of refunds. */
const flagOf = Object.fromEntries(needs.map((need) => {
  const brothers = needs.filter((other) => needTable[other].of === needTable[need].of);
  return [need, 1 << brothers.indexOf(need)];
})) as Record<Need, number>;

/** For each type of message the flags of what it brings about. */
type FlagsOfTypes = ReadonlyMap<MessageType, { order: number; refund: number }>;

const everything = flagsOfTypes((brings) => brings);
const own = flagsOfTypes((brings) => brings.slice(0, 1));

function flagsOfTypes(choose: (brings: readonly Need[]) => readonly Need[]): FlagsOfTypes {
  return new Map(messageTypes.map((type) => {
    const flags = { order: 0, refund: 0 };
    for (const need of choose(workOf[type].brings)) flags[needTable[need].of] |= flagOf[need];
    return [type, flags];
  }));
}

/** What there is for the needs of each order and each refund. */
function flagsOf(limits: { orderId: number; refundId: number }, flagsOfTypes: FlagsOfTypes) {
  const orders = flagsUpTo(limits.orderId);
  const refunds = flagsUpTo(limits.refundId);
  return {
    note: (message: Message | string): void => {
      if (typeof message === "string" || "productId" in message) return;
      const { order, refund } = flagsOfTypes.get(message.type)!;
      if (order !== 0) orders.add(message.orderId, order);
      if (refund !== 0 && "refundId" in message) refunds.add(message.refundId, refund);
    },
    has: (need: Need, id: number): boolean => {
      const flags = needTable[need].of === "refund" ? refunds : orders;
      return (flags.get(id) & flagOf[need]) !== 0;
    },
  };
}

/** A byte for each id, as long as neither orders nor refunds have more than eight needs. */
const Piece = Math.max(...Object.values(flagOf)) < 256 ? Uint8Array : Uint16Array;

interface Flags {
  add(id: number, bit: number): void;
  get(id: number): number;
}

function flagsUpTo(limit: number): Flags {
  const pieces = new Map<number, Uint8Array | Uint16Array>();
  return {
    add: (id, bit) => {
      if (id > limit) return;
      const number = Math.floor(id / pieceSize);
      let piece = pieces.get(number);
      if (piece === undefined) pieces.set(number, piece = new Piece(pieceSize));
      piece[id % pieceSize]! |= bit;
    },
    get: (id) => pieces.get(Math.floor(id / pieceSize))?.[id % pieceSize] ?? 0,
  };
}
