/**
 * Repairs by itself what a proof has found, looks whether that helped, and tries ever more rarely where it did not.
 *
 * What is known of repairs is kept in Redis, so that all processes keep to the same waits and a restart forgets
 * nothing.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { backoffMs } from "../../domain/messages/retry.ts";
import { isOutage } from "../queue/complete.ts";
import { store } from "../workflow/store.ts";
import { isLeased, takeLease } from "../redis/lease.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { bookEverything } from "../ledger/book_left.ts";
import { recoverAndRebuild, type RecoverDeps } from "./recover.ts";
import type { CheckName, CheckReport, VerifyReport } from "../verification/verify.ts";

/**
 * What Redis says otherwise than the database: the database is the truth, so it can be made anew. In the ledger it is what a
 * version before has not booked.
 */
export const repairableNames: readonly CheckName[] = ["kpis", "notifications", "homes", "ledger"];

/**
 * Wait after the first repair, in milliseconds; doubles with every further one, up to an hour. So long must a check
 * agree before its repairs are forgotten: what is spoilt again as soon as it is repaired must not be repaired for ever.
 */
const firstWaitMs = 60_000;

/** A repair may take this share of all time, where even the longest wait would be too short for it. */
const restShare = 10;

/** What is kept of repairs of one check that did not help. */
export interface FailedRepair {
  check: CheckName;
  /** Repairs that were begun since the check agreed for the last time. */
  tries: number;
  /** After how many of them the proof still found differences; 0 while the first one is running. */
  failures: number;
  /** When the first one began, ISO 8601. */
  since: string;
  /** Differences that were left. */
  left: number;
  /** One of them, or the error that ended the repair. */
  example: string;
}

/** What {@linkcode repair} did. */
export type Repairing =
  /** There was nothing that can be repaired. */
  | "nothing"
  /** The last repair did not help, and it is too early for another. */
  | "resting"
  /** Another process is recovering. */
  | "busy"
  /** Everything that can be repaired agrees now. */
  | "mended"
  /** The proof found the same again, or none could be made. */
  | "not_mended";

/** Repairs that have not helped. */
export async function readFailedRepairs(
  { redis, keys }: RedisDeps,
): Promise<FailedRepair[]> {
  const states = Object.values(await redis.hgetall(keys.repairs))
    .map((text) => JSON.parse(text) as FailedRepair);
  return states.filter(({ failures }) => failures > 0);
}

/**
 * Where figures, notices or messages differ from the database, republishes what is missing or counts the figures anew,
 * and proves again. Stock and money stand in the database themselves, and who was not told because of a dead letter is
 * a person's to decide: for these nothing is repaired.
 *
 * A check that differs still is repaired again after a wait that grows. The wait begins before the repair, so a crash
 * in the middle of it counts as one that did not help.
 *
 * @param report of the proof
 * @param verifyAgain makes another one; null where it can't now
 */
export async function repair(
  deps: RecoverDeps,
  report: VerifyReport,
  verifyAgain: () => Promise<VerifyReport | null>,
): Promise<Repairing> {
  const { log } = deps;
  await forgetRepaired(deps, report);
  const found = report.checks.filter((check) => repairable(check) > 0);
  if (found.length === 0) return "nothing";
  const due = await takeTurns(deps, found);
  if (due.length === 0) return "resting";
  const started = performance.now();
  let error: string | undefined;
  try {
    if (due.some(({ name }) => name === "ledger")) await bookEverything(deps.db);
    const result = await recoverAndRebuild(deps, {
      messages: due.some(({ name }) => name !== "kpis" && name !== "ledger"),
      figures: due.some(({ name }) => name === "kpis"),
    });
    if (result === "busy") {
      await giveTurnsBack(deps, due);
      return "busy";
    }
    const { republished, kpis } = result;
    log.info("drift repaired", { found: countsOf(due), ...republished, orders: kpis?.orders });
  } catch (thrown) {
    if (isOutage(store, thrown) || deps.signal?.aborted) {
      await giveTurnsBack(deps, due).catch(() => {});
      throw thrown;
    }
    error = messageOf(thrown);
  }
  const after = error === undefined ? await verifyAgain() : null;
  // Another process proves just now: what it finds says whether the repair has helped.
  if (error === undefined && after === null) return "not_mended";
  if (after !== null) await forgetRepaired(deps, after);
  const left = due.flatMap(({ name }) =>
    (after ?? report).checks.filter((check) => check.name === name && repairable(check) > 0)
  );
  const seconds = Math.round(performance.now() - started) / 1_000;
  if (left.length === 0) {
    log.warn("drift mended", { found: countsOf(due), seconds });
    return "mended";
  }
  await noteFailures(deps, left, error, seconds);
  log.error("drift not mended", {
    left: countsOf(left),
    example: error ?? exampleOf(left[0]!),
    seconds,
  });
  return "not_mended";
}

/** How many differences of a check can be repaired. */
function repairable({ name, drift_count: count, for_people: forPeople = 0 }: CheckReport): number {
  return repairableNames.includes(name) ? count - forPeople : 0;
}

function countsOf(checks: readonly CheckReport[]): string {
  return checks.map((check) => `${check.name}: ${repairable(check)}`).join(", ");
}

function exampleOf({ drift }: CheckReport): string {
  const [first] = drift;
  return first === undefined ? "" : `${first.subject}: ${first.what}`;
}

/** What agrees has been repaired, and is forgotten when it agrees after its wait. */
async function forgetRepaired({ redis, keys }: RedisDeps, report: VerifyReport): Promise<void> {
  for (const check of report.checks) {
    if (repairable(check) > 0) continue;
    const known = await readRepair({ redis, keys }, check.name);
    if (known === null) continue;
    if (!await isLeased(redis, keys.repairRest + check.name)) {
      await redis.hdel(keys.repairs, check.name);
    } else if (known.failures > 0) {
      await redis.hset(keys.repairs, check.name, JSON.stringify({ ...known, failures: 0 }));
    }
  }
}

/** The checks whose repair is due, each for this process alone. */
async function takeTurns(
  { redis, keys }: RedisDeps,
  checks: readonly CheckReport[],
): Promise<CheckReport[]> {
  const due: CheckReport[] = [];
  for (const check of checks) {
    const known = await readRepair({ redis, keys }, check.name);
    const tries = (known?.tries ?? 0) + 1;
    const rest = keys.repairRest + check.name;
    // Nobody gives this one back but who could not repair: it ends when the next repair is due.
    if (await takeLease(redis, rest, backoffMs(tries, firstWaitMs)) === null) continue;
    const state: FailedRepair = {
      check: check.name,
      failures: 0,
      since: new Date().toISOString(),
      example: "",
      ...known,
      tries,
      left: repairable(check),
    };
    await redis.hset(keys.repairs, check.name, JSON.stringify(state));
    due.push(check);
  }
  return due;
}

/** Undoes a turn that came to nothing for no fault of the repair. */
async function giveTurnsBack(
  { redis, keys }: RedisDeps,
  checks: readonly CheckReport[],
): Promise<void> {
  for (const { name } of checks) {
    const known = await readRepair({ redis, keys }, name);
    const writes = redis.multi().del(keys.repairRest + name);
    if (known === null || known.tries <= 1) writes.hdel(keys.repairs, name);
    else writes.hset(keys.repairs, name, JSON.stringify({ ...known, tries: known.tries - 1 }));
    await writes.exec();
  }
}

async function noteFailures(
  { redis, keys }: RedisDeps,
  left: readonly CheckReport[],
  error: string | undefined,
  seconds: number,
): Promise<void> {
  for (const check of left) {
    const known = await readRepair({ redis, keys }, check.name);
    if (known === null) continue;
    const state: FailedRepair = {
      ...known,
      failures: known.failures + 1,
      left: repairable(check),
      example: error ?? exampleOf(check),
    };
    const waitMs = Math.max(
      backoffMs(known.tries, firstWaitMs),
      Math.round(seconds * 1_000 * restShare),
    );
    const rest = keys.repairRest + check.name;
    await redis.multi().hset(keys.repairs, check.name, JSON.stringify(state)).del(rest).exec();
    await takeLease(redis, rest, waitMs);
  }
}

async function readRepair(
  { redis, keys }: RedisDeps,
  check: CheckName,
): Promise<FailedRepair | null> {
  const text = await redis.hget(keys.repairs, check);
  return text === null ? null : JSON.parse(text) as FailedRepair;
}
