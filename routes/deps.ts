/**
 * What the routes are given.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { Log } from "../domain/operation/log.ts";
import type { Database } from "../db/connection/database.ts";
import type { Keys } from "../streams/redis/keys.ts";
import type { RedisClient } from "../streams/redis/redis.ts";
import type { BodyTimes } from "./middleware/body_times.ts";

/** Everything that a route works with; routes open nothing themselves. */
export interface AppDeps {
  config: Config;
  db: Database;
  redis: RedisClient;
  keys: Keys;
  log: Log;
  baseCurrency: string;
  /** The KPI day of a database time. */
  kpiDay: (settledAt: string) => string;
  /** Aborts when the process is about to stop: answers that go on for ever end then. */
  stopping?: AbortSignal;
  /** Work that goes on after its answer; whoever closes the engines waits for it. */
  background?: Set<Promise<void>>;
  /** Other times for bodies than the usual ones. */
  bodyTimes?: BodyTimes;
}
