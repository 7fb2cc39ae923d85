/**
 * Recording chargebacks: the one way for webhooks, reports and whoever else hears of one.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Database } from "../../db/connection/database.ts";
import { databaseTime } from "../../domain/database_time.ts";
import { type Fault, messageOf, WorkflowError } from "../../domain/errors.ts";
import { isDay } from "../../domain/kpi/day.ts";
import { LeftDatabaseError } from "../../domain/operation/left_database.ts";
import type { Log } from "../../domain/operation/log.ts";
import { type ChargebackState, chargebackStates } from "../../domain/payment/chargeback.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { isText } from "../../domain/text/is_text.ts";
import { countChargebacks } from "../../streams/kpis/count_chargebacks.ts";
import type { KpiDeps } from "../../streams/kpis/kpis.ts";
import { noteCommitted } from "../../streams/recovery/database_age.ts";
import {
  type SaidByPerson,
  takeChargeback,
  type TakenChargeback,
} from "../../streams/payments/take_chargeback.ts";

/** What recording works with. */
export interface RecordChargebackDeps extends KpiDeps {
  db: Database;
  log: Log;
  config: Pick<Config, "chargebackRevenue">;
  kpiDay: (at: string) => string;
}

/** A chargeback as a provider or a report tells it. */
export interface ChargebackReport {
  /** Stands in `payments.provider`: letters, digits and underscores, 1…32. */
  provider: string;
  /** The provider's name for the chargeback, 1…128 characters. The same name is the same chargeback. */
  providerRef: string;
  /** The provider's names for the charge, one or two, any of which `payments.provider_ref` may be. */
  chargeRefs: readonly string[];
  /** What is contested, in minor units of `currency`, from 0. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  state: ChargebackState;
  /** The provider's word for why, such as `fraudulent`; the first 64 characters are kept. */
  reason?: string | null;
  /** Until when it has to be answered; null or left out where nobody says. */
  dueBy?: Date | null;
  /** When it was opened; left out where it is not known, which is when it was first told. */
  openedAt?: Date | null;
  /** When it was as it is told here, by which what comes late is told from what is new. */
  happenedAt: Date;
}

/** How far ahead of ours a provider's clock may be, in milliseconds. */
const maxAheadMs = 86_400_000;

/** The largest amount that is taken: more than an order can be of, and sums of many are exact. */
const maxAmount = 2 ** 51;

/** Characters of a reason that are kept. */
const maxReason = 64;

/**
 * Records what is told of a chargeback, once however often and in whatever sequence it is told; see
 * `streams/payments/take_chargeback.ts`. Nothing is refused for want of a payment: such a chargeback waits for one, and
 * stands on the list of those that nobody here knows.
 *
 * The figures are counted behind the commit. Where that fails, or the process ends, the consumers count them within a minute. And
 * Redis hears of it before whoever tells it, who does so once, has an answer: a database that lacks it later is seen to be older.
 *
 * @param actor who tells it, for the timeline, such as `provider:stripe`
 * @param byPerson where a person tells it in the place of its provider: at the very moment of what they have seen
 * @throws {WorkflowError} `invalid` where the report can't be one
 * @throws {LeftDatabaseError} where it was committed to a database that does not count any more
 */
export async function recordChargeback(
  deps: RecordChargebackDeps,
  report: ChargebackReport,
  actor: string,
  byPerson?: SaidByPerson,
): Promise<TakenChargeback> {
  refuseFaulty(report);
  const { provider, providerRef, chargeRefs, amountCents, currency, state } = report;
  const { reason, dueBy, openedAt, happenedAt } = report;
  const opened = openedAt == null || openedAt > happenedAt ? happenedAt : openedAt;
  const { db, log, config: { chargebackRevenue } } = deps;
  const taken = await takeChargeback(
    { db, log, chargebackRevenue },
    {
      provider,
      providerRef,
      chargeRefs: [...new Set(chargeRefs)],
      amountCents,
      currency,
      state,
      reason: reason == null || reason === "" ? null : cutText(reason, maxReason),
      dueBy: dueBy == null ? null : databaseTime(dueBy, 6),
      openedAt: databaseTime(opened, 6),
      // No `Date` holds a moment as it is stored.
      happenedAt: byPerson?.seen.toldAt ?? databaseTime(happenedAt, 6),
    },
    actor,
    byPerson,
  );
  try {
    await countChargebacks(deps);
    if (taken.outcome === "taken") await noteCommitted(deps);
  } catch (error) {
    // Then it was written where nobody reads it: whoever told it has to tell it again.
    if (error instanceof LeftDatabaseError) throw error;
    log.warn("chargebacks are counted later", { error: messageOf(error) });
  }
  return taken;
}

/** @throws {WorkflowError} `invalid` */
function refuseFaulty(report: ChargebackReport): void {
  const { provider, providerRef, chargeRefs, amountCents, currency, state, happenedAt } = report;
  const isRef = (ref: string) => isText(ref, { min: 1, max: 128 });
  // What the databases can hold.
  const isTime = (date: Date | null | undefined) =>
    date == null || isDay(Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 10));
  const checks: [isWell: boolean, at: string, detail: string][] = [
    [/^\w{1,32}$/.test(provider), "#/provider", "must be 1…32 letters, digits and underscores"],
    [isRef(providerRef), "#/id", "must be 1…128 characters"],
    [
      chargeRefs.length >= 1 && chargeRefs.length <= 2 && chargeRefs.every(isRef),
      "#/charge_id",
      "must be one name or two, of 1…128 characters",
    ],
    [
      Number.isSafeInteger(amountCents) && amountCents >= 0 && amountCents <= maxAmount,
      "#/amount_cents",
      `must be an integer from 0 to ${maxAmount}`,
    ],
    [/^[A-Z]{3}$/.test(currency), "#/currency", "must be three letters"],
    [Object.hasOwn(chargebackStates, state), "#/state", "must be a state of chargebacks"],
    [
      isTime(happenedAt) && happenedAt.getTime() <= Date.now() + maxAheadMs,
      "#/happened_at",
      "must be a time, and not a day ahead",
    ],
    [isTime(report.dueBy), "#/due_by", "must be a time"],
    [isTime(report.openedAt), "#/opened_at", "must be a time"],
  ];
  const faults = checks.flatMap(([isWell, at, detail]): Fault[] => isWell ? [] : [{ at, detail }]);
  if (faults.length === 0) return;
  throw new WorkflowError("invalid", "The chargeback is not one that is understood", faults);
}
