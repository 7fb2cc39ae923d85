/**
 * Seals what is over and done with, and looks at what is sealed, for as long as a process lives.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { takeLease } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";
import { takeLedgerStep } from "../ledger/keep_ledger.ts";
import { proveStalest } from "./prove_seals.ts";
import { type SealDeps, sealLate, sealNext } from "./seal.ts";

/** From one step to the next, in milliseconds. */
const stepMs = 5_000;

/** How often it is looked for what can be sealed, in milliseconds, while nothing can. */
const sealMs = 600_000;

/** A step may take this share of all time: what takes half a second is followed by a rest of ten. */
const restShare = 20;

/**
 * Takes step after step until the signal aborts: seals a piece or, while there is nothing to seal, looks at the seal that
 * was looked at the longest ago; and so with the ledger and its closed days. Of many processes one takes a step at a time. A row that is not as it was sealed is
 * logged, and told of by every proof from then on.
 */
export async function keepSealing(
  deps: SealDeps & RedisDeps & { log: Log },
  signal: AbortSignal,
): Promise<void> {
  const { redis, keys, log } = deps;
  while (!signal.aborted) {
    await pause(stepMs, signal);
    if (signal.aborted) break;
    try {
      // Not given back: it ends shortly before the next step is due, whoever takes that.
      if (await takeLease(redis, keys.sealingLease, stepMs - 500) === null) continue;
      const started = performance.now();
      await takeStep(deps);
      await takeLedgerStep(deps);
      await pause(Math.max(0, (performance.now() - started) * restShare - stepMs), signal);
    } catch (error) {
      if (!signal.aborted) log.warn("not sealed", { error: messageOf(error) });
    }
  }
}

/** One step. @returns whether something was sealed, or a seal was looked at */
export async function takeStep(
  deps: SealDeps & RedisDeps & { log: Log },
): Promise<"sealed" | "proven"> {
  const { db, redis, keys, log } = deps;
  if (await redis.set(keys.sealingRest, "1", "PX", sealMs, "NX") !== null) {
    const { goesOn, ...done } = await sealNext(deps);
    if (done.sealed + done.passed + done.takenBack > 0) log.info("sealed", { ...done });
    if (goesOn) await redis.del(keys.sealingRest);
    else for (const kind of ["order", "refund"] as const) await sealAllLate(deps, kind);
    return "sealed";
  }
  const { drifts } = await proveStalest(db, 1);
  for (const { subject, what, expected, found } of drifts.list) {
    log.error("changed since it was sealed", { subject, what, expected, found });
  }
  return "proven";
}

async function sealAllLate(deps: SealDeps, kind: "order" | "refund"): Promise<void> {
  let afterId = 0;
  do ({ afterId } = await sealLate(deps, kind, afterId)); while (afterId !== 0);
}
