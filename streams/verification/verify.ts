/**
 * Proves that books, stock, figures, notifications and streams agree.
 *
 * @module
 */

import { listOpenLosses } from "../../db/recovery/database_losses.ts";
import { highestIds } from "../../db/recovery/recovery.ts";
import { readSnapshot } from "../../db/connection/snapshot.ts";
import { type Queryable, toIsoTime } from "../../db/connection/database.ts";
import { everything } from "../../db/verification/scope.ts";
import { readSealFacts } from "../../db/verification/seals.ts";
import { countRows } from "../../db/verification/verify.ts";
import { tellLoss } from "../../domain/operation/database_age.ts";
import { brokenSeals } from "../seals/prove_seals.ts";
import { readRecent, type Recent } from "../seals/recent.ts";
import { type LedgerReport, verifyLedger } from "../ledger/verify_ledger.ts";
import { type Books, recentBooks, wholeBooks } from "./books.ts";
import { addDrifts, type Drift, type Drifts } from "./drift.ts";
import { withKeptBasis } from "../kpis/kpi_basis.ts";
import { findKpiMismatches } from "./kpi_mismatches.ts";
import { verifyMoney, verifyStock } from "./verify_database.ts";
import { readParts } from "./read_parts.ts";
import { verifyProvider } from "./verify_provider.ts";
import { missedWork, verifyNotifications, verifyOrphans } from "./verify_orphans.ts";
import { verifyKpis, type VerifyKpisDeps } from "./verify_kpis.ts";
import type { OpenCheck } from "../recovery/open_work.ts";

/** The points of the proof. */
export type CheckName =
  | "stock"
  | "money"
  | "kpis"
  | "notifications"
  | "homes"
  | "ledger"
  | "provider";

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
  /** Whether only what is not sealed was looked at; reports of earlier versions lack it, and were of everything. */
  incremental?: boolean;
  /** What is sealed; reports of earlier versions lack it. */
  sealed?: SealedReport;
  /** How far the ledger is; reports of earlier versions lack it. */
  ledger?: LedgerReport;
  /** What the database has lost, in words, until somebody has reconciled it: no drift, everything agrees about what is left. */
  losses?: string[];
  checks: CheckReport[];
}

/** What is sealed, and since when every seal has been looked at. */
export interface SealedReport {
  orders: number;
  refunds: number;
  /** ISO 8601: when the seal was looked at that was looked at the longest ago; null where there are none. */
  proven_since: string | null;
}

/** Open losses of the database that are told of, the oldest. */
const lossesToTell = 10;

/** How long a difference may last that is no drift: a commit whose message is just being published. */
const settleMs = 5_000;

/**
 * Proves the points, while everything goes on working:
 *
 * 1. `stock`: every unit that is gone is held by a reserved or paid order, no product has less than none, and
 *    whoever has a place in a queue for a product waits for it.
 * 2. `money`: every order costs what its items and adjustments come to; every paid order has one succeeded payment of its
 *    total, nobody else has one, what is in dispute is on the list of what is to be decided, what a person has to give back
 *    on the list of that, what was paid at the source is on record or goes back, processed refunds never exceed the total,
 *    their parts come to what they are, and `refunded_cents` is what they come to. A payment of another amount that was
 *    accepted has become the order's total.
 * 3. `kpis`: every KPI key and leaderboard score is what the database says, less what is on its way.
 * 4. `notifications`: every end of an order or refund was told once on each of its channels, or its message is
 *    on its way; what was not sent stands on the work list. Who was not told because the message became a dead
 *    letter was not told: that is drift, and a person's to decide.
 * 5. `homes`: all unfinished work is in a stream, scheduled, or a dead letter, or waits for stock, or its payment is in
 *    dispute, or it waits for a person to give it back.
 * 6. `ledger`: the ledger comes to nothing, and says of every order, refund and payment what they say themselves; closed
 *    days are as they were sealed.
 * 7. `provider`: days that were reconciled with a provider's books have no open discrepancy.
 *
 * Each point that is about the database alone is read in one snapshot, so no order is ever seen half
 * changed. What the others guarantee say {@linkcode verifyKpis} and {@linkcode verifyOrphans}: work on its
 * way is never taken for drift, and drift never for work on its way.
 *
 * Figures are proven by the currency and zone that they were counted by, whatever this process is set to.
 *
 * **Incrementally** it looks at what is not sealed, and at what is open, and holds the figures and the stock against that
 * and the sums of what is sealed; each place on a leaderboard of a customer who is not in it is passed over. That what is
 * sealed is still as it was show the duty that looks at one seal after the other, and the whole proof, which tells of seals
 * that were found broken as well.
 *
 * It changes nothing and locks nothing. Two connections read the database at the same time; ten million orders take less
 * than a minute, and incrementally less than a second.
 *
 * @param options.settleMs see {@linkcode settleMs}; only where something differs is it waited for
 * @param options.incremental whether only what is not sealed is looked at
 */
export async function verify(
  deps: VerifyKpisDeps,
  options: { settleMs?: number; incremental?: boolean } = {},
): Promise<VerifyReport> {
  const started = performance.now();
  const checkedAt = new Date().toISOString();
  const patienceMs = options.settleMs ?? settleMs;
  deps = await withKeptBasis(deps);
  const books = options.incremental ? recentBooks : wholeBooks;
  // What came later is not looked at, so these are read before all else.
  const limits = await highestIds(deps.db);
  const recent = options.incremental ? await readSnapshot(deps.db, readRecent) : null;
  const reading = readParts(deps.db, partsOf(deps, books, recent));
  const lookForOrphans = async () => {
    const { drifts, untold } = await reading.notices;
    const orphans = await verifyOrphans(deps, limits, patienceMs, { untold, recent });
    addDrifts(orphans.notifications, drifts);
    return orphans;
  };
  const [stock, money, ledger, provider, counts, figures, sealed, orphans] = await Promise.all([
    reading.stock,
    reading.money,
    reading.ledger,
    reading.provider,
    reading.counts,
    reading.figures,
    reading.seals,
    lookForOrphans(),
  ]);
  const kpis = await verifyKpis(deps, figures, patienceMs, books);

  const losses = await listOpenLosses(deps.db, lossesToTell);
  const lookedAt = (name: OpenCheck) =>
    missedWork.filter(({ missed }) => missed.check === name)
      .reduce((sum, { missed }) => sum + missed.lookedAt(counts), 0);
  const checks = [
    check("stock", counts.products, stock),
    check("money", counts.paidOrders, money),
    check("kpis", figures.checked, kpis),
    check("notifications", lookedAt("notifications"), orphans.notifications),
    check("homes", lookedAt("homes"), orphans.homes),
    check("ledger", counts.paidOrders, ledger.drifts),
    check("provider", provider.days, provider.drifts),
  ];
  return {
    ok: checks.every(({ ok }) => ok),
    checked_at: checkedAt,
    seconds: Math.round(performance.now() - started) / 1_000,
    incremental: options.incremental ?? false,
    sealed: {
      orders: sealed.orders,
      refunds: sealed.refunds,
      proven_since: toIsoTime(sealed.provenSince),
    },
    ledger: ledger.report,
    losses: losses.map(tellLoss),
    checks,
  };
}

/** What is read of the database, all of it or what is not sealed; what takes longest is not last. */
function partsOf(deps: VerifyKpisDeps, books: Books, recent: Recent | null) {
  // What is not sealed, as of the snapshot that is read: sums of what is sealed belong to it.
  const scopesOf = async (tx: Queryable) => {
    if (recent === null) return { checked: everything, unsealed: everything };
    const { checkedOrders, unsealed } = await readRecent(tx);
    return { checked: { orders: checkedOrders, refunds: unsealed.refunds }, unsealed };
  };
  return {
    figures: (tx: Queryable) => findKpiMismatches(tx, deps, books),
    money: async (tx: Queryable) => {
      const money = await verifyMoney(tx, (await scopesOf(tx)).checked);
      for (const drifts of await brokenSeals(tx)) addDrifts(money, drifts);
      return money;
    },
    ledger: async (tx: Queryable) => await verifyLedger(tx, (await scopesOf(tx)).checked.orders),
    notices: (tx: Queryable) => verifyNotifications(tx, recent?.checkedOrders ?? null),
    stock: async (tx: Queryable) => await verifyStock(tx, (await scopesOf(tx)).unsealed),
    counts: async (tx: Queryable) => await countRows(tx, (await scopesOf(tx)).unsealed),
    provider: verifyProvider,
    seals: readSealFacts,
  };
}

function check(name: CheckName, checked: number, drifts: Drifts): CheckReport {
  const { list, count, forPeople } = drifts;
  return { name, ok: count === 0, checked, drift: list, drift_count: count, for_people: forPeople };
}
