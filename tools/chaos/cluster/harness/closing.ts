/**
 * What must hold at the end of every scenario of several hosts.
 *
 * @module
 */

import { messageOf } from "../../../../domain/errors.ts";
import { startTask } from "../../harness/process.ts";
import { until } from "../../harness/until.ts";
import { stopInOrder } from "../../harness/verification.ts";
import type { DatabaseNode } from "../engines/database_node.ts";
import type { ClusterScenario } from "./cluster_scenario.ts";
import type { ClusterStage } from "./cluster_stage.ts";
import { refundCents, refused } from "./shoppers.ts";
import { apiGap } from "./targets.ts";
import { longestGap } from "./watch.ts";

/** What came of a scenario. */
export interface ClusterOutcome {
  /** Orders that customers were told of as taken, and how many of them the database has. */
  acknowledged: number;
  inDatabase: number;
  /** The same of refunds. */
  refundsAcknowledged: number;
  refundsDone: number;
  deadLetters: number;
  /** The longest time in which a host took no order, and in which nothing was settled, in milliseconds. */
  apiGapMs: number;
  workGapMs: number;
  /** The last line of `verify`. */
  verified: string;
  notes: readonly string[];
  /** What did not hold. */
  missed: readonly string[];
}

/** Longest wait for an import, and for the end of all work after the last order, in milliseconds. */
const importMs = 180_000;
const settleMs = 90_000;
const verifyMs = 60_000;

/** Ends the load, waits for the end of all work, and holds what customers were told against the database. */
export async function closeScenario(
  scenario: ClusterScenario,
  stage: ClusterStage,
): Promise<ClusterOutcome> {
  const { shoppers, hosts, watch, figures: { longest, notes, missed } } = stage;
  const isOver = performance.now();
  await stage.mend();
  await shoppers.stop();
  await endImport(stage);
  const node = writableNode(stage);
  await attempt(missed, async () => {
    const ms = await untilSettled(node, settleMs);
    notes.push(`settled ${(ms / 1_000).toFixed(1)} s after the last order`);
  });
  await watch.stop();
  const living = hosts.flatMap(({ processes }) => processes).filter((one) => !one.hasEnded());
  await attempt(missed, () => stopInOrder(living));
  const verified = await verify(scenario, stage);

  const told = await compare(stage, node);
  missed.push(...told.misapplied);
  if (scenario.mayLose === true) expectLossNamed(stage, told, verified);
  else if (told.lostOrders.length + told.lostRefunds.length > 0) {
    missed.push(`lost ${[...told.lostOrders, ...told.lostRefunds].slice(0, 5).join(", ")}`);
  }
  if (told.deadLetters > 0) missed.push(`${told.deadLetters} dead letters: ${told.deadText}`);
  if (shoppers.refusals.size > 0) notes.push(`answers besides: ${refused(shoppers)}`);
  return {
    acknowledged: shoppers.orders.length,
    inDatabase: shoppers.orders.length - told.lostOrders.length,
    refundsAcknowledged: shoppers.refunds.length,
    refundsDone: shoppers.refunds.length - told.lostRefunds.length,
    deadLetters: told.deadLetters,
    apiGapMs: apiGap(stage, stage.brokenAt, isOver),
    workGapMs: longestGap(watch.progress, stage.brokenAt, isOver),
    verified: verified.at(-1)!,
    notes: [...longest].map(([what, ms]) => `${what} ${(ms / 1_000).toFixed(1)} s`).concat(notes),
    missed,
  };
}

/** Notes what does not hold, and goes on. */
async function attempt(missed: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    missed.push(messageOf(error));
  }
}

/** An import that was begun has taken all its orders, without being begun again. */
async function endImport({ imported, figures }: ClusterStage): Promise<void> {
  if (imported === undefined) return;
  const { process, orders } = imported;
  await attempt(figures.missed, async () => {
    const { code, stdout, seconds } = await process.endedWithin(importMs);
    const report = JSON.parse(stdout.trim().split("\n").at(-1) || "{}");
    if (code !== 0 || report.orders_new !== orders) {
      const tail = process.messages.slice(-3).join("\n");
      throw new Error(`import ended with ${code}: ${JSON.stringify(report)}\n${tail}`);
    }
    figures.notes.push(`${orders} orders imported meanwhile in ${seconds.toFixed(1)} s`);
  });
}

/** The server that took the last change. */
function writableNode({ watch, database }: ClusterStage): DatabaseNode {
  const name = watch.writes.at(-1)?.node;
  return database.nodes.find((node) => node.name === name) ?? database.nodes[0]!;
}

async function untilSettled({ administer }: DatabaseNode, withinMs: number): Promise<number> {
  return await until("all work is done", withinMs, async () => {
    const [row] = await administer(
      "use orders",
      `select
        (select count(*) from orders where unfinished = 1) as orders,
        (select count(*) from refunds where unfinished = 1) as refunds`,
    );
    const { orders, refunds } = row!;
    if (Number(orders) + Number(refunds) === 0) return true;
    return `${orders} orders and ${refunds} refunds are open`;
  });
}

/** @returns what `verify` says; that it does not agree is missed, unless orders may be lost, which it has to say then */
async function verify(scenario: ClusterScenario, stage: ClusterStage): Promise<string[]> {
  const { env, figures } = stage;
  let said = "", code: number | null = null, tries = 0;
  await attempt(figures.missed, async () => {
    await until("verify ends", verifyMs, async () => {
      tries++;
      const process = await startTask("verify", [], env);
      const { stdout, ...ended } = await process.endedWithin(verifyMs);
      said = stdout.trim();
      code = ended.code;
      // Cut off in the middle by a server that has just come back, it shows nothing.
      return said !== "" || String(process.messages.at(-1));
    });
  });
  if (tries > 1) figures.notes.push(`verify had to be begun ${tries} times`);
  const lines = said.split("\n");
  if (code !== 0 && scenario.mayLose !== true) {
    figures.missed.push(`verify: ${lines.slice(-6).join(" | ")}`);
  }
  return lines;
}

/** What was lost is what `verify` says; a request at a host that was committed and not answered may be lost besides. */
function expectLossNamed(
  { figures, hosts }: ClusterStage,
  { lostOrders, lostRefunds }: { lostOrders: string[]; lostRefunds: string[] },
  verified: readonly string[],
): void {
  const pattern = /(\d+) acknowledged orders?.* and (\d+) refunds? were lost/;
  const [, orders = 0, refunds = 0] = verified.map((line) => pattern.exec(line)).find(Boolean) ??
    [];
  const isNamed = (told: number, lost: number) => told >= lost && told <= lost + hosts.length;
  figures.notes.push(`${lostOrders.length} orders and ${lostRefunds.length} refunds lost`);
  if (
    !isNamed(Number(orders), lostOrders.length) || !isNamed(Number(refunds), lostRefunds.length)
  ) {
    figures.missed.push(
      `${lostOrders.length} orders and ${lostRefunds.length} refunds were lost, ` +
        `and verify tells of ${orders} and ${refunds}: ${verified.at(-1)}`,
    );
  }
}

/** Holds what customers were told against what the database has. */
async function compare({ shoppers }: ClusterStage, { administer }: DatabaseNode) {
  const rows = await administer(
    "use orders",
    "select external_order_id as name, status, total_cents as cents from orders",
  );
  const found = new Map(rows.map((row) => [String(row.name), row]));
  const paidBack = await administer(
    "use orders",
    `select o.external_order_id as name, r.amount_cents as cents
      from refunds r join orders o on o.id = r.order_id where r.status = 'PROCESSED'`,
  );
  const done = new Map(paidBack.map(({ name, cents }) => [String(name), Number(cents)]));
  const dead = await administer(
    "use orders",
    "select group_name as name, error from dead_letters order by id",
  );
  return {
    lostOrders: shoppers.orders.filter(({ order }) => found.get(order)?.status !== "PAID")
      .map(({ order }) => `order ${order} (${found.get(order)?.status ?? "not there"})`),
    lostRefunds: shoppers.refunds.filter(({ order }) => done.get(order) !== refundCents)
      .map(({ order }) => `refund of ${order}`),
    misapplied: [...done.keys()].filter((order) => !shoppers.refundsAsked.has(order))
      .map((order) => `order ${order} was refunded, which nobody asked for`),
    deadLetters: dead.length,
    deadText: dead.slice(0, 3).map(({ name, error }) => `${name}: ${error}`).join("; "),
  };
}
