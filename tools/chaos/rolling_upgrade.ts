/**
 * Upgrades without a pause, by the rules of migrations: this version, the next one, which adds a column in place of another
 * and uses it, and the one after that, which takes the old column away. Orders come in all the time.
 *
 * @module
 */

import { join } from "node:path";
import { listMigrations } from "../../db/connection/migration_files.ts";
import { writeOrdersFile } from "../orders/orders_file.ts";
import { ampleStock } from "../orders/order_rows.ts";
import {
  expectAllFinished,
  openService,
  runIn,
  sendOrders,
  type Service,
  stepsBy,
  untilAllWork,
  untilTaken,
} from "./harness/rolling.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { until } from "./harness/until.ts";
import { equal, settled, stopInOrder } from "./harness/verification.ts";

/** Orders of a file that are not finished when the old column goes. */
const backlog = 1_500;

/** Orders over HTTP in each part. */
const orders = 60;

const project = new URL("../../", import.meta.url).pathname;

/** What a copy needs to run. */
const copied = [
  "commands",
  "config",
  "db",
  "domain",
  "migrations",
  "routes",
  "runtime",
  "services",
  "std",
  "streams",
  "tools/engines",
  "main.ts",
  "deno.json",
  "deno.lock",
];

/** How the next version writes and reads: where it says what, and what it says instead. */
const changes: readonly [path: string, from: string, to: string][] = [
  ["db/orders/timelines.ts", "event, detail, actor, attempt)", "event, detail, actor, tries)"],
  [
    "db/dead_letters/dead_letters.ts",
    "event, detail, actor, attempt)",
    "event, detail, actor, tries)",
  ],
  [
    "db/orders/order_queries.ts",
    "detail, refund_id, actor, attempt",
    "detail, refund_id, actor, coalesce(tries, 1) as attempt",
  ],
];

const scenario: Scenario = {
  name: "rolling_upgrade",
  summary:
    "two versions after this one: a column is added, used, and the old one taken away under load",
  stage: { env: { GATEWAY_DELAY_MS: "0" } },
  async run(stage) {
    const newest = listMigrations().at(-1)!.version;
    const dirs = await makeVersions(stage, newest);
    const file = join(stage.dir, "backlog.csv");
    await writeOrdersFile(file, { orders: backlog, seed: 3 });
    const services: Service[] = [await openService(stage, project)];
    const [first] = services;
    const consumer = await stage.startConsumer();
    const load = sendOrders(services);
    await untilTaken(load, orders);
    stage.figures.notes.push(`slowest order before ${load.slowestMs().toFixed(0)} ms`);

    const second = await openService(stage, dirs.expanded);
    services.push(second);
    await untilTaken(load, orders);
    await untilAllWork(stage.db, [first!.process, consumer, second.process]);
    stage.figures.notes.push(`with a column added ${load.slowestMs().toFixed(0)} ms`);

    await runIn(stage, dirs.expanded, "import", { args: [file, `--initial-stock=${ampleStock}`] });
    const third = await openService(stage, dirs.contracted);
    services.push(third);
    await expectStopped(stage, [first!, { process: consumer }], newest);
    await untilTaken(load, orders);
    await untilAllWork(stage.db, [second.process, third.process]);
    stage.figures.notes.push(`with the old one taken away ${load.slowestMs().toFixed(0)} ms`);
    await load.stop();
    await settled(stage);
    await expectAllFinished(stage.db, load);
    await stopInOrder([first!.process, second.process, third.process]);
    await runIn(stage, dirs.contracted, "verify");
    stage.figures.orders = load.taken.size + backlog;
  },
};

export default scenario;

/** The two versions after this one, each a copy with a migration more. */
async function makeVersions(
  stage: Stage,
  newest: number,
): Promise<{ expanded: string; contracted: string }> {
  const nextNumber = String(newest + 1).padStart(4, "0");
  const expand = {
    name: `${nextNumber}_tries`,
    oldestBeside: newest,
    sql: "alter table order_events add column tries int null, algorithm = instant",
  };
  const contract = {
    name: `${String(newest + 2).padStart(4, "0")}_no_attempt`,
    oldestBeside: newest + 1,
    sql: "alter table order_events drop column attempt, algorithm = instant",
  };
  return {
    expanded: await makeVersion(join(stage.dir, "expanded"), [expand]),
    contracted: await makeVersion(join(stage.dir, "contracted"), [expand, contract]),
  };
}

async function makeVersion(
  dir: string,
  migrations: readonly { name: string; oldestBeside: number; sql: string }[],
): Promise<string> {
  for (const path of copied) await copy(join(project, path), join(dir, path));
  for (const { name, oldestBeside, sql } of migrations) {
    const header = `-- oldest-beside: ${String(oldestBeside).padStart(4, "0")}\n` +
      "-- locks: nothing\n-- at ten million orders: at once\n";
    await Deno.writeTextFile(join(dir, "migrations", `${name}.sql`), `${header}${sql};\n`);
  }
  for (const [path, from, to] of changes) {
    const text = await Deno.readTextFile(join(dir, path));
    if (!text.includes(from)) {
      throw new Error(`${path} has no "${from}": the scenario is out of date`);
    }
    await Deno.writeTextFile(join(dir, path), text.replaceAll(from, to));
  }
  return `${dir}/`;
}

async function copy(from: string, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) {
    await Deno.mkdir(join(to, ".."), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await copy(join(from, name), join(to, name));
}

/** Processes of this version take nothing any more, say so, and have written nothing since. */
async function expectStopped(
  { db, figures }: Stage,
  stopped: readonly (Partial<Service> & Pick<Service, "process">)[],
  knows: number,
): Promise<void> {
  const [row] = await db.query(
    "select created_at as at from schema_migrations where version = ?",
    [knows + 2],
  );
  for (const { url, process } of stopped) {
    await process.logged("too old for the database: takes nothing any more");
    const { fields } = await process.logged("left the database to newer versions");
    figures.notes.push(`process ${process.pid} stopped after ${fields.after_ms} ms`);
    if (url === undefined) {
      await until("consumers that are too old end", 20_000, () => process.hasEnded() || "not yet");
      equal("their exit code", (await process.ended).code, 1);
    } else {
      const ready = await fetch(`${url}/readyz`);
      equal("/readyz of a process that is too old", ready.status, 503);
      const { checks } = await ready.json();
      if (!String(checks.migrations).startsWith("too old")) throw new Error(checks.migrations);
      const taken = await fetch(`${url}/orders/1`);
      await taken.body?.cancel();
      equal("its other answers", taken.status, 503);
    }
    equal("steps that it took afterwards", await stepsBy(db, process, String(row!.at)), 0);
  }
}
