/**
 * What a provider has of a charge that is not ours, by its own word.
 *
 * @module
 */

import { readCharges } from "../../db/orders/orders.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import type { MoneyAnswer } from "../../streams/payments/gateway.ts";
import { hasOpenRefund, moneyOf, othersMoney, stillMade } from "./ask_before_recording.ts";
import type { MendingDeps, Step } from "./mending_step.ts";

/** What a provider says of a charge. */
export interface MoneyLeft {
  /** Its answer. */
  money: Extract<MoneyAnswer, { kind: "found" }>;
  /** What it has of it beyond what our order has and has not given back, in minor units of its currency; below zero for less. */
  leftCents: number;
}

/**
 * Asks what a provider still has of a charge that no order has on record, or of which it says that it took more.
 *
 * @returns undefined where it can't be asked; a step where nothing can be said of it, or not now
 */
export async function askWhatIsLeft(
  deps: MendingDeps,
  row: DiscrepancyRow,
): Promise<MoneyLeft | Step | undefined> {
  const money = await moneyOf(deps, row);
  if (money === undefined) return undefined;
  if (money.kind === "unknown") {
    return { kind: "withdrawn", answer: "the provider knows of no such charge when it is asked" };
  }
  if (money.kind !== "found") return { kind: "goes_on", answer: money.error };
  const others = await othersMoney(deps, money);
  if (others !== undefined) return { kind: "withdrawn", answer: others };
  const order = row.kind !== "amount_differs" || row.orderId === null
    ? undefined
    : (await readCharges(deps.db, [row.orderId])).get(row.orderId);
  // What of a refund that is under way has gone back already nobody can tell.
  if (order !== undefined && await hasOpenRefund(deps.db, order.id)) {
    return { kind: "goes_on", answer: stillMade };
  }
  // What our order has and has given back of the charge is not the surplus that goes back here.
  const ours = order === undefined ? 0 : (row.ourCents ?? 0) - order.refundedCents;
  return { money, leftCents: money.tookCents - money.refundedCents - ours };
}
