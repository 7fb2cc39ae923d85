/**
 * What servers of Redis and what stands before them say when they don't do what was asked, and what each means: one table,
 * from the sources of Redis 6.2 to 8, of Valkey, of Sentinel, of the driver, and of proxies.
 *
 * @module
 */

/** What an error means for whoever meets it; none of these costs a message one of its tries. */
export type RedisFault =
  /** Not the one to write to: a replica, or a master that was demoted. Another may stand behind the same address. */
  | "replica"
  /** A cluster whose slots move or whose masters are elected: the way to a key is another one, or none for a while. */
  | "moving"
  /** The server starts, is busy, is full, or can't keep what is written. */
  | "unready"
  /** It does not know who asks, or forbids it: mended there, not here. */
  | "refused"
  /** There is no connection, or it ended. */
  | "connection";

/** First words of answers. */
const codes: Readonly<Record<Exclude<RedisFault, "connection">, readonly string[]>> = {
  replica: ["READONLY", "MASTERDOWN"],
  moving: ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "REDIRECT", "FAILOVER"],
  unready: [
    // While it reads its data, runs a script for too long, waits for its replicas.
    "LOADING",
    "BUSY",
    "NOREPLICAS",
    // No memory, no disk.
    "OOM",
    "MISCONF",
    "IOERR",
    // A transaction that one of these broke off.
    "EXECABORT",
    "UNKILLABLE",
    "INPROG",
    "NOTBUSY",
  ],
  refused: ["NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "UNAUTHENTICATED"],
};

/** What is told in sentences. */
const sentences: Readonly<Record<RedisFault, readonly string[]>> = {
  replica: [],
  moving: [
    "Too many Cluster redirections",
    "Failed to refresh slots cache",
    "Cluster (is|isn't) ",
  ],
  unready: [
    "ERR max number of clients",
    "ERR max daily",
    "ERR .*(no|closed?) upstream",
    "ERR no server connection",
  ],
  refused: [
    "ERR unknown command",
    "ERR unknown subcommand",
    "ERR unsupported command",
    "ERR This (user|instance) ",
    "ERR (invalid password|Authentication required|operation not permitted|invalid username-password)",
  ],
  connection: [
    "Connection (is|was) ",
    "Stream isn't writeable",
    "Command timed out",
    "Reached the max retries per request limit",
    "Command aborted due to connection close",
    "None of startup nodes is available",
    "All sentinels are unreachable",
    "Client network socket disconnected",
    "(connect|read|write|getaddrinfo|shutdown) E[A-Z_]{3,}",
    "ERR (upstream failure|server connection close|forward error)",
  ],
};

/** What is told somewhere in a sentence. */
const parts: Readonly<Partial<Record<RedisFault, readonly string[]>>> = {
  refused: ["is not allowed from script", "can't run this command"],
};

const faults = ["replica", "moving", "unready", "refused", "connection"] as const;

/** Servers before 7.0 tell the code of an error within a script at the end of a sentence. */
const inScript = "ERR Error running script .*: -?";

const patterns: ReadonlyMap<RedisFault, RegExp> = new Map(faults.map((fault) => {
  const own = fault === "connection" ? [] : codes[fault];
  const words = own.length === 0 ? [] : [`^(${inScript})?(${own.join("|")})( |$)`];
  const starts = sentences[fault].map((sentence) => `^(${inScript})?${sentence}`);
  return [fault, new RegExp([...words, ...starts, ...parts[fault] ?? []].join("|") || "^\\b$")];
}));

/** What a text means that a server or the driver says; undefined for one about what was asked. */
export function faultOfText(text: string): RedisFault | undefined {
  return faults.find((fault) => patterns.get(fault)!.test(text));
}

/** The codes of a kind, for tests. */
export function codesOf(fault: Exclude<RedisFault, "connection">): readonly string[] {
  return codes[fault];
}
