/**
 * The day's figures and the leaderboard in Redis.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { dayLater } from "../../domain/kpi/day.ts";
import { LeftDatabaseError } from "../../domain/operation/left_database.ts";
import {
  emptyKpiRow,
  type KpiEvent,
  kpiIdOf,
  type KpiRow,
  type OrderKpiEvent,
} from "../../domain/kpi/kpi.ts";
import {
  type KpiAmount,
  kpiAverages,
  kpiFigureNames,
  kpiFigures,
  kpiKinds,
} from "../../domain/kpi/kpi_table.ts";
import { type Keys, onceSegmentSize } from "../redis/keys.ts";
import { addUp } from "./add_up.ts";
import type { RedisClient } from "../redis/redis.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const kpisApplyScript = defineScript("kpis_apply", import.meta.url);

/** What the figures are kept with. */
export interface KpiDeps {
  redis: RedisClient;
  keys: Keys;
  baseCurrency: string;
  /** Where what is counted was committed. */
  db?: Queryable;
}

/** Events to one script call: bounds how long Redis is busy with one. */
const eventsPerCall = 2_000;

const kindNames = Object.keys(kpiKinds);

/** Number of a kind in the plan, from 1 as Lua counts. */
const kindNumbers = new Map(kindNames.map((kind, index) => [kind, index + 1]));

/** How many times an event's cents are added to a figure; 0 where the event itself is counted. */
const signs: Readonly<Record<KpiAmount, number>> = { count: 0, cents: 1, "-cents": -1 };

/** The table of figures, as the script takes it. */
const plan = JSON.stringify([
  Object.values(kpiKinds).flatMap(({ of, leaderboard }) => [of, leaderboard]),
  kpiFigureNames.flatMap((figure) => {
    const { sums } = kpiFigures[figure];
    if (sums === undefined) return [];
    const parts = Object.entries(sums).flatMap(([kind, amount]) => [
      kindNumbers.get(kind),
      signs[amount],
    ]);
    return [[figure, ...parts]];
  }),
  kpiAverages,
]);

/**
 * Counts events into the figures, each at most once for its kind and id, so that a crash before or after
 * is repaired by calling it again.
 *
 * @param target `live`, or the token of a rebuild that fills its shadow figures
 * @returns how many were counted for the first time; -1 if the rebuild is no longer current
 * @throws {WorkflowError} `unavailable` where the figures are counted by another currency or zone
 * @throws {LeftDatabaseError} where what is counted was committed to a database that does not count any more
 */
export async function applyKpis(
  { redis, keys, baseCurrency, db }: KpiDeps,
  events: readonly KpiEvent[],
  target = "live",
): Promise<number> {
  let counted = 0;
  for (let from = 0; from < events.length; from += eventsPerCall) {
    const some = events.slice(from, from + eventsPerCall);
    const part = some.map((event) => {
      const { retry } = event as { retry?: OrderKpiEvent["retry"] };
      const facts = [
        kindNumbers.get(event.kind),
        kpiIdOf(event),
        event.day,
        event.currency,
        event.cents,
        event.customerId,
      ];
      if (retry !== undefined) facts.push(retry.undoes ? -1 : 1);
      return facts;
    });
    const result = await runScript(redis, kpisApplyScript, keysToCount(keys, some, target), [
      keys.prefix,
      baseCurrency,
      onceSegmentSize,
      target,
      JSON.stringify(part),
      keys.kpiBasis,
      db?.lastStep?.() ?? 0,
      plan,
    ]) as number;
    if (result === -2) throw otherBasis(keys, await redis.get(keys.kpiBasisKept), "the figures");
    if (result === -4) {
      db?.lookAgain?.();
      throw new LeftDatabaseError();
    }
    if (result < 0) return -1;
    counted += result;
  }
  return counted;
}

/**
 * Counts many events of a rebuild together: their marks as bytes, and what they come to. Where some of them were counted
 * live meanwhile, and what can't be added up exactly, goes one by one.
 *
 * @param target the token of the rebuild
 * @returns how many were counted for the first time; -1 if the rebuild is no longer current
 */
export async function applyTogether(
  deps: KpiDeps,
  events: readonly KpiEvent[],
  target: string,
): Promise<number> {
  const { redis, keys, baseCurrency } = deps;
  const { parts, others } = addUp(events);
  let counted = others.length === 0 ? 0 : await applyKpis(deps, others, target);
  for (const { sums, bytes, events } of parts) {
    if (counted < 0) return -1;
    let result = await runScript(redis, kpisApplyScript, keysToCount(keys, events, target), [
      keys.prefix,
      baseCurrency,
      onceSegmentSize,
      target,
      "[]",
      keys.kpiBasis,
      0,
      plan,
      JSON.stringify({
        ...sums,
        days: sums.days.map(({ kind, ...sum }) => [kindNumbers.get(kind), ...Object.values(sum)]),
      }),
      bytes,
    ]) as number;
    if (result === -3) result = await applyKpis(deps, events, target);
    if (result < 0) return -1;
    counted += result;
  }
  return counted;
}

/**
 * Every key that counting some events touches. Live events are counted in the shadow as well, while a rebuild fills it, which
 * nobody knows before. All are named to the server: while their slot moves, a cluster looks only at those whether they are
 * still there, and would make others anew.
 */
function keysToCount(keys: Keys, events: readonly KpiEvent[], target: string): string[] {
  const counted = new Set<string>([keys.kpiIndex]);
  // Most events have the bitmap, the day and the currency of the one before.
  let lastMark = "", lastDay = "";
  for (const event of events) {
    const { retry } = event as { retry?: OrderKpiEvent["retry"] };
    const segment = Math.floor(kpiIdOf(event) / onceSegmentSize);
    const bitmap = retry !== undefined
      ? (retry.undoes ? keys.uncounted : keys.countedAgain)
      : keys.counted(kpiKinds[event.kind].of);
    const mark = bitmap(segment);
    if (mark !== lastMark) counted.add(lastMark = mark);
    const { day, currency } = event;
    if (`${day} ${currency}` === lastDay) continue;
    lastDay = `${day} ${currency}`;
    counted.add(keys.leaderboard(currency));
    for (const figure of kpiFigureNames) counted.add(keys.kpiFigure(day, currency, figure));
  }
  const live = [...counted];
  return [
    keys.kpiRebuild,
    keys.kpiShadowKeys,
    keys.kpiBasisKept,
    keys.databaseMarks,
    ...(target === "live" ? live : []),
    ...live.map((key) => keys.shadowOf(key)),
  ];
}

/**
 * The figures of every day from `from` to `to`: a row for the base currency whatever happened, and one
 * for each other currency that has figures.
 *
 * @param from first day, `YYYY-MM-DD`
 * @param to last day, included; at most {@linkcode maxKpiDays} days after `from`
 * @throws {WorkflowError} `unavailable` where the figures are counted by another currency or zone
 */
export async function readKpis(
  { redis, keys, baseCurrency }: KpiDeps,
  from: string,
  to: string,
): Promise<KpiRow[]> {
  const days: string[] = [];
  for (let day = from; day <= to; day = dayLater(day, 1)) days.push(day);
  const fill = async (rows: KpiRow[]): Promise<KpiRow[]> => {
    if (rows.length === 0) return rows;
    const [kept, ...values] = await redis.mget([
      keys.kpiBasisKept,
      ...rows.flatMap((row) =>
        kpiFigureNames.map((figure) => keys.kpiFigure(row.date, row.currency, figure))
      ),
    ]);
    refuseOther(keys, kept);
    rows.forEach((row, index) => {
      kpiFigureNames.forEach((figure, offset) => {
        row[figure] = Number(values[index * kpiFigureNames.length + offset] ?? 0);
      });
    });
    return rows;
  };
  // Most shops know one currency, so its figures do not wait for the names of the others.
  const [known, inBase] = await Promise.all([
    redis.zrangebylex(keys.kpiIndex, `[${from}:`, `[${to};`),
    fill(days.map((day) => emptyKpiRow(day, baseCurrency))),
  ]);
  const inOthers = await fill(known.flatMap((name) => {
    const [day, currency] = name.split(":") as [string, string];
    return currency === baseCurrency ? [] : emptyKpiRow(day, currency);
  }));
  const others = Map.groupBy(inOthers, ({ date }) => date);
  return inBase.flatMap((row) => [row, ...(others.get(row.date) ?? [])]);
}

/** Days and currencies from the newest down that are looked at for currencies. */
const currencyEntries = 2_000;

/** The currencies of the latest days, the base currency first. */
export async function readCurrencies({ redis, keys, baseCurrency }: KpiDeps): Promise<string[]> {
  const [kept, names] = await Promise.all([
    redis.get(keys.kpiBasisKept),
    redis.zrevrange(keys.kpiIndex, 0, currencyEntries - 1),
  ]);
  refuseOther(keys, kept);
  const others = new Set(names.map((name) => name.split(":")[1]!));
  others.delete(baseCurrency);
  return [baseCurrency, ...[...others].sort()];
}

/** A customer and what they have paid, less what they got back. */
export interface LeaderboardPlace {
  customerId: number;
  /** Paid less refunded, in minor units. */
  revenueCents: number;
}

/** The customers with the highest revenue in a currency, best first. */
export async function readLeaderboard(
  { redis, keys }: KpiDeps,
  currency: string,
  limit: number,
): Promise<LeaderboardPlace[]> {
  const [kept, flat] = await Promise.all([
    redis.get(keys.kpiBasisKept),
    redis.zrevrange(keys.leaderboard(currency), 0, limit - 1, "WITHSCORES"),
  ]);
  refuseOther(keys, kept);
  const places: LeaderboardPlace[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    places.push({ customerId: Number(flat[i]), revenueCents: Number(flat[i + 1]) });
  }
  return places;
}

/** Figures that were counted by another basis are not shown: yen would pass for euros, and days for others. */
function refuseOther(keys: Keys, kept: string | null | undefined): void {
  if (kept && kept !== keys.kpiBasis) throw otherBasis(keys, kept, "the figures");
}

/** The error of a process whose settings are not those that the figures are counted by. */
export function otherBasis(keys: Keys, found: string | null, of: string): WorkflowError {
  return new WorkflowError(
    "unavailable",
    `BASE_CURRENCY and KPI_TIMEZONE are ${keys.kpiBasis} here, but ${
      found ?? "others"
    } for ${of}: ` +
      "they must be the same for all processes, and where they were changed the figures are counted anew at a start",
  );
}
