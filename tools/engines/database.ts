import mysql from "mysql2/promise";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { capture } from "./capture.ts";
import { isThere, linkMemory, removeWithMemory } from "./memory_folder.ts";
import { readOrCreatePassword } from "./password.ts";
import { here, type Place, startedAt } from "./place.ts";
import type { Program } from "./program.ts";
import { type EngineName, ensurePrograms, type Programs } from "./programs.ts";
import { type ServerOnPort, startOnPort } from "./start_on_port.ts";

/** Longest path of a Unix socket that every supported system accepts, in bytes. */
const MAX_SOCKET_PATH = 100;

/** The data in a server's folder, or the link to it. */
const dataName = "data";

/** The database that exists from the start. */
const DATABASE_NAME = "orders";

/** The user of {@linkcode DatabaseEngine.url}. */
const USER = "orders";

/** What names the user may give to databases that it creates. */
const DATABASE_NAME_PATTERN = /^(orders|test_)[a-z0-9_]{0,50}$/;

/** How to run a private database. */
export interface DatabaseServerOptions {
  engine: EngineName;
  /** Folder for data, log, socket and password; created if missing, reopened if not. */
  dir: string;
  /**
   * True (default): survives a power cut. False, for tests: the doublewrite buffer is off. Either
   * way every commit is flushed to disk, so speed measured here is honest.
   */
  durable?: boolean;
  /** Default: a free port. */
  port?: number;
  /** Default 512. */
  bufferPoolMb?: number;
  /** True: the folder is removed if this process dies without stopping the engine. */
  temporary?: boolean;
  /**
   * True: new data is in memory where there is room for it, and who removes the folder does so by
   * {@linkcode removeDatabase}. It outlives the engine, `kill -9` included, and ends with the machine.
   */
  inMemory?: boolean;
  /** Size of the redo log, default 512: what is written in between is flushed less often. */
  redoLogMb?: number;
  /** Further arguments of the server; they win over the built-in ones. */
  extra?: string[];
  /** Runs before each start, the first included; returns further arguments of that start. */
  beforeStart?: () => Promise<string[]>;
  /** Where it runs; default: here. */
  place?: Place;
  /** Gets a line before programs are installed; default: standard error. */
  log?: (line: string) => void;
}

/** A running private database server, on 127.0.0.1, or where it was placed, and on a Unix socket. */
export interface DatabaseEngine extends ServerOnPort {
  readonly engine: EngineName;
  /** At which it listens. */
  readonly address: string;
  /** `mysql://user:password@127.0.0.1:port/orders` */
  readonly url: string;
  /**
   * The same for another database, which need not exist: the user may create and drop databases
   * whose names start with `orders` or `test_`.
   *
   * @throws {Error} for any other name
   */
  adminUrl(name: string): string;
  /** Path of the Unix socket, or undefined where `dir` is too long for one. */
  readonly socket: string | undefined;
  /** Absolute path of its folder. */
  readonly dir: string;
  /** As the server tells it, such as `10.11.19-MariaDB-0+deb12u1`. */
  readonly version: string;
}

/**
 * Starts a private MariaDB or MySQL server that listens on 127.0.0.1 only and ends with this
 * process, however that ends. It reads no configuration of the machine, has no other user than one
 * with a random password (kept in the folder, mode 0600) and without the FILE privilege, and has
 * the database `orders`.
 *
 * A new data folder is prepared beside its final place and renamed, so a crash at any moment
 * leaves either none or a complete one.
 *
 * @throws {Error} if programs are missing and cannot be installed, or the server does not accept
 * connections in time; the message ends with the last lines of the server's log
 */
export async function startDatabase(options: DatabaseServerOptions): Promise<DatabaseEngine> {
  const { engine, durable = true, bufferPoolMb = 512, temporary = false, extra = [] } = options;
  const { inMemory = false, redoLogMb = 512, place = here, beforeStart } = options;
  const dir = resolve(options.dir);
  const programs = await ensurePrograms({ engine, log: options.log ?? console.error });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const password = await readOrCreatePassword(join(dir, "password"));
  await createData(programs, dir, { password, inMemory, redoLogMb });

  const socketPath = join(dir, "server.sock");
  const socket = new TextEncoder().encode(socketPath).length <= MAX_SOCKET_PATH
    ? socketPath
    : undefined;
  let version = "";
  let ofThisStart: string[] = [];
  const server = await startOnPort({
    name: engine,
    program: startedAt(place, programs.database),
    args: (port) => [
      ...serverArgs(programs, dir, { redoLogMb }),
      `--port=${port}`,
      `--bind-address=${place.address}`,
      `--socket=${socket ?? ""}`,
      `--pid-file=${join(dir, "server.pid")}`,
      `--innodb-buffer-pool-size=${bufferPoolMb}M`,
      `--innodb-doublewrite=${durable ? "ON" : "OFF"}`,
      "--innodb-flush-log-at-trx-commit=1",
      "--max-connections=300",
      "--max-allowed-packet=64M",
      "--local-infile=1",
      "--skip-name-resolve",
      ...extra,
      ...ofThisStart,
    ],
    dir,
    port: options.port,
    temporary,
    portTaken: /Address already in use|Bind on TCP\/IP port/,
    prepare: async () => {
      ofThisStart = await beforeStart?.() ?? [];
    },
    connect: async (port) => {
      version = await readVersion(place.address, port, password);
    },
  });
  const adminUrl = (name: string) => {
    if (!DATABASE_NAME_PATTERN.test(name)) {
      throw new Error(
        `Cannot use database ${name}: on private engines names start with "orders" or "test_"`,
      );
    }
    return `mysql://${USER}:${password}@${place.address}:${server.port}/${name}`;
  };
  const url = adminUrl(DATABASE_NAME);
  const { address } = place;
  return Object.assign(server, { engine, address, url, adminUrl, socket, dir, version });
}

/** Settings that hold while data is created as well as later. */
function serverArgs(
  programs: Programs,
  dir: string,
  { redoLogMb, dataDir = join(dir, dataName) }: { redoLogMb: number; dataDir?: string },
): string[] {
  const common = [
    `--datadir=${dataDir}`,
    `--tmpdir=${dir}`,
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--performance-schema=OFF",
    "--skip-log-bin",
    ...(process.getuid?.() === 0 ? ["--user=root"] : []),
  ];
  if (programs.engine === "mariadb") return [...common, `--innodb-log-file-size=${redoLogMb}M`];
  return [
    ...common,
    `--innodb-redo-log-capacity=${redoLogMb}M`,
    "--secure-file-priv=NULL",
    "--mysqlx=OFF",
    "--auto-generate-certs=OFF",
  ];
}

async function createData(
  programs: Programs,
  dir: string,
  options: { password: string; inMemory: boolean; redoLogMb: number },
): Promise<void> {
  const { password, inMemory, redoLogMb } = options;
  const finalDir = join(dir, dataName);
  if (await isThere(finalDir)) return;
  const newDir = join(dir, "data.new");
  await rm(newDir, { recursive: true, force: true });
  if (!inMemory || !await linkMemory(newDir)) await mkdir(newDir, { mode: 0o700 });
  const args = [
    ...serverArgs(programs, dir, { redoLogMb, dataDir: newDir }),
    // Nothing is lost by a crash before the rename, so nothing needs to be flushed.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
  ];
  const accounts = accountStatements(password);
  if (programs.engine === "mariadb") await bootstrapMariadb(programs, args, accounts);
  else await initialiseMysql(programs.database, args, accounts, dir);
  await rename(newDir, finalDir);
}

/** Removes the folder of a server that has ended, with data that is in memory. */
export function removeDatabase(dir: string): Promise<void> {
  return removeWithMemory(dir, dataName);
}

function accountStatements(password: string): string[] {
  return [
    `create database ${DATABASE_NAME} character set utf8mb4 collate utf8mb4_unicode_ci`,
    `create user '${USER}'@'%' identified by '${password}'`,
    `grant process on *.* to '${USER}'@'%'`,
    `grant all privileges on \`orders%\`.* to '${USER}'@'%'`,
    `grant all privileges on \`test\\_%\`.* to '${USER}'@'%'`,
  ];
}

/**
 * Feeds MariaDB's own definition of the system tables to its bootstrap mode. The usual
 * mariadb-install-db needs a helper from the client package, loads the help texts as well, which
 * takes most of its time, and makes accounts without a password.
 */
async function bootstrapMariadb(
  programs: Programs,
  args: string[],
  accounts: string[],
): Promise<void> {
  const systemTables = await readFile(programs.systemTablesFile!, "utf8");
  const { database } = programs;
  const input = [
    "create database mysql;\nuse mysql;",
    systemTables,
    "flush privileges;",
    ...accounts.map((statement) => `${statement};`),
  ].join("\n");
  const { success, stderr } = await capture(
    database.command,
    [...database.args, ...args, "--bootstrap", "--log-warnings=0"],
    { input },
  );
  if (!success) failCreate("mariadb", stderr);
}

async function initialiseMysql(
  mysqld: Program,
  args: string[],
  accounts: string[],
  dir: string,
): Promise<void> {
  const initFile = join(dir, "accounts.sql");
  const statements = [...accounts, "alter user 'root'@'localhost' account lock"];
  await writeFile(initFile, statements.map((line) => `${line};\n`).join(""), {
    mode: 0o600,
  });
  try {
    const initialise = ["--initialize-insecure", `--init-file=${initFile}`];
    const { success, stderr } = await capture(mysqld.command, [
      ...mysqld.args,
      ...args,
      ...initialise,
    ]);
    if (!success) failCreate("mysql", stderr);
  } finally {
    await rm(initFile);
  }
}

function failCreate(engine: EngineName, messages: string): never {
  const tail = messages.trim().split("\n").slice(-10).join("\n");
  throw new Error(`Cannot create a ${engine} data folder:\n${tail}`);
}

async function readVersion(host: string, port: number, password: string): Promise<string> {
  const connection = await mysql.createConnection({
    host,
    port,
    user: USER,
    password,
    connectTimeout: 2000,
  });
  try {
    const [rows] = await connection.query<mysql.RowDataPacket[]>("select version() as version");
    return String(rows[0]!.version);
  } finally {
    await connection.end();
  }
}
