/**
 * The kinds of values that settings have: how each is read from text, what is said of text that is none, and
 * what the documentation says of its values.
 *
 * What is said goes on after the setting's name, and never repeats what may be a secret.
 *
 * Functions and no schemas of zod, because every command reads settings and few have any other use of it: loading it
 * takes 8 MB and 20 ms of each process.
 *
 * @module
 */

import { parsePaymentRoute } from "../domain/payment/payment_route.ts";
import { currencyProblem, isCurrency } from "../domain/money.ts";
import {
  type NotificationChannel,
  notificationChannels,
} from "../domain/notification/notification.ts";
import { parseSender } from "../domain/notification/mail_address.ts";
import { parseApiTokens } from "../domain/operation/api_token.ts";
import { parseNetwork } from "../domain/operation/network.ts";
import { isSentinelUrl, readDatabaseUrl, readRedisUrls, splitHosts } from "./engine_url.ts";
import { isWebhookSecret } from "./webhook_secret.ts";

type Complain = (fault: string) => void;

/** How the text of a setting becomes its value. */
export interface Kind<T = unknown> {
  /** What the documentation says of its values, in Markdown. */
  values: string;
  /** Reads a text, which is empty for a setting that is not set; the value is of no use where there are complaints. */
  read(text: string, complain: Complain): T;
}

/** A kind that is read by a function, which is told where to complain. */
function readBy<T>(values: string, read: Kind<T>["read"]): Kind<T> {
  return { values, read };
}

/** Text that is taken as it is, unless something is wrong with it. */
function checkedBy(values: string, faultsOf: (text: string) => string[]) {
  return readBy(values, (text, complain) => {
    if (text !== "") faultsOf(text).forEach(complain);
    return text;
  });
}

function entriesOf(text: string): string[] {
  return text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
}

/** Text of which any is right. */
export function anyText(values = "text") {
  return checkedBy(values, () => []);
}

/** An integer within bounds. */
export function integer(min: number, max: number, unit = "") {
  return readBy(`${min}…${max} ${unit}`.trim(), (text, complain) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) {
      complain(`must be an integer ${min}…${max}, not "${text}"`);
    }
    return value;
  });
}

/** Ports that may be listened on. */
export interface Ports {
  /** 0 for any free one. */
  first: number;
  /** How many are tried, one after the other, until one is free. */
  tries: number;
}

/** How many ports `8000+` stands for. */
const portTries = 50;

/** A port, or with a plus sign the first free one from it on. */
export function ports() {
  const number = integer(0, 65_535);
  return readBy(
    `${number.values}; \`8000+\`: the first free one from there on`,
    (text, complain): Ports => {
      const first = number.read(text.replace(/\+$/, ""), complain);
      return { first, tries: text.endsWith("+") ? Math.min(portTries, 65_536 - first) : 1 };
    },
  );
}

/** One of some words. */
export function oneOf<const T extends string>(...words: readonly [T, ...T[]]) {
  return readBy(words.map((word) => `\`${word}\``).join(", "), (text, complain) => {
    const known = words.find((word) => word === text);
    if (known === undefined) complain(`must be one of ${words.join(", ")}, not "${text}"`);
    return known ?? words[0];
  });
}

/** Secrets as Stripe gives them to endpoints of its webhooks: one, or two while one is replaced. */
export function stripeSecrets() {
  return readBy("`whsec_…`, one, or two separated by a comma", (text, complain) => {
    const secrets = entriesOf(text);
    if (secrets.length > 2 || !secrets.every((secret) => /^whsec_[\w+/=-]{8,}$/.test(secret))) {
      complain("must be one or two of whsec_ as Stripe shows them");
    }
    return secrets;
  });
}

/** A secret or restricted key of Stripe, or nothing. */
export function stripeKey() {
  return checkedBy(
    "`sk_…`, `rk_…`",
    (text) =>
      /^[sr]k_[A-Za-z0-9_]+$/.test(text)
        ? []
        : ["must be a secret key (sk_…) or a restricted key (rk_…) of Stripe"],
  );
}

/** As {@linkcode url}, or nothing. */
export function optionalUrl(...protocols: string[]) {
  const { values, read } = url(...protocols);
  return readBy(values, (text, complain) => text === "" ? "" : read(text, complain));
}

/** Any of some words, each once, or none. */
export function someOf<const T extends string>(...words: readonly [T, ...T[]]) {
  const values = words.map((word) => `\`${word}\``).join(", ");
  return readBy(`none, or some of ${values}, separated by commas`, (text, complain) => {
    const names = entriesOf(text);
    const known = words.filter((word) => names.includes(word));
    if (known.length < names.length) {
      complain(`must be some of ${words.join(", ")}, each once, not "${text}"`);
    }
    return known;
  });
}

/** Rows of {@linkcode PaymentRoute}. */
export function paymentRoutes() {
  return readBy("rows separated by commas", (text, complain) =>
    entriesOf(text).flatMap((entry) => {
      const route = parsePaymentRoute(entry);
      if (route === undefined) {
        complain(`must be rows such as USD=http or */card=http, not "${entry}"`);
        return [];
      }
      return [route];
    }));
}

/** `1` for yes and `0` for no. */
export function flag() {
  const word = oneOf("0", "1");
  return readBy(word.values, (text, complain) => word.read(text, complain) === "1");
}

/** One URL with one of the protocols, written `https:`. */
export function url(...protocols: string[]) {
  return checkedBy(
    `\`${protocols.map((protocol) => `${protocol}//…`).join("`, `")}\``,
    (text) => urlFaults(text, protocols),
  );
}

/** The URL of an endpoint that knows requests by their signature. */
export function webhookUrl() {
  return checkedBy("`https://…`, `http://…`", (text) => {
    const faults = urlFaults(text, ["https:", "http:"]);
    return URL.parse(text)?.username
      ? [...faults, "must hold no user name; webhooks are known by their signature"]
      : faults;
  });
}

/** The URL of a mail server. */
export function smtpUrl() {
  return checkedBy("`smtp://…`, `smtps://…`", (text) => {
    const faults = urlFaults(text, ["smtp:", "smtps:"]);
    return URL.parse(text)?.hostname === "" ? [...faults, "must name a host"] : faults;
  });
}

/** A replica of the database: of several hosts the one that takes changes would be searched for, and that is none of them. */
export function replicaUrl() {
  const { values, read } = databaseUrl();
  return readBy(values, (text, complain) => {
    if (splitHosts(text).hosts.length > 1) {
      complain("must name one replica, or one address behind which there are several");
    }
    return read(text, complain);
  });
}

/** Where the database is; its parameters are checked, too, see `engine_url.ts`. */
export function databaseUrl() {
  return checkedBy("`mysql://…`, `mariadb://…`", (text) => {
    const { hosts, withHost } = splitHosts(text);
    const first = withHost(hosts[0]!);
    const faults = urlFaults(first, ["mysql:", "mariadb:"]);
    const url = URL.parse(first);
    if (url === null || losesPassword(url)) return faults;
    faults.push(...readDatabaseUrl(text).faults);
    if (!/^[^/]+$/.test(url.pathname.slice(1))) {
      faults.push("must name a database after the host, as in mysql://host/orders");
    }
    return faults;
  });
}

/** The URL of Redis, or those of a cluster's nodes. */
export function redisUrls() {
  const forms =
    "`redis://…`, `rediss://…`, `unix:///…`, `redis+sentinel://…`, `rediss+sentinel://…`";
  return checkedBy(forms, (text) => {
    if (isSentinelUrl(text)) {
      const { hosts, withHost } = splitHosts(text.trim());
      const first = withHost(hosts[0]!);
      const faults = urlFaults(first, ["redis+sentinel:", "rediss+sentinel:"]);
      return isWhole(first) ? [...faults, ...readRedisUrls(text).faults] : faults;
    }
    const nodes = text.split(",").map((node) => node.trim());
    const faults = nodes.flatMap((node) => urlFaults(node, ["redis:", "rediss:", "unix:"]));
    return nodes.every(isWhole) ? [...faults, ...readRedisUrls(text).faults] : faults;
  });
}

function urlFaults(text: string, protocols: readonly string[]): string[] {
  const parsed = URL.parse(text);
  const hasProtocol = protocols.some((protocol) => text.toLowerCase().startsWith(`${protocol}//`));
  if (hasProtocol && (parsed === null || losesPassword(parsed))) {
    return [
      'is not a URL; "/", "?", "#", "@" and "%" in a password are written %2F, %3F, %23, %40, %25',
    ];
  }
  if (parsed === null || !protocols.includes(parsed.protocol)) {
    return [`must be a URL beginning with ${protocols.map((p) => `${p}//`).join(" or ")}`];
  }
  if (isDecodable(parsed)) return [];
  return ['has a "%" that begins no escape such as %2F; a "%" itself is written %25'];
}

/**
 * True for a URL of an engine or a mail server whose host is what was meant as the user: a password that begins with "/", "?" or "#", or has
 * nothing but digits before one, ends the host, so that the rest would be told as a path or a parameter.
 */
function losesPassword(url: URL): boolean {
  const { protocol, hostname, username, password, pathname, hash, searchParams } = url;
  // The path of a web address may have an "@", and so may that of a socket, which follows no host.
  if (/^https?:$/.test(protocol) || hostname === "" || username + password !== "") return false;
  return `${pathname}${hash}`.includes("@") ||
    [...searchParams].some(([name, value]) =>
      `${name}${value}`.includes("@") &&
      !/^(ssl-\w+|socket|[\w-]+-(file|user|password))$/.test(name)
    );
}

/** True for what can be taken apart as it was meant. */
function isWhole(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && !losesPassword(url);
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

/** Who may use the API. */
export function apiTokens() {
  return readBy("`name:sha256:scope+scope`, several separated by commas", parseApiTokens);
}

/** Names that a server answers to, with a port where it matters. */
export function hostNames() {
  return readBy(
    "names such as `orders.example`, separated by commas",
    (text, complain) =>
      entriesOf(text).map((entry) => {
        const url = /^[^\s/?#@\\]+$/.test(entry) ? URL.parse(`http://${entry}`) : null;
        if (url === null) complain(`must hold names such as orders.example, not "${entry}"`);
        return url?.host ?? entry;
      }),
  );
}

/** Addresses, and networks in CIDR notation. */
export function networks() {
  return readBy("addresses, or networks such as `10.0.0.0/8`, separated by commas", (
    text,
    complain,
  ) =>
    entriesOf(text).flatMap((entry) => {
      const network = parseNetwork(entry);
      if (network !== undefined) return [network];
      complain(`must hold addresses or networks such as 10.0.0.0/8, not "${entry}"`);
      return [];
    }));
}

/** Origins of web pages. */
export function origins() {
  return readBy("origins such as `https://shop.example`, separated by commas", (text, complain) => {
    const entries = entriesOf(text);
    for (const entry of entries) {
      const url = URL.parse(entry);
      if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== entry) {
        complain(`must hold origins such as https://shop.example, not "${entry}"`);
      }
    }
    return entries;
  });
}

/** An ISO 4217 currency, in upper case. */
export function currency() {
  return readBy("an ISO 4217 code", (text, complain) => {
    const code = text.toUpperCase();
    if (!isCurrency(code)) complain(`${currencyProblem}, not "${code}"`);
    return code;
  });
}

/** An IANA time zone. */
export function timeZone() {
  return checkedBy("an IANA time zone such as `Europe/Berlin`", (text) => {
    try {
      new Intl.DateTimeFormat("en", { timeZone: text });
      return [];
    } catch {
      return [`must be an IANA time zone such as Europe/Berlin, not "${text}"`];
    }
  });
}

/** Secrets that sign requests; two while they are rotated. */
export function webhookSecrets() {
  return readBy("`whsec_…`, one, or two separated by a comma", (text, complain) => {
    const secrets = entriesOf(text);
    if (secrets.length > 2 || !secrets.every(isWebhookSecret)) {
      complain("must be one or two of whsec_ followed by 24…64 bytes as base64");
    }
    return secrets;
  });
}

/** Where notifications go: at least one channel, each once. */
export function channels() {
  const values = notificationChannels.map((channel) => `\`${channel}\``).join(", ");
  return readBy(`${values}, several separated by commas`, (text, complain) => {
    const names = entriesOf(text);
    const known = notificationChannels.filter((channel) => names.includes(channel));
    if (names.length === 0 || known.length < names.length) {
      complain(`must be one or more of ${notificationChannels.join(", ")}, not "${text}"`);
    }
    return names as NotificationChannel[];
  });
}

/** Whom e-mails are from. */
export function sender() {
  return checkedBy("`Name <address>`, or an address", (text) => {
    return parseSender(text) === null ? ['must be "Name <address>" or an e-mail address'] : [];
  });
}
