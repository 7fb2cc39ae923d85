/**
 * Every Redis key there is.
 *
 * All keys of a group and everything that one script touches lie in one slot of a cluster if the prefix
 * holds a hash tag, e.g. `{orders}:`.
 *
 * @module
 */

import type { KpiFigure } from "../../domain/kpi/kpi_table.ts";
import type { Lane } from "../../domain/messages/lane.ts";
import type { Group } from "../../domain/messages/messages.ts";
import type { RedisClient } from "./redis.ts";

/** Ids to a segment of a once-marker bitmap: 128 KiB at the most, however large the ids are. */
export const onceSegmentSize = 1_048_576;

/** A connection, and the keys to use it with. */
export interface RedisDeps {
  redis: RedisClient;
  keys: Keys;
}

/** The keys under one prefix. */
export interface Keys {
  prefix: string;
  /**
   * Stream of a group in a lane, live by default as in all that follow: entries are deleted when acknowledged, so its
   * length is the backlog.
   */
  stream(group: Group, lane?: Lane): string;
  /** Sorted set: messages that are not due yet (JSON of the fields) by due time in ms. */
  scheduled(group: Group, lane?: Lane): string;
  /**
   * Hash: scheduled message → its trace, where there is one. Apart from the messages, because one that is
   * scheduled twice is one message, whatever traces it belongs to.
   */
  scheduledTraces: string;
  /** Sorted set: ids of pending messages that failed, by the time in ms when they are due again. */
  retries(group: Group, lane?: Lane): string;
  /** Sorted set: consumers by the time in ms of their last sign of life. */
  alive(group: Group): string;
  /** Hash: consumer → when it began, ISO 8601. */
  consumerStarts(group: Group): string;
  /** Hash: message id → how often a handler failed on it. */
  errors(group: Group, lane?: Lane): string;
  /** Hash: message id → the last error's text. */
  errorTexts(group: Group, lane?: Lane): string;
  /** Hash: currency → cents that wait in the stream and among the scheduled. */
  weights(group: Group, lane?: Lane): string;
  /** Hash of counters: `processed`, `retried`, `dead`. */
  stats(group: Group): string;
  /** Hash: who brings orders → how many came into the live lane while it was crowded; expires by itself. */
  crowd: string;
  /** Set while the group's consumers are told to take nothing; its value says who told them. */
  paused(group: Group): string;
  /** Hash of counters by slot of time, see streams/kpis/activity.ts: what a group did in some minutes. */
  activity(group: Group, period: number): string;
  /** Hash of the same counters since the beginning. */
  activityTotals(group: Group): string;
  /** The last report of the proof, as JSON. */
  proof: string;
  /** The last report of a proof that looked at everything, as JSON. */
  wholeProof: string;
  /** Held by the process that is proving. */
  verificationLease: string;
  /** Set while no new proof is due; expires by itself. */
  verificationRest: string;
  /** How often in a row the proof could not be made, as JSON. */
  verificationFailures: string;
  /** Hash: check of the proof → what became of repairing it, as JSON; nothing of what agrees. */
  repairs: string;
  /** Prefix of the marks of checks that are not repaired again yet; the check follows. They expire by themselves. */
  repairRest: string;
  /** Hash: name of an alert → its state as JSON. */
  alerts: string;
  /** Hash of counters: how often each alert was raised. */
  alertsRaised: string;
  /** Held by the process that looks after the alerts. */
  alertsLease: string;
  /** Held by the process that deletes what is too old and goes on with erasures. */
  upkeepLease: string;
  /** Held by whoever goes on with what was approved about discrepancies. */
  mendingLease: string;
  /** Held by the process that seals, or looks at what is sealed. */
  sealingLease: string;
  /** Set while it is not looked for what can be sealed; expires by itself. */
  sealingRest: string;
  /** Set while it is not looked for what the ledger lacks; expires by itself. */
  ledgerRest: string;
  /** Set while nothing is looked for that is too old; expires by itself. */
  purgeRest: string;
  /** Hash: id of a change of an alert that is to be posted → what is known of it as JSON. */
  alertPosts: string;
  /** Prefix of the marks of changes that are being posted, or have been: the change's id follows. */
  alertPost: string;
  /** Prefix of the bitmaps by order id: set where the order was published by an import or the API. */
  publishedOnce: string;
  /** Id of a message of a lane: all up to it are decided, see streams/handlers/reserve_turns.ts. */
  turn(group: Group, lane?: Lane): string;
  /** Hash: message id → order id, of those before it that are not decided and were passed over. */
  passedOver(group: Group, lane?: Lane): string;
  /** Prefix of the marks of expired reservations that are being asked about: the order id follows. */
  expiryMark: string;
  /** Why the payment provider can't be asked at the moment; expires by itself. */
  providerAway: string;
  /** Names the server for which the streams are known to hold all unfinished work, see `epoch.ts`. */
  epoch: string;
  /** Hash: how far the database was when anything was last published, counted or looked at, see `database_age.ts`. */
  databaseMarks: string;
  /** Why a process works on no database at the moment: it is led to another one; expires by itself. */
  databaseOther: string;
  /** Sorted set: `TICK NAME` of the latest ticks of the database by tick, see `database_age.ts`. */
  databaseTicks: string;
  /** Marks of callbacks of the payment provider that were taken; the callback's id follows. */
  callback: string;
  /** Hash of counters: callbacks about charges of another installation on the same account, by provider. */
  othersCallbacks: string;
  /** When the requests of a token that were counted are forgotten; its name follows. */
  rateLimit: string;
  /** Written to see whether anything can be written; expires by itself. */
  probe: string;
  /** Held by the process that is recovering. */
  recoveryLease: string;
  /** Id of the last step of the timelines whose notice the sweep has looked for. */
  sweptEvent: string;
  /** Whatever begins with it is a KPI key. */
  kpi: string;
  /** Sorted set of equal scores: `YYYY-MM-DD:CUR` for every day and currency that has figures. */
  kpiIndex: string;
  /** Bitmap of a segment of order ids: set where the order is in the figures. */
  countedOrders(segment: number): string;
  /** The same for refund ids. */
  countedRefunds(segment: number): string;
  /** The same for movements of chargebacks. */
  countedChargebacks(segment: number): string;
  /** Which of these three goes by the ids of a subject of figures. */
  counted(of: "order" | "refund" | "chargeback"): (segment: number) => string;
  /** The same for ids of `order_retries`: set where the order's end after it is in the figures. */
  countedAgain(segment: number): string;
  /** The same for ids of `order_retries`: set where the failure before it is out of the figures. */
  uncounted(segment: number): string;
  /** Set while a rebuild fills the shadow figures; its value is the rebuild's token. */
  kpiRebuild: string;
  /** Prefix of the shadow figures that a rebuild fills. */
  kpiShadow: string;
  /** Where a rebuild fills what is to take the place of a key. */
  shadowOf(key: string): string;
  /** Whose place a key of the shadow is to take. */
  liveOf(shadow: string): string;
  /** Set of the keys of the shadow figures. */
  kpiShadowKeys: string;
  /** Prefixes of everything that a rebuild replaces. */
  kpiReplaced: readonly string[];
  /** What this process counts the figures by: its base currency and time zone, such as `EUR Europe/Berlin`. */
  kpiBasis: string;
  /** What the figures that are there were counted by. */
  kpiBasisKept: string;
  /** Sorted set: the processes that are alive, each with its basis, by the ms at which they count as ended. */
  kpiBasisAlive: string;
  /** Sorted set: prints of the secrets of erasures that living processes have, by the ms at which they count as ended. */
  erasureSecretsAlive: string;
  /** A KPI figure; days of the base currency carry no currency in their key. */
  kpiFigure(day: string, currency: string, figure: KpiFigure): string;
  /** Sorted set: customer's database id by cents. */
  leaderboard(currency: string): string;
}

/**
 * @param prefix goes before every key, may be empty
 * @param baseCurrency the currency whose keys carry none
 * @param kpiTimezone IANA zone of the days of the figures
 */
export function keysFor(prefix: string, baseCurrency: string, kpiTimezone = "UTC"): Keys {
  const inLane = (start: string) => (group: Group, lane?: Lane) =>
    lane === "bulk" ? `${prefix}${start}${group}:bulk` : `${prefix}${start}${group}`;
  return {
    prefix,
    stream: inLane(""),
    scheduled: inLane("scheduled:"),
    scheduledTraces: `${prefix}scheduled-traces`,
    retries: inLane("retries:"),
    alive: (group) => `${prefix}alive:${group}`,
    consumerStarts: (group) => `${prefix}consumer-starts:${group}`,
    errors: inLane("errors:"),
    errorTexts: inLane("error-texts:"),
    weights: inLane("money:"),
    stats: (group) => `${prefix}stats:${group}`,
    crowd: `${prefix}crowd`,
    paused: (group) => `${prefix}paused:${group}`,
    activity: (group, period) => `${prefix}activity:${group}:${period}`,
    activityTotals: (group) => `${prefix}activity-totals:${group}`,
    proof: `${prefix}proof`,
    wholeProof: `${prefix}proof-whole`,
    verificationLease: `${prefix}lock:proof`,
    verificationRest: `${prefix}proof-rest`,
    verificationFailures: `${prefix}proof-failures`,
    repairs: `${prefix}repairs`,
    repairRest: `${prefix}repair-rest:`,
    alerts: `${prefix}alerts`,
    alertsRaised: `${prefix}alerts-raised`,
    alertsLease: `${prefix}lock:alerts`,
    upkeepLease: `${prefix}lock:upkeep`,
    mendingLease: `${prefix}lock:mending`,
    purgeRest: `${prefix}purge-rest`,
    sealingLease: `${prefix}lock:seal`,
    sealingRest: `${prefix}seal-rest`,
    ledgerRest: `${prefix}ledger-rest`,
    alertPosts: `${prefix}alert-posts`,
    alertPost: `${prefix}lock:alert-post:`,
    publishedOnce: `${prefix}once:published:`,
    turn: inLane("turn:"),
    passedOver: inLane("passed-over:"),
    expiryMark: `${prefix}expiry:`,
    providerAway: `${prefix}provider-away`,
    epoch: `${prefix}epoch`,
    databaseMarks: `${prefix}books`,
    databaseOther: `${prefix}books-other`,
    databaseTicks: `${prefix}books-ticks`,
    callback: `${prefix}callback:`,
    othersCallbacks: `${prefix}callbacks-of-others`,
    rateLimit: `${prefix}rate:`,
    probe: `${prefix}probe`,
    recoveryLease: `${prefix}lock:recover`,
    sweptEvent: `${prefix}swept-event`,
    ...kpiKeysFor(prefix, baseCurrency, kpiTimezone),
  };
}

/** The keys of the figures, and of what was counted in them. */
function kpiKeysFor(prefix: string, baseCurrency: string, kpiTimezone: string) {
  return {
    kpi: `${prefix}kpi:`,
    kpiIndex: `${prefix}index:kpi`,
    countedOrders: (segment) => `${prefix}once:kpi-orders:${segment}`,
    countedRefunds: (segment) => `${prefix}once:kpi-refunds:${segment}`,
    countedChargebacks: (segment) => `${prefix}once:kpi-chargebacks:${segment}`,
    counted: (of) => (segment) => `${prefix}once:kpi-${of}s:${segment}`,
    countedAgain: (segment) => `${prefix}once:kpi-again:${segment}`,
    uncounted: (segment) => `${prefix}once:kpi-undone:${segment}`,
    kpiRebuild: `${prefix}rebuild`,
    kpiShadow: `${prefix}shadow:`,
    shadowOf: (key) => `${prefix}shadow:${key.slice(prefix.length)}`,
    liveOf: (shadow) => `${prefix}${shadow.slice(prefix.length + "shadow:".length)}`,
    kpiShadowKeys: `${prefix}rebuild-keys`,
    kpiReplaced: ["kpi:", "leaderboard:customers", "once:kpi-", "index:kpi"].map((start) =>
      `${prefix}${start}`
    ),
    kpiBasis: `${baseCurrency} ${kpiTimezone}`,
    kpiBasisKept: `${prefix}kpi-basis`,
    kpiBasisAlive: `${prefix}kpi-basis-alive`,
    erasureSecretsAlive: `${prefix}erasure-secrets-alive`,
    kpiFigure: (day, currency, figure) =>
      currency === baseCurrency
        ? `${prefix}kpi:${day}:${figure}`
        : `${prefix}kpi:${day}:${currency}:${figure}`,
    leaderboard: (currency) =>
      currency === baseCurrency
        ? `${prefix}leaderboard:customers`
        : `${prefix}leaderboard:customers:${currency}`,
  } satisfies Partial<Keys>;
}
