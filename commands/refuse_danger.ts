/**
 * Refuses to work on engines that would lose data.
 *
 * @module
 */

import { readDatabaseUrl } from "../config/engine_url.ts";
import { readGrants } from "../db/connection/grants.ts";
import { readServerFacts } from "../db/connection/server_facts.ts";
import { findDangers } from "../domain/operation/diagnosis.ts";
import { judgeGrants } from "../domain/operation/grants.ts";
import { WorkflowError } from "../domain/errors.ts";
import { readRedisFacts } from "../streams/redis/redis_facts.ts";
import type { Context } from "./context.ts";

/**
 * Looks at both engines before a process begins to write orders and messages. It finds what `deno task
 * doctor` finds, and cares only for what endangers data: the rest is for people to judge.
 *
 * @throws {WorkflowError} `unavailable` naming every danger and how to repair it
 */
export async function refuseDanger(context: Context): Promise<void> {
  const { db, config } = context;
  const [server, store, { account, grants, tables }] = await Promise.all([
    readServerFacts(db),
    readRedisFacts(context),
    readGrants(db),
  ]);
  const { name } = readDatabaseUrl(config.databaseUrl).address;
  const rights = judgeGrants(grants, name, account, false, tables);
  if (rights.level === "problem") {
    throw new WorkflowError("unavailable", `${rights.detail}; ${rights.remedy}`);
  }
  const dangers = findDangers(server, store, config.redisPrefix);
  if (dangers.length === 0) return;
  const list = dangers.map(({ what, detail, remedy }) => `${what}: ${detail} (${remedy})`);
  throw new WorkflowError("unavailable", `Refusing to start: ${list.join("; ")}`);
}
