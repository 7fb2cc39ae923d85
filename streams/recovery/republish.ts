/**
 * Publishes again what the database says is to be done and nothing holds.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { readSnapshot } from "../../db/connection/snapshot.ts";
import { highestIds } from "../../db/recovery/recovery.ts";
import { findUnevenNotices } from "../../db/verification/uneven_notices.ts";
import type { Message } from "../../domain/messages/messages.ts";
import { onceSegmentSize } from "../redis/keys.ts";
import { publish, type PublishDeps } from "../workflow/publish.ts";
import { findHeldWork } from "./held_work.ts";
import { type CountedAs, everyOpenWork, whereabouts } from "./open_work.ts";

/** What publishing again works with. */
export interface RepublishDeps extends PublishDeps {
  db: Database;
  /** Ends the work between two pages when it aborts: its reason is thrown. */
  signal?: AbortSignal;
}

/** What was published again, by what it was about. */
export type Republished = Record<CountedAs, number>;

/** Rows to one page. */
const pageSize = 5_000;

/** Marks to one BITFIELD. */
const marksPerCall = 1_000;

/**
 * Searches the streams, then reads the open work of the database page by page and publishes what nothing holds: what
 * an index finds, and unless `openOnly` the rest, for which whole tables are read; ends that nobody was told of are looked
 * for only where sums of neighbours differ.
 *
 * What was finished after the search is not met in the database any more. What came into it after the search
 * may be published once too often, which is harmless.
 *
 * @param options.afterLoss ask about the charges of ended orders as well: the database doesn't say which of them
 * a message still waited for
 * @param options.olderThanSeconds leave out what has changed within so many seconds
 */
export async function republish(
  deps: RepublishDeps,
  { openOnly = false, afterLoss = false, olderThanSeconds }: {
    openOnly?: boolean;
    afterLoss?: boolean;
    olderThanSeconds?: number;
  } = {},
): Promise<Republished> {
  const looked = everyOpenWork.filter(({ count, missed }) =>
    missed === null ? afterLoss : count !== undefined || !openOnly
  );
  const held = await findHeldWork(deps, await highestIds(deps.db));
  const uneven = openOnly ? [] : await readSnapshot(deps.db, (tx) => findUnevenNotices(tx, null));
  const sum = nothingRepublished();
  for (const work of looked) {
    for (const ofOrders of work.missed?.check === "notifications" ? uneven : [null]) {
      for (let afterId: number | null = 0; afterId !== null;) {
        deps.signal?.throwIfAborted();
        const page = { afterId, limit: pageSize, olderThanSeconds, ofOrders };
        const rows = await work.list(deps.db, page);
        const lost = rows.filter((row) => whereabouts(work, row, held) === "nowhere");
        await publishAgain(deps, lost.map((row) => work.message(row)));
        sum[work.countedAs] += lost.length;
        afterId = rows.length < pageSize ? null : rows.at(-1)!.id;
      }
    }
  }
  return sum;
}

/**
 * Publishes messages in the bulk lane, whether or not they were published before. Reservations are marked as published
 * first: an importer that is about to publish the same orders then passes them over.
 */
export async function publishAgain(
  deps: RepublishDeps,
  messages: readonly Message[],
): Promise<void> {
  await markPublished(
    deps,
    messages.flatMap((message) => message.type === "order.reserve" ? message.orderId : []),
  );
  const enqueued = messages.map((message) => ({ message }));
  await publish(deps, enqueued, { lane: "bulk", committed: true });
}

/** Counts to add to. */
export function nothingRepublished(): Republished {
  return Object.fromEntries(
    everyOpenWork.map(({ countedAs }) => [countedAs, 0]),
  ) as Republished;
}

async function markPublished(
  { redis, keys }: PublishDeps,
  orderIds: readonly number[],
): Promise<void> {
  const bySegment = Map.groupBy(orderIds, (id) => Math.floor(id / onceSegmentSize));
  for (const [segment, ids] of bySegment) {
    for (let from = 0; from < ids.length; from += marksPerCall) {
      const marks = ids.slice(from, from + marksPerCall)
        .flatMap((id) => ["SET", "u1", id % onceSegmentSize, 1]);
      await redis.call("BITFIELD", `${keys.publishedOnce}${segment}`, ...marks);
    }
  }
}
