/**
 * `deno task bench`: measures the product on private engines, against their own floor.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { EngineName } from "../engines/programs.ts";
import { benchArchive } from "./archive.ts";
import { benchBeside } from "./beside.ts";
import { compareWithFloor, type Figure, formatFigures } from "./figures.ts";
import { benchFlash } from "./flash.ts";
import { benchErase } from "./erase.ts";
import { benchGrowth } from "./growth.ts";
import { benchBatches, benchIntake } from "./intake.ts";
import { benchKpis } from "./kpis.ts";
import { benchFlood, benchLanes, laneRatio } from "./lanes.ts";
import { benchLatency, benchSteady } from "./latency.ts";
import { describeMachine } from "./machine.ts";
import { benchMigrations } from "./migrations.ts";
import { benchPages } from "./pages.ts";
import { benchProfiles } from "./profiles.ts";
import { benchReaders } from "./readers.ts";
import { benchReconcile } from "./reconcile.ts";
import { benchRecover } from "./recover.ts";
import { benchRefunds } from "./refunds.ts";
import { type BenchForm, benchForms } from "./shop_files.ts";
import { benchSizes, chartPath } from "./sizes.ts";
import { benchRestock } from "./restock.ts";
import { openStage, type Stage } from "./stage.ts";
import { addTargets } from "./targets.ts";
import { benchUploads } from "./uploads.ts";
import { benchYears } from "./years.ts";
import { benchAdjustments, benchTwoConsumers, benchWorkflow } from "./workflow.ts";

interface Scenario {
  summary: string;
  /** Part of a benchmark that names no scenarios. */
  usual: boolean;
  run: (stage: Stage, args: BenchArgs) => Promise<Figure[]>;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  workflow: { summary: "import, drain, and the floor", usual: true, run: benchWorkflow },
  two: { summary: "drain by two processes", usual: true, run: benchTwoConsumers },
  adjustments: {
    summary: "import and drain of orders with two adjustments, beside plain ones",
    usual: false,
    run: benchAdjustments,
  },
  latency: { summary: "one order on an idle system", usual: true, run: benchLatency },
  steady: { summary: "one order among 500 a second", usual: true, run: benchSteady },
  lanes: {
    summary: "web orders beside a file that drains, also of the same 100 products",
    usual: false,
    run: benchLanes,
  },
  flood: {
    summary: "one order a second while 100 tokens flood the API",
    usual: false,
    run: benchFlood,
  },
  flash: {
    summary:
      "everybody wants one product, from a file and over HTTP, drained by 1, 2 and 4 processes",
    usual: false,
    run: benchFlash,
  },
  beside: { summary: "import while another process drains it", usual: false, run: benchBeside },
  readers: {
    summary: "import of one file by the own reader and by that of other files",
    usual: false,
    run: benchReaders,
  },
  profiles: {
    summary: "import of a file as a shop system exports it, by its profile",
    usual: false,
    run: benchProfiles,
  },
  intake: { summary: "orders over HTTP, one by one", usual: false, run: benchIntake },
  batches: { summary: "orders over HTTP, 5,000 to a request", usual: false, run: benchBatches },
  uploads: {
    summary: "previews of such a file over HTTP and on the page, and one order of all its rows",
    usual: false,
    run: benchUploads,
  },
  refunds: { summary: "refunds over HTTP, and settled", usual: false, run: benchRefunds },
  restock: {
    summary: "1,000 orders that wait for stock, once it arrives",
    usual: false,
    run: benchRestock,
  },
  kpis: { summary: "GET /kpis beside bare routes", usual: false, run: benchKpis },
  erase: { summary: "erasing a person with 10,000 orders", usual: false, run: benchErase },
  archive: {
    summary: "drain beside orders being archived, by turns with one alone",
    usual: false,
    run: benchArchive,
  },
  growth: { summary: "what an order costs of the disk, by table", usual: false, run: benchGrowth },
  migrations: {
    summary: "each migration on full tables, and how long others wait meanwhile",
    usual: false,
    run: benchMigrations,
  },
  reconcile: {
    summary: "a provider's report of all payments against the books, and a thousand lies in it",
    usual: false,
    run: benchReconcile,
  },
  recover: { summary: "100,000 messages lost and found", usual: false, run: benchRecover },
  years: {
    summary: "proofs, figures, start and pages with --orders=10000000 --keep=DIR in the tables",
    usual: false,
    run: benchYears,
  },
  pages: { summary: "the dashboard with a million orders", usual: false, run: benchPages },
  sizes: {
    summary: "a million orders: memory, and what one more costs; makes the chart",
    usual: false,
    run: (stage) => benchSizes(stage, chartPath),
  },
};

const help = `Measures the product on private engines that it starts and stops itself.

Usage: deno task bench [OPTIONS] [SCENARIO...]

  --orders=N           orders to a run (default 100000)
  --runs=N             runs of a scenario, of which the median is shown (default 5)
  --engine=NAME        mariadb or mysql (default mariadb)
  --keep=DIR           engines and data in this folder, which the next run of the scenario years goes on with
  --durable            engines that survive a power cut: doublewrite buffer, append-only file
  --buffer-pool-mb=N   memory of the database (default 512)
  --bun=PATH           the product on this Bun instead of on Deno, after bun install
  --form=NAME          file of the scenarios profiles and uploads, by its profile: ${
  benchForms.slice(0, 4).join(", ")
},
                       ${benchForms.slice(4).join(", ")} (default shopify)
  --largest=N          orders that the scenario sizes drains at once (default 1000000)
  --least-ratio=R      fail if the drain is slower than R times the floor
  --least-import=R     fail if the import is slower than R times the floor
  --most-lane-ratio=R  fail if web orders beside a file wait longer than R times what the file takes (scenario lanes)
  --json               one object as the last line instead of a table
  --help               this text

Scenarios (without any: those with *):
${
  Object.entries(scenarios).map(([name, { summary, usual }]) =>
    `  ${usual ? "*" : " "} ${name.padEnd(12)} ${summary}`
  ).join("\n")
}

The floor is the time that the same engines need just to write the same final rows once, so "of floor"
holds on any machine. After every drain verify must find nothing, or the benchmark fails. Targets are those
for a machine of two cores, and for the default run of each scenario; a missed one is shown and is no failure.`;

interface BenchArgs {
  names: string[];
  orders: number;
  runs: number;
  engine: EngineName;
  durable: boolean;
  bufferPoolMb: number;
  /** The folder that engines and data are kept in; undefined where they are removed. */
  keep: string | undefined;
  /** The Bun that the product runs on; undefined for Deno. */
  bun: string | undefined;
  /** Orders that the scenario sizes drains at once. */
  largest: number;
  /** File of the scenario profiles. */
  form: BenchForm;
  /** Least shares of the floor, by scenario. */
  minRatios: Partial<Record<"drain" | "import", number>>;
  /** Most of a file's time that 99 of 100 web orders beside it may wait. */
  maxLaneRatio: number | undefined;
  json: boolean;
}

/** Options that have a value. */
const valueOptions = [
  "orders",
  "runs",
  "engine",
  "bun",
  "buffer-pool-mb",
  "keep",
  "largest",
  "form",
  "least-ratio",
  "least-import",
  "most-lane-ratio",
] as const;

/** Reads the arguments. @throws {RangeError} with a line for people when they are wrong */
function readArgs(args: string[]): BenchArgs | "help" {
  const wrong = (text: string) => new RangeError(text);
  const parsed = parseArgs(args, {
    boolean: ["json", "durable", "help"],
    string: [...valueOptions, "_"],
    unknown: (name) => {
      if (name.startsWith("-")) throw wrong(`there is no option ${name}`);
    },
  });
  if (parsed.help) return "help";
  const integer = (
    name: "orders" | "runs" | "buffer-pool-mb" | "largest",
    fallback: number,
    min: number,
  ) => {
    const value = Number(parsed[name] ?? fallback);
    if (!Number.isInteger(value) || value < min) {
      throw wrong(`--${name} must be an integer of at least ${min}`);
    }
    return value;
  };
  const engine = parsed.engine ?? "mariadb";
  if (engine !== "mariadb" && engine !== "mysql") throw wrong("--engine must be mariadb or mysql");
  const form = benchForms.find((one) => one === (parsed.form ?? "shopify"));
  if (form === undefined) throw wrong(`--form must be ${benchForms.join(", ")}`);
  const ratio = (name: "least-ratio" | "least-import" | "most-lane-ratio") => {
    const text = parsed[name];
    if (text === undefined) return undefined;
    if (!(Number(text) > 0)) throw wrong(`--${name} must be positive`);
    return Number(text);
  };
  const names = parsed._.map(String);
  const unknown = names.find((name) => !Object.hasOwn(scenarios, name));
  if (unknown !== undefined) {
    throw wrong(
      `there is no scenario "${unknown}"; there are ${Object.keys(scenarios).join(", ")}`,
    );
  }
  if (parsed.keep !== undefined && names.join() !== "years") {
    throw wrong("--keep is for the scenario years, by itself");
  }
  return {
    names: names.length > 0
      ? names
      : Object.keys(scenarios).filter((name) => scenarios[name]!.usual),
    orders: integer("orders", 100_000, 100),
    runs: integer("runs", 5, 1),
    engine,
    durable: parsed.durable === true,
    bufferPoolMb: integer("buffer-pool-mb", 512, 64),
    keep: parsed.keep === undefined ? undefined : String(parsed.keep),
    bun: parsed.bun === undefined ? undefined : String(parsed.bun),
    largest: integer("largest", 1_000_000, 1_000),
    form,
    minRatios: { drain: ratio("least-ratio"), import: ratio("least-import") },
    maxLaneRatio: ratio("most-lane-ratio"),
    json: parsed.json === true,
  };
}

async function bench(args: BenchArgs): Promise<number> {
  const started = performance.now();
  const log = (line: string) =>
    console.error(`${((performance.now() - started) / 1_000).toFixed(0).padStart(5)} s ${line}`);
  const stage = await openStage({ ...args, log });
  try {
    const machine = await describeMachine(stage);
    if (!args.json) {
      console.log(
        `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}\n` +
          `${machine.database}, Redis ${machine.redis}, ${
            args.bun ? "Bun" : `Deno ${machine.deno}`
          }, ${machine.date}\n` +
          `${args.orders} orders, median of ${args.runs} runs` +
          `${args.durable ? ", engines safe against a power cut" : ""}\n`,
      );
    }
    const figures: Figure[] = [];
    for (const name of args.names) {
      const found = await scenarios[name]!.run(stage, args);
      compareWithFloor(found);
      addTargets(found, args.engine);
      figures.push(...found);
    }
    if (!args.json) console.log(formatFigures(figures));
    else {
      const { orders, runs, durable, bufferPoolMb } = args;
      const settings = { orders, runs, durable, buffer_pool_mb: bufferPoolMb };
      console.log(JSON.stringify({ machine, settings, figures }));
    }
    return judge(figures, args);
  } finally {
    await stage.close();
  }
}

/** The guard against regressions: an exit code. */
function judge(
  figures: readonly Figure[],
  { minRatios, maxLaneRatio }: Pick<BenchArgs, "minRatios" | "maxLaneRatio">,
): number {
  let code = 0;
  if (maxLaneRatio !== undefined) {
    const ratios = figures.filter(({ what }) => what === laneRatio);
    if (ratios.length === 0) throw new Error("--most-lane-ratio needs the scenario lanes");
    for (const { scenario, value } of ratios) {
      if (value <= maxLaneRatio) continue;
      console.error(
        `bench: ${scenario} waited ${value.toFixed(2)} of its time, not ${maxLaneRatio}`,
      );
      code = 1;
    }
  }
  for (const [name, min] of Object.entries(minRatios)) {
    if (min === undefined) continue;
    const ratio = figures.find(({ scenario, what }) => scenario === name && what === "× floor");
    if (ratio === undefined) throw new Error("A least ratio needs the scenario workflow");
    if (ratio.value >= min) continue;
    console.error(`bench: the ${name} has ${ratio.value.toFixed(2)} of the floor, not ${min}`);
    code = 1;
  }
  return code;
}

if (import.meta.main) {
  try {
    const args = readArgs(Deno.args);
    if (args === "help") console.log(help);
    else Deno.exit(await bench(args));
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    if (Deno.env.get("LOG_LEVEL") === "debug") throw error;
    Deno.exit(error instanceof RangeError ? 2 : 1);
  }
}
