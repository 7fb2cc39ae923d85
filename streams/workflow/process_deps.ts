/**
 * What a process opens once.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Database } from "../../db/connection/database.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/redis.ts";

/** Everything that the parts of a process are given; they open nothing themselves. */
export interface ProcessDeps {
  config: Config;
  db: Database;
  redis: RedisClient;
  keys: Keys;
  log: Log;
  baseCurrency: string;
  /** The KPI day of a database time. */
  kpiDay: (settledAt: string) => string;
}
