/**
 * Refuses to work on engines that would lose data.
 *
 * @module
 */

import { readServerFacts } from "../db/connection/server_facts.ts";
import { findDangers } from "../domain/operation/diagnosis.ts";
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
  const [server, store] = await Promise.all([readServerFacts(db), readRedisFacts(context)]);
  const dangers = findDangers(server, store, config.redisPrefix);
  if (dangers.length === 0) return;
  const list = dangers.map(({ what, detail, remedy }) => `${what}: ${detail} (${remedy})`);
  throw new WorkflowError("unavailable", `Refusing to start: ${list.join("; ")}`);
}
