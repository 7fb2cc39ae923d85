/**
 * A workflow with a bit of everything in its books, for tests that then put something wrong.
 *
 * @module
 */

import { requestRefund } from "../services/refunds/request_refunds.ts";
import { publish } from "../streams/workflow/publish.ts";
import { forgetMarks } from "../streams/recovery/remembered_marks.ts";
import { scanKeys } from "../streams/redis/scan_keys.ts";
import { type CheckReport, verify, type VerifyReport } from "../streams/verification/verify.ts";
import type { Drift } from "../streams/verification/drift.ts";
import { anOrder, openWorkflow, type Workflow, type WorkflowOptions } from "./workflow.ts";

/** A workflow with settled orders. */
export interface SettledWorkflow extends Workflow {
  ids: {
    /** `PAID`, 400 cents EUR, of which 100 went back: 2 units of `a`. */
    paid: number;
    /** `PAID`, 300 cents USD: 1 unit of `b`. */
    dollars: number;
    /** `FAILED` (declined), 101 cents EUR: 1 unit of `a` came back. */
    declined: number;
    /** `FAILED` (short), EUR. */
    short: number;
    /** The processed refund of `paid`. */
    refund: number;
  };
  /** The KPI day of all of it. */
  day: string;
}

/** Opens a workflow, settles the orders of {@linkcode SettledWorkflow} and drains every stream. */
export async function openSettled(
  name: string,
  options: WorkflowOptions = {},
): Promise<SettledWorkflow> {
  const flow = await openWorkflow(name, options);
  const taken = await flow.add([
    anOrder("paid", [{ sku: "a", qty: 2, unitPriceCents: 200 }]),
    anOrder("dollars", [{ sku: "b", qty: 1, unitPriceCents: 300 }], { currency: "USD" }),
    anOrder("declined", [{ sku: "a", qty: 1, unitPriceCents: 101 }]),
    anOrder("short", [{ sku: "c", qty: 51 }]),
  ]);
  await flow.drain();
  const [paid, dollars, declined, short] = taken.map(({ orderId }) => orderId!);
  const refund = await askRefund(flow, paid!, 100);
  await publish(flow, [{ message: refund }]);
  await flow.drain();
  const { settledAt } = await flow.order(paid!);
  const ids = { paid: paid!, dollars: dollars!, declined: declined!, short: short! };
  return {
    ...flow,
    ids: { ...ids, refund: refund.refundId },
    day: flow.kpiDay(settledAt!),
  };
}

/** Runs a test on a workflow of its own. */
export async function withSettled(
  name: string,
  work: (flow: SettledWorkflow) => Promise<void>,
  options: WorkflowOptions = {},
): Promise<void> {
  const flow = await openSettled(name, options);
  try {
    await work(flow);
  } finally {
    await flow.close();
  }
}

/** Requests a refund in the database and returns the message about it, which is not published yet. */
export async function askRefund(flow: Workflow, orderId: number, amountCents: number) {
  const { refund, currency } = await requestRefund(
    flow.db,
    { orderId, amountCents, reason: null, idempotencyKey: null },
    "test",
  );
  return { type: "refund.process", orderId, refundId: refund.id, amountCents, currency } as const;
}

/** Makes Redis lose everything that it holds of a workflow, and the process what it knew by it, as where all were stopped. */
export async function loseRedis(flow: Workflow): Promise<void> {
  await flushRedis(flow);
  forgetMarks(flow);
}

/** Makes Redis lose everything while the process lives on. */
export async function flushRedis({ redis, test }: Workflow): Promise<void> {
  const keys = [...await scanKeys(redis, test.redisPrefix)];
  if (keys.length > 0) await redis.del(...keys);
}

/** The proof without patience: whatever differs in two looks counts. */
export function verifyNow(flow: Workflow): Promise<VerifyReport> {
  return verify(flow, { settleMs: 0 });
}

/** The differences of one check; the others must have none. */
export function driftOf(report: VerifyReport, name: CheckReport["name"]): Drift[] {
  const others = report.checks.filter((check) => check.name !== name && !check.ok);
  if (others.length > 0) throw new Error(`drift elsewhere: ${JSON.stringify(others)}`);
  return report.checks.find((check) => check.name === name)!.drift;
}

/** Every KPI key, leaderboard and their index with their values. */
export async function dumpFigures({ redis, keys, test }: Workflow) {
  const dump: Record<string, unknown> = {};
  for (const start of [keys.kpi, `${test.redisPrefix}leaderboard:`, keys.kpiIndex]) {
    for (const key of [...await scanKeys(redis, start)].sort()) {
      dump[key.slice(test.redisPrefix.length)] = await redis.type(key) === "zset"
        ? await redis.zrange(key, "0", "-1", "WITHSCORES")
        : await redis.get(key);
    }
  }
  return dump;
}
