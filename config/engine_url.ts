/**
 * Reads `DATABASE_URL` and `REDIS_URL`: where the engines are, and how the way there is encrypted.
 *
 * A parameter that nobody looks at is worse than none, because whoever wrote it relies on it: unknown ones
 * are refused, and spellings of other drivers are named with the right one.
 *
 * @module
 */

import { messageOf } from "../domain/errors.ts";
import {
  databaseFault,
  EngineFault,
  type EngineWay,
  redisFault,
} from "../domain/operation/engine_fault.ts";

/** How a connection is encrypted. */
export interface TlsChoice {
  /**
   * `required` encrypts, and takes whatever certificate there is; `verify-ca` wants one that a known
   * authority has signed; `verify-identity` wants one that was signed for the host that was asked for.
   */
  mode: "required" | "verify-ca" | "verify-identity";
  /** Path of the authorities' certificates (PEM); without it those that the runtime knows. */
  ca?: string;
  /** Path of the own certificate (PEM), for servers that ask for one. */
  cert?: string;
  /** Path of its key (PEM). */
  key?: string;
}

/** A server of the database. */
export interface DatabaseHost {
  /** A name or an address, IPv6 without brackets. */
  host: string;
  port: number;
}

/** Where the database is. */
export interface DatabaseAddress extends DatabaseHost {
  /** Where several hosts are named, all of them, the one above first: that which can be written to is used. */
  hosts?: readonly DatabaseHost[];
  /** Path of a Unix socket, which is used instead of host and port. */
  socket?: string;
  /** Name of the user. */
  user: string;
  /** A secret; may be empty. */
  password: string;
  name: string;
  /** Null for a connection in clear text. */
  tls: TlsChoice | null;
}

/** How sentinels are asked which server to use. */
export interface SentinelChoice {
  /** What they call the master that they watch. */
  master: string;
  /** Their own user; empty for the default one. */
  user: string;
  /** Their own password, a secret; empty for none. */
  password: string;
}

/** Where a node of Redis is, or a sentinel that knows. */
export interface RedisAddress {
  /** A name or an address, IPv6 without brackets. */
  host: string;
  port: number;
  /** Path of a Unix socket, which is used instead of host and port. */
  socket?: string;
  /** Empty for the default user. */
  user: string;
  /** A secret; may be empty. */
  password: string;
  /** Path of a file that holds the password instead; it is read for each connection anew. */
  passwordFile?: string;
  /** Number of the database. */
  db: number;
  /** Null for a connection in clear text. */
  tls: TlsChoice | null;
  /** Where host and port are those of a sentinel; user and password are for the server that it names. */
  sentinel?: SentinelChoice;
  /** Whether it belongs to a cluster; undefined where the server is to be asked. */
  cluster?: boolean;
}

/** What was read, and everything that is wrong with it: sentences that go on after the setting's name. */
export interface ReadUrl<T> {
  /** Of no use where there are faults. */
  address: T;
  /** Empty where all is well. */
  faults: string[];
}

const modes = ["disabled", "required", "verify-ca", "verify-identity"] as const;
const tlsParameters = ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"];
const databaseParameters = ["socket", ...tlsParameters];
const redisParameters = ["db", "password-file", "cluster", ...tlsParameters];
const sentinelParameters = [
  "db",
  "password-file",
  "sentinel-user",
  "sentinel-password",
  ...tlsParameters,
];

/** The port where none is named. */
const databasePort = 3306, redisPort = 6379, sentinelPort = 26379;

/**
 * Takes a URL of several hosts apart, which no standard knows: those hosts, and the same URL with any one of them.
 *
 * @param text such as `mysql://user:pass@a:3306,b:3306/name`
 * @returns of a text that is no such URL itself, as the only one
 */
export function splitHosts(text: string): { hosts: string[]; withHost: (host: string) => string } {
  const [, before, authority, after] =
    /^([a-z+]+:\/\/(?:[^/?#]*@)?)([^/?#@]+)([^]*)$/i.exec(text) ??
      [];
  if (authority === undefined) return { hosts: [""], withHost: () => text };
  return {
    hosts: authority.split(",").map((host) => host.trim()),
    withHost: (host) => `${before}${host}${after}`,
  };
}

/**
 * Reads a database's URL.
 *
 * @param text `mysql://user:pass@host:3306/name?ssl-mode=verify-identity&ssl-ca=/path`, with several hosts where there
 * are several: `mysql://user:pass@a:3306,b:3306/name`
 */
export function readDatabaseUrl(text: string): ReadUrl<DatabaseAddress> {
  const { hosts, withHost } = splitHosts(text);
  const url = URL.parse(withHost(hosts[0]!));
  if (url === null) return { address: nowhere, faults: ["is no URL"] };
  const faults: string[] = [];
  if (repeatsUser(text)) faults.push(onceFault("mysql://USER:PASSWORD@a:3306,b:3306/NAME"));
  const several = hosts.length === 1 ? [] : readHosts(hosts, databasePort, faults);
  const parameters = readParameters(url, databaseParameters, faults);
  const socket = parameters.get("socket");
  const tls = readTls(parameters, faults);
  if (socket !== undefined && tls !== null) {
    faults.push(`has ssl-mode=${tls.mode} beside a Unix socket, which needs no encryption`);
  }
  if (socket !== undefined && several.length > 0) {
    faults.push("has several hosts beside a Unix socket, which leads to one alone");
  }
  const address = {
    ...placeOf(url, databasePort),
    ...(several.length === 0 ? {} : { hosts: several }),
    ...(socket === undefined ? {} : { socket }),
    user: decode(url.username, "user name", faults),
    password: decode(url.password, "password", faults),
    name: decode(url.pathname.slice(1), "database name", faults),
    tls,
  };
  return { address, faults };
}

/**
 * True for a URL of several hosts that has the user before each of them, or is several URLs: all but the last host would be
 * taken for a part of the password.
 */
function repeatsUser(text: string): boolean {
  const [first = "", ...others] = text.split(",").map((part) => part.trim());
  if (others.some((other) => /^[a-z+]{5,14}:\/\//i.test(other))) return true;
  const [, user] = /^[a-z+]{5,14}:\/\/([^:@/?#]+)/i.exec(first) ?? [];
  if (user === undefined || !first.includes("@")) return false;
  return others.some((other) => other.startsWith(`${user}:`) || other.startsWith(`${user}@`)) &&
    others.every((other) => other.includes("@"));
}

function onceFault(example: string): string {
  return `has the user or the whole URL again for each host; write it once: ${example}`;
}

function placeOf(url: URL, defaultPort: number): DatabaseHost {
  return { host: hostOf(url) || "127.0.0.1", port: Number(url.port || defaultPort) };
}

/** Several hosts, each of which has to be named, and only once. */
function readHosts(names: readonly string[], port: number, faults: string[]): DatabaseHost[] {
  const seen = new Set<string>();
  return names.flatMap((name) => {
    const url = URL.parse(`mysql://${name}/`);
    if (url === null || url.hostname === "") {
      faults.push(`has "${name}" among its hosts, which is none; write a:${port},b:${port}`);
      return [];
    }
    const host = placeOf(url, port);
    const text = `${host.host}:${host.port}`;
    if (seen.has(text)) faults.push(`names the host ${text} twice`);
    seen.add(text);
    return [host];
  });
}

const nowhere: DatabaseAddress & RedisAddress = {
  host: "",
  port: 0,
  user: "",
  password: "",
  name: "",
  db: 0,
  tls: null,
};

/** True for a URL that names sentinels. */
export function isSentinelUrl(text: string): boolean {
  return /^rediss?\+sentinel:/i.test(text.trim());
}

/** True for URLs that say themselves that they lead to a cluster. */
export function isClusterUrl(text: string): boolean {
  const nodes = readRedisUrls(text).address;
  return nodes[0]!.sentinel === undefined && (nodes.length > 1 || nodes[0]!.cluster === true);
}

/**
 * Reads the URL or the comma-separated URLs of Redis.
 *
 * @param text `redis://`, `rediss://` (encrypted) or `unix:///path`; `?db=1` chooses a database, as a path
 * does; or `redis+sentinel://user:pass@a:26379,b:26379/MASTER`, of which each host becomes an address
 */
export function readRedisUrls(text: string): ReadUrl<RedisAddress[]> {
  if (isSentinelUrl(text)) return readSentinelUrl(text.trim());
  const faults: string[] = [];
  const address = text.split(",").map((node) => readRedisUrl(node.trim(), faults));
  const ways = new Set(address.map(({ tls }) => JSON.stringify(tls)));
  if (ways.size > 1) faults.push("must encrypt the way to every node of a cluster alike");
  const isCluster = address.length > 1 || address[0]!.cluster === true;
  if (isCluster && address.some(({ db }) => db !== 0)) {
    faults.push("names a database, of which a cluster has only one");
  }
  if (isCluster && address.some(({ socket }) => socket !== undefined)) {
    faults.push("has a Unix socket, by which no cluster can be followed");
  }
  if (address.length > 1 && address.some(({ cluster }) => cluster === false)) {
    faults.push("has several nodes, which are a cluster, and cluster=false");
  }
  return { address, faults: [...new Set(faults)] };
}

function readRedisUrl(text: string, faults: string[]): RedisAddress {
  const url = URL.parse(text);
  if (url === null) {
    faults.push("is no URL");
    return nowhere;
  }
  const parameters = readParameters(url, redisParameters, faults);
  const isSocket = url.protocol === "unix:";
  const path = decode(url.pathname, "path", faults);
  const cluster = parameters.get("cluster");
  if (cluster !== undefined && cluster !== "true" && cluster !== "false") {
    faults.push(`must have true or false as its cluster, not "${cluster}"`);
  }
  return {
    ...placeOf(url, redisPort),
    ...(isSocket ? { socket: path } : {}),
    ...readRedisUser(url, parameters, faults),
    db: readDatabaseNumber(parameters.get("db") ?? (isSocket ? "" : path.slice(1)), faults),
    tls: readRedisTls(url, parameters, faults),
    ...(cluster === undefined ? {} : { cluster: cluster === "true" }),
  };
}

function readSentinelUrl(text: string): ReadUrl<RedisAddress[]> {
  const { hosts, withHost } = splitHosts(text);
  const url = URL.parse(withHost(hosts[0]!));
  if (url === null) return { address: [nowhere], faults: ["is no URL"] };
  const faults: string[] = [];
  if (repeatsUser(text)) {
    faults.push(onceFault("redis+sentinel://USER:PASSWORD@a:26379,b:26379/MASTER"));
  }
  const places = readHosts(hosts, sentinelPort, faults);
  const parameters = readParameters(url, sentinelParameters, faults);
  const [master = "", path = "", ...rest] = decode(url.pathname.slice(1), "path", faults).split(
    "/",
  );
  if (master === "") {
    faults.push("must name the master after its sentinels: redis+sentinel://a:26379/MASTER");
  }
  if (rest.length > 0) faults.push("has more in its path than /MASTER/DATABASE");
  const common = {
    ...readRedisUser(url, parameters, faults),
    db: readDatabaseNumber(parameters.get("db") ?? path, faults),
    tls: readRedisTls(url, parameters, faults),
    sentinel: {
      master,
      user: parameters.get("sentinel-user") ?? "",
      password: parameters.get("sentinel-password") ?? "",
    },
  };
  const address = (places.length > 0 ? places : [nowhere]).map(({ host, port }) => ({
    host,
    port,
    ...common,
  }));
  return { address, faults: [...new Set(faults)] };
}

function readRedisUser(
  url: URL,
  parameters: Map<string, string>,
  faults: string[],
): Pick<RedisAddress, "user" | "password" | "passwordFile"> {
  const password = decode(url.password, "password", faults);
  const passwordFile = parameters.get("password-file");
  if (passwordFile !== undefined && password !== "") {
    faults.push("has a password beside password-file, of which one has to go");
  }
  return {
    user: decode(url.username, "user name", faults),
    password,
    ...(passwordFile === undefined ? {} : { passwordFile }),
  };
}

function readDatabaseNumber(text: string, faults: string[]): number {
  if (text === "") return 0;
  if (!/^\d{1,5}$/.test(text)) faults.push(`must name the database by its number, not "${text}"`);
  return Number(text);
}

function readRedisTls(
  { protocol }: URL,
  parameters: Map<string, string>,
  faults: string[],
): TlsChoice | null {
  const plain = protocol.replace(/^rediss/, "redis");
  const encrypted = plain.replace(/^redis|^unix/, "rediss");
  const chosen = tlsParameters.find((name) => parameters.has(name));
  if (protocol !== encrypted) {
    if (chosen !== undefined) {
      faults.push(`has ${chosen}, but begins with ${protocol}//; write ${encrypted}// to encrypt`);
    }
    return null;
  }
  if (parameters.get("ssl-mode") === "disabled") {
    faults.push(
      `has ssl-mode=disabled, but begins with ${encrypted}//; write ${plain}// for clear text`,
    );
  }
  return readTls(parameters, faults) ?? { mode: "verify-identity" };
}

/** An address of IPv6 stands in brackets in a URL, and nowhere else. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function decode(text: string, what: string, faults: string[]): string {
  try {
    return decodeURIComponent(text);
  } catch {
    faults.push(`has a % in its ${what} that begins no escape; write %25 for it`);
    return "";
  }
}

function readParameters(
  url: URL,
  known: readonly string[],
  faults: string[],
): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name)) faults.push(refuse(name, value, known));
    else if (found.has(name)) faults.push(`has the parameter ${name} twice`);
    else if (value === "") faults.push(`has the parameter ${name} without a value`);
    else found.set(name, value);
  }
  return found;
}

function readTls(parameters: Map<string, string>, faults: string[]): TlsChoice | null {
  const [ca, cert, key] = ["ssl-ca", "ssl-cert", "ssl-key"].map((name) => parameters.get(name));
  if ((cert === undefined) !== (key === undefined)) {
    faults.push("must have both ssl-cert and ssl-key, or none of them");
  }
  const given = parameters.get("ssl-mode");
  const hasFiles = ca !== undefined || cert !== undefined || key !== undefined;
  // Who names an authority wants to know whom it has vouched for.
  const mode = given === undefined
    ? (hasFiles ? "verify-identity" : "disabled")
    : modes.find((mode) => mode === given.toLowerCase().replaceAll("_", "-"));
  if (mode === undefined) {
    faults.push(`must have one of ${modes.join(", ")} as its ssl-mode, not "${given}"`);
    return null;
  }
  if (mode === "disabled") {
    if (hasFiles) faults.push("has ssl-mode=disabled and certificates that are of no use then");
    return null;
  }
  return {
    mode,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** How other drivers spell what is meant, without regard to case and to what stands between letters. */
const foreign: Readonly<Record<string, string>> = {
  ssl: "ssl-mode",
  tls: "ssl-mode",
  usessl: "ssl-mode",
  requiressl: "ssl-mode",
  sslmode: "ssl-mode",
  tlsmode: "ssl-mode",
  sslaccept: "ssl-mode",
  sslverify: "ssl-mode",
  sslcertreqs: "ssl-mode",
  verifyservercertificate: "ssl-mode",
  rejectunauthorized: "ssl-mode",
  tlsskipverify: "ssl-mode",
  sslrootcert: "ssl-ca",
  sslcacerts: "ssl-ca",
  sslca: "ssl-ca",
  tlsca: "ssl-ca",
  cacert: "ssl-ca",
  cafile: "ssl-ca",
  sslcert: "ssl-cert",
  sslcertfile: "ssl-cert",
  tlscert: "ssl-cert",
  sslidentity: "ssl-cert",
  sslkey: "ssl-key",
  sslkeyfile: "ssl-key",
  tlskey: "ssl-key",
  unixsocket: "socket",
  socketpath: "socket",
  database: "db",
  dbnumber: "db",
  passwordfile: "password-file",
  sentinelusername: "sentinel-user",
};

/** What other drivers say for a mode. */
const foreignModes: Readonly<Record<string, string>> = {
  "0": "disabled",
  false: "disabled",
  no: "disabled",
  off: "disabled",
  disable: "disabled",
  disabled: "disabled",
  none: "required",
  require: "required",
  required: "required",
  accept_invalid_certs: "required",
  "verify-ca": "verify-ca",
  verify_ca: "verify-ca",
};

function refuse(name: string, value: string, known: readonly string[]): string {
  const plain = name.toLowerCase().replace(/[^a-z]/g, "");
  const right = foreign[plain];
  if (right !== undefined && known.includes(right)) {
    const example = right === "ssl-mode"
      ? `ssl-mode=${foreignModes[value.toLowerCase()] ?? "verify-identity"}`
      : right;
    return `has the parameter ${name}, which is written ${example} here`;
  }
  const near = nearest(name.toLowerCase(), known);
  return `has the unknown parameter ${name}; ` +
    (near === null ? `there are ${known.join(", ")}` : `the nearest known one is ${near}`);
}

/** The known name that needs the fewest changes of letters, or null where all need too many. */
function nearest(name: string, known: readonly string[]): string | null {
  const ranked = known
    .map((candidate) => ({ candidate, steps: distance(name.slice(0, 64), candidate) }))
    .sort((a, b) => a.steps - b.steps);
  const best = ranked[0]!;
  return best.steps <= best.candidate.length / 2 ? best.candidate : null;
}

/** Letters to change, add or take away between two short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

const socketRemedy =
  "link it into /run/orders and name it there, or add it to the permissions in deno.json";

function refusedSocket(message: string): string | undefined {
  return /^Requires (?:read|write) access to "([^"]+)"/.exec(message)?.[1];
}

/**
 * An error for an engine that can't be reached: what is wrong, and what to type.
 *
 * @param listener what kind of server is there, where that was looked at
 */
export function unreachable(
  what: string,
  setting: EngineWay["setting"],
  address: DatabaseAddress | RedisAddress,
  error: unknown,
  listener?: EngineWay["listener"],
): EngineFault {
  const { host, port, socket: path, user, tls } = address;
  const isSentinel = "sentinel" in address;
  const way = { setting, host, port, user, tls, listener, isSentinel };
  const socket = refusedSocket(messageOf(error));
  if (socket !== undefined) {
    return new EngineFault(what, {
      why: `the task may not use the socket ${socket}`,
      remedy: socketRemedy,
    });
  }
  const known = setting === "DATABASE_URL" ? databaseFault(error, way) : redisFault(error, way);
  const words = path === undefined ? known : socketFault(path, error, setting) ?? known;
  return new EngineFault(
    what,
    words ?? { why: messageOf(error), remedy: `start the server, or correct ${setting}` },
  );
}

function socketFault(path: string, error: unknown, setting: string) {
  if (!/ENOENT|ECONNREFUSED|NotFound|No such file/.test(messageOf(error))) return undefined;
  return {
    why: `nobody listens on the socket ${path}`,
    remedy: `start the server, or correct the path in ${setting}`,
  };
}
