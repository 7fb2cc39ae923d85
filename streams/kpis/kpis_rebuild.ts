/**
 * Counts every figure and the leaderboard anew from the database, while live events go on being counted.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  listChargebackMovements,
  listFinishedRefunds,
  listReturnedRefunds,
  readSettledOrders,
} from "../../db/verification/kpi_sums.ts";
import { listRetries } from "../../db/orders/retries.ts";
import { WorkflowError } from "../../domain/errors.ts";
import {
  chargebackKpiEvents,
  type KpiEvent,
  orderKpiEvents,
  refundKpiEvents,
  retryKpiEvents,
  returnKpiEvents,
} from "../../domain/kpi/kpi.ts";
import { applyTogether, type KpiDeps, otherBasis } from "./kpis.ts";
import { type Lease, takeLease, underLease } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";
import { scanKeys } from "../redis/scan_keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const kpisBeginScript = defineScript("kpis_begin", import.meta.url);
const kpisSwapScript = defineScript("kpis_swap", import.meta.url);

/** What a rebuild works with. */
export interface RebuildDeps extends KpiDeps {
  db: Queryable;
  /** The KPI day of a database time. */
  kpiDay: (settledAt: string) => string;
  /** Ends the rebuild between two pages when it aborts: its reason is thrown, and the figures stay. */
  signal?: AbortSignal;
}

/** What a rebuild counted. */
export interface RebuildReport {
  /** Days with figures, each currency counted apart. */
  days: number;
  orders: number;
  refunds: number;
  seconds: number;
}

/** Rows to one page: 2 MB at the most, and a fifth of a second. */
const pageSize = 10_000;

/** A rebuild that gave no sign for so long has died. */
const markTtlMs = 6_000;

/** How long to wait for another rebuild. */
const maxWaitMs = 120_000;

/** How often to look whether the other rebuild has ended. */
const waitStepMs = 100;

/** Tries, where a rebuild loses its mark because this process or Redis stood still. */
const tries = 3;

/**
 * Replaces every KPI key and the leaderboard by what the database says, all in one step.
 *
 * **Why nothing is lost or counted twice.** The rebuild fills figures of its own in the shadow, where
 * once-bitmaps make every order and refund count once, whoever brings it. From the moment the mark is
 * set, whatever is counted live is counted in the shadow as well. An event is committed to the database
 * before it is counted. So one that was counted live before the mark is in the database before the first
 * page is read, and the pages bring it; one that is counted live between the mark and the swap is in the
 * shadow by that, whether or not the pages met it; and one that is counted live after the swap meets the
 * swapped bitmaps, which know whether the pages had met it. The swap takes the bitmaps along with the
 * figures in one script, so no live event falls between them. That an order was taken up again is an event as any
 * other, with a row of its own; the failure that it takes out is brought by the order's row before, and by that row
 * from then on.
 *
 * One rebuild runs at a time; another waits for its turn. A crash leaves the live figures as they were,
 * and a mark and a shadow that end with the next rebuild.
 *
 * @throws {WorkflowError} `unavailable` where another rebuild does not end, the mark was lost again and again, or
 * processes are alive that count by another currency or zone
 */
export async function rebuildKpis(deps: RebuildDeps): Promise<RebuildReport> {
  const started = performance.now();
  for (let attempt = 1; attempt <= tries; attempt++) {
    const mark = await takeMark(deps);
    const counts = await underLease(deps.redis, mark, async () => {
      if (!await emptyShadow(deps, mark.value)) return null;
      const counted = await fill(deps, mark.value);
      return counted !== null && await swapShadow(deps, mark.value) ? counted : null;
    });
    if (counts !== null) {
      return { ...counts, seconds: Math.round(performance.now() - started) / 1_000 };
    }
  }
  throw new WorkflowError(
    "unavailable",
    "Cannot rebuild the KPIs: Redis lost the mark of the rebuild again and again",
  );
}

/**
 * Runs `work` while this process holds the mark of a rebuild; see {@linkcode rebuildKpis} for what is done live meanwhile.
 *
 * @param work is given the token of the mark
 * @throws {WorkflowError} `unavailable` where another rebuild does not end
 */
export async function holdRebuild<T>(
  deps: RebuildDeps,
  work: (token: string) => Promise<T>,
): Promise<T> {
  const mark = await takeMark(deps);
  return await underLease(deps.redis, mark, () => work(mark.value));
}

async function takeMark({ redis, keys, signal }: RebuildDeps): Promise<Lease> {
  const until = performance.now() + maxWaitMs;
  for (;;) {
    signal?.throwIfAborted();
    // It names the basis, so that whoever counts meanwhile sees by which the shadow is counted.
    const mark = await takeLease(redis, keys.kpiRebuild, markTtlMs, keys.kpiBasis);
    if (mark !== null) return mark;
    if (performance.now() > until) {
      throw new WorkflowError(
        "unavailable",
        "Cannot rebuild the KPIs: another rebuild is running and does not end",
      );
    }
    await pause(waitStepMs, signal);
  }
}

/** @returns null if the rebuild is no longer current */
async function fill(
  deps: RebuildDeps,
  token: string,
): Promise<Omit<RebuildReport, "seconds"> | null> {
  const { db, kpiDay } = deps;
  const days = new Set<string>();
  const count = async (events: KpiEvent[]): Promise<boolean> => {
    deps.signal?.throwIfAborted();
    for (const { day, currency } of events) days.add(`${day}:${currency}`);
    return await applyTogether(deps, events, token) >= 0;
  };
  const orders = await eachPage(
    (afterId) => readSettledOrders(db, { afterId, limit: pageSize }),
    (page) => count(page.flatMap((order) => orderKpiEvents(order, kpiDay))),
  );
  if (orders === null) return null;
  // After the orders: what is taken up again between the two has a row to be found by, or is counted live.
  const retries = await eachPage(
    (afterId) => listRetries(db, { afterId, limit: pageSize }),
    (page) => count(page.flatMap((retry) => retryKpiEvents(retry, kpiDay))),
  );
  if (retries === null) return null;
  const refunds = await eachPage(
    (afterId) => listFinishedRefunds(db, { afterId, limit: pageSize }),
    (page) => count(page.flatMap((refund) => refundKpiEvents(refund, kpiDay))),
  );
  if (refunds === null) return null;
  // After the refunds, for the same reason.
  const returned = await eachPage(
    (afterId) => listReturnedRefunds(db, { afterId, limit: pageSize }),
    (page) => count(page.flatMap((refund) => returnKpiEvents(refund, kpiDay))),
  );
  if (returned === null) return null;
  const movements = await eachPage(
    (afterId) => listChargebackMovements(db, { afterId, limit: pageSize }),
    (page) => count(page.flatMap((movement) => chargebackKpiEvents(movement, kpiDay))),
  );
  return movements === null ? null : { days: days.size, orders, refunds };
}

/**
 * Reads page after page, each while the one before is being counted.
 *
 * @returns the number of rows, or null as soon as counting says no
 */
async function eachPage<T extends { id: number }>(
  read: (afterId: number) => Promise<T[]>,
  count: (page: T[]) => Promise<boolean>,
): Promise<number | null> {
  let rows = 0;
  let page = await read(0);
  while (page.length > 0) {
    rows += page.length;
    const isLast = page.length < pageSize;
    const [goesOn, next] = await Promise.all([
      count(page),
      isLast ? [] : read(page.at(-1)!.id),
    ]);
    if (!goesOn) return null;
    page = next;
  }
  return rows;
}

/**
 * Empties the shadow, after the mark was set. What was counted into it since then goes as well: it was committed
 * before, so the pages bring it.
 *
 * @param token the mark's value
 * @returns false if the rebuild is no longer current
 * @throws {WorkflowError} `unavailable` where processes are alive that count by another currency or zone
 */
export async function emptyShadow(
  { redis, keys }: Pick<KpiDeps, "redis" | "keys">,
  token: string,
): Promise<boolean> {
  const left = await scanKeys(redis, keys.kpiShadow);
  const begun = await withShadowKeys({ redis, keys }, left, (shadow) => {
    const scriptKeys = [keys.kpiRebuild, keys.kpiShadowKeys, keys.kpiBasisAlive, ...shadow];
    return runScript(redis, kpisBeginScript, scriptKeys, [token, keys.kpiBasis]);
  });
  if (typeof begun === "string") throw otherBasis(keys, begun, "processes that are alive");
  return begun === 1;
}

/** Looks at which keys the shadow has, before it has others again: a live event brings new ones once a day or so. */
const shadowLooks = 100;

/**
 * Runs a script that is to be told every key of the shadow, and returns -1 where there are others by then.
 *
 * @param known further ones
 */
async function withShadowKeys(
  { redis, keys }: Pick<KpiDeps, "redis" | "keys">,
  known: ReadonlySet<string>,
  run: (shadow: string[]) => Promise<unknown>,
): Promise<unknown> {
  for (let look = 1; look <= shadowLooks; look++) {
    const noted = await redis.smembers(keys.kpiShadowKeys);
    const result = await run([...known.union(new Set(noted))]);
    if (result !== -1) return result;
  }
  return 0;
}

/**
 * Puts the shadow in the place of the live figures and takes the mark away.
 *
 * The server is asked for no list of keys within a script: many forbid that. The shadow's keys are noted as
 * they are made, and what else is to go is looked for before.
 *
 * @returns false if the rebuild is no longer current, or processes of another currency or zone are alive
 */
export async function swapShadow(
  { redis, keys }: Pick<KpiDeps, "redis" | "keys">,
  token: string,
): Promise<boolean> {
  const live = new Set<string>();
  for (const start of keys.kpiReplaced) {
    for (const key of await scanKeys(redis, start)) live.add(key);
  }
  const shadow = await scanKeys(redis, keys.kpiShadow);
  const replaced = [...live].filter((key) => !shadow.has(keys.shadowOf(key)));
  const swapped = await withShadowKeys({ redis, keys }, shadow, (all) => {
    const named = new Set([...all, ...all.map((key) => keys.liveOf(key)), ...replaced]);
    const scriptKeys = [keys.kpiRebuild, keys.kpiShadowKeys, keys.kpiBasisKept, keys.kpiBasisAlive];
    return runScript(redis, kpisSwapScript, [...scriptKeys, ...named], [
      keys.prefix,
      token,
      JSON.stringify(replaced),
      JSON.stringify([...shadow]),
      keys.kpiBasis,
    ]);
  });
  return swapped === 1;
}
