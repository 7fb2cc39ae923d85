/**
 * Judges what the engines say of themselves.
 *
 * @module
 */

import { allowRemedy, type RedisUser, statementLog } from "./engine_fault.ts";
import { type DatabaseJudgement, describeLosses, type RecordedLoss } from "./database_age.ts";

/** One line of a diagnosis. */
export interface Finding {
  /** How bad it is; a problem endangers data or work. */
  level: "ok" | "warning" | "problem";
  /** What was looked at. */
  what: string;
  /** The value that was seen, and what follows from it. */
  detail: string;
  /** How to repair it; empty where nothing is wrong. */
  remedy: string;
}

/** The oldest versions that are supported. */
export const minVersions = {
  mysql: "8.0",
  mariadb: "10.6",
  redis: "6.2",
  valkey: "7.2",
} as const;

/** Least bytes that a statement must be able to hold: one order with all that belongs to it. */
const minPacketBytes = 1_048_576;

/** Bytes that hold a whole batch of orders. */
const batchPacketBytes = 16 * 1_048_576;

/** Less memory for the database's pages than this is for trials only. */
const minBufferPoolBytes = 256 * 1_048_576;

/** Connections to Redis of a process with all consumers: one of each thread for commands, and one for each group and lane. */
const redisConnections = 10;

/** Connections beside those of one process: other processes, people, monitors. */
const spareConnections = 10;

/** Clocks that differ by more than this put events in the wrong order for people. */
const clockWarningMs = 1_000;

/** Clocks that differ by more than this put orders on the wrong day. */
const clockProblemMs = 30_000;

/** A finding that all is well. */
export function fine(what: string, detail: string): Finding {
  return { level: "ok", what, detail, remedy: "" };
}

/** A finding that something is wrong: it works, but not as well or as safely as it should. */
export function warning(what: string, detail: string, remedy: string): Finding {
  return { level: "warning", what, detail, remedy };
}

/** A finding that something does not work, or loses data. */
export function problem(what: string, detail: string, remedy: string): Finding {
  return { level: "problem", what, detail, remedy };
}

/**
 * Compares a version with the oldest that is supported.
 *
 * @param version such as `10.11.19-MariaDB`
 */
export function judgeVersion(engine: keyof typeof minVersions, version: string): Finding {
  const what = `${engine} version`;
  const min = minVersions[engine];
  if (version === "unknown") {
    return warning(what, "the server does not tell", `see that it is ${min} or newer`);
  }
  const numbers = (text: string) => (text.match(/\d+/g) ?? []).slice(0, 2).map(Number);
  const [major = 0, minor = 0] = numbers(version);
  const [minMajor = 0, minMinor = 0] = numbers(min);
  return major > minMajor || (major === minMajor && minor >= minMinor)
    ? fine(what, version)
    : problem(what, `${version} is too old`, `install ${min} or newer`);
}

/** Settings of the database server that can be as they should not. */
export interface DatabaseFacts {
  /** 1: a commit is on disk before it is acknowledged. */
  flushLogAtCommit: number;
  /** Null where there is no binary log. */
  syncBinlog: number | null;
  /** The binary log has statements, for this user's sessions too. */
  logsStatements: boolean;
  /** Of the database. */
  charset: string;
  /** Of all clients together. */
  maxConnections: number;
  /** Longest statement that it takes. */
  maxPacketBytes: number;
  /** Its memory for pages. */
  bufferPoolBytes: number;
}

/** Judges the settings of the database server. */
export function judgeDatabase(facts: DatabaseFacts, connections: number): Finding[] {
  const durable = facts.flushLogAtCommit === 1 && (facts.syncBinlog ?? 1) === 1;
  return [
    durable ? fine("database durability", "every commit is on disk") : warning(
      "database durability",
      `innodb_flush_log_at_trx_commit is ${facts.flushLogAtCommit}` +
        (facts.syncBinlog === null ? "" : `, sync_binlog is ${facts.syncBinlog}`) +
        ": a power cut loses the last commits",
      "set both to 1 in production",
    ),
    judgeBinaryLog(facts),
    facts.charset === "utf8mb4" ? fine("database character set", facts.charset) : warning(
      "database character set",
      `${facts.charset}; the product's own tables are utf8mb4 all the same`,
      "alter database … character set utf8mb4",
    ),
    facts.maxConnections >= connections + spareConnections
      ? fine("database connections", `${facts.maxConnections} allowed, ${connections} used at most`)
      : problem(
        "database connections",
        `${facts.maxConnections} are allowed, and one process opens up to ${connections}`,
        "raise max_connections or lower DATABASE_CONNECTIONS",
      ),
    judgePacketSize(facts.maxPacketBytes),
    facts.bufferPoolBytes >= minBufferPoolBytes
      ? fine("database memory", `${megabytes(facts.bufferPoolBytes)} for pages`)
      : warning(
        "database memory",
        `innodb_buffer_pool_size is ${megabytes(facts.bufferPoolBytes)}`,
        "give it half of the machine's memory in production",
      ),
  ];
}

/** Judges the settings of the Redis server. */
export function judgeRedis(
  facts: {
    evictionPolicy: string;
    appendOnly: boolean | null;
    isClusterNode: boolean;
    maxClients?: number | null;
  },
  prefix: string,
): Finding[] {
  const findings = [judgeEviction(facts.evictionPolicy), judgePersistence(facts.appendOnly)];
  const { maxClients } = facts;
  if (maxClients !== undefined && maxClients !== null) {
    findings.push(
      maxClients >= 2 * redisConnections + spareConnections
        ? fine("redis connections", `${maxClients} allowed, ${redisConnections} used by a process`)
        : warning(
          "redis connections",
          `${maxClients} are allowed, and one process opens ${redisConnections}`,
          "raise maxclients, or start fewer processes",
        ),
    );
  }
  if (facts.isClusterNode) {
    findings.push(
      /\{[^{}]+\}/.test(prefix)
        ? fine("redis cluster", `keys lie in the slot of ${prefix}`)
        : problem(
          "redis cluster",
          "keys would lie on several nodes",
          "set REDIS_PREFIX to a hash tag such as {orders}:",
        ),
    );
  }
  return findings;
}

function judgeEviction(policy: string): Finding {
  const what = "redis eviction";
  const remedy = "set maxmemory-policy to noeviction";
  if (policy === "noeviction") return fine(what, policy);
  return policy === "unknown"
    ? warning(what, "the server does not tell whether it throws away what it holds", remedy)
    : problem(
      what,
      `maxmemory-policy is ${policy}: it may throw messages and figures away`,
      remedy,
    );
}

function judgePersistence(appendOnly: boolean | null): Finding {
  const what = "redis persistence";
  const remedy = "set appendonly yes in production";
  if (appendOnly === null) {
    return warning(what, "the server does not tell whether it keeps anything on disk", remedy);
  }
  return appendOnly ? fine(what, "append-only file") : warning(
    what,
    "there is no append-only file: a restart loses the streams, which costs a recovery",
    remedy,
  );
}

/** One of several sentinels, as it was seen. */
export interface SentinelState {
  /** With its port. */
  name: string;
  /** Where it says that the master is; null where it did not answer. */
  master: string | null;
  /** Of one that did not answer, why. */
  why?: string;
  /** How many must agree that the master is gone. */
  quorum: number;
  /** Sentinels that it knows, itself included. */
  sentinels: number;
  /** Replicas that it knows. */
  replicas: number;
  /** What it says where no failover would come about; empty where one would. */
  fault: string;
}

/** Judges the sentinels of a master: whether they agree, and whether they could name another one. */
export function judgeSentinels(master: string, states: readonly SentinelState[]): Finding {
  const what = "redis sentinels";
  const there = states.filter((state) => state.master !== null);
  const away = states.filter((state) => state.master === null)
    .map(({ name, why }) => `${name} is away (${why})`);
  const masters = [...new Set(there.map((state) => state.master))];
  const seen = there.map(({ name }) => name).join(", ");
  const first = there[0];
  const detail = first === undefined ? away.join("; ") : [
    `${seen}: ${master} is ${
      masters.join(" or ")
    }, quorum ${first.quorum} of ${first.sentinels}, ` +
    `replicas: ${first.replicas}`,
    ...away,
  ].join("; ");
  if (masters.length > 1) {
    return problem(
      what,
      `${detail}: they do not agree`,
      "wait for the failover to end, or mend the network between them",
    );
  }
  const fault = there.find(({ fault }) => fault !== "")?.fault;
  if (fault !== undefined) {
    return warning(
      what,
      `${detail}; no failover would come about: ${fault}`,
      "start the sentinels that are missing",
    );
  }
  if (first !== undefined && first.replicas === 0) {
    return warning(what, `${detail}: no replica could take over`, "add one: replicaof MASTER PORT");
  }
  return away.length > 0
    ? warning(what, detail, "start it, or take it out of REDIS_URL")
    : fine(what, detail);
}

/** Commands that are refused and without which the work is done as well. */
export function judgeDispensable(
  refused: readonly { command: string; reason: string }[],
  meanings: ReadonlyMap<string, string>,
): Finding[] {
  return refused.map(({ command }) =>
    warning(
      `redis ${command}`,
      `refused: ${meanings.get(command)}`,
      "nothing has to be done; whoever may change it allows the command",
    )
  );
}

/**
 * Judges whether an engine takes changes.
 *
 * @param whose `database` or `redis`
 * @param setting whose URL leads there
 */
export function judgeWriting(whose: string, setting: string, writable: boolean): Finding {
  const what = `${whose} writing`;
  return writable ? fine(what, "it takes changes") : problem(
    what,
    "the server is read-only: it is a replica, was demoted, or its group has no quorum",
    `let ${setting} lead to the server that can be written to`,
  );
}

/** One of several database hosts, as it was seen. */
export interface HostState {
  /** With its port. */
  name: string;
  /** `member`: it takes changes, and so may others of its group. */
  state: "writable" | "member" | "read_only" | "away";
  /** Of one that is away. */
  why?: string;
}

/** Judges several hosts of one database, of which one should take changes, or all of a group. */
export function judgeHosts(hosts: readonly HostState[]): Finding {
  const what = "database hosts";
  const words = {
    writable: "takes changes",
    member: "takes changes, in a group",
    read_only: "follows",
  };
  const detail = hosts.map(({ name, state, why }) =>
    state === "away" ? `${name} is away (${why})` : `${name} ${words[state]}`
  ).join("; ");
  const writable = hosts.filter(({ state }) => state === "writable");
  if (writable.length > 1) {
    return problem(
      what,
      `${detail}: each by itself, so that what one takes the other lacks`,
      "type on all but the primary: SET GLOBAL read_only = 1",
    );
  }
  return hosts.some(({ state }) => state === "away")
    ? warning(what, detail, "start it, or take it out of DATABASE_URL")
    : fine(what, detail);
}

/** How a connection goes, as the settings have it and as it is. */
export interface Encryption {
  /** Host that was asked for. */
  host: string;
  /** Whether it is a Unix socket. */
  isSocket: boolean;
  /** What was asked for; null for clear text. */
  mode: "required" | "verify-ca" | "verify-identity" | null;
  /** What the connection says of itself; null for clear text. */
  seen: { protocol: string; cipher: string } | null;
}

/**
 * Judges whether others can read what goes to an engine, or pretend to be it.
 *
 * @param whose `database` or `redis`
 * @param remedy how its URL is to be changed
 */
export function judgeEncryption(
  whose: string,
  { host, isSocket, mode, seen }: Encryption,
  isLocal: boolean,
  remedy: string,
): Finding {
  const what = `${whose} encryption`;
  if (seen !== null) {
    const how = `${seen.protocol}, ${seen.cipher}`;
    if (mode === "verify-identity") return fine(what, `${how}; the certificate is one for ${host}`);
    const doubt = mode === "verify-ca"
      ? "the certificate is signed, for whatever host"
      : "the certificate is not looked at";
    return isLocal
      ? fine(what, `${how}; ${doubt}`)
      : warning(what, `${how}; ${doubt}: somebody between may read along`, remedy);
  }
  if (mode !== null) {
    return problem(what, "in clear text although encryption was asked for", remedy);
  }
  if (isSocket) return fine(what, "a Unix socket, nothing goes over a network");
  if (isLocal) return fine(what, "in clear text, and only within this machine");
  return warning(what, `everything goes to ${host} in clear text, the password included`, remedy);
}

/** Refused commands that are named; whoever has no rights at all is refused some sixty. */
const commandsShown = 6;

/**
 * Judges which commands Redis refuses, each with the server's own words.
 *
 * @param who is refused them
 */
export function judgeCommands(
  refused: readonly { command: string; reason: string }[],
  who: RedisUser = {},
): Finding {
  const what = "redis commands";
  if (refused.length === 0) return fine(what, "all that are needed are allowed");
  const shown = refused.slice(0, commandsShown).map(({ command }) => command);
  const others = refused.length - shown.length;
  const names = shown.join(", ") + (others > 0 ? ` and ${others} more` : "");
  const reason = refused[0]!.reason.split("\n")[0]!;
  return problem(
    what,
    `${names} refused: ${reason}`,
    reason.startsWith("NOPERM") ? allowRemedy(who) : "use a server that has these commands",
  );
}

/** What a process must know of the engines before it writes. */
export interface EngineFacts {
  /** By its version, not by the URL. */
  engine: "mysql" | "mariadb";
  /** Of the database server. */
  version: string;
  /** Longest statement that the server takes. */
  maxPacketBytes: number;
  /** See {@linkcode DatabaseFacts}. */
  logsStatements: boolean;
}

/** What a process must know of Redis before it writes. */
export interface StoreFacts {
  /** `redis` or `valkey`. */
  server: string;
  /** Of the server. */
  version: string;
  /** `unknown` where the server does not tell. */
  evictionPolicy: string;
  /** Whether it writes an append-only file; null where the server does not tell. */
  appendOnly: boolean | null;
  /** Whether it is one node of a cluster. */
  isClusterNode: boolean;
}

/** Of what {@linkcode judgeRedis} and its like find, that which loses data or fails every batch. */
export function findDangers(database: EngineFacts, store: StoreFacts, prefix: string): Finding[] {
  const findings = [
    judgeVersion(database.engine, database.version),
    judgePacketSize(database.maxPacketBytes),
    judgeBinaryLog(database),
    judgeVersion(store.server === "valkey" ? "valkey" : "redis", store.version),
    ...judgeRedis(store, prefix),
  ];
  return findings.filter(({ level }) => level === "problem");
}

function judgeBinaryLog({ logsStatements }: Pick<DatabaseFacts, "logsStatements">): Finding {
  const what = "database binary log";
  return logsStatements
    ? problem(what, statementLog.why, statementLog.remedy)
    : fine(what, "has rows, or there is none");
}

function judgePacketSize(bytes: number): Finding {
  const what = "database packet size";
  const remedy = `set it to ${megabytes(batchPacketBytes)} or more`;
  if (bytes < minPacketBytes) {
    const detail = `max_allowed_packet is ${
      Math.floor(bytes / 1_024)
    } KB: a large order does not fit`;
    return problem(what, detail, remedy);
  }
  return bytes >= batchPacketBytes ? fine(what, megabytes(bytes)) : warning(
    what,
    `max_allowed_packet is ${megabytes(bytes)}: large batches are split, which costs time`,
    remedy,
  );
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)} MB`;
}

/**
 * Judges whether the database is as new as what was published from it.
 *
 * @param judged as it is at this moment
 * @param losses that were found and made good, and that nobody has reconciled, the oldest first
 * @param typed how a command is typed, by its name
 */
export function judgeDatabaseAge(
  judged: Pick<DatabaseJudgement, "kind">,
  losses: readonly RecordedLoss[],
  typed: (command: string) => string,
): Finding {
  const what = "database age";
  if (judged.kind === "other") {
    return problem(
      what,
      "the database is another one than Redis knows, or went its own way",
      `lead DATABASE_URL to the one that counts; if this one is to count, run ${
        typed("recover --accept-database")
      }`,
    );
  }
  if (judged.kind === "older") {
    return problem(
      what,
      "the database is older than what was published from it",
      `start the consumers, or run ${typed("recover")}; then have lost orders sent again`,
    );
  }
  return losses.length === 0 ? fine(what, "as new as what was published from it") : warning(
    what,
    `found at ${losses[0]!.foundAt}: ${describeLosses(losses)}`,
    `once they are reconciled, say so: ${typed("losses --reconcile=ID --note=TEXT")}`,
  );
}

/**
 * Judges a clock.
 *
 * @param whose `database` or `redis`
 * @param serverMs what the server said, ms since 1970
 * @param askedMs this machine's clock before it was asked
 * @param answeredMs this machine's clock afterwards; the true time of the answer lies between
 */
export function judgeClock(
  whose: string,
  serverMs: number,
  askedMs: number,
  answeredMs: number,
): Finding {
  const what = `${whose} clock`;
  const offsetMs = serverMs < askedMs
    ? serverMs - askedMs
    : serverMs > answeredMs
    ? serverMs - answeredMs
    : 0;
  const detail = Math.abs(offsetMs) < 1_000
    ? "within a second of this machine's"
    : `${(Math.abs(offsetMs) / 1_000).toFixed(1)} s ${
      offsetMs < 0 ? "behind" : "ahead of"
    } this machine's`;
  const remedy = "let all machines follow one time server";
  if (Math.abs(offsetMs) > clockProblemMs) return problem(what, detail, remedy);
  return Math.abs(offsetMs) > clockWarningMs ? warning(what, detail, remedy) : fine(what, detail);
}
