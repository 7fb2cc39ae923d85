/**
 * A step of what mends a discrepancy: what it works with, and what it came to.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import type { Gateways } from "../../streams/payments/gateway.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";
import type { RecordChargebackDeps } from "../payments/record_chargeback.ts";

/** What mending works with. */
export interface MendingDeps extends ServiceDeps, Gateways, Omit<RecordChargebackDeps, "config"> {
  config: Pick<
    Config,
    "reconciliationApprovals" | "reconciliationDays" | "chargebackRevenue"
  >;
}

/** What a step came to. */
export type Step =
  /** It is over. */
  | { kind: "ended"; state: "EXPLAINED" | "MENDED"; answer: string }
  /** It goes on by itself, or is to be tried again. */
  | { kind: "goes_on"; answer: string }
  /** It can't be done: something else has to be. */
  | {
    kind: "withdrawn";
    answer: string;
    /** The provider has refused what it was asked for under the key of it, and would again. */
    isRefusal?: boolean;
  };

/** An answer that says of what its provider can't be asked about that it goes by the report alone. */
export function onItsWord(answer: string, { provider }: DiscrepancyRow, asked: boolean): string {
  return asked ? answer : `${answer}, by the report's word: "${provider}" can't be asked about it`;
}

/** What a provider says that has not decided, or why it says nothing. */
export function saidBy(answer: { kind: string; error?: string }): string {
  return answer.error ?? `the provider has not decided yet (${answer.kind})`;
}

/** Of a provider that is not configured, or is not asked about such money. */
export function cantBeAsked(provider: string): Step {
  return { kind: "withdrawn", answer: `"${provider}" can't be asked about it` };
}

/** Of a provider by whom nothing can move here. */
export function notConfigured(provider: string): Step {
  return { kind: "withdrawn", answer: `"${provider}" is not configured here` };
}
