/**
 * Looks now and then whether something is wrong that a person should know of.
 *
 * What is found is kept in Redis, so that every process shows the same, and a restart forgets nothing.
 *
 * @module
 */

import { typed } from "../../runtime/typed.ts";
import { listOpenLosses } from "../../db/recovery/database_losses.ts";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import { sumDeadLetters } from "../../db/dead_letters/dead_letters.ts";
import { readDisabledEndpoint } from "../../db/notifications/disabled_endpoints.ts";
import { countGivenUp } from "../../db/notifications/notification_queries.ts";
import type { Database } from "../../db/connection/database.ts";
import { countOverdueReservations } from "../../db/orders/overdue_reservations.ts";
import { type ChargebackSum, sumChargebacks } from "../../db/payments/chargeback_list.ts";
import type { MoneySum } from "../../db/payments/money_sums.ts";
import { sumDisputes } from "../../db/payments/payment_disputes.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { sumOpenDiscrepancies } from "../../db/reconciliation/discrepancies.ts";
import { sumGivenTwice } from "../../db/refunds/given_twice.ts";
import { sumReturns } from "../../db/refunds/returned_refunds.ts";
import { sumMoneyByHand } from "../../db/refunds/refunds_by_hand.ts";
import { describeLosses } from "../../domain/operation/database_age.ts";
import { unrealMoney } from "../../domain/payment/unreal_money.ts";
import {
  type AlertCheck,
  alertNews,
  type AlertState,
  decideAlert,
} from "../../domain/operation/alerts.ts";
import { type Config, isLoopback } from "../../config/config.ts";
import { messageOf } from "../../domain/errors.ts";
import { describeCount, maxCounted } from "../../domain/bounded_count.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Log } from "../../domain/operation/log.ts";
import { groups } from "../../domain/messages/messages.ts";
import { counted, plural } from "../../domain/text/plural.ts";
import { noteAlertNews } from "./alert_posts.ts";
import { olderConsumers } from "../payments/end_old_keys.ts";
import { takeLease } from "../redis/lease.ts";
import { readFailedRepairs, repairableNames } from "../recovery/repair.ts";
import { pause } from "../timing/pause.ts";
import { checkWord } from "../verification/check_words.ts";
import { readVerification, readVerificationFailures } from "../verification/verify_regularly.ts";
import { readProviderAway } from "../payments/provider_away.ts";
import type { RedisDeps } from "../redis/keys.ts";
import type { Pause } from "../queue/pause_group.ts";
import { consumersBefore } from "../workflow/hold_older.ts";
import { readStreams } from "../workflow/queue_status.ts";

export type { AlertState } from "../../domain/operation/alerts.ts";

/** What looking works with. */
export interface AlertDeps extends RedisDeps {
  db: Database;
  config: Pick<
    Config,
    | "reservationTtlSeconds"
    | "alertWebhookUrl"
    | "notifyWebhookUrl"
    | "gateway"
    | "furtherGateways"
    | "stripeSecretKey"
    | "host"
    | "reconciliationAlertHours"
  >;
  log: Log;
}

/** How often is looked, in milliseconds. */
const lookMs = 10_000;

/** Age of the oldest message from which on it is too old, and up to which it is not, in milliseconds. */
const oldMs = 300_000, youngMs = 60_000;

/** A reservation is overdue when the sweep should have ended it so long ago, in seconds. */
const overdueSeconds = 300;

/** Open losses of the database that are looked at. */
const lossesToTell = 100;

/** Proofs that can't be made in a row until people are told: an engine may be away for a while. */
const failedVerifications = 3;

/** Every alert that is raised or about to be, the first ones first. */
export async function readAlerts({ redis, keys }: RedisDeps): Promise<AlertState[]> {
  const states = await redis.hvals(keys.alerts);
  return states.map((text) => JSON.parse(text) as AlertState)
    .sort((a, b) => a.since < b.since ? -1 : 1);
}

/** How often each alert was raised so far, by name. */
export async function countRaisedAlerts({ redis, keys }: RedisDeps): Promise<Map<string, number>> {
  const counts = await redis.hgetall(keys.alertsRaised);
  return new Map(Object.entries(counts).map(([name, count]) => [name, Number(count)]));
}

/** Looks until the signal aborts; of many processes one does so at a time. */
export async function keepWatching(deps: AlertDeps, signal: AbortSignal): Promise<void> {
  const { redis, keys, log } = deps;
  while (!signal.aborted) {
    try {
      // Not given back: it ends shortly before the next look is due, whoever takes that.
      if (await takeLease(redis, keys.alertsLease, lookMs - 1_000) !== null) {
        await lookOnce(deps, Date.now());
      }
    } catch (error) {
      if (!signal.aborted) log.warn("not looked for alerts", { error: messageOf(error) });
    }
    await pause(lookMs, signal);
  }
}

/**
 * Takes one look: raises and resolves alerts, says so in the log, and has it posted where the settings say so.
 *
 * Each kind of alert is judged as soon as it was read. What could not be read, because an engine is away, stays as it
 * was: a database that is gone must not silence what Redis tells.
 *
 * @param nowMs the time in ms since 1970
 * @throws when Redis is away, where alerts are kept; what is known then stays as it is
 */
export async function lookOnce(deps: AlertDeps, nowMs: number): Promise<void> {
  const known = await deps.redis.hgetall(deps.keys.alerts);
  const reads: Record<string, Promise<AlertCheck[]>> = {
    streams: checkStreams(deps),
    dead_letters: checkDeadLetters(deps),
    proof: checkVerification(deps),
    repairs: checkRepairs(deps),
    reservations: checkReservations(deps),
    disputes: checkDisputes(deps),
    by_hand: checkByHand(deps),
    given_twice: checkGivenTwice(deps),
    returned: checkReturned(deps),
    chargebacks: checkChargebacks(deps),
    discrepancies: checkDiscrepancies(deps),
    provider: checkProvider(deps),
    older: checkOlder(deps),
    books: checkDatabaseAge(deps),
    other_database: checkOtherDatabase(deps),
    webhook: checkWebhook(deps),
    notifications: checkGivenUp(deps),
    gateway: Promise.resolve(checkSimulation(deps)),
  };
  await Promise.all(
    Object.entries(reads).map(async ([what, read]) => {
      const checks = await read.catch((error) => {
        deps.log.warn("not looked for alerts", { what, error: messageOf(error) });
        return [];
      });
      for (const check of checks) await judge(deps, check, known[check.name], nowMs);
    }),
  );
}

/** @param text what is kept of the alert */
async function judge(
  deps: AlertDeps,
  check: AlertCheck,
  text: string | undefined,
  nowMs: number,
): Promise<void> {
  const { redis, keys, log } = deps;
  const before = text === undefined ? null : JSON.parse(text) as AlertState;
  const { state, change } = decideAlert(before, check, nowMs);
  // In one step, so that what was raised is told, and told once.
  const writes = redis.multi();
  if (change === "raised") writes.hincrby(keys.alertsRaised, check.name, 1);
  if (change !== null && deps.config.alertWebhookUrl !== "") {
    const alert = change === "raised" ? state : before;
    noteAlertNews(writes, keys, check.name, alertNews(alert!, change, nowMs), nowMs);
  }
  if (state !== null) writes.hset(keys.alerts, check.name, JSON.stringify(state));
  else if (text !== undefined) writes.hdel(keys.alerts, check.name);
  if (writes.length > 0) await writes.exec();
  if (change === "raised") {
    log.error("alert raised", { alert: check.name, title: check.title, detail: check.detail });
  } else if (change === "resolved") {
    log.info("alert resolved", { alert: check.name, title: check.title });
  }
}

async function checkStreams(deps: AlertDeps): Promise<AlertCheck[]> {
  const streams = await readStreams(deps);
  return streams.flatMap(
    ({ group, lanes, oldestAgeMs, length, scheduled, consumers, paused, money }) => {
      const waiting = length + scheduled;
      const minutes = Math.round(oldestAgeMs / 60_000);
      const amounts = listed(money);
      const checks: AlertCheck[] = [{
        name: `oldest_age:${group}`,
        severity: "warning",
        title: `${group}: messages wait too long`,
        detail: [
          `the oldest of ${waiting} is ${minutes} min old${
            lanes.live.oldestAgeMs > oldMs || oldestAgeMs <= oldMs ? "" : ", in the bulk lane alone"
          }`,
          ...(amounts === "" ? [] : [`${amounts} ${plural(money.length, "waits", "wait")}`]),
          ...(paused ? ["the group is paused"] : []),
        ].join("; "),
        level: oldestAgeMs > oldMs ? "bad" : oldestAgeMs > youngMs ? "between" : "good",
      }, {
        name: `no_consumer:${group}`,
        severity: "critical",
        title: `${group}: nobody is working`,
        detail: `${counted(waiting, "message waits", "messages wait")} and no consumer is alive${
          amounts === "" ? "" : `: ${amounts}`
        }; run ${typed("start")}`,
        level: consumers > 0 || waiting === 0 ? "good" : "bad",
      }, {
        name: `paused_with_work:${group}`,
        severity: "warning",
        title: `${group}: paused while work waits`,
        detail: paused === null
          ? "it is not paused"
          : `${describePause(paused)}; ${counted(waiting, "message waits", "messages wait")}${
            amounts === "" ? "" : `, ${amounts}`
          }`,
        level: paused !== null && waiting > 0 ? "bad" : "good",
      }];
      return checks;
    },
  );
}

async function checkDeadLetters({ db }: AlertDeps): Promise<AlertCheck[]> {
  const dead = await countDeadLetters(db);
  return await Promise.all(groups.map(async (group): Promise<AlertCheck> => {
    const letters = dead.get(group) ?? 0;
    // Beyond that nobody reads all of them every ten seconds to add up their money.
    const sums = letters > 0 && letters < maxCounted ? await sumDeadLetters(db, { group }) : [];
    const amounts = sums.filter(({ currency }) => currency !== null)
      .map(({ amountCents, currency }) => namedAmount(amountCents, currency!)).join(" and ");
    return {
      name: `dead_letters:${group}`,
      severity: "warning",
      title: `${group}: dead letters`,
      detail: `${describeCount(letters)} ${plural(letters, "waits", "wait")} for a decision${
        amounts === "" ? "" : `, about ${amounts}`
      }`,
      level: letters > 0 ? "bad" : "good",
    };
  }));
}

function countOf(sums: readonly MoneySum[]): number {
  return sums.reduce((sum, { count }) => sum + count, 0);
}

/** Amounts in a row, such as `12.50 EUR and 3.00 USD`. */
function listed(money: readonly { currency: string; amountCents: number }[]): string {
  return money.map(({ amountCents, currency }) => namedAmount(amountCents, currency)).join(" and ");
}

function describePause({ actor, at, reason }: Pause): string {
  const since = at === "" ? "" : ` since ${at.slice(0, 16).replace("T", " ")} UTC`;
  return `paused by ${actor}${since}${reason === null ? "" : `: ${reason}`}`;
}

async function checkVerification(deps: AlertDeps): Promise<AlertCheck[]> {
  const [proof, failures] = await Promise.all([
    readVerification(deps),
    readVerificationFailures(deps),
  ]);
  const checks = (proof?.checks ?? []).map((check): AlertCheck => ({
    name: `drift:${check.name}`,
    severity: "critical",
    title: `The verification found drift in ${checkWord(check.name)}`,
    detail: `${counted(check.drift_count, "differs", "differ")}${
      repairableNames.includes(check.name) && check.for_people
        ? `; a person has to decide about ${check.for_people}`
        : ""
    }`,
    level: check.drift_count > 0 ? "bad" : "good",
  }));
  const count = failures?.count ?? 0;
  return [...checks, {
    name: "not_proven",
    severity: "critical",
    title: "The verification fails",
    detail: `it failed ${counted(count, "time")} in a row: ${failures?.error ?? ""}`,
    level: count >= failedVerifications ? "bad" : count > 0 ? "between" : "good",
  }];
}

async function checkRepairs(deps: AlertDeps): Promise<AlertCheck[]> {
  const failed = new Map((await readFailedRepairs(deps)).map((repair) => [repair.check, repair]));
  return repairableNames.map((check) => {
    const { failures = 0, left = 0, example = "" } = failed.get(check) ?? {};
    return {
      name: `not_mended:${check}`,
      severity: "critical",
      title: `Repair does not mend the drift in ${checkWord(check)}`,
      detail: `${counted(left, "differs", "differ")} after ${
        counted(failures, "repair")
      }, such as ${example}`,
      level: failures > 0 ? "bad" : "good",
    };
  });
}

async function checkReservations({ db, config }: AlertDeps): Promise<AlertCheck[]> {
  const seconds = config.reservationTtlSeconds + overdueSeconds;
  const overdue = await countOverdueReservations(db, seconds);
  return [{
    name: "overdue_reservations",
    severity: "warning",
    title: "Reservations are not ended in time",
    detail: `${counted(overdue, "order waits", "orders wait")} for payment longer than allowed`,
    level: overdue > 0 ? "bad" : "good",
  }];
}

async function checkDisputes({ db }: AlertDeps): Promise<AlertCheck[]> {
  const sums = await sumDisputes(db);
  const disputes = countOf(sums);
  return [{
    name: "disputed_payments",
    severity: "critical",
    title: "Payments wait for a decision",
    detail: `${describeCount(disputes)} taken in another amount than was asked for, or twice: ${
      listed(sums)
    }`,
    level: disputes > 0 ? "bad" : "good",
  }];
}

async function checkByHand({ db }: AlertDeps): Promise<AlertCheck[]> {
  const sums = await sumMoneyByHand(db);
  const count = countOf(sums);
  const amounts = sums.map(({ amountCents, currency }) => namedAmount(amountCents, currency));
  return [{
    name: "refunds_by_hand",
    severity: "warning",
    title: "Money waits to be given back by hand",
    detail: count === 0
      ? "none waits"
      : `${amounts.join(" and ")} in ${
        describeCount(count)
      }: it was paid at the source, through a ` +
        "provider that is not configured, or its provider took back what it had given back",
    level: count > 0 ? "bad" : "good",
  }];
}

async function checkGivenTwice({ db }: AlertDeps): Promise<AlertCheck[]> {
  const sums = await sumGivenTwice(db);
  const count = countOf(sums);
  return [{
    name: "given_twice",
    severity: "critical",
    title: "Money was given back twice",
    detail: count === 0
      ? "none was"
      : `${listed(sums)} in ${
        describeCount(count)
      }: by hand and by its provider, or by a refund and a chargeback; get one of both back`,
    level: count > 0 ? "bad" : "good",
  }];
}

async function checkReturned({ db }: AlertDeps): Promise<AlertCheck[]> {
  const sums = await sumReturns(db);
  const count = countOf(sums);
  return [{
    name: "refunds_returned",
    severity: "critical",
    title: "Refunds did not reach their customers",
    detail: count === 0
      ? "none was taken back"
      : `${listed(sums)} in ${
        describeCount(count)
      }: their provider took them back after they were processed; pay them again`,
    level: count > 0 ? "bad" : "good",
  }];
}

async function checkChargebacks({ db }: AlertDeps): Promise<AlertCheck[]> {
  const [due, lost, unknown] = await Promise.all([
    sumChargebacks(db, "due"),
    sumChargebacks(db, "lost"),
    sumChargebacks(db, "unknown"),
  ]);
  const dueBy = due.flatMap((sum) => sum.dueBy ?? []).sort()[0];
  const check = (
    name: "chargebacks_due" | "chargebacks_lost" | "chargebacks_unknown",
    severity: AlertCheck["severity"],
    title: string,
    { sums, words }: { sums: readonly ChargebackSum[]; words: string },
  ): AlertCheck => {
    const count = countOf(sums);
    const detail = count === 0 ? "none is" : `${listed(sums)} in ${describeCount(count)}${words}`;
    return { name, severity, title, detail, level: count > 0 ? "bad" : "good" };
  };
  return [
    check("chargebacks_due", "critical", "Chargebacks wait for an answer", {
      sums: due,
      words: dueBy === undefined
        ? ""
        : `, the first until ${dueBy.slice(0, 16).replace("T", " ")} UTC`,
    }),
    check("chargebacks_lost", "warning", "Chargebacks were lost", {
      sums: lost,
      words: ", which nobody has said to know of",
    }),
    check("chargebacks_unknown", "warning", "Chargebacks of charges that nobody here knows", {
      sums: unknown,
      words: ": another shop's with the same provider, or of a payment that is missing here",
    }),
  ];
}

async function checkDiscrepancies({ db, config }: AlertDeps): Promise<AlertCheck[]> {
  const { reconciliationAlertHours: hours } = config;
  const sums = await sumOpenDiscrepancies(db, { olderThanHours: hours });
  const count = countOf(sums);
  return [{
    name: "discrepancies",
    severity: "critical",
    title: "A provider's books and ours do not agree",
    detail: count === 0
      ? "they do, or not for long"
      : `${listed(sums)} in ${counted(count, "discrepancy", "discrepancies")} that ${
        plural(count, "is", "are")
      } open for more than ${hours} hours`,
    level: count > 0 ? "bad" : "good",
  }];
}

/** For so many hours after it was given up people are told of a notification. */
const givenUpHours = 24;

async function checkGivenUp({ db }: AlertDeps): Promise<AlertCheck[]> {
  const counts = await countGivenUp(db, givenUpHours);
  const said = counts.map(({ channel, count }) => `${describeCount(count)} by ${channel}`);
  return [{
    name: "notifications_given_up",
    severity: "warning",
    title: "Notifications were given up",
    detail: `${said.join(" and ") || "none"} in the last ${givenUpHours} hours`,
    level: counts.length > 0 ? "bad" : "good",
  }];
}

async function checkWebhook({ db, config }: AlertDeps): Promise<AlertCheck[]> {
  const { notifyWebhookUrl: url } = config;
  const disabled = url === "" ? undefined : await readDisabledEndpoint(db, url);
  return [{
    name: "webhook_disabled",
    severity: "critical",
    title: "The webhook is switched off",
    detail: disabled === undefined
      ? "it is not"
      : `${disabled.origin} said that it wants nothing any more: ${disabled.reason}`,
    level: disabled === undefined ? "good" : "bad",
  }];
}

function checkSimulation({ config }: AlertDeps): AlertCheck[] {
  const { host } = config;
  const unreal = isLoopback(host) ? null : unrealMoney(config);
  return [{
    name: "simulated_gateway",
    severity: "critical",
    title: "Others reach a service that moves no money",
    detail: unreal === null
      ? "they do not"
      : `${unreal.title} (${unreal.setting}), and others reach the service at ${host}`,
    level: unreal === null ? "good" : "bad",
  }];
}

async function checkProvider(deps: AlertDeps): Promise<AlertCheck[]> {
  const cause = await readProviderAway(deps);
  return [{
    name: "payment_provider",
    severity: "critical",
    title: "The payment provider cannot be asked",
    detail: cause ?? "it answers",
    level: cause === null ? "good" : "bad",
  }];
}

async function checkOlder(deps: AlertDeps): Promise<AlertCheck[]> {
  const [older, { oldKeysUntil }, before] = await Promise.all([
    olderConsumers(deps),
    readInstallation(deps.db),
    consumersBefore(deps),
  ]);
  const takesPayments = older.length > 0 && oldKeysUntil !== null;
  return [{
    name: "older_version",
    severity: "critical",
    title: "A process of the version before is alive",
    detail: takesPayments
      ? `it takes payments, and nobody else takes any until it has stopped: ${older.join(", ")}`
      : before.length === 0
      ? "none is"
      : `it takes nothing any more and is to be stopped: ${before.join(", ")}`,
    // At an upgrade from the version that made keys of row ids they may be there.
    level: takesPayments || before.length > older.length ? "bad" : "good",
  }];
}

async function checkOtherDatabase({ redis, keys }: AlertDeps): Promise<AlertCheck[]> {
  const why = await redis.get(keys.databaseOther);
  const what = why === "fork"
    ? "it has commits that are no part of the history which Redis knows"
    : "it is another installation's than the one which Redis knows";
  return [{
    name: "database_other",
    severity: "critical",
    title: "A process is led to a database that does not count",
    detail: why === null
      ? "none is"
      : `${what}, and it takes nothing: lead DATABASE_URL or the proxy to the one that counts`,
    level: why === null ? "good" : "bad",
  }];
}

async function checkDatabaseAge({ db }: AlertDeps): Promise<AlertCheck[]> {
  const losses = await listOpenLosses(db, lossesToTell);
  return [{
    name: "database_older",
    severity: "critical",
    title: "The database lost what was committed",
    detail: losses.length === 0 ? "nothing is lost" : describeLosses(losses),
    level: losses.length === 0 ? "good" : "bad",
  }];
}
