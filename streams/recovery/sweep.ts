/**
 * Looks now and then for work that got lost.
 *
 * @module
 */

import { interruptImports } from "../../db/imports/imports.ts";
import { messageOf } from "../../domain/errors.ts";
import { lanes } from "../../domain/messages/lane.ts";
import { groups } from "../../domain/messages/messages.ts";
import { databaseNoter } from "./database_age.ts";
import { ensureGroup } from "../queue/consumer.ts";
import { expireReservations } from "./expire_reservations.ts";
import { pause } from "../timing/pause.ts";
import { ensureRecovered, type RecoverDeps, sweepOrphans } from "./recover.ts";
import { releaseHolds } from "./release_holds.ts";
import { removeConsumers } from "../queue/remove_consumers.ts";

/** How often both engines are asked whether they still have their data, in milliseconds. */
const epochCheckMs = 2_000;

/** How often the database is compared with the streams, in milliseconds. */
const homesCheckMs = 60_000;

/** Work that was touched within this time may be on its way between the database and a stream. */
const settlingSeconds = 60;

/** A consumer that holds nothing and has been idle for so long has ended. */
const forgottenConsumerMs = 3_600_000;

/**
 * Until the signal aborts: recovers as soon as Redis or the database may have lost something, asks again for the money of
 * reservations that got no answer, has money let go that is held for what is over, republishes single orders and refunds that no stream holds, and forgets
 * consumers and marks imports that ended without saying so.
 *
 * Costs one look at the epoch and one at the database every two seconds, with a write of two rows where work goes on, one
 * look-up by index each for expired reservations and holds, and one comparison of counts a minute when all is well.
 */
export async function sweep(
  deps: RecoverDeps,
  signal: AbortSignal,
  options: { reservationTtlSeconds: number; holdSeconds?: number },
): Promise<void> {
  const { reservationTtlSeconds, holdSeconds = Infinity } = options;
  const shortest = Math.min(reservationTtlSeconds, holdSeconds);
  const expiryCheckMs = Math.min(homesCheckMs, shortest * 1_000 / 10);
  const noteDatabase = databaseNoter(deps);
  let homesAt = performance.now();
  let expiryAt = homesAt;
  while (!signal.aborted) {
    await pause(epochCheckMs, signal);
    if (signal.aborted) break;
    try {
      await ensureRecovered({ ...deps, signal });
      // A database that takes no writes is no reason to leave the rest undone.
      await noteDatabase().catch((error) =>
        deps.log.warn("books not noted", { error: messageOf(error) })
      );
      const now = performance.now();
      if (now - expiryAt >= expiryCheckMs) {
        expiryAt = now;
        await expireReservations(deps, { olderThanSeconds: reservationTtlSeconds, signal });
      }
      if (now - homesAt >= homesCheckMs) {
        homesAt = now;
        await sweepOrphans({ ...deps, signal }, { olderThanSeconds: settlingSeconds });
        await releaseHolds(deps);
        await forgetConsumers(deps);
        await interruptImports(deps.db);
      }
    } catch (error) {
      if (signal.aborted) break;
      deps.log.warn("sweep failed", { error: messageOf(error) });
    }
  }
}

async function forgetConsumers(deps: RecoverDeps): Promise<void> {
  for (const group of groups) {
    await ensureGroup(deps, group);
    for (const lane of lanes) {
      await removeConsumers(deps, group, lane, { minIdleMs: forgottenConsumerMs });
    }
  }
}
