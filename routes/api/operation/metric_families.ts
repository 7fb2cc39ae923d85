/**
 * What the metrics say.
 *
 * Most is read from Redis and the database when it is asked for, so one process tells what all of them do.
 * Labels are groups, lanes, currencies, and names of checks, alerts and engines: no id ever is one.
 *
 * @module
 */

import process from "node:process";
import { countDeadLetters } from "../../../db/dead_letters/dead_letter_counts.ts";
import { type ImportTotals, sumImports } from "../../../db/imports/imports.ts";
import { countDeliveries } from "../../../db/notifications/notification_queries.ts";
import { pingDatabase } from "../../../db/connection/ping.ts";
import { messageOf } from "../../../domain/errors.ts";
import {
  batchSizeBounds,
  handlerMsBounds,
  type Histogram,
  settleMsBounds,
  sumHistograms,
} from "../../../domain/operation/histogram.ts";
import { maxCounted } from "../../../domain/bounded_count.ts";
import { lanes } from "../../../domain/messages/lane.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { readActivityTotals } from "../../../streams/kpis/activity.ts";
import { countRaisedAlerts, readAlerts } from "../../../streams/alerts/alerts.ts";
import { readOthersCallbacks } from "../../../streams/payments/others_callbacks.ts";
import { readVerification } from "../../../streams/verification/verify_regularly.ts";
import {
  type GroupStatus,
  type LaneStatus,
  readStreams,
} from "../../../streams/workflow/queue_status.ts";
import { countRedisConnections } from "../../../streams/redis/redis.ts";
import type { AppDeps } from "../../deps.ts";
import { withDeadline } from "../../../streams/timing/deadline.ts";

/** Longest wait for a part, in milliseconds; a part that is late is missing. */
const maxMs = 3_000;

/** One figure of a family. */
export interface Sample {
  labels: Record<string, string>;
  value: number;
  /** Where it is not the family's own name: the parts of a histogram. */
  metricName?: string;
}

/** Figures of one name. */
export interface Family {
  name: string;
  help: string;
  type: "gauge" | "counter" | "histogram";
  values: Sample[];
}

/** Reads everything; what an engine that is away would tell is missing. */
export async function readFamilies(deps: AppDeps): Promise<Family[]> {
  const { db, log } = deps;
  const read = async <T>(who: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await withDeadline(maxMs, who, work());
    } catch (error) {
      log.debug("metrics not read", { who, error: messageOf(error) });
      return undefined;
    }
  };
  const [streams, totals, proof, alerts, raised, others, dead, imports, unsent, database, redis] =
    await Promise.all([
      read("Redis", () => readStreams(deps)),
      read("Redis", () => readActivityTotals(deps)),
      read("Redis", () => readVerification(deps)),
      read("Redis", () => readAlerts(deps)),
      read("Redis", () => countRaisedAlerts(deps)),
      read("Redis", () => readOthersCallbacks(deps)),
      read("The database", () => countDeadLetters(db)),
      read("The database", () => sumImports(db)),
      read("The database", () => countDeliveries(db)),
      read("The database", () => pingDatabase(db).then(() => true)),
      read("Redis", () => deps.redis.ping().then(() => true)),
    ]);
  return [
    family("gauge", "engine_up", "1 where the engine answers", [
      { labels: { engine: "database" }, value: database ? 1 : 0 },
      { labels: { engine: "redis" }, value: redis ? 1 : 0 },
    ]),
    ...known(streams, groupFamilies),
    ...known(dead, deadLetterFamilies),
    ...known(totals, activityFamilies),
    ...known(proof, proofFamilies),
    ...known(alerts, alertFamilies),
    ...known(raised, raisedFamilies),
    ...known(others, othersFamilies),
    ...known(imports, importFamilies),
    ...known(unsent, notificationFamilies),
    ...connectionFamilies(deps),
    ...memoryFamilies(),
    family(
      "gauge",
      "database_connections_limit",
      "Connections that this process opens at most",
      one(deps.config.databaseConnections),
    ),
  ];
}

/** The families of what was read; none of what was not. */
function known<T>(facts: T | null | undefined, toFamilies: (facts: T) => Family[]): Family[] {
  return facts === undefined || facts === null ? [] : toFamilies(facts);
}

function family(type: Family["type"], name: string, help: string, values: Sample[]): Family {
  return { type, name: `orders_${name}`, help, values };
}

function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

type Read<F extends (...args: never[]) => Promise<unknown>> = Awaited<ReturnType<F>>;

function groupFamilies(streams: Read<typeof readStreams>): Family[] {
  const each = (value: (group: Omit<GroupStatus, "dead">) => number): Sample[] =>
    streams.map((status) => ({ labels: { group: status.group }, value: value(status) }));
  const eachLane = (value: (lane: LaneStatus) => number): Sample[] =>
    streams.flatMap(({ group, lanes: of }) =>
      lanes.map((lane) => ({ labels: { group, lane }, value: value(of[lane]) }))
    );
  return [
    family("gauge", "group_backlog", "Messages in the stream, read or not", each((s) => s.length)),
    family("gauge", "group_unread", "Messages that no consumer has read", each((s) => s.lag)),
    family(
      "gauge",
      "group_pending",
      "Messages that a consumer has in hand",
      each((s) => s.pending),
    ),
    family("gauge", "group_scheduled", "Messages that are not due yet", each((s) => s.scheduled)),
    family(
      "gauge",
      "group_retries",
      "Messages that wait for their next try",
      each((s) => s.retries),
    ),
    family("gauge", "group_consumers", "Consumers that are alive", each((s) => s.consumers)),
    family("gauge", "group_paused", "1 where the group is paused", each((s) => s.paused ? 1 : 0)),
    family(
      "gauge",
      "group_oldest_age_seconds",
      "Age of the oldest unfinished message",
      each((s) => s.oldestAgeMs / 1_000),
    ),
    family("gauge", "lane_backlog", "Messages in a lane's stream", eachLane((s) => s.length)),
    family(
      "gauge",
      "lane_oldest_age_seconds",
      "Age of a lane's oldest unfinished message",
      eachLane((s) => s.oldestAgeMs / 1_000),
    ),
    family("counter", "group_processed_total", "Messages finished", each((s) => s.processed)),
    family("counter", "group_retried_total", "Tries that failed", each((s) => s.retried)),
    family(
      "gauge",
      "group_money_cents",
      "Money that the waiting messages are about",
      streams.flatMap(({ group, money }) =>
        money.map(({ currency, amountCents }) => ({
          labels: { group, currency },
          value: amountCents,
        }))
      ),
    ),
  ];
}

function deadLetterFamilies(dead: Read<typeof countDeadLetters>): Family[] {
  return [family(
    "gauge",
    "group_dead_letters",
    `Dead letters that wait for a decision, counted up to ${maxCounted}`,
    groups.map((group) => ({ labels: { group }, value: dead.get(group) ?? 0 })),
  )];
}

function activityFamilies(totals: Read<typeof readActivityTotals>): Family[] {
  const sum = (count: (group: typeof groups[number]) => number) =>
    groups.reduce((sum, group) => sum + count(group), 0);
  return [
    histogram(
      "batch_seconds",
      "Time that a batch takes",
      handlerMsBounds.map((ms) => ms / 1_000),
      groups.map((group) => ({
        labels: { group },
        counts: totals[group].handlerMs,
        sum: totals[group].sumMs / 1_000,
      })),
    ),
    histogram(
      "batch_messages",
      "Messages in a batch",
      batchSizeBounds,
      groups.map((group) => ({
        labels: { group },
        counts: totals[group].batchSize,
        sum: totals[group].sumBatch,
      })),
    ),
    histogram(
      "settle_seconds",
      "Time from an order's arrival to its end, of a sample of the orders",
      settleMsBounds.map((ms) => ms / 1_000),
      [{
        labels: {},
        counts: sumHistograms(groups.map((group) => totals[group].settleMs)),
        sum: sum((group) => totals[group].sumSettleMs) / 1_000,
      }],
    ),
    family("counter", "settled_total", "Orders that came to their end", [
      { labels: { status: "PAID" }, value: sum((group) => totals[group].paid) },
      { labels: { status: "FAILED" }, value: sum((group) => totals[group].failed) },
    ]),
  ];
}

function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  parts: { labels: Record<string, string>; counts: Histogram; sum: number }[],
): Family {
  const full = `orders_${name}`;
  return family(
    "histogram",
    name,
    help,
    parts.flatMap(({ labels, counts, sum }) => {
      let below = 0;
      const buckets = counts.map((count, index): Sample => {
        below += count;
        const le = index < bounds.length ? String(bounds[index]) : "+Inf";
        return { labels: { ...labels, le }, value: below, metricName: `${full}_bucket` };
      });
      return [
        ...buckets,
        { labels, value: sum, metricName: `${full}_sum` },
        { labels, value: below, metricName: `${full}_count` },
      ];
    }),
  );
}

function proofFamilies(proof: NonNullable<Read<typeof readVerification>>): Family[] {
  return [
    family(
      "gauge",
      "drift",
      "Differences that the last proof found",
      proof.checks.map(({ name, drift_count: value }) => ({ labels: { check: name }, value })),
    ),
    family(
      "gauge",
      "proof_timestamp_seconds",
      "When the last proof began",
      one(Date.parse(proof.checked_at) / 1_000),
    ),
    family("gauge", "proof_seconds", "How long the last proof took", one(proof.seconds)),
  ];
}

function alertFamilies(alerts: Read<typeof readAlerts>): Family[] {
  return [family(
    "gauge",
    "alert_raised",
    "1 where the alert is raised",
    alerts.map(({ name, raisedAt }) => ({
      labels: { alert: name },
      value: raisedAt === null ? 0 : 1,
    })),
  )];
}

function raisedFamilies(raised: Read<typeof countRaisedAlerts>): Family[] {
  return [family(
    "counter",
    "alerts_raised_total",
    "How often each alert was raised",
    [...raised].map(([alert, value]) => ({ labels: { alert }, value })),
  )];
}

function othersFamilies(others: Read<typeof readOthersCallbacks>): Family[] {
  return [family(
    "counter",
    "callbacks_of_others_total",
    "What providers told of charges of another installation, which is passed over",
    [...others].map(([provider, value]) => ({ labels: { provider }, value })),
  )];
}

function importFamilies(imports: readonly ImportTotals[]): Family[] {
  const sum = (value: (totals: ImportTotals) => number): Sample[] =>
    one(imports.reduce((sum, totals) => sum + value(totals), 0));
  const each = (value: (totals: ImportTotals) => number): Sample[] =>
    imports.map((totals) => ({
      labels: { run: totals.dryRun ? "trial" : "import" },
      value: value(totals),
    }));
  return [
    family("gauge", "imports_running", "Imports that are running", sum((t) => t.running)),
    family(
      "gauge",
      "imports_running_orders",
      "Orders that the running imports have done",
      sum((t) => t.runningOrders),
    ),
    family("counter", "import_rows_total", "Rows that imports have read", each((t) => t.rows)),
    family(
      "counter",
      "import_rows_rejected_total",
      "Rows that imports have not taken",
      each((t) => t.rowsRejected),
    ),
  ];
}

function notificationFamilies(unsent: Read<typeof countDeliveries>): Family[] {
  const each = (value: (backlog: typeof unsent[number]) => number): Sample[] =>
    unsent.map((backlog) => ({ labels: { channel: backlog.channel }, value: value(backlog) }));
  return [
    family(
      "gauge",
      "notifications_waiting",
      `Notifications that are to be sent, now or later, counted up to ${maxCounted}`,
      each((backlog) => backlog.waiting),
    ),
    family(
      "gauge",
      "notifications_given_up",
      `Notifications that were not sent and are not tried any more, counted up to ${maxCounted}`,
      each((backlog) => backlog.givenUp),
    ),
  ];
}

function connectionFamilies({ db }: AppDeps): Family[] {
  const { open, inUse, waiting } = db.connections();
  return [
    family("gauge", "database_connections", "Connections of this process to the database", [
      { labels: { state: "in_use" }, value: inUse },
      { labels: { state: "idle" }, value: open - inUse },
    ]),
    family(
      "gauge",
      "database_connections_waiting",
      "Callers of this process that wait for a connection",
      one(waiting),
    ),
    family(
      "gauge",
      "redis_connections",
      "Connections of this process to Redis; lost ones are being opened again",
      Object.entries(countRedisConnections()).flatMap(([use, states]) =>
        Object.entries(states).map(([state, value]) => ({ labels: { use, state }, value }))
      ),
    ),
  ];
}

function memoryFamilies(): Family[] {
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  return [
    family("gauge", "process_resident_memory_bytes", "Memory of this process", one(rss)),
    family("gauge", "process_heap_used_bytes", "Heap of this process in use", one(heapUsed)),
    family("gauge", "process_heap_total_bytes", "Heap of this process", one(heapTotal)),
  ];
}
