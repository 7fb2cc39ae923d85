/**
 * Finds reservations that wait too long for their payment.
 *
 * @module
 */

import type { Database } from "../db/database.ts";
import { readExpiredReservations } from "../db/orders.ts";
import type { Log } from "../domain/log.ts";
import { secondAnswerMs } from "./payments_charge.ts";
import { publish, type QueueDeps } from "./queue.ts";

/** Most reservations that one look takes up; the next look takes up the rest. */
const mostPerLook = 1_000;

/** A reservation that was taken up is left alone until its second answer is overdue. */
const markSeconds = 4 * secondAnswerMs / 1_000;

/**
 * Has the gateway asked again about `RESERVED` orders without an answer. Their messages queue up behind
 * everything that waits already, so an answer that was only not handled yet comes first.
 *
 * A crash in between leaves a mark without a message; it expires, and the next look takes the order up.
 *
 * @returns how many were taken up
 */
export async function expireReservations(
  deps: QueueDeps & { db: Database; log: Log },
  options: { olderThanSeconds: number },
): Promise<number> {
  const { db, redis, keys, log } = deps;
  const expired = await readExpiredReservations(db, options.olderThanSeconds, mostPerLook);
  if (expired.length === 0) return 0;
  const marks = redis.pipeline();
  for (const { id } of expired) marks.set(`${keys.expiryMark}${id}`, "1", "EX", markSeconds, "NX");
  const replies = await marks.exec() ?? [];
  const fresh = expired.filter((_, index) => replies[index]?.[1] === "OK");
  await publish(
    deps,
    fresh.map(({ id, totalCents, currency }) => ({
      message: { type: "payment.ask_again", orderId: id, amountCents: totalCents, currency },
    })),
  );
  if (fresh.length > 0) log.warn("reservations expired", { orders: fresh.length });
  return fresh.length;
}
