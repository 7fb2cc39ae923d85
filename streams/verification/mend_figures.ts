/**
 * Sets right the figures of recent work where little of them is lost, in a second instead of counting all anew.
 *
 * @module
 */

import { readSnapshot } from "../../db/connection/snapshot.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { kpiAverages } from "../../domain/kpi/kpi_table.ts";
import { applyKpis } from "../kpis/kpis.ts";
import { emptyShadow, holdRebuild } from "../kpis/kpis_rebuild.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import { recentBooks } from "./books.ts";
import { findKpiMismatches } from "./kpi_mismatches.ts";
import { compareClosely, type Differences, type VerifyKpisDeps } from "./verify_kpis.ts";

const kpisMendScript = defineScript("kpis_mend", import.meta.url);

/** What was set right. */
export interface Mended {
  /** Figures that were another number, or missing. */
  figures: number;
  /** Places on the leaderboards, likewise. */
  places: number;
  /** Events that nobody had counted. */
  events: number;
  seconds: number;
}

/** Rounds: events that were lost are counted in one, and what still differs is added in the next. */
const maxRounds = 3;

/** How long an event may be on its way that no stream holds, in milliseconds. */
const settleMs = 500;

/**
 * Compares the figures with the sums of what is sealed and with everything else row by row, counts what nobody has, and
 * adds what is missing from a figure or a place. Places of customers whose orders and refunds are all sealed are not looked
 * at.
 *
 * It holds the mark of a rebuild meanwhile, so that no rebuild swaps the figures away between the look and the addition.
 * Whatever is counted live in between is added to figures that differ by the same amount still. A crash leaves figures of
 * which some are set right.
 *
 * @throws {WorkflowError} `unavailable` where another rebuild does not end, or figures differ again and again
 */
export async function mendFigures(deps: VerifyKpisDeps): Promise<Mended> {
  const started = performance.now();
  const mended: Mended = { figures: 0, places: 0, events: 0, seconds: 0 };
  await holdRebuild(deps, async (token) => {
    await emptyShadow(deps, token);
    try {
      for (let round = 1;; round++) {
        const suspects = await readSnapshot(
          deps.db,
          (tx) => findKpiMismatches(tx, deps, recentBooks),
        );
        const { days, places } = suspects;
        if (days.length + places.length === 0) return;
        const found = await compareClosely(deps, { days, places, books: recentBooks }, settleMs);
        if (found.lost.length > 0) mended.events += await applyKpis(deps, found.lost);
        else if (found.figures.length + found.places.length + found.unlisted.length === 0) return;
        else if (await addDifferences(deps, token, found)) {
          mended.figures += found.figures.length;
          mended.places += found.places.length;
          return;
        }
        if (round >= maxRounds) {
          throw new WorkflowError(
            "unavailable",
            "Cannot set the figures right: they differ again and again; count all of them anew",
          );
        }
      }
    } finally {
      // What was counted live meanwhile was counted there as well.
      await emptyShadow(deps, token);
    }
  });
  mended.seconds = Math.round(performance.now() - started) / 1_000;
  return mended;
}

/** @returns false where the figures were swapped meanwhile, or are beyond what can be added to */
async function addDifferences(
  { redis, keys }: VerifyKpisDeps,
  token: string,
  { figures, places, unlisted }: Differences,
): Promise<boolean> {
  const averages = new Set<string>(kpiAverages.map(([figure]) => figure));
  const days = new Map(
    figures.map(({ day, currency }) => [`${day}:${currency}`, { day, currency }]),
  );
  const sums = figures.filter(({ figure }) => !averages.has(figure)).map((
    { day, currency, figure, expected, stored },
  ) => [keys.kpiFigure(day, currency, figure), String(expected - BigInt(stored))]);
  const derived = [...days.values()].flatMap(({ day, currency }) =>
    kpiAverages.map((names) => names.map((figure) => keys.kpiFigure(day, currency, figure)))
  );
  const moves = places.map(({ currency, member, expected, stored }) => [
    keys.leaderboard(currency),
    member,
    expected === null ? "" : String(expected - BigInt(stored ?? 0)),
  ]);
  const named = new Set([...sums, ...moves].map(([key]) => key!).concat(derived.flat()));
  const scriptKeys = [keys.kpiRebuild, keys.kpiIndex, ...named];
  const done = await runScript(redis, kpisMendScript, scriptKeys, [
    token,
    JSON.stringify(sums),
    JSON.stringify(derived),
    JSON.stringify(moves),
    JSON.stringify([...unlisted, ...days.keys()]),
  ]);
  return done === 1;
}
