/**
 * Settings from the environment, validated all at once.
 *
 * @module
 */

import type { LogLevel } from "../domain/operation/log.ts";
import { type ApiToken, parseApiTokens } from "../domain/operation/api_token.ts";
import { readDatabaseUrl, readRedisUrls } from "./engine_url.ts";
import { type Fault, WorkflowError } from "../domain/errors.ts";
import { parseSender } from "../domain/notification/mail_address.ts";
import { currencyProblem, isCurrency } from "../domain/money.ts";
import { type Network, parseNetwork } from "../domain/operation/network.ts";
import { type NoticeChannel, noticeChannels } from "../domain/notification/notification.ts";

/** Every setting, parsed. Times in the unit that ends the name, money in integer minor units. */
export interface Config {
  /** See `DATABASE_URL`; holds a secret. */
  databaseUrl: string;
  /** See `REDIS_URL`; holds a secret. */
  redisUrl: string;
  /** Goes before every Redis key, e.g. `{orders}:` for a cluster. */
  redisPrefix: string;
  /** Address to listen on. */
  host: string;
  /** Port to listen on; 0 for any free one. */
  port: number;
  /** Without it and without tokens, the API refuses to listen on anything but loopback. */
  allowAnonymous: boolean;
  /** Names that the API answers to, `shop.example` or `shop.example:8443`; see `ALLOWED_HOSTS`. */
  allowedHosts: string[];
  /** Of the addresses that a connection may come from, those that say whose request they pass on. */
  trustedProxies: Network[];
  /** Who may use the API; where it is empty, nobody is asked who they are. */
  apiTokens: ApiToken[];
  /** Requests that a token may make in a minute; 0 for any number. */
  rateLimitPerMinute: number;
  /** Origins of other web pages that may use the API, e.g. `https://shop.example`. */
  corsOrigins: string[];
  /** ISO 4217; the currency whose KPI keys carry no currency. */
  baseCurrency: string;
  /** IANA time zone in which a KPI day begins and ends. */
  kpiTimezone: string;
  /** Units a product starts with when an order names it for the first time. */
  initialStock: number;
  /** Payment provider. */
  gateway: "simulated" | "http";
  /** Of the payment provider; empty unless it is asked over HTTP. */
  gatewayUrl: string;
  /** Sent to the payment provider; a secret, may be empty. */
  gatewayToken: string;
  /** With one of these the provider signs its callbacks, `whsec_` and base64; two while they are rotated. */
  gatewaySecrets: string[];
  /** Longest wait for one answer of the provider. */
  gatewayTimeoutMs: number;
  /** Until the simulated gateway answers. */
  gatewayDelayMs: number;
  /** Where customers and shops are told how orders and refunds ended; at least one, each once. */
  notifyChannels: NoticeChannel[];
  /** Sender of e-mails, `Shop <orders@shop.example>`; empty unless there is the channel `email`. */
  notifyFrom: string;
  /** See `SMTP_URL`; holds a secret; empty unless there is the channel `email`. */
  smtpUrl: string;
  /** Of the one endpoint that gets webhooks; empty unless there is the channel `webhook`. */
  notifyWebhookUrl: string;
  /** Each of these signs every webhook, `whsec_` and base64; two while they are rotated. */
  notifyWebhookSecrets: string[];
  /** Longest wait for a mail server or a webhook's endpoint. */
  notifyTimeoutMs: number;
  /** Where alerts are posted to when they are raised and resolved; empty for nowhere, may hold a secret. */
  alertWebhookUrl: string;
  /** Each of these signs the posts; two while they are rotated. */
  alertWebhookSecrets: string[];
  /** Errors that a message may cause before it becomes a dead letter. */
  maxDeliveries: number;
  /** First wait after an error; doubles with every further one. */
  retryBackoffMs: number;
  /** How long a reservation waits for its payment. */
  reservationTtlSeconds: number;
  /** How long a stop waits for work in hand. */
  shutdownTimeoutMs: number;
  /** Most messages that a consumer takes at once. */
  batchSize: number;
  /** A batch whose consumer gave no sign for so long is taken over by another. */
  takeoverMs: number;
  /** Most connections of a process. */
  databaseConnections: number;
  /** Apply pending migrations when a process starts that may. */
  autoMigrate: boolean;
  /** Chattier lines are dropped. */
  logLevel: LogLevel;
  /** `auto` is `text` on a terminal and `json` otherwise. */
  logFormat: "text" | "json" | "auto";
}

/** One setting as the README's table shows it. */
export interface Setting {
  /** Of the environment variable. */
  name: string;
  /** As text, as it would be set; undefined where the setting is required. */
  fallback: string | undefined;
  /** One line, with unit and bounds. */
  meaning: string;
}

/** Every environment variable that the product reads, in the order of the README's table. */
export const settings: readonly Setting[] = [
  {
    name: "DATABASE_URL",
    fallback: undefined,
    meaning: "`mysql://user:pass@host:3306/name`; `?socket=/path` for a Unix socket; " +
      "`ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key` encrypt (docs/operating.md)",
  },
  {
    name: "REDIS_URL",
    fallback: undefined,
    meaning: "`redis://`, `rediss://` (encrypted, with the same parameters) or `unix:///path`; " +
      "several comma-separated node URLs mean Redis Cluster",
  },
  {
    name: "REDIS_PREFIX",
    fallback: "",
    meaning: "goes before every key; `{orders}:` for a cluster",
  },
  { name: "HOST", fallback: "127.0.0.1", meaning: "address to listen on" },
  { name: "PORT", fallback: "8000", meaning: "port to listen on, 0…65535 (0: any free one)" },
  {
    name: "API_TOKENS",
    fallback: "",
    meaning: "who may use the API: `name:sha256:scope+scope`, separated by commas; " +
      "`deno task token` makes an entry",
  },
  {
    name: "ALLOW_ANONYMOUS",
    fallback: "0",
    meaning: "`1` lets the API listen beyond loopback without `API_TOKENS`",
  },
  {
    name: "ALLOWED_HOSTS",
    fallback: "",
    meaning:
      "names that the API answers to besides `HOST` and those of loopback, separated by commas, " +
      "a port where it matters; empty: any name with `API_TOKENS`, any address with `ALLOW_ANONYMOUS`",
  },
  {
    name: "TRUSTED_PROXIES",
    fallback: "",
    meaning:
      "addresses and networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-For` is believed, " +
      "separated by commas",
  },
  {
    name: "RATE_LIMIT",
    fallback: "6000",
    meaning: "requests that a token may make in a minute, 0…1000000 (0: any number)",
  },
  {
    name: "CORS_ORIGINS",
    fallback: "",
    meaning: "origins of other web pages that may use the API, separated by commas",
  },
  {
    name: "BASE_CURRENCY",
    fallback: "EUR",
    meaning: "currency of the KPI keys without a currency",
  },
  { name: "KPI_TIMEZONE", fallback: "UTC", meaning: "IANA zone in which a KPI day begins" },
  {
    name: "INITIAL_STOCK",
    fallback: "50",
    meaning: "units of a product that an order names for the first time, 0…1000000000",
  },
  {
    name: "GATEWAY",
    fallback: "simulated",
    meaning: "payment provider: `simulated` (moves no money) or `http`; " +
      "the one that the books hold payments of",
  },
  {
    name: "GATEWAY_URL",
    fallback: "",
    meaning: "where the provider is asked; required with `GATEWAY=http`",
  },
  {
    name: "GATEWAY_TOKEN",
    fallback: "",
    meaning: "bearer token for the provider; empty where it wants none",
  },
  {
    name: "GATEWAY_SECRETS",
    fallback: "",
    meaning:
      "secrets that sign the provider's callbacks, `whsec_…`, one, or two separated by a comma; " +
      "required with `GATEWAY=http`",
  },
  {
    name: "GATEWAY_TIMEOUT_MS",
    fallback: "5000",
    meaning: "milliseconds that one answer of the provider may take, 100…60000",
  },
  {
    name: "GATEWAY_DELAY_MS",
    fallback: "2000",
    meaning: "milliseconds until the simulated gateway answers, 0…3600000",
  },
  {
    name: "NOTIFY_CHANNELS",
    fallback: "log",
    meaning: "where ends of orders and refunds are written or sent to: `log` (the history alone, " +
      "nobody hears of it), `email` and `webhook`, one or more, separated by commas",
  },
  {
    name: "NOTIFY_FROM",
    fallback: "",
    meaning: "sender of e-mails, such as `Shop <orders@shop.example>`; required with `email`",
  },
  {
    name: "SMTP_URL",
    fallback: "",
    meaning: "mail server, `smtp://user:pass@host:587` or `smtps://…`; required with `email`",
  },
  {
    name: "NOTIFY_WEBHOOK_URL",
    fallback: "",
    meaning: "where webhooks are posted to; required with `webhook`",
  },
  {
    name: "NOTIFY_WEBHOOK_SECRETS",
    fallback: "",
    meaning: "secrets that sign webhooks, `whsec_…`, one, or two separated by a comma; " +
      "required with `webhook`",
  },
  {
    name: "NOTIFY_TIMEOUT_MS",
    fallback: "10000",
    meaning:
      "milliseconds that a mail server or a webhook's endpoint may take to answer, 100…60000",
  },
  {
    name: "ALERT_WEBHOOK_URL",
    fallback: "",
    meaning: "where alerts are posted to when they are raised and resolved; empty for nowhere",
  },
  {
    name: "ALERT_WEBHOOK_SECRETS",
    fallback: "",
    meaning: "secrets that sign those posts, `whsec_…`, one, or two separated by a comma; " +
      "required with `ALERT_WEBHOOK_URL`",
  },
  {
    name: "MAX_DELIVERIES",
    fallback: "5",
    meaning: "errors after which a message becomes a dead letter, 1…100",
  },
  {
    name: "RETRY_BACKOFF_MS",
    fallback: "5000",
    meaning: "wait after the first error, doubling with every further one, 0…3600000",
  },
  {
    name: "RESERVATION_TTL_SECONDS",
    fallback: "900",
    meaning: "seconds that a reservation waits for its payment, 1…2592000",
  },
  {
    name: "SHUTDOWN_TIMEOUT_MS",
    fallback: "15000",
    meaning: "milliseconds that a stop waits for work in hand, 0…600000",
  },
  {
    name: "BATCH_SIZE",
    fallback: "2000",
    meaning: "most messages that a consumer takes at once, 1…5000",
  },
  {
    name: "TAKEOVER_MS",
    fallback: "10000",
    meaning: "silence after which a consumer's batch is taken over, 1000…3600000",
  },
  {
    name: "DATABASE_CONNECTIONS",
    fallback: "16",
    meaning: "connections that a process opens at most, 1…200",
  },
  {
    name: "AUTO_MIGRATE",
    fallback: "1",
    meaning: "`0`: `start`, `serve`, `consume` and `import` refuse pending migrations instead of " +
      "applying them, as all other commands do always",
  },
  { name: "LOG_LEVEL", fallback: "info", meaning: "`error`, `warn`, `info` or `debug`" },
  {
    name: "LOG_FORMAT",
    fallback: "auto",
    meaning: "`text` or `json`; by itself `text` on a terminal, `json` otherwise",
  },
];

/**
 * Reads and checks every setting.
 *
 * @param env the environment; an empty value counts as not set
 * @throws {WorkflowError} `bad_settings` naming every fault; a secret's value is never part of it
 */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const faults: Fault[] = [];
  const fault = (at: string, detail: string) => faults.push({ at, detail });
  const fallbacks = new Map(settings.map((setting) => [setting.name, setting.fallback]));
  const text = (name: string): string => env[name]?.trim() || (fallbacks.get(name) ?? "");

  const integer = (name: string, least: number, most: number): number => {
    const raw = text(name);
    const value = /^\d{1,15}$/.test(raw) ? Number(raw) : NaN;
    if (!(value >= least && value <= most)) {
      fault(name, `must be an integer ${least}…${most}, not "${raw}"`);
    }
    return value;
  };
  const oneOf = <T extends string>(name: string, allowed: readonly T[]): T => {
    const raw = text(name);
    const found = allowed.find((value) => value === raw);
    if (found === undefined) fault(name, `must be one of ${allowed.join(", ")}, not "${raw}"`);
    return found ?? allowed[0]!;
  };
  const flag = (name: string): boolean => oneOf(name, ["0", "1"]) === "1";
  const url = (name: string, raw: string, protocols: readonly string[]): void => {
    const parsed = URL.parse(raw);
    const hasProtocol = protocols.some((protocol) => raw.toLowerCase().startsWith(`${protocol}//`));
    if (raw === "") fault(name, "is required");
    else if (parsed === null && hasProtocol) {
      fault(
        name,
        'is not a URL; "/", "?", "#", "@" and "%" in a password are written %2F, %3F, %23, %40, %25',
      );
    } else if (parsed === null || !protocols.includes(parsed.protocol)) {
      fault(name, `must be a URL beginning with ${protocols.map((p) => `${p}//`).join(" or ")}`);
    } else if (!isDecodable(parsed)) {
      fault(name, 'has a "%" that begins no escape such as %2F; a "%" itself is written %25');
    }
  };

  const databaseUrl = text("DATABASE_URL");
  url("DATABASE_URL", databaseUrl, ["mysql:", "mariadb:"]);
  if (URL.canParse(databaseUrl)) {
    for (const detail of readDatabaseUrl(databaseUrl).faults) fault("DATABASE_URL", detail);
  }
  const databaseName = URL.parse(databaseUrl)?.pathname.slice(1);
  if (databaseName !== undefined && !/^[^/]+$/.test(databaseName)) {
    fault("DATABASE_URL", "must name a database after the host, as in mysql://host/orders");
  }
  const redisUrl = text("REDIS_URL");
  for (const node of redisUrl.split(",")) {
    url("REDIS_URL", node.trim(), ["redis:", "rediss:", "unix:"]);
  }
  if (redisUrl.split(",").every((node) => URL.canParse(node.trim()))) {
    for (const detail of readRedisUrls(redisUrl).faults) fault("REDIS_URL", detail);
  }
  const redisPrefix = text("REDIS_PREFIX");
  if (redisUrl.includes(",") && !/\{[^{}]+\}/.test(redisPrefix)) {
    fault("REDIS_PREFIX", "must hold a hash tag such as {orders}: for a cluster");
  }
  const baseCurrency = text("BASE_CURRENCY").toUpperCase();
  if (!isCurrency(baseCurrency)) {
    fault("BASE_CURRENCY", `${currencyProblem}, not "${baseCurrency}"`);
  }
  const kpiTimezone = text("KPI_TIMEZONE");
  try {
    new Intl.DateTimeFormat("en", { timeZone: kpiTimezone });
  } catch {
    fault("KPI_TIMEZONE", `must be an IANA time zone such as Europe/Berlin, not "${kpiTimezone}"`);
  }

  const apiTokens = parseApiTokens(text("API_TOKENS"), (detail) => fault("API_TOKENS", detail));
  const corsOrigins = text("CORS_ORIGINS").split(",").map((origin) => origin.trim())
    .filter((origin) => origin !== "");
  for (const origin of corsOrigins) {
    if (!/^https?:$/.test(URL.parse(origin)?.protocol ?? "") || new URL(origin).origin !== origin) {
      fault("CORS_ORIGINS", `must hold origins such as https://shop.example, not "${origin}"`);
    }
  }

  const list = (name: string): string[] =>
    text(name).split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
  const allowedHosts = list("ALLOWED_HOSTS").map((entry) => {
    const url = /^[^\s/?#@\\]+$/.test(entry) ? URL.parse(`http://${entry}`) : null;
    if (url === null) {
      fault("ALLOWED_HOSTS", `must hold names such as orders.example, not "${entry}"`);
    }
    return url?.host ?? entry;
  });
  const trustedProxies = list("TRUSTED_PROXIES").flatMap((entry) => {
    const network = parseNetwork(entry);
    if (network !== undefined) return [network];
    fault("TRUSTED_PROXIES", `must hold addresses or networks such as 10.0.0.0/8, not "${entry}"`);
    return [];
  });

  const gatewaySecrets = text("GATEWAY_SECRETS").split(",").map((secret) => secret.trim())
    .filter((secret) => secret !== "");
  if (gatewaySecrets.length > 2 || !gatewaySecrets.every(isWebhookSecret)) {
    fault("GATEWAY_SECRETS", "must be one or two of whsec_ followed by 24…64 bytes as base64");
  }
  if (text("GATEWAY") === "http") {
    url("GATEWAY_URL", text("GATEWAY_URL"), ["https:", "http:"]);
    if (gatewaySecrets.length === 0) fault("GATEWAY_SECRETS", "is required with GATEWAY=http");
  }

  const notifyChannels = text("NOTIFY_CHANNELS").split(",").map((name) => name.trim())
    .filter((name) => name !== "") as NoticeChannel[];
  const isKnown = (name: NoticeChannel) => noticeChannels.includes(name);
  if (
    notifyChannels.length === 0 || !notifyChannels.every(isKnown) ||
    new Set(notifyChannels).size < notifyChannels.length
  ) {
    fault(
      "NOTIFY_CHANNELS",
      `must be one or more of ${noticeChannels.join(", ")}, not "${text("NOTIFY_CHANNELS")}"`,
    );
  }
  const notifyFrom = text("NOTIFY_FROM");
  const smtpUrl = text("SMTP_URL");
  if (notifyChannels.includes("email")) {
    url("SMTP_URL", smtpUrl, ["smtp:", "smtps:"]);
    if (URL.parse(smtpUrl)?.hostname === "") fault("SMTP_URL", "must name a host");
    if (notifyFrom === "") fault("NOTIFY_FROM", "is required with the channel email");
    else if (parseSender(notifyFrom) === null) {
      fault("NOTIFY_FROM", 'must be "Name <address>" or an e-mail address');
    }
  }
  const notifyWebhookUrl = text("NOTIFY_WEBHOOK_URL");
  const notifyWebhookSecrets = text("NOTIFY_WEBHOOK_SECRETS").split(",")
    .map((secret) => secret.trim()).filter((secret) => secret !== "");
  if (notifyWebhookSecrets.length > 2 || !notifyWebhookSecrets.every(isWebhookSecret)) {
    fault(
      "NOTIFY_WEBHOOK_SECRETS",
      "must be one or two of whsec_ followed by 24…64 bytes as base64",
    );
  }
  if (notifyChannels.includes("webhook")) {
    url("NOTIFY_WEBHOOK_URL", notifyWebhookUrl, ["https:", "http:"]);
    if (URL.parse(notifyWebhookUrl)?.username) {
      fault("NOTIFY_WEBHOOK_URL", "must hold no user name; webhooks are known by their signature");
    }
    if (notifyWebhookSecrets.length === 0) {
      fault("NOTIFY_WEBHOOK_SECRETS", "is required with the channel webhook");
    }
  }
  const alertWebhookUrl = text("ALERT_WEBHOOK_URL");
  const alertWebhookSecrets = text("ALERT_WEBHOOK_SECRETS").split(",")
    .map((secret) => secret.trim()).filter((secret) => secret !== "");
  if (alertWebhookSecrets.length > 2 || !alertWebhookSecrets.every(isWebhookSecret)) {
    fault(
      "ALERT_WEBHOOK_SECRETS",
      "must be one or two of whsec_ followed by 24…64 bytes as base64",
    );
  }
  if (alertWebhookUrl !== "") {
    url("ALERT_WEBHOOK_URL", alertWebhookUrl, ["https:", "http:"]);
    if (URL.parse(alertWebhookUrl)?.username) {
      fault("ALERT_WEBHOOK_URL", "must hold no user name; webhooks are known by their signature");
    }
    if (alertWebhookSecrets.length === 0) {
      fault("ALERT_WEBHOOK_SECRETS", "is required with ALERT_WEBHOOK_URL");
    }
  }

  const config: Config = {
    databaseUrl,
    redisUrl,
    redisPrefix,
    host: text("HOST"),
    port: integer("PORT", 0, 65_535),
    allowAnonymous: flag("ALLOW_ANONYMOUS"),
    allowedHosts,
    trustedProxies,
    apiTokens,
    rateLimitPerMinute: integer("RATE_LIMIT", 0, 1_000_000),
    corsOrigins,
    baseCurrency,
    kpiTimezone,
    initialStock: integer("INITIAL_STOCK", 0, 1_000_000_000),
    gateway: oneOf("GATEWAY", ["simulated", "http"]),
    gatewayUrl: text("GATEWAY_URL"),
    gatewayToken: text("GATEWAY_TOKEN"),
    gatewaySecrets,
    gatewayTimeoutMs: integer("GATEWAY_TIMEOUT_MS", 100, 60_000),
    gatewayDelayMs: integer("GATEWAY_DELAY_MS", 0, 3_600_000),
    notifyChannels,
    notifyFrom,
    smtpUrl,
    notifyWebhookUrl,
    notifyWebhookSecrets,
    notifyTimeoutMs: integer("NOTIFY_TIMEOUT_MS", 100, 60_000),
    alertWebhookUrl,
    alertWebhookSecrets,
    maxDeliveries: integer("MAX_DELIVERIES", 1, 100),
    retryBackoffMs: integer("RETRY_BACKOFF_MS", 0, 3_600_000),
    reservationTtlSeconds: integer("RESERVATION_TTL_SECONDS", 1, 2_592_000),
    shutdownTimeoutMs: integer("SHUTDOWN_TIMEOUT_MS", 0, 600_000),
    batchSize: integer("BATCH_SIZE", 1, 5_000),
    takeoverMs: integer("TAKEOVER_MS", 1_000, 3_600_000),
    databaseConnections: integer("DATABASE_CONNECTIONS", 1, 200),
    autoMigrate: flag("AUTO_MIGRATE"),
    logLevel: oneOf("LOG_LEVEL", ["error", "warn", "info", "debug"]),
    logFormat: oneOf("LOG_FORMAT", ["text", "json", "auto"]),
  };
  if (apiTokens.length === 0 && !config.allowAnonymous && !isLoopback(config.host)) {
    fault(
      "HOST",
      `"${config.host}" is reachable from outside and nobody is asked who they are; ` +
        "set API_TOKENS, or ALLOW_ANONYMOUS=1 to allow it",
    );
  }
  if (faults.length > 0) {
    const lines = faults.map(({ at, detail }) => `${at} ${detail}`);
    throw new WorkflowError("bad_settings", `Bad settings: ${lines.join("; ")}`, faults);
  }
  return config;
}

/** Whether the parts of a URL that are used without their escapes have only such that can be read. */
function isDecodable({ protocol, username, password, pathname }: URL): boolean {
  // The path of a web address is sent as it stands.
  const path = /^https?:$/.test(protocol) ? "" : pathname;
  try {
    for (const part of [username, password, path]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

/** True where only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(host);
}

/** True for a secret as Standard Webhooks has it: `whsec_`, then 24…64 bytes as base64. */
export function isWebhookSecret(text: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined || base64.length % 4 !== 0) return false;
  const { length } = atob(base64);
  return length >= 24 && length <= 64;
}
