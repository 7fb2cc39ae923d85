/**
 * A provider's report of every payment and refund there is, held against the books: its time and memory, and whether all
 * of a thousand lies in it are found, and nothing else.
 *
 * @module
 */

import { join } from "node:path";
import {
  feeOf,
  lyingReport,
  reportCsv,
  reportLies,
  type ReportLine,
  reportLine,
} from "../../commands/provider_report.ts";
import { type Database, toInteger } from "../../db/connection/database.ts";
import { backdateOriginals, copyOrders, readOriginals, takeStock } from "./copies.ts";
import { startCpuMeter } from "./cpu.ts";
import { type Figure, figure } from "./figures.ts";
import { bringOriginals } from "./pages.ts";
import { type Deployment, openDeployment, runTask, type Stage } from "./stage.ts";

/** Orders that go all the way through the product; the others are copies of them. */
const originals = 20_000;

/** Days over which the copies are spread. */
const span = 30;

/** Lies in the second report. */
const lies = 1_000;

/** Rows of the report to a statement. */
const rowsAtOnce = 50_000;

/** Fills a database, and holds a true report against it, the same again, and one that lies. */
export async function benchReconcile(stage: Stage): Promise<Figure[]> {
  const deployment = await openDeployment(stage);
  deployment.env.RECONCILIATION_DAYS = "0";
  await fill(stage, deployment);
  const lines = await reportOf(deployment.db);
  const path = join(stage.dir, "report.csv");
  await Deno.writeTextFile(path, ReadableStream.from(reportCsv(lines)));
  stage.log(`${lines.length} lines`);
  const figures = [
    figure("reconcile", "lines", [lines.length]),
    ...await timed(stage, deployment, "reconcile", path),
    ...await timed(stage, deployment, "reconcile again", path),
  ];
  await forget(deployment.db);
  const lying = lyingReport(lines, { seed: 1, lies });
  await Deno.writeTextFile(path, ReadableStream.from(reportCsv(lying.lines)));
  stage.log(`${lying.told.length} lies`);
  // It exits 1, because something is open.
  await runTask(deployment, "reconcile", argumentsOf(lines, path)).catch(() => {});
  const told = lying.told.map(({ lie, chargeId }) => `${reportLies[lie]} ${chargeId}`).sort();
  const rows = await deployment.db.query("select kind, charge_ref from discrepancies");
  const found = rows.map((row) => `${row.kind} ${row.charge_ref}`).sort();
  const missed = told.filter((one) => !found.includes(one)).length;
  figures.push(
    figure("reconcile lies", "told", [told.length]),
    figure("reconcile lies", "missed", [missed]),
    figure("reconcile lies", "invented", [found.length - told.length + missed]),
  );
  await deployment.close();
  return figures;
}

async function fill(stage: Stage, deployment: Deployment): Promise<void> {
  const { db } = deployment;
  const first = Math.min(originals, stage.orders);
  stage.log(`${first} orders by import, drain and refunds`);
  await bringOriginals(stage, deployment, first);
  const copies = Math.floor(stage.orders / first) - 1;
  const found = await readOriginals(db);
  await backdateOriginals(db, found, span);
  stage.log(`${copies} copies of them`);
  for (let copy = 1; copy <= copies; copy++) {
    await copyOrders(db, found, copy, -Math.floor(copy * span / (copies + 1)));
  }
  await takeStock(db, copies);
}

/** The report that the simulated provider would write: just what the books say. */
async function reportOf(db: Database): Promise<ReportLine[]> {
  const lines: ReportLine[] = [];
  for (const sql of [charges, refunds]) {
    for (let after = 0;;) {
      const rows = await db.query(sql, [after, rowsAtOnce]);
      if (rows.length === 0) break;
      after = toInteger(rows.at(-1)!.id);
      lines.push(...rows.map((row) =>
        reportLine({
          kind: row.refund === null ? "charge" : "refund",
          createdUtc: String(row.moved_at).slice(0, 23),
          chargeId: String(row.provider_ref),
          refundId: row.refund === null ? "" : String(row.refund),
          key: String(row.moved_key ?? ""),
          reference: String(row.external_order_id),
          grossCents: toInteger(row.cents),
          feeCents: row.refund === null ? feeOf(toInteger(row.cents)) : 0,
          currency: String(row.currency),
        })
      ));
    }
  }
  return lines.sort((a, b) => a.createdUtc < b.createdUtc ? -1 : 1);
}

const charges = `
  select payments.id, null as refund, provider_ref, null as moved_key, external_order_id, amount_cents as cents,
    orders.currency, paid_at as moved_at
  from payments straight_join orders on orders.id = payments.order_id
  where payments.id > ? and payments.status = 'SUCCEEDED'
  order by payments.id limit ?`;

const refunds = `
  select refunds.id, refunds.id as refund, provider_ref, provider_key as moved_key, external_order_id,
    -refunds.amount_cents as cents, orders.currency, processed_at as moved_at
  from refunds
  straight_join orders on orders.id = refunds.order_id
  straight_join payments on payments.order_id = orders.id
  where refunds.id > ? and refunds.status = 'PROCESSED'
  order by refunds.id limit ?`;

function argumentsOf(lines: readonly ReportLine[], path: string): string[] {
  const [first, last] = [lines[0]!, lines.at(-1)!].map(({ createdUtc }) => createdUtc.slice(0, 10));
  return [path, "--provider=simulated", `--from=${first}`, `--to=${last}`, "--json"];
}

async function timed(
  { engines, log }: Stage,
  deployment: Deployment,
  scenario: string,
  path: string,
): Promise<Figure[]> {
  log(scenario);
  const [first, last] = await ends(deployment.db);
  const meter = await startCpuMeter({ database: engines.database.pid, redis: engines.redis.pid });
  const { seconds, peakBytes, stdout } = await runTask(deployment, "reconcile", [
    path,
    "--provider=simulated",
    `--from=${first}`,
    `--to=${last}`,
    "--json",
  ]);
  const { found } = JSON.parse(stdout);
  if (found > 0) throw new Error(`${found} discrepancies were invented`);
  const { deno, database, redis } = await meter.read();
  return [
    figure(scenario, "s", [seconds]),
    figure(scenario, "s of CPU", [deno + database + redis]),
    figure(scenario, "s of CPU of ours", [deno]),
    figure(scenario, "peak MB", [peakBytes / 2 ** 20]),
  ];
}

/** The first and the last day on which money moved. */
async function ends(db: Database): Promise<[string, string]> {
  const [row] = await db.query(
    `select date_format(min(paid_at), '%Y-%m-%d') as first, date_format(greatest(max(paid_at),
      (select coalesce(max(processed_at), '1000-01-01') from refunds)), '%Y-%m-%d') as last from payments`,
  );
  return [String(row!.first), String(row!.last)];
}

/** Takes everything away that a reconciliation has written. */
async function forget(db: Database): Promise<void> {
  const tables = ["reconciliations", "provider_movements", "provider_retellings", "provider_days"];
  for (const table of [...tables, "reconciled_days"]) await db.query(`truncate table ${table}`);
  // Others refer to these, so they can't be truncated.
  for (const table of ["discrepancy_mends", "discrepancies"]) {
    await db.query(`delete from ${table}`);
  }
  // Days are numbered anew, and what was booked of them has their numbers.
  await db.query("delete from ledger_entries where order_id = 0");
}
