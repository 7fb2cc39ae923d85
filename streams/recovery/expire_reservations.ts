/**
 * Finds reservations that wait too long for their payment.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { readExpiredReservations } from "../../db/orders/orders.ts";
import { readOutlivedHolds } from "../../db/payments/payment_holds.ts";
import { highestIds } from "../../db/recovery/recovery.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import { secondAnswerMs } from "../payments/gateway.ts";
import { findHeldWork, type HeldWork } from "./held_work.ts";
import { takeLease } from "../redis/lease.ts";
import { publish, type PublishDeps } from "../workflow/publish.ts";

const pageSize = 1_000;

type Page = Parameters<typeof readOutlivedHolds>[1];

/** A reservation that was taken up is left alone until its second answer is overdue. */
const markSeconds = 4 * secondAnswerMs / 1_000;

/** What is needed of an order to ask about it. */
type Reserved = Pick<OrderFacts, "id" | "totalCents" | "currency">;

/**
 * Has the gateway asked again about `RESERVED` orders without an answer, and about those whose money was held for its
 * capture and whose time for that is over, be it shorter or longer. Their messages queue up behind
 * everything that waits already, so an answer that was only not handled yet comes first.
 *
 * All of them are looked at every time, page by page, so that no number of stuck ones keeps others waiting. One that
 * is being asked about or about to be failed gets no second message, however long that takes: the streams are
 * searched for them, once a look and only where one is found that was not taken up lately. Where another message of
 * the order waits, its money is counted there.
 *
 * A crash in between leaves a mark without a message; it expires, and the next look takes the order up.
 *
 * @param options.signal ends the look between two pages
 * @returns how many were taken up
 */
export async function expireReservations(
  deps: PublishDeps & { db: Database; log: Log },
  options: { olderThanSeconds: number; signal?: AbortSignal },
): Promise<number> {
  const { olderThanSeconds, signal } = options;
  let held: HeldWork | undefined;
  let takenUp = 0;
  const kinds: ((page: Page) => Promise<Reserved[]>)[] = [
    (page) => readExpiredReservations(deps.db, olderThanSeconds, page),
    (page) => readOutlivedHolds(deps.db, page),
  ];
  for (const read of kinds) {
    for (let afterId = 0;;) {
      signal?.throwIfAborted();
      const expired = await read({ afterId, limit: pageSize });
      const fresh = await markFresh(deps, expired);
      if (fresh.length > 0) {
        held ??= await findHeldWork({ ...deps, signal }, await highestIds(deps.db));
        takenUp += await askAbout(deps, fresh, held);
      }
      if (expired.length < pageSize) break;
      afterId = expired.at(-1)!.id;
    }
  }
  if (takenUp > 0) deps.log.warn("reservations expired", { orders: takenUp });
  return takenUp;
}

/** Marks orders as taken up, so that of many processes one does it; those that were marked before are left out. */
async function markFresh(
  { redis, keys }: PublishDeps,
  orders: readonly Reserved[],
): Promise<Reserved[]> {
  if (orders.length === 0) return [];
  // Nobody gives these leases back: they end when the order may be taken up again.
  const marks = await Promise.all(
    orders.map(({ id }) => takeLease(redis, `${keys.expiryMark}${id}`, markSeconds * 1_000)),
  );
  return orders.filter((_, index) => marks[index] !== null);
}

/** @returns how many orders will be asked about */
async function askAbout(
  deps: PublishDeps,
  orders: readonly Reserved[],
  held: HeldWork,
): Promise<number> {
  const forgotten = orders.filter(({ id }) => !held.moves("time_out", id));
  await publish(
    deps,
    forgotten.map(({ id, totalCents, currency }) => ({
      message: {
        type: "payment.ask_again",
        orderId: id,
        amountCents: held.moves("settle", id) ? 0 : totalCents,
        currency,
      },
    })),
    { lane: "bulk" },
  );
  return forgotten.length;
}
