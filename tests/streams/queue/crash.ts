/**
 * A process that dies at a chosen moment: just before or just after one of its calls to an engine.
 *
 * @module
 */

import type { Database, Queryable } from "../../../db/connection/database.ts";
import type { ConsumerDeps } from "../../../streams/workflow/consumer.ts";
import type { RedisClient } from "../../../streams/redis/redis.ts";

/** What a dead process throws at every further call. */
class Crash extends Error {}

/** Counts moments until the one to die at. */
export interface Fate {
  /** Moments that were lived through. */
  moments: number;
  dead: boolean;
  /** @throws {Crash} from the chosen moment on */
  moment(): void;
}

/** @param lastMoment to live through; Infinity for one that never dies */
export function fateAfter(lastMoment: number): Fate {
  const fate: Fate = {
    moments: 0,
    dead: false,
    moment() {
      fate.dead ||= fate.moments >= lastMoment;
      if (fate.dead) throw new Crash(`crashed after ${fate.moments} moments`);
      fate.moments++;
    },
  };
  return fate;
}

/**
 * The same deps in the hands of a process with a fate. Each statement, commit and command has two
 * moments: one before it reaches the engine, one after it took effect and before anybody knows. A dead
 * process leaves its open transaction to be rolled back, as a lost connection does.
 */
export function mortal(deps: ConsumerDeps, fate: Fate, consumer: string): ConsumerDeps {
  return {
    ...deps,
    consumer,
    db: mortalDatabase(deps.db, fate),
    redis: mortalRedis(deps.redis, fate),
    blocking: mortalRedis(deps.blocking, fate),
  };
}

function mortalDatabase(db: Database, fate: Fate): Database {
  return {
    ...db,
    ...mortalQueryable(db, fate),
    together: (read) => db.together((one) => read(mortalQueryable(one, fate))),
    transaction: async (work, options) => {
      fate.moment();
      const result = await db.transaction(async (tx) => {
        const result = await work(mortalQueryable(tx, fate));
        fate.moment();
        return result;
      }, options);
      fate.moment();
      return result;
    },
  };
}

function mortalQueryable(queryable: Queryable, fate: Fate): Queryable {
  const around =
    <A extends unknown[], T>(call: (...args: A) => Promise<T>) => async (...args: A) => {
      fate.moment();
      const result = await call(...args);
      fate.moment();
      return result;
    };
  return {
    engine: queryable.engine,
    query: around(queryable.query),
    execute: around(queryable.execute),
    run: around(queryable.run),
    runText: around(queryable.runText),
    // A statement that is the last has committed when it has taken effect.
    asksLast: queryable.asksLast,
  };
}

function mortalRedis(redis: RedisClient, fate: Fate): RedisClient {
  return new Proxy(redis, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name === "defineCommand") return value.bind(target);
      return async (...args: unknown[]) => {
        fate.moment();
        const result = await value.apply(target, args);
        fate.moment();
        return result;
      };
    },
  });
}
