/**
 * Proves that books, stock, figures, notifications and streams agree.
 *
 * @module
 */

import { highestIds } from "../../db/recovery/recovery.ts";
import { readSnapshot } from "../../db/connection/snapshot.ts";
import { countRows } from "../../db/verification/verify.ts";
import { addDrifts, type Drift, type Drifts } from "./drift.ts";
import { withKeptBasis } from "../kpis/kpi_basis.ts";
import { findKpiMismatches } from "./kpi_mismatches.ts";
import { verifyMoney, verifyStock } from "./verify_database.ts";
import { missedWork, verifyNotifications, verifyOrphans } from "./verify_orphans.ts";
import { verifyKpis, type VerifyKpisDeps } from "./verify_kpis.ts";
import type { OpenCheck } from "../recovery/open_work.ts";

/** The five points of the proof. */
export type CheckName = "stock" | "money" | "kpis" | "notifications" | "homes";

/** What became of one point. */
export interface CheckReport {
  name: CheckName;
  ok: boolean;
  /** Products, paid orders, figures and places, settled things, unfinished things that were looked at. */
  checked: number;
  /** The first differences. */
  drift: Drift[];
  /** All of them; for `kpis` a lower bound from a thousand on. */
  drift_count: number;
  /** How many of them wait for a person, because nothing can repair them; reports of earlier versions lack it. */
  for_people?: number;
}

/** What became of the proof. */
export interface VerifyReport {
  ok: boolean;
  /** ISO 8601. */
  checked_at: string;
  seconds: number;
  checks: CheckReport[];
}

/** How long a difference may last that is no drift: a commit whose message is just being published. */
const settleMs = 5_000;

/**
 * Proves the five points, while everything goes on working:
 *
 * 1. `stock`: every unit that is gone is held by a reserved or paid order, no product has less than none, and
 *    whoever has a place in a queue for a product waits for it.
 * 2. `money`: every order costs what its items and adjustments come to; every paid order has one succeeded payment of its total, nobody else has one, what is
 *    in dispute is on the list of what is to be decided, what a person has to give back on the list of that, what was
 *    paid at the source is on record or goes back, processed refunds never exceed the total, their parts come to what
 *    they are, and `refunded_cents` is what they come to. A payment of another amount that was accepted has become the
 *    order's total.
 * 3. `kpis`: every KPI key and leaderboard score is what the database says, less what is on its way.
 * 4. `notifications`: every end of an order or refund was told once on each of its channels, or its message is
 *    on its way; what was not sent stands on the work list. Who was not told because the message became a dead
 *    letter was not told: that is drift, and a person's to decide.
 * 5. `homes`: all unfinished work is in a stream, scheduled, or a dead letter, or waits for stock, or its payment is in
 *    dispute, or it waits for a person to give it back.
 *
 * The points that are about the database alone are read in one snapshot, so no order is ever seen half
 * changed. What the others guarantee say {@linkcode verifyKpis} and {@linkcode verifyOrphans}: work on its
 * way is never taken for drift, and drift never for work on its way.
 *
 * Figures are proven by the currency and zone that they were counted by, whatever this process is set to.
 *
 * It changes nothing and locks nothing. A million orders take about ten seconds.
 *
 * @param options.settleMs see {@linkcode settleMs}; only where something differs is it waited for
 */
export async function verify(
  deps: VerifyKpisDeps,
  options: { settleMs?: number } = {},
): Promise<VerifyReport> {
  const started = performance.now();
  const checkedAt = new Date().toISOString();
  const patienceMs = options.settleMs ?? settleMs;
  deps = await withKeptBasis(deps);
  const found = await readSnapshot(deps.db, async (tx) => ({
    limits: await highestIds(tx),
    counts: await countRows(tx),
    stock: await verifyStock(tx),
    money: await verifyMoney(tx),
    notices: await verifyNotifications(tx),
    suspects: await findKpiMismatches(tx, deps),
  }));
  const kpis = await verifyKpis(deps, found.suspects, patienceMs);
  const { notifications, homes } = await verifyOrphans(deps, found.limits, patienceMs);
  addDrifts(notifications, found.notices);

  const { counts } = found;
  const lookedAt = (name: OpenCheck) =>
    missedWork.filter(({ missed }) => missed.check === name)
      .reduce((sum, { missed }) => sum + missed.lookedAt(counts), 0);
  const checks = [
    check("stock", counts.products, found.stock),
    check("money", counts.paidOrders, found.money),
    check("kpis", found.suspects.checked, kpis),
    check("notifications", lookedAt("notifications"), notifications),
    check("homes", lookedAt("homes"), homes),
  ];
  return {
    ok: checks.every(({ ok }) => ok),
    checked_at: checkedAt,
    seconds: Math.round(performance.now() - started) / 1_000,
    checks,
  };
}

function check(name: CheckName, checked: number, drifts: Drifts): CheckReport {
  const { list, count, forPeople } = drifts;
  return { name, ok: count === 0, checked, drift: list, drift_count: count, for_people: forPeople };
}
