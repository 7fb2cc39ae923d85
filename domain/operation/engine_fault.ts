/**
 * What is wrong between this process and an engine, and what to type against it: drivers say the same of many causes,
 * and one thing of several.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../errors.ts";

/** A cause, and the way out. */
export interface FaultWords {
  /** What is wrong, without the setting's value. */
  why: string;
  /** What to type or to change, as a command. */
  remedy: string;
}

/** An engine that can't be worked with, with a cause that can be told and mended. */
export class EngineFault extends WorkflowError implements FaultWords {
  /**
   * Makes an error whose message has all three.
   *
   * @param what cannot be done, such as `Cannot reach Redis at redis://h`
   */
  constructor(readonly what: string, readonly words: FaultWords) {
    super("unavailable", `${what}: ${words.why}; ${words.remedy}`);
  }
  /** See {@linkcode FaultWords.why}. */
  get why(): string {
    return this.words.why;
  }
  /** See {@linkcode FaultWords.remedy}. */
  get remedy(): string {
    return this.words.remedy;
  }
}

/** What is known of the way to an engine. */
export interface EngineWay {
  /** The setting that leads there. */
  setting: "DATABASE_URL" | "REDIS_URL";
  /** A name or an address. */
  host: string;
  /** As the URL names it, or the usual one. */
  port: number;
  /** Whose name is given; empty for none. */
  user: string;
  /** How the way is encrypted; null where it is not. */
  tls: { mode: string; ca?: string } | null;
  /** What kind of server is at its end, where somebody has looked. */
  listener?: "redis" | "database" | "web" | "silent";
  /** Whether a sentinel is there, which tells of the server that is meant. */
  isSentinel?: boolean;
}

/** What a driver gives an error. */
interface DriverError {
  errno?: number;
  code?: string;
  /** See {@linkcode isDenied}. */
  account?: string;
  /** Likewise. */
  database?: string;
}

/**
 * True for the error of a statement that the database's user has no right to. The server's words name the machine that it
 * came from, and not the account that rights are given to, and MySQL's not the database: whoever runs statements asks for both and
 * notes them as `account`, `'name'@'host'`, and `database`.
 */
export function isDenied(error: unknown): error is { account?: string; database?: string } {
  const { errno } = (error ?? {}) as DriverError;
  return errno === 1142 || errno === 1143 || errno === 1370;
}

/** True where another kind of server may be at the end of the way: what is there did not answer, or not as it should. */
export function isOddAnswer(error: unknown): boolean {
  const { code } = (error ?? {}) as DriverError;
  return /Protocol error|EPIPE|ECONNRESET|ETIMEDOUT|Connection (is closed|lost)|packet|PROTOCOL/i
    .test(`${code ?? ""} ${messageOf(error)}`);
}

/**
 * Why a database can't be reached or refuses a statement.
 *
 * @param way undefined where a statement failed on a connection that there was
 * @param account as the server knows the user, `'name'@'host'`, where that was asked
 */
export function databaseFault(
  error: unknown,
  way?: EngineWay,
  account?: string,
): FaultWords | undefined {
  const { errno, code, ...noted } = (error ?? {}) as DriverError;
  const message = messageOf(error);
  const denied = deniedFault(errno, message, account ?? noted.account, noted.database);
  if (denied !== undefined) return denied;
  if (errno === 1665) return statementLog;
  if (way === undefined) return undefined;
  const stranger = strangerFault(way);
  if (stranger !== undefined) return stranger;
  if (code === "HANDSHAKE_NO_SSL_SUPPORT") {
    return {
      why: `the server offers no TLS, which ssl-mode=${way.tls?.mode} asks for`,
      remedy: "give the server a certificate (ssl-cert, ssl-key in its configuration), or set " +
        "ssl-mode=disabled in DATABASE_URL where nobody else is on the way",
    };
  }
  return loginFault(errno, message, way) ?? certificateFault(message, way) ??
    networkFault(code, message, way);
}

/** A server that logs statements refuses every change at READ COMMITTED. */
export const statementLog: FaultWords = {
  why: "binlog_format is STATEMENT, by which the server refuses every change at READ COMMITTED, " +
    "and the user may not have it otherwise for its sessions",
  remedy: "type as an administrator of it: SET GLOBAL binlog_format = 'ROW' (or MIXED), or grant " +
    "the user BINLOG ADMIN (MariaDB) or SESSION_VARIABLES_ADMIN (MySQL)",
};

/** What the user may not do. */
function deniedFault(
  errno: number | undefined,
  message: string,
  account: string | undefined,
  noted: string | undefined,
): FaultWords | undefined {
  const grant = (database: string, who: string) =>
    `type as an administrator of it: GRANT ALL PRIVILEGES ON \`${database}\`.* TO ${who}`;
  if (errno === 1044) {
    const [, user, host, database] =
      /user '([^']*)'@'([^']*)' to database '([^']*)'/.exec(message) ?? [];
    if (database === undefined) return undefined;
    return {
      // The server does not tell strangers whether there is one.
      why: `user "${user}" has no rights in the database "${database}", or there is none`,
      remedy: "correct the name in DATABASE_URL, or " +
        grant(database, account ?? `'${user}'@'${host}'`),
    };
  }
  if (!isDenied({ errno })) return undefined;
  const [, right, user] = /^(.+?) command denied to user '([^']*)'/.exec(message) ?? [];
  if (user === undefined) return undefined;
  const table = /for (?:table|column|routine) [`'](?:([^`']*)`\.`)?([^`']*)[`']/.exec(message);
  return {
    why: `user "${user}" has not the right ${right}${table ? ` on ${table[2]}` : ""}`,
    remedy: grant(table?.[1] ?? noted ?? "orders", account ?? `'${user}'@'%'`),
  };
}

/** What another kind of server is at the end of the way. */
function strangerFault({ setting, host, port, listener }: EngineWay): FaultWords | undefined {
  const wanted = setting === "DATABASE_URL" ? "database" : "redis";
  if (listener === undefined || listener === "silent" || listener === wanted) return undefined;
  const names = { redis: "Redis", database: "a MySQL or MariaDB", web: "a web server" };
  const others = { redis: "REDIS_URL", database: "DATABASE_URL", web: undefined }[listener];
  return {
    why: `${names[listener]} listens on ${host}:${port}, and no ${
      wanted === "redis" ? "Redis" : "database"
    }`,
    remedy: `correct host and port in ${setting}` +
      (others === undefined ? "" : `; this one may belong into ${others}`),
  };
}

/** What the server says of who comes, and of what they ask for. */
function loginFault(
  errno: number | undefined,
  message: string,
  { user }: EngineWay,
): FaultWords | undefined {
  switch (errno) {
    case 1045:
    case 1698: {
      return /using password: NO/.test(message)
        ? {
          why: `user "${user}" came without a password`,
          remedy: "write mysql://USER:PASSWORD@… in DATABASE_URL",
        }
        : {
          why: `wrong password for user "${user}", or no such user from this machine`,
          remedy: "correct user and password in DATABASE_URL, or type as an administrator of it: " +
            `ALTER USER '${user}'@'%' IDENTIFIED BY 'PASSWORD'`,
        };
    }
    case 1049: {
      const name = /'([^']*)'/.exec(message)?.[1] ?? "";
      return {
        why: `there is no database "${name}"`,
        remedy: "correct the name in DATABASE_URL, or run the command migrate, which creates it " +
          `where the user may, or as an administrator: CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`,
      };
    }
    case 3159:
      return {
        why: "the server takes encrypted connections alone",
        remedy:
          "add ?ssl-mode=verify-identity to DATABASE_URL, and ssl-ca where its authority is your own",
      };
    case 3118:
    case 4151:
      return {
        why: `the account of user "${user}" is locked`,
        remedy: `type as an administrator of it: ALTER USER '${user}'@'%' ACCOUNT UNLOCK`,
      };
    case 1820:
    case 1862:
      return {
        why: `the password of user "${user}" has expired`,
        remedy: `type as an administrator of it: ALTER USER '${user}'@'%' IDENTIFIED BY 'PASSWORD'`,
      };
    case 1040:
    case 1203:
    case 1226:
      return {
        why: "the server has no connection left",
        remedy: "raise max_connections there, or lower DATABASE_CONNECTIONS of every process",
      };
  }
}

/** What is wrong with the other side's certificate. */
function certificateFault(
  message: string,
  { setting, host, tls }: EngineWay,
): FaultWords | undefined {
  if (tls === null) return undefined;
  if (/does not match certificate|altnames|NotValidForName/i.test(message)) {
    const names = /altnames: (DNS:.*)$/.exec(message)?.[1];
    return {
      why: `its certificate is made for another name than ${host}` +
        (names === undefined ? "" : `: ${names}`),
      remedy: `write the host in ${setting} as the certificate has it, or ssl-mode=verify-ca ` +
        "to trust every name that its authority has signed",
    };
  }
  if (/expired/i.test(message) && /certificate/i.test(message)) {
    return { why: "its certificate has expired", remedy: "renew it on the server" };
  }
  if (/self[- ]signed|unable to (get|verify)|UnknownIssuer|unknown ca/i.test(message)) {
    return {
      why: tls.ca === undefined
        ? "its certificate is signed by no authority that this machine knows"
        : `its certificate is not signed by the authority in ${tls.ca}`,
      remedy:
        `name the file of the authority that signed it in ${setting}: ssl-ca=/etc/orders/ca.pem`,
    };
  }
}

/** What is wrong on the way. */
function networkFault(
  code: string | undefined,
  message: string,
  { setting, host, port }: EngineWay,
): FaultWords | undefined {
  const said = `${code ?? ""} ${message}`;
  if (/ECONNREFUSED/.test(said)) {
    return {
      why: `nobody listens on ${host}:${port}`,
      remedy: `start the server, or correct host and port in ${setting}`,
    };
  }
  if (/ENOTFOUND|EAI_/.test(said)) {
    return { why: `there is no host "${host}"`, remedy: `correct the host in ${setting}` };
  }
  if (/EHOSTUNREACH|ENETUNREACH/.test(said)) {
    return {
      why: `no way leads to ${host}`,
      remedy: `look at the network between, or correct the host in ${setting}`,
    };
  }
  if (/ETIMEDOUT/.test(said)) {
    return {
      why: `whoever is on ${host}:${port} does not answer as this kind of server would`,
      remedy:
        `look whether it hangs or a firewall is between, or correct host and port in ${setting}`,
    };
  }
}

/** What a user of Redis needs, as rules of its ACL. */
export function redisRules(prefix: string): string {
  return `~${prefix}* +@all -@admin -@dangerous +info`;
}

/** Many applications have a list called `orders`, and whoever shares a Redis with them finds it in the place of a stream. */
const foreignKeys: FaultWords = {
  why: "a key of another application has a name that is used here (WRONGTYPE)",
  remedy: "set REDIS_PREFIX to one of its own, such as shop:, or another database in REDIS_URL; " +
    "the same for all processes",
};

/**
 * Why Redis can't be reached or refuses a command.
 *
 * @param way undefined where a command failed on a connection that there was
 * @param who uses that connection, and for which keys, as far as that is known
 */
export function redisFault(
  error: unknown,
  way?: EngineWay,
  who: RedisUser = {},
): FaultWords | undefined {
  const message = messageOf(error);
  if (/\bNOPERM\b/.test(message)) return permissionFault(message, { user: way?.user, ...who });
  if (/\bWRONGTYPE\b/.test(message)) return foreignKeys;
  if (way === undefined) return undefined;
  const stranger = strangerFault(way);
  if (stranger !== undefined) return stranger;
  if (/^Protocol error/.test(message)) {
    return {
      why: `whoever is on ${way.host}:${way.port} does not answer as Redis would`,
      remedy: "correct host and port in REDIS_URL",
    };
  }
  const { code } = (error ?? {}) as DriverError;
  const { host, port, user, tls } = way;
  const sentinel = way.isSentinel === true ? sentinelFault(message) : undefined;
  if (sentinel !== undefined) return sentinel;
  if (/^WRONGPASS/.test(message)) {
    const name = user || "default";
    return {
      why: `wrong password for user "${name}", or no such user, or one that is switched off`,
      remedy: "correct user and password in REDIS_URL, or type in redis-cli: " +
        `ACL SETUSER ${name} on >PASSWORD`,
    };
  }
  if (/^NOAUTH/.test(message)) {
    return {
      why: "it asks for a password, and REDIS_URL has none",
      remedy: "write redis://:PASSWORD@host:port, or redis://USER:PASSWORD@host:port",
    };
  }
  if (/DB index is out of range/.test(message)) {
    return { why: "it has no database of this number", remedy: "name another one in REDIS_URL" };
  }
  if (way.listener === "silent") {
    return {
      why: `whoever is on ${host}:${port} takes the connection and does not answer`,
      remedy: "look whether it hangs (redis-cli ping), or correct host and port in REDIS_URL",
    };
  }
  if (tls !== null && /ETIMEDOUT|wrong version number|InvalidMessage/i.test(message)) {
    return {
      why: `${host}:${port} does not answer in TLS`,
      remedy:
        "write the port that tls-port names there, or redis:// where nobody else is on the way",
    };
  }
  if (tls === null && /EPIPE|ECONNRESET|Connection is closed/.test(message)) {
    return {
      why: `${host}:${port} hangs up at once, as a port does that speaks TLS alone`,
      remedy: "write rediss:// in REDIS_URL, and ssl-ca where its authority is your own",
    };
  }
  return certificateFault(message, way) ?? networkFault(code, message, way);
}

/** What is wrong with sentinels, or with the way to the server that they name. */
function sentinelFault(message: string): FaultWords | undefined {
  if (/got an invalid reply: null|No such master with that name/.test(message)) {
    return {
      why: "the sentinels watch no master of the name that REDIS_URL has",
      remedy: "correct the name after its hosts; redis-cli -p 26379 sentinel masters lists them",
    };
  }
  if (/sentinel/.test(message) && /\b(NOAUTH|WRONGPASS)\b/.test(message)) {
    return {
      why: "a sentinel asks for a password of its own, and REDIS_URL has none or a wrong one",
      remedy: "add sentinel-password=PASSWORD to its parameters, and sentinel-user=NAME if need be",
    };
  }
  if (/sentinel/.test(message)) {
    return {
      why: `no sentinel tells where the master is (${message})`,
      remedy: "start them, or correct the hosts in REDIS_URL",
    };
  }
  const address = /\bE[A-Z]{4,20} ([^ ]{1,255}:\d{1,5})/.exec(message)?.[1];
  if (address === undefined) return undefined;
  return {
    why: `the sentinels name ${address} as the master, and it can't be reached (${message})`,
    remedy: "start it, or have its address announced as others reach it (replica-announce-ip)",
  };
}

/** Whose rights are looked at, and for which keys. */
export interface RedisUser {
  /** Empty for the default one. */
  user?: string;
  /** REDIS_PREFIX. */
  prefix?: string;
}

/** What to type so that a user of Redis may do all that is needed. */
export function allowRemedy({ user, prefix }: RedisUser): string {
  const name = user === undefined ? "NAME" : user || "default";
  const of = prefix === undefined ? ", PREFIX being REDIS_PREFIX" : "";
  return `type in redis-cli${of}: ACL SETUSER ${name} ${redisRules(prefix ?? "PREFIX")}`;
}

function permissionFault(message: string, who: RedisUser): FaultWords {
  const command = /run the '([^']+)' command/.exec(message)?.[1];
  const what = command === undefined ? "use these keys" : `run ${command.toUpperCase()}`;
  return {
    why: `its user may not ${what} (NOPERM)`,
    remedy: allowRemedy(who),
  };
}

/**
 * Why an engine refuses what was asked of it over a connection that there is; undefined for all else.
 *
 * @param who Redis knows this process as
 */
export function refusalOf(error: unknown, who?: RedisUser): FaultWords | undefined {
  return databaseFault(error) ?? redisFault(error, undefined, who);
}
