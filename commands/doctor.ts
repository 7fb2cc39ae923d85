/**
 * `deno task doctor`: looks for what is wrong with the surroundings.
 *
 * @module
 */

import { countDeadLetters } from "../db/dead_letter_counts.ts";
import { type Database, openDatabase } from "../db/database.ts";
import { migrationStatus } from "../db/migrate.ts";
import { readServerFacts } from "../db/server_facts.ts";
import { type Config, isLoopback, parseConfig } from "../domain/config.ts";
import {
  type Finding,
  fine,
  judgeClock,
  judgeDatabase,
  judgeRedis,
  judgeVersion,
  problem,
  warning,
} from "../domain/diagnosis.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import { describeCount } from "../domain/bounded_count.ts";
import { keysFor } from "../streams/keys.ts";
import { openRedis } from "../streams/redis.ts";
import { readRedisFacts } from "../streams/redis_facts.ts";
import { type Command, readOptions } from "./command.ts";

const command: Command = {
  summary: "Checks settings, engines, migrations and clocks, and says how to mend what is wrong.",
  help: `
Usage: deno task doctor

Changes nothing. Exits 1 if there is a problem; a warning is no problem.`,
  async run(args, env) {
    readOptions(args, {});
    const findings = await diagnose(env);
    console.log(formatFindings(findings));
    return findings.some(({ level }) => level === "problem") ? 1 : 0;
  },
};

export default command;

/** Looks at everything that can be reached. */
export async function diagnose(env: Record<string, string | undefined>): Promise<Finding[]> {
  let config: Config;
  try {
    config = parseConfig(env);
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    return error.faults.map(({ at, detail }) =>
      problem("settings", `${at} ${detail}`, `set ${at} in the environment`)
    );
  }
  return [
    judgeSettings(config),
    ...await guarded("database", "DATABASE_URL", () => diagnoseDatabase(config)),
    ...await guarded("redis", "REDIS_URL", () => diagnoseRedis(config)),
  ];
}

function judgeSettings({ host, apiTokens }: Config): Finding {
  return isLoopback(host) || apiTokens.length > 0 ? fine("settings", "all valid") : warning(
    "settings",
    `the API listens on ${host} and asks nobody who they are`,
    "set API_TOKENS, let only trusted machines reach it, or set HOST=127.0.0.1",
  );
}

async function guarded(
  what: string,
  setting: string,
  work: () => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    const mend = `start the server, or correct ${setting}`;
    return [problem(what, messageOf(error).split("\n")[0]!, mend)];
  }
}

async function diagnoseDatabase(config: Config): Promise<Finding[]> {
  const db = await openDatabase(config.databaseUrl, { connections: 1 });
  try {
    const askedMs = Date.now();
    const facts = await readServerFacts(db);
    const findings = [
      judgeVersion(facts.engine, facts.version),
      ...judgeDatabase(facts, config.databaseConnections),
      judgeClock("database", facts.nowMs, askedMs, Date.now()),
    ];
    const pending = (await migrationStatus(config.databaseUrl)).filter(({ applied }) => !applied);
    if (pending.length > 0) {
      const names = pending.map(({ name }) => name).join(", ");
      const mend = "run deno task migrate";
      findings.push(
        config.autoMigrate
          ? warning(
            "migrations",
            `${names} are not applied: commands that only look refuse until the next start applies them`,
            mend,
          )
          : problem("migrations", `${names} are not applied`, mend),
      );
      return findings;
    }
    return [...findings, fine("migrations", "all applied"), await judgeDeadLetters(db)];
  } finally {
    await db.close();
  }
}

async function judgeDeadLetters(db: Database): Promise<Finding> {
  const dead = await countDeadLetters(db);
  if (dead.size === 0) return fine("dead letters", "none");
  const counts = [...dead]
    .map(([group, count]) => `${describeCount(count)} in ${group}`)
    .join(", ");
  return warning("dead letters", counts, "look at deno task dead, then retry or discard them");
}

async function diagnoseRedis(config: Config): Promise<Finding[]> {
  const redis = await openRedis(config.redisUrl);
  try {
    const keys = keysFor(config.redisPrefix, config.baseCurrency);
    const askedMs = Date.now();
    const facts = await readRedisFacts({ redis, keys });
    const findings = [
      judgeVersion(facts.server === "valkey" ? "valkey" : "redis", facts.version),
      ...judgeRedis(facts, config.redisPrefix),
      judgeClock("redis", facts.nowMs, askedMs, Date.now()),
    ];
    if (facts.missingGroups.length > 0 || !facts.isComplete) {
      const missing = facts.missingGroups.length > 0
        ? `no group ${facts.missingGroups.join(", ")}`
        : "Redis is new, was restarted, or may have lost something otherwise";
      findings.push(
        warning("streams", missing, "start the consumers, or run deno task recover"),
      );
    } else {
      findings.push(fine("streams", "every group exists and holds its unfinished work"));
    }
    return findings;
  } finally {
    redis.disconnect();
  }
}

/** A line for each finding, and under it how to mend it. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const lines = findings.flatMap(({ level, what, detail, mend }) => [
    `${level.padEnd(7)}  ${what.padEnd(width)}  ${detail}`,
    ...(mend === "" ? [] : [`${" ".repeat(9 + width + 2)}→ ${mend}`]),
  ]);
  const count = (level: Finding["level"]) =>
    findings.filter((finding) => finding.level === level).length;
  const verdict = `${count("problem")} problems, ${count("warning")} warnings`;
  return [...lines, "", verdict].join("\n");
}
