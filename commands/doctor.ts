/**
 * `deno task doctor`: looks for what is wrong with the surroundings.
 *
 * @module
 */

import { isatty } from "node:tty";
import { countArchived } from "../db/archive/archive.ts";
import { listOpenLosses } from "../db/recovery/database_losses.ts";
import { findAnyOrder } from "../db/orders/order_ends.ts";
import { countDeadLetters } from "../db/dead_letters/dead_letter_counts.ts";
import { type Database, openDatabase } from "../db/connection/database.ts";
import { migrationStatus } from "../db/connection/migrate.ts";
import { newestMigration } from "../db/connection/migration_files.ts";
import { readOldestBeside } from "../db/connection/schema_state.ts";
import { OutdatedError } from "../domain/operation/outdated.ts";
import { countForeignKeys } from "../db/customers/erased_keys.ts";
import { readInstallation } from "../db/payments/installation.ts";
import { erasureKeyOf } from "../domain/customer/erasure_key.ts";
import { readForeignTables } from "../db/connection/foreign_tables.ts";
import { readGaleraFacts } from "../db/connection/galera_facts.ts";
import { readGrants } from "../db/connection/grants.ts";
import { readHostStates } from "../db/connection/host_states.ts";
import { canWrite } from "../db/connection/ping.ts";
import { readEncryption, readServerFacts } from "../db/connection/server_facts.ts";
import { type Config, isLoopback } from "../config/config.ts";
import {
  type Finding,
  fine,
  judgeClock,
  judgeCommands,
  judgeDatabase,
  judgeDatabaseAge,
  judgeDispensable,
  judgeEncryption,
  judgeHosts,
  judgeRedis,
  judgeRefusedChange,
  judgeSentinels,
  judgeVersion,
  judgeWriting,
  problem,
  warning,
} from "../domain/operation/diagnosis.ts";
import { readDatabaseUrl, readRedisUrls } from "../config/engine_url.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import { EngineFault, refusalOf } from "../domain/operation/engine_fault.ts";
import { describeTables } from "../domain/operation/foreign_tables.ts";
import { judgeGalera } from "../domain/operation/galera.ts";
import { judgeGrants } from "../domain/operation/grants.ts";
import { counted, plural } from "../domain/text/plural.ts";
import { describeCount } from "../domain/bounded_count.ts";
import { lookAtDatabase } from "../streams/recovery/database_age.ts";
import { olderConsumers } from "../streams/payments/end_old_keys.ts";
import { groupsWithoutConsumer, readStreams } from "../streams/workflow/queue_status.ts";
import { consumersBefore } from "../streams/workflow/hold_older.ts";
import { chargingProviders, providerFault } from "../streams/payments/gateways.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import { keysFor } from "../streams/redis/keys.ts";
import { encryptionOf, openRedis, type RedisClient } from "../streams/redis/redis.ts";
import { isReplica } from "../streams/redis/redis_away.ts";
import { dispensable, findRefusedCommands } from "../streams/redis/redis_commands.ts";
import { readRedisFacts } from "../streams/redis/redis_facts.ts";
import { readSentinelStates } from "../streams/redis/sentinel_states.ts";
import { findTemporaryFolder } from "../streams/imports/temporary_file.ts";
import { typed } from "../runtime/typed.ts";
import { type Command, readOptions } from "./command.ts";
import { diagnoseReplica } from "./diagnose_replica.ts";
import { namesNoEngine, readSettings } from "./engine_settings.ts";
import { print } from "./print.ts";
import { judgeFileLimit, judgeMailServer, judgeMemory, judgeProviders } from "./surroundings.ts";
import { terminalColumns, wrap } from "./table.ts";

/** Characters of the longest level. */
const levelWidth = "warning".length;

/** Open losses of the database that are looked at. */
const lossesToTell = 100;

const command: Command = {
  summary: "Checks settings, engines and surroundings, and says what to mend.",
  help: `
Usage: deno task doctor

Changes nothing. Exits 1 if there is a problem; a warning is no problem.

  --memory=MB,FROM  how much memory there is; the task finds it out by itself`,
  async run(args, env) {
    const memory = readOptions(args, { string: ["memory"] }).text("memory");
    const findings = await diagnose(env, memory);
    // Whoever reads it by a program wants a line for each.
    const columns = isatty(1) ? terminalColumns() : Infinity;
    print(formatFindings(findings, columns));
    return findings.some(({ level }) => level === "problem") ? 1 : 0;
  },
};

export default command;

/** What the looks at one engine have to know from elsewhere. */
interface Place {
  /** The engines are private ones, which every command migrates. */
  isPrivate: boolean;
  /** There is no order yet, so nothing can be missing in Redis; seen by the look at the database. */
  isNew: boolean;
}

/** Looks at everything that can be reached. */
async function diagnose(
  env: Record<string, string | undefined>,
  memory: string | undefined,
): Promise<Finding[]> {
  let config: Config;
  try {
    config = await readSettings(env);
  } catch (error) {
    if (error instanceof EngineFault) return [problem("private engines", error.why, error.remedy)];
    if (!(error instanceof WorkflowError)) throw error;
    return error.faults.map(({ at, detail }) =>
      problem("settings", `${at} ${detail}`, `set ${at} in the environment`)
    );
  }
  const place: Place = { isPrivate: namesNoEngine(env), isNew: false };
  return [
    judgeSettings(config, place.isPrivate),
    ...await judgeProviders(config),
    ...await judgeMailServer(config),
    judgeTemporaryFiles(),
    judgeFileLimit(),
    judgeMemory(memory),
    ...await guarded("database", "DATABASE_URL", () => diagnoseDatabase(config, place)),
    ...config.readDatabaseUrl === "" ? [] : await guarded(
      "read replica",
      "READ_DATABASE_URL",
      () => diagnoseReplica(config, encryptRemedy.database),
    ),
    ...await guarded("redis", "REDIS_URL", () => diagnoseRedis(config, place)),
    ...await diagnoseDatabaseAge(config),
  ];
}

/** What is wrong with either engine was told before. */
async function diagnoseDatabaseAge(config: Config): Promise<Finding[]> {
  const engines: { close(): unknown }[] = [];
  try {
    const db = await openDatabase(config.databaseUrl, { connections: 1 });
    engines.push(db);
    const redis = await openRedis(config.redisUrl);
    engines.push({ close: () => redis.disconnect() });
    const keys = keysFor(config.redisPrefix, config.baseCurrency);
    const judged = await lookAtDatabase({ redis, keys }, db);
    return [
      judgeDatabaseAge(judged, await listOpenLosses(db, lossesToTell), typed),
      judgeOlder(
        await olderConsumers({ redis, keys }),
        await consumersBefore({ redis, keys }),
      ),
      ...await judgeErasures(db, config),
      ...await tellArchived(db),
    ];
  } catch {
    return [];
  } finally {
    for (const engine of engines) await engine.close();
  }
}

function judgeOlder(takePayments: readonly string[], before: readonly string[]): Finding {
  const what = "older processes";
  const remedy = "stop them, and whatever starts them again";
  if (takePayments.length > 0) {
    const names = takePayments.join(", ");
    const detail = `${names} take payments as an earlier version does, and nobody else takes any`;
    return problem(what, detail, remedy);
  }
  return before.length === 0 ? fine(what, "none is alive") : warning(
    what,
    `${before.join(", ")} are of the version before, and take nothing beside this one`,
    remedy,
  );
}

/** Another secret than the one by which people were erased lets nobody in, rather than let names come back. */
async function judgeErasures(db: Database, { erasureSecret }: Config): Promise<Finding[]> {
  const { name } = await readInstallation(db);
  const foreign = await countForeignKeys(db, erasureKeyOf(name, erasureSecret));
  if (foreign === 0) return [];
  const detail =
    `${foreign} ids of erased people were written with another one, and no customer is created`;
  return [problem("ERASURE_SECRET", detail, "set the one that they were erased with")];
}

/** How many orders are archived; nothing where none is. */
async function tellArchived(db: Database): Promise<Finding[]> {
  const orders = await countArchived(db);
  if (orders === 0) return [];
  return [fine("archive", `${counted(orders, "order")} ${plural(orders, "is", "are")} archived`)];
}

function judgeSettings({ host, apiTokens }: Config, usesPrivateEngines: boolean): Finding {
  if (usesPrivateEngines) {
    return warning(
      "settings",
      "no engine is set, so private ones are used, for trials on this machine",
      "set DATABASE_URL and REDIS_URL for real orders",
    );
  }
  return isLoopback(host) || apiTokens.length > 0 ? fine("settings", "all valid") : warning(
    "settings",
    `the API listens on ${host} and asks nobody who they are`,
    "set API_TOKENS, let only trusted machines reach it, or set HOST=127.0.0.1",
  );
}

function judgeTemporaryFiles(): Finding {
  const what = "temporary files";
  const found = findTemporaryFolder();
  if ("folder" in found) return fine(what, `go to ${found.folder}`);
  const remedy = "let .data/tmp in the project's folder be written, or set TMPDIR=/var/lib/orders";
  return problem(what, found.fault, remedy);
}

async function guarded(
  what: string,
  setting: string,
  work: () => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineFault) {
      return [problem(what, `${error.what}: ${error.why}`, error.remedy)];
    }
    const refused = refusalOf(error);
    if (refused !== undefined) return [problem(what, refused.why, refused.remedy)];
    const remedy = `start the server, or correct ${setting}`;
    return [problem(what, messageOf(error).split("\n")[0]!, remedy)];
  }
}

async function diagnoseDatabase(config: Config, place: Place): Promise<Finding[]> {
  const db = await openDatabase(config.databaseUrl, { connections: 1 });
  try {
    const askedMs = Date.now();
    const facts = await readServerFacts(db);
    const rights = await judgeRights(config, db);
    const hosts = await readHostStates(config.databaseUrl);
    const node = await readGaleraFacts(db);
    const findings = [
      judgeVersion(facts.engine, facts.version),
      await judgeDatabaseWay(config.databaseUrl, db),
      ...hosts.length === 0 ? [] : [judgeHosts(hosts)],
      rights,
      ...judgeDatabase(facts, config.databaseConnections),
      ...node === null ? [] : judgeGalera(node),
      judgeClock("database", facts.nowMs, askedMs, Date.now()),
    ];
    // What follows would only fail of the same.
    if (rights.level === "problem") return findings;
    const migrations = await migrationStatus(config.databaseUrl);
    const pending = migrations.filter(({ applied }) => !applied);
    place.isNew = pending.length === migrations.length;
    const foreign = place.isNew ? describeTables(await readForeignTables(db)) : undefined;
    if (foreign !== undefined) {
      return [...findings, problem("database tables", foreign.why, foreign.remedy)];
    }
    if (pending.length > 0) {
      return [...findings, judgeMigrations(config, place, pending.map(({ name }) => name))];
    }
    place.isNew = !await findAnyOrder(db);
    const least = await readOldestBeside(db);
    const outdated = least > newestMigration() ? new OutdatedError(newestMigration(), least) : null;
    return [
      ...findings,
      outdated === null
        ? fine("migrations", "all applied")
        : problem("migrations", outdated.message, "go on with the version that migrated last"),
      judgeWriting("database", "DATABASE_URL", await canWrite(db)),
      judgeProvidersOfBooks(config, await chargingProviders(db, config)),
      await judgeDeadLetters(db),
    ];
  } finally {
    await db.close();
  }
}

/** Names that are spelt out; of more there are the first and the last. */
const namesShown = 3;

function judgeMigrations(
  { autoMigrate }: Config,
  { isPrivate, isNew }: Place,
  names: readonly string[],
): Finding {
  const what = "migrations";
  if (isPrivate) return fine(what, "the next command applies them");
  const list = names.length <= namesShown
    ? `${names.join(", ")} ${names.length === 1 ? "is" : "are"} not applied`
    : `${names.length}, ${names[0]} to ${names.at(-1)}, are not applied`;
  const remedy = `run ${typed("migrate")}`;
  if (!autoMigrate) return problem(what, list, remedy);
  return isNew
    ? warning(
      what,
      `none is applied: the database is new, and the first start applies them`,
      remedy,
    )
    : warning(
      what,
      `${list}: commands that only look refuse until the next start applies them`,
      remedy,
    );
}

/** How to have the whole way to an engine encrypted, and be sure of who is at its end. */
const encryptRemedy = {
  database: "add ssl-mode=verify-identity, and ssl-ca where its authority is your own",
  redis: "write rediss://, and ssl-ca where its authority is your own",
};

async function judgeDatabaseWay(url: string, db: Database): Promise<Finding> {
  const { socket, tls, ...first } = readDatabaseUrl(url).address;
  const { host } = (first.hosts ?? []).find(({ host }) => !isLoopback(host)) ?? first;
  const way = {
    host,
    isSocket: socket !== undefined,
    mode: tls?.mode ?? null,
    seen: await readEncryption(db),
  };
  return judgeEncryption("database", way, isLoopback(host), encryptRemedy.database);
}

async function judgeRights({ databaseUrl, autoMigrate }: Config, db: Database): Promise<Finding> {
  const { account, grants, tables } = await readGrants(db);
  const { name } = readDatabaseUrl(databaseUrl).address;
  return judgeGrants(grants, name, account, autoMigrate, tables);
}

function judgeRedisWay(url: string, redis: RedisClient): Finding {
  const nodes = readRedisUrls(url).address;
  const { host, socket, tls } = nodes.find(({ host }) => !isLoopback(host)) ?? nodes[0]!;
  const way = {
    host,
    isSocket: socket !== undefined,
    mode: tls?.mode ?? null,
    seen: encryptionOf(redis),
  };
  return judgeEncryption("redis", way, isLoopback(host), encryptRemedy.redis);
}

function judgeProvidersOfBooks(config: Config, providers: readonly string[]): Finding {
  const what = "payments of the books";
  const fault = providerFault(config, providers);
  return fault === undefined
    ? fine(what, providers.length === 0 ? "none yet" : `all by ${providers.join(", ")}`)
    : problem(what, fault, "no process that serves or handles payments starts like this");
}

async function judgeDeadLetters(db: Database): Promise<Finding> {
  const dead = await countDeadLetters(db);
  if (dead.size === 0) return fine("dead letters", "none");
  const counts = [...dead]
    .map(([group, count]) => `${describeCount(count)} in ${group}`)
    .join(", ");
  return warning("dead letters", counts, `look at ${typed("dead")}, then retry or discard them`);
}

async function diagnoseRedis(config: Config, place: Place): Promise<Finding[]> {
  const found = await readSentinelStates(config.redisUrl);
  const sentinels = found === null ? [] : [judgeSentinels(found.master, found.states)];
  return [
    ...sentinels,
    ...await guarded("redis", "REDIS_URL", () => diagnoseServer(config, place)),
  ];
}

async function diagnoseServer(config: Config, place: Place): Promise<Finding[]> {
  const redis = await openRedis(config.redisUrl);
  try {
    return await diagnoseStore(config, place, redis);
  } catch (error) {
    if (isReplica(error)) return [judgeWriting("redis", "REDIS_URL", false)];
    throw error;
  } finally {
    redis.disconnect();
  }
}

async function diagnoseStore(
  config: Config,
  { isNew }: Place,
  redis: RedisClient,
): Promise<Finding[]> {
  const keys = keysFor(config.redisPrefix, config.baseCurrency, config.kpiTimezone);
  const way = judgeRedisWay(config.redisUrl, redis);
  const unwritable = await tryChange(redis, keys.probe);
  // What follows would only fail of the same.
  if (unwritable !== undefined) return [way, unwritable];
  const refused = await findRefusedCommands({ redis, keys });
  const commands = judgeCommands(
    refused.filter(({ command }) => !dispensable.has(command)),
    { user: readRedisUrls(config.redisUrl).address[0]?.user, prefix: config.redisPrefix },
  );
  // What follows would only fail of the same.
  if (commands.level === "problem") return [way, commands];
  const askedMs = Date.now();
  const facts = await readRedisFacts({ redis, keys });
  const isWhole = facts.missingGroups.length === 0 && facts.isComplete;
  const missing = facts.missingGroups.length > 0
    ? `no group ${facts.missingGroups.join(", ")}`
    : "Redis is new, was restarted, or may have lost something otherwise";
  const waiting = groupsWithoutConsumer(await readStreams({ redis, keys }));
  return [
    judgeVersion(facts.server === "valkey" ? "valkey" : "redis", facts.version),
    way,
    ...judgeRedis(facts, config.redisPrefix),
    ...judgeDispensable(refused.filter(({ command }) => dispensable.has(command)), dispensable),
    judgeWriting("redis", "REDIS_URL", true),
    commands,
    judgeClock("redis", facts.nowMs, askedMs, Date.now()),
    isWhole
      ? fine("streams", "every group exists and holds its unfinished work")
      : isNew
      ? fine("streams", "there is no order yet that they could hold")
      : warning("streams", missing, `start the consumers, or run ${typed("recover")}`),
    waiting.length === 0
      ? fine("consumers", "nothing waits for one that is not there")
      : warning("consumers", `nobody works on ${waiting.join(", ")}`, `run ${typed("start")}`),
  ];
}

/** How long the key of a trial stays, in milliseconds. */
const trialMs = 10_000;

/** A server whose memory is full, or that lacks its replicas or its disk, answers every question. */
async function tryChange(redis: RedisClient, key: string): Promise<Finding | undefined> {
  try {
    await redis.set(key, "1", "PX", trialMs);
  } catch (error) {
    // Of what else may be wrong the looks at commands and at replicas tell.
    return judgeRefusedChange(messageOf(error));
  }
}

/**
 * A line for each finding, and under it how to repair it.
 *
 * @param columns of the terminal; what is longer goes on in the next line
 */
export function formatFindings(findings: readonly Finding[], columns: number): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const indented = " ".repeat(levelWidth + 2 + width + 2);
  const fit = (text: string) => wrap(text, columns - indented.length);
  const lines = findings.flatMap(({ level, what, detail, remedy }) => {
    const [first, ...others] = fit(visibleText(detail));
    return [
      `${level.padEnd(levelWidth)}  ${what.padEnd(width)}  ${first}`,
      ...others.map((line) => `${indented}${line}`),
      ...(remedy === "" ? [] : fit(`→ ${remedy}`).map((line) => `${indented}${line}`)),
    ];
  });
  const count = (level: Finding["level"]) =>
    findings.filter((finding) => finding.level === level).length;
  const verdict = ["problem", "warning"] as const;
  return [...lines, "", verdict.map((level) => counted(count(level), level)).join(", ")].join("\n");
}
