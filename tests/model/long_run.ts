/**
 * `deno task test:model`: the long form of the model-based test, on private engines.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { EngineName } from "../../tools/engines/programs.ts";
import { startPrivateEngines } from "../../tools/engines/private_engines.ts";
import { playGame } from "./play.ts";
import { openShop } from "./shop.ts";

const help = `Plays a shop against a model of its money, stock and figures, on private engines.

Usage: deno task test:model [--commands=N] [--seed=N] [--engine=mariadb|mysql] [--no-shrink]

  --commands=N   ends with the game in which so many were played (default 100000)
  --seed=N       of the first game; each further one has the next (default: a random one, printed)
  --engine=NAME  the database server (default mariadb)
  --no-shrink    does not look for the fewest commands that show a fault

Exits 1 where the product and its model disagree, with the commands and the seed.`;

/** Games that are played in one database. */
const gamesPerShop = 200;

/** Milliseconds between two lines of progress. */
const progressMs = 10_000;

interface Wanted {
  commands: number;
  seed: number;
  engine: EngineName;
  shrink: boolean;
}

function readArgs(args: string[]): Wanted | string {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    string: ["commands", "seed", "engine"],
    boolean: ["shrink"],
    negatable: ["shrink"],
    default: { shrink: true },
    unknown: (arg: string) => void unknown.push(arg),
  }) as Record<string, unknown>;
  if (unknown.length > 0) return `Unknown argument ${unknown[0]}`;
  const integer = (name: string, fallback: number): number => {
    const raw = parsed[name];
    return raw === undefined ? fallback : /^\d{1,9}$/.test(String(raw)) ? Number(raw) : NaN;
  };
  const commands = integer("commands", 100_000);
  const seed = integer("seed", crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000_000);
  if (Number.isNaN(commands + seed)) return "--commands and --seed must be numbers";
  const engine = String(parsed.engine ?? "mariadb");
  if (engine !== "mariadb" && engine !== "mysql") {
    return `--engine must be mariadb or mysql, not "${engine}"`;
  }
  return { commands, seed, engine, shrink: parsed.shrink !== false };
}

/** Plays until enough commands were played. @returns whether the product and its model agreed */
async function play({ commands, seed: firstSeed, shrink }: Wanted): Promise<boolean> {
  let played = 0;
  let seed = firstSeed;
  let told = performance.now();
  while (played < commands) {
    const shop = await openShop("model");
    try {
      for (let games = 0; games < gamesPerShop && played < commands; games++, seed++) {
        played += await playGame(shop, seed, { shrink });
        if (performance.now() - told < progressMs) continue;
        told = performance.now();
        console.log(
          `${played} commands in ${seed - firstSeed + 1} games; on with --seed=${seed + 1}`,
        );
      }
    } catch (error) {
      console.error(`After ${played} commands, --seed=${seed} fails:`);
      console.error(error);
      return false;
    } finally {
      await shop.flow.close();
    }
  }
  console.log(`${played} commands in ${seed - firstSeed} games: all as the model says`);
  return true;
}

async function main(args: string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return 0;
  }
  const wanted = readArgs(args);
  if (typeof wanted === "string") {
    console.error(`${wanted} (see --help)`);
    return 2;
  }
  console.log(`Playing on ${wanted.engine} from --seed=${wanted.seed} on …`);
  const engines = await startPrivateEngines({
    engine: wanted.engine,
    // Processes die in this game, and never their engines.
    databaseArgs: ["--innodb-flush-log-at-trx-commit=0"],
  });
  try {
    Deno.env.set("TEST_DATABASE_URL", engines.env.DATABASE_URL);
    Deno.env.set("TEST_REDIS_URL", engines.env.REDIS_URL);
    Deno.env.set("TEST_ENGINE", wanted.engine);
    return await play(wanted) ? 0 : 1;
  } finally {
    await engines.stop();
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
