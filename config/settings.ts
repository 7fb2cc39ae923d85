/**
 * Every setting, one row each. The type `Config`, the checks, `docs/configuration.md` and what the tasks may read
 * of the environment all come from here: after a change `deno task docs` writes the latter two.
 *
 * @module
 */

import * as kinds from "./kinds.ts";
import { maxArchiveMonths } from "../domain/operation/archive_cut.ts";

/** Another setting that makes one needed. */
export interface Requirement {
  /** Of the other setting. */
  name: string;
  /** What the other setting must be, or have among its entries; without it, anything. */
  value?: string;
  /** Another one that may have the value instead. */
  orIn?: string;
  /** For people, after "is required with". */
  words: string;
}

/** A row of the table below: how one environment variable is read, and what is said of it. */
export interface Setting<T = unknown> {
  /** Of the environment variable. */
  name: string;
  /** As text, as it would be set; without it the setting is required. */
  fallback?: string;
  /** How its text is read. */
  kind: kinds.Kind<T>;
  /** One line of Markdown; values and their unit are told by the kind. */
  meaning: string;
  /** Where this is so, an empty value is a fault. */
  neededWith?: Requirement;
  /** Where it isn't needed, nobody looks at it, so that it may stay when what it is for is switched off. */
  isElseIgnored?: boolean;
  /** It, or a password in it, must be kept from others: it may stand in a file, see `secret_files.ts`. */
  isSecret?: boolean;
}

const http: Requirement = {
  name: "GATEWAY",
  value: "http",
  orIn: "FURTHER_GATEWAYS",
  words: "GATEWAY=http",
};
const stripe: Requirement = {
  name: "GATEWAY",
  value: "stripe",
  orIn: "FURTHER_GATEWAYS",
  words: "GATEWAY=stripe",
};
const email: Requirement = { name: "NOTIFY_CHANNELS", value: "email", words: "the channel email" };
const webhook: Requirement = {
  name: "NOTIFY_CHANNELS",
  value: "webhook",
  words: "the channel webhook",
};
const alerts: Requirement = { name: "ALERT_WEBHOOK_URL", words: "ALERT_WEBHOOK_URL" };

/** The payment providers that there are. */
export const providerNames = ["simulated", "http", "stripe"] as const;

/** The settings by their names in {@linkcode Config}, in the order of the documentation. */
export const settingsTable = {
  databaseUrl: {
    name: "DATABASE_URL",
    isSecret: true,
    kind: kinds.databaseUrl(),
    meaning:
      "the database, `mysql://user:pass@host:3306/name`; several hosts (`a:3306,b:3306`) of which the one that takes changes " +
      "is used; `?socket=/path` for a Unix socket; " +
      "`ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key` encrypt ([how](operating.md#the-way-to-the-engines))",
  },
  readDatabaseUrl: {
    name: "READ_DATABASE_URL",
    fallback: "",
    isSecret: true,
    kind: kinds.replicaUrl(),
    meaning:
      "a replica of the database, or an address of several, that lists and exports of the API are read from " +
      "([how](operating.md#a-replica-for-reading))",
  },
  readStalenessMs: {
    name: "READ_STALENESS_MS",
    fallback: "5000",
    kind: kinds.integer(500, 3_600_000, "ms"),
    meaning:
      "what is older than this is in what is read from the replica, or the database itself is read",
  },
  redisUrl: {
    name: "REDIS_URL",
    isSecret: true,
    kind: kinds.redisUrls(),
    meaning: "Redis; `rediss://` is encrypted, with the same parameters; several node URLs, " +
      "separated by commas, mean Redis Cluster, and one of them is enough; `redis+sentinel://user:pass@a:26379,b:26379/MASTER` " +
      "asks sentinels ([how](operating.md#the-way-to-the-engines))",
  },
  requireSettings: {
    name: "REQUIRE_SETTINGS",
    fallback: "0",
    kind: kinds.flag(),
    meaning:
      "`1`, or `NODE_ENV=production`: without `DATABASE_URL` and `REDIS_URL` commands refuse, instead of " +
      "using [private engines](operating.md#where-nothing-is-set)",
  },
  enginesDir: {
    name: "ENGINES_DIR",
    fallback: "",
    kind: kinds.anyText("a folder"),
    meaning: "where private engines keep their data; empty: `.data/dev` in the project's folder",
  },
  memoryMb: {
    name: "MEMORY_MB",
    fallback: "0",
    kind: kinds.integer(0, 10_000_000, "MB"),
    meaning:
      "memory that one process may plan with; `0`: what its container or unit may have, and no more than half of the " +
      "machine's. It decides how often `start`, `serve`, `consume` and `import` collect garbage ([how much](operating.md#memory))",
  },
  bulkThread: {
    name: "BULK_THREAD",
    fallback: "auto",
    kind: kinds.oneOf("auto", "always", "never"),
    meaning:
      "whether `start` and `consume` work on files in a thread of its own, beside requests and the orders that they bring " +
      "([why](operating.md#files-in-a-thread-of-their-own)); `auto`: where there are 1 GB and two processors",
  },
  redisPrefix: {
    name: "REDIS_PREFIX",
    fallback: "",
    kind: kinds.anyText(),
    meaning: "goes before every key; `{orders}:` for a cluster",
  },
  host: {
    name: "HOST",
    fallback: "127.0.0.1",
    kind: kinds.anyText("a name or an address"),
    meaning: "address to listen on",
  },
  port: {
    name: "PORT",
    fallback: "8000",
    kind: kinds.ports(),
    meaning:
      "port to listen on; 0 for any free one; in front of private engines `8000+` unless set",
  },
  healthPort: {
    name: "HEALTH_PORT",
    fallback: "0",
    kind: kinds.integer(0, 65_535),
    meaning:
      "port, on all addresses, on which `consume` answers `/livez` and `/readyz` and nothing else; `0`: none",
  },
  apiTokens: {
    name: "API_TOKENS",
    isSecret: true,
    fallback: "",
    kind: kinds.apiTokens(),
    meaning: "who may use the API; `deno task token` makes an entry",
  },
  allowAnonymous: {
    name: "ALLOW_ANONYMOUS",
    fallback: "0",
    kind: kinds.flag(),
    meaning: "`1` lets the API listen beyond loopback without `API_TOKENS`",
  },
  allowedHosts: {
    name: "ALLOWED_HOSTS",
    fallback: "",
    kind: kinds.hostNames(),
    meaning:
      "names that the API answers to besides `HOST` and those of loopback, a port where it " +
      "matters; empty: any name with `API_TOKENS`, any address with `ALLOW_ANONYMOUS`",
  },
  trustedProxies: {
    name: "TRUSTED_PROXIES",
    fallback: "",
    kind: kinds.networks(),
    meaning: "proxies whose `X-Forwarded-For` is believed",
  },
  rateLimitPerMinute: {
    name: "RATE_LIMIT",
    fallback: "6000",
    kind: kinds.integer(0, 1_000_000, "a minute"),
    meaning: "requests that a token may make; 0 for any number",
  },
  corsOrigins: {
    name: "CORS_ORIGINS",
    fallback: "",
    kind: kinds.origins(),
    meaning: "other web pages that may use the API",
  },
  baseCurrency: {
    name: "BASE_CURRENCY",
    fallback: "EUR",
    kind: kinds.currency(),
    meaning: "currency of the KPI keys without a currency",
  },
  kpiTimezone: {
    name: "KPI_TIMEZONE",
    fallback: "UTC",
    kind: kinds.timeZone(),
    meaning: "zone in which a KPI day begins and ends",
  },
  initialStock: {
    name: "INITIAL_STOCK",
    fallback: "50",
    kind: kinds.integer(0, 1_000_000_000, "units"),
    meaning: "stock of a product that an order names for the first time; of no meaning with " +
      "`UNKNOWN_SKU=reject`",
  },
  unknownSku: {
    name: "UNKNOWN_SKU",
    fallback: "create",
    kind: kinds.oneOf("create", "reject"),
    meaning:
      "an order that names a SKU which is not known: `create` the product, or `reject` the order whole",
  },
  onShortage: {
    name: "ON_SHORTAGE",
    fallback: "fail",
    kind: kinds.oneOf("fail", "wait"),
    meaning: "what becomes of an order that runs short: it fails, or waits for stock " +
      "([how](operating.md#orders-that-run-short))",
  },
  gateway: {
    name: "GATEWAY",
    fallback: "simulated",
    kind: kinds.oneOf(...providerNames),
    meaning:
      "payment provider: `simulated` moves no money; the one that the books hold payments of",
  },
  furtherGateways: {
    name: "FURTHER_GATEWAYS",
    fallback: "",
    kind: kinds.someOf(...providerNames),
    meaning: "providers beside it: for money that they took earlier, and for `GATEWAY_ROUTES`",
  },
  gatewayRoutes: {
    name: "GATEWAY_ROUTES",
    fallback: "",
    kind: kinds.paymentRoutes(),
    meaning:
      "which provider charges what, as `CURRENCY=PROVIDER` or `CURRENCY/METHOD=PROVIDER`, `*` for any, such as " +
      "`USD=http,*/invoice=simulated`: the first that fits counts, and where none does, `GATEWAY` charges",
  },
  chargebackRevenue: {
    name: "CHARGEBACK_REVENUE",
    fallback: "opened",
    kind: kinds.oneOf("opened", "lost"),
    meaning:
      "when a chargeback lowers revenue: on the day it is `opened`, until it is won, or only on the day it is `lost`; holds for " +
      "those that come from then on",
  },
  reconciliationDays: {
    name: "RECONCILIATION_DAYS",
    fallback: "3",
    kind: kinds.integer(0, 60, "days"),
    meaning:
      "for how many days a provider's report may leave out money that moved before it counts as missing, and a day " +
      "more may lie between its day and ours ([how](reconciling.md))",
  },
  reconciliationApprovals: {
    name: "RECONCILIATION_APPROVALS",
    fallback: "1",
    kind: kinds.integer(1, 2, "people"),
    meaning:
      "how many people it takes to mend a discrepancy: with 2 nobody approves what they proposed themselves, and whoever uses the " +
      "command line, or comes without a token, counts as one person ([how](reconciling.md))",
  },
  reconciliationAlertHours: {
    name: "RECONCILIATION_ALERT_HOURS",
    fallback: "48",
    kind: kinds.integer(1, 8_760, "hours"),
    meaning: "after how long an open discrepancy is an alert",
  },
  gatewayUrl: {
    name: "GATEWAY_URL",
    fallback: "",
    kind: kinds.url("https:", "http:"),
    meaning: "where the provider is asked",
    neededWith: http,
    isElseIgnored: true,
  },
  gatewayToken: {
    name: "GATEWAY_TOKEN",
    isSecret: true,
    fallback: "",
    kind: kinds.anyText(),
    meaning: "bearer token for the provider; empty where it wants none",
  },
  gatewaySecrets: {
    name: "GATEWAY_SECRETS",
    isSecret: true,
    fallback: "",
    kind: kinds.webhookSecrets(),
    meaning:
      "secrets that sign callbacks of the provider `http`, and chargebacks of the simulated one",
    neededWith: http,
  },
  gatewayTimeoutMs: {
    name: "GATEWAY_TIMEOUT_MS",
    fallback: "5000",
    kind: kinds.integer(100, 60_000, "ms"),
    meaning: "how long one answer of the provider may take",
  },
  gatewayDelayMs: {
    name: "GATEWAY_DELAY_MS",
    fallback: "2000",
    kind: kinds.integer(0, 3_600_000, "ms"),
    meaning: "how long the simulated gateway takes to answer",
  },
  capture: {
    name: "CAPTURE",
    fallback: "at_once",
    kind: kinds.oneOf("at_once", "later"),
    meaning:
      "when money is taken: as soon as an order is reserved, or `later`: it is only held, until somebody asks for its capture; " +
      "every provider that charges has to be able to hold money (`stripe` is); an order's `payment.capture` goes before it",
  },
  captureWithinSeconds: {
    name: "CAPTURE_WITHIN_SECONDS",
    fallback: "604800",
    kind: kinds.integer(60, 2_592_000, "s"),
    meaning:
      "how long an order whose money is held waits for its capture, where the provider gives no shorter time; then it " +
      "fails by `payment_timeout`, and the money is let go",
  },
  stripeSecretKey: {
    name: "STRIPE_SECRET_KEY",
    isSecret: true,
    fallback: "",
    kind: kinds.stripeKey(),
    meaning: "secret or restricted key of Stripe: it may write PaymentIntents and refunds",
    neededWith: stripe,
  },
  stripeWebhookSecrets: {
    name: "STRIPE_WEBHOOK_SECRETS",
    isSecret: true,
    fallback: "",
    kind: kinds.stripeSecrets(),
    meaning: "secrets that sign the webhooks of Stripe to `/payments/callback/stripe`",
    neededWith: stripe,
  },
  stripeReturnUrl: {
    name: "STRIPE_RETURN_URL",
    fallback: "",
    kind: kinds.optionalUrl("https:", "http:"),
    meaning:
      "where customers come back to whom their bank wants to see; empty: such a charge is declined",
  },
  stripeUrl: {
    name: "STRIPE_URL",
    fallback: "https://api.stripe.com",
    kind: kinds.url("https:", "http:"),
    meaning: "where Stripe is asked",
  },
  notifyChannels: {
    name: "NOTIFY_CHANNELS",
    fallback: "log",
    kind: kinds.channels(),
    meaning:
      "where ends of orders and refunds are written or sent to; `log` is the history alone, " +
      "nobody hears of it",
  },
  notifyFrom: {
    name: "NOTIFY_FROM",
    fallback: "",
    kind: kinds.sender(),
    meaning: "sender of e-mails, such as `Shop <orders@shop.example>`",
    neededWith: email,
    isElseIgnored: true,
  },
  smtpUrl: {
    name: "SMTP_URL",
    isSecret: true,
    fallback: "",
    kind: kinds.smtpUrl(),
    meaning: "mail server, such as `smtp://user:pass@host:587`",
    neededWith: email,
    isElseIgnored: true,
  },
  notifyWebhookUrl: {
    name: "NOTIFY_WEBHOOK_URL",
    isSecret: true,
    fallback: "",
    kind: kinds.webhookUrl(),
    meaning: "where webhooks are posted to",
    neededWith: webhook,
    isElseIgnored: true,
  },
  notifyWebhookSecrets: {
    name: "NOTIFY_WEBHOOK_SECRETS",
    isSecret: true,
    fallback: "",
    kind: kinds.webhookSecrets(),
    meaning: "secrets that sign webhooks",
    neededWith: webhook,
  },
  webhookPrivateAddresses: {
    name: "WEBHOOK_PRIVATE_ADDRESSES",
    fallback: "0",
    kind: kinds.flag(),
    meaning:
      "`1` lets endpoints of `/webhook-endpoints` be plain HTTP and lead into private networks",
  },
  webhookSecretsKey: {
    name: "WEBHOOK_SECRETS_KEY",
    isSecret: true,
    fallback: "",
    kind: kinds.anyText(),
    meaning:
      "seals the secrets of `/webhook-endpoints` in the database; the same for all processes. Empty: they stand there as " +
      "they are",
  },
  notifyTimeoutMs: {
    name: "NOTIFY_TIMEOUT_MS",
    fallback: "10000",
    kind: kinds.integer(100, 60_000, "ms"),
    meaning: "how long a mail server or a webhook's endpoint may take to answer",
  },
  alertWebhookUrl: {
    name: "ALERT_WEBHOOK_URL",
    isSecret: true,
    fallback: "",
    kind: kinds.webhookUrl(),
    meaning: "where alerts are posted to when they are raised and resolved; empty for nowhere",
  },
  alertWebhookSecrets: {
    name: "ALERT_WEBHOOK_SECRETS",
    isSecret: true,
    fallback: "",
    kind: kinds.webhookSecrets(),
    meaning: "secrets that sign those posts",
    neededWith: alerts,
  },
  maxDeliveries: {
    name: "MAX_DELIVERIES",
    fallback: "5",
    kind: kinds.integer(1, 100),
    meaning: "errors after which a message becomes a dead letter",
  },
  retryBackoffMs: {
    name: "RETRY_BACKOFF_MS",
    fallback: "5000",
    kind: kinds.integer(0, 3_600_000, "ms"),
    meaning: "wait after the first error, doubling with every further one",
  },
  erasureSecret: {
    name: "ERASURE_SECRET",
    isSecret: true,
    fallback: "",
    kind: kinds.anyText(),
    meaning: "keeps the key out of the database by which people are known again whose data " +
      "[were erased](operating.md#erasing-a-person); the same for all processes, and never changed",
  },
  keepRejectsDays: {
    name: "KEEP_REJECTS_DAYS",
    fallback: "90",
    kind: kinds.integer(0, 36_500, "days"),
    meaning: "how long the rows of files are kept that were not taken; `0`: for ever",
  },
  keepAttemptsDays: {
    name: "KEEP_ATTEMPTS_DAYS",
    fallback: "90",
    kind: kinds.integer(0, 36_500, "days"),
    meaning: "how long single tries to send notifications are kept; `0`: for ever",
  },
  keepDeadLettersDays: {
    name: "KEEP_DEAD_LETTERS_DAYS",
    fallback: "365",
    kind: kinds.integer(0, 36_500, "days"),
    meaning: "how long dead letters are kept that somebody has decided about; `0`: for ever",
  },
  keepAuditDays: {
    name: "KEEP_AUDIT_DAYS",
    fallback: "0",
    kind: kinds.integer(0, 36_500, "days"),
    meaning: "how long the audit log is kept; `0`: for ever",
  },
  archiveAfterMonths: {
    name: "ARCHIVE_AFTER_MONTHS",
    fallback: "0",
    kind: kinds.integer(0, maxArchiveMonths, "months"),
    meaning:
      "how many months that are over stay before their orders are archived by themselves; `0`: never",
  },
  reservationTtlSeconds: {
    name: "RESERVATION_TTL_SECONDS",
    fallback: "900",
    kind: kinds.integer(1, 2_592_000, "s"),
    meaning: "how long a reservation waits for its payment",
  },
  shutdownTimeoutMs: {
    name: "SHUTDOWN_TIMEOUT_MS",
    fallback: "15000",
    kind: kinds.integer(0, 600_000, "ms"),
    meaning: "how long a stop waits for work in hand",
  },
  batchSize: {
    name: "BATCH_SIZE",
    fallback: "2000",
    kind: kinds.integer(1, 5_000),
    meaning: "most messages that a consumer takes at once",
  },
  takeoverMs: {
    name: "TAKEOVER_MS",
    fallback: "10000",
    kind: kinds.integer(1_000, 3_600_000, "ms"),
    meaning: "silence after which a consumer's batch is taken over",
  },
  databaseConnections: {
    name: "DATABASE_CONNECTIONS",
    fallback: "16",
    kind: kinds.integer(1, 200),
    meaning: "connections that a process opens at most",
  },
  importWaitSeconds: {
    name: "IMPORT_WAIT_SECONDS",
    fallback: "120",
    kind: kinds.integer(0, 3_600, "s"),
    meaning:
      "how long an import that has begun waits for an engine that is away, as during a failover, before it fails",
  },
  autoMigrate: {
    name: "AUTO_MIGRATE",
    fallback: "1",
    kind: kinds.flag(),
    meaning: "`0`: `start`, `serve`, `consume` and `import` refuse pending migrations instead of " +
      "applying them, as all other commands do always",
  },
  logLevel: {
    name: "LOG_LEVEL",
    fallback: "info",
    kind: kinds.oneOf("error", "warn", "info", "debug"),
    meaning: "chattier lines are dropped",
  },
  logFormat: {
    name: "LOG_FORMAT",
    fallback: "auto",
    kind: kinds.oneOf("text", "json", "auto"),
    meaning: "`auto` is `text` on a terminal and `json` otherwise",
  },
} satisfies Record<string, Setting>;

/** Every setting, parsed. Times in the unit that ends the name, money in integer minor units. */
export type Config = {
  [K in keyof typeof settingsTable]: ReturnType<(typeof settingsTable)[K]["kind"]["read"]>;
};

/** Every environment variable that the product reads, in the order of the documentation. */
export const settings: readonly Setting[] = Object.values(settingsTable);
