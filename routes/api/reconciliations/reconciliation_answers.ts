/**
 * What the routes of reconciliations answer with, as schemas with their examples, and how rows become it.
 *
 * @module
 */

import { z } from "zod";
import type { DiscrepancyRow } from "../../../db/reconciliation/discrepancies.ts";
import type { ProviderDay } from "../../../db/reconciliation/reconciled_days.ts";
import type { ReconciliationRow } from "../../../db/reconciliation/reconciliations.ts";
import {
  discrepancyActionNames,
  discrepancyKindNames,
  discrepancyStates,
  offeredActions,
} from "../../../domain/reconciliation/discrepancy.ts";
import { configuredProviders, type ProviderSettings } from "../../../streams/payments/gateways.ts";
import { count, currency, day, id, time } from "../description/schema_parts.ts";

/** A reconciliation. */
export const reconciliationAnswer = z.object({
  id,
  provider: z.string(),
  source: z.enum(["report", "api"]),
  name: z.string(),
  from: time,
  to: time.meta({ description: "The first moment that it does not cover" }),
  state: z.enum(["RUNNING", "DONE", "FAILED", "WITHDRAWING", "WITHDRAWN"]),
  lines: count,
  agreed: count,
  found: count.meta({ description: "Discrepancies that it was the first to find" }),
  open: count.meta({ description: "Those of them that are open now" }),
  actor: z.string(),
  fees_wait: z.boolean().meta({
    description:
      "Whether what it tells is booked only when somebody else has approved it; false for one that is finished and books nothing",
  }),
  fees: z.record(z.string(), z.int()).nullable().meta({
    description: "What it keeps, by currency in minor units, where somebody else has to approve it",
  }),
  payouts: z.record(z.string(), z.int()).nullable().meta({
    description:
      "What it says went to the bank, less what came back from there, by currency in minor units, where somebody else has " +
      "to approve it",
  }),
  reserves: z.record(z.string(), z.int()).nullable().meta({
    description: "What it says is held back, less what was given free, likewise",
  }),
  adjustments: z.record(z.string(), z.int()).nullable().meta({
    description: "What it says was taken off for other reasons, less what was added, likewise",
  }),
  conversions: z.record(z.string(), z.int()).nullable().meta({
    description:
      "What it says customers paid in a currency and was settled in another one, less what was settled in it, likewise",
  }),
  approved_by: z.string().nullable(),
  approved_at: time.nullable(),
  withdrawal_by: z.string().nullable().meta({
    description:
      "Who has it taken back, or wants it: nobody any more a day after that was wished for, and once it is brought again",
  }),
  withdrawal_at: time.nullable(),
  error: z.string().nullable(),
  started_at: time,
  finished_at: time.nullable(),
}).meta({ id: "Reconciliation" });

/** A page of reconciliations. */
export const reconciliationListAnswer = z.object({
  data: z.array(reconciliationAnswer),
  next_cursor: z.string().nullable(),
}).meta({ id: "ReconciliationList" });

const said = z.object({
  amount_cents: z.int(),
  currency,
  at: time.nullable(),
}).nullable();

const feeParts = z.object({ fee_cents: z.int(), net_cents: z.int() });

/** A discrepancy. */
export const discrepancyAnswer = z.object({
  id,
  reconciliation_id: id,
  provider: z.string(),
  kind: z.enum(discrepancyKindNames),
  state: z.enum(discrepancyStates),
  day,
  movement: z.string(),
  order_id: id.nullable(),
  external_order_id: z.string().nullable().meta({
    description: "The shop's id of this order; null where no order is known",
  }),
  refund_id: id.nullable(),
  reference: z.string().nullable().meta({
    description: "The shop's id of the order, as the provider says it",
  }),
  charge_ref: z.string().nullable().meta({ description: "The provider's name of the charge" }),
  refund_ref: z.string().nullable(),
  entry: z.string().nullable().meta({ description: "The report's own id of the line" }),
  theirs: said.meta({ description: "What the provider says" }),
  ours: said.meta({ description: "What is on record here" }),
  fees: z.object({
    currency,
    gross_cents: z.int(),
    theirs: feeParts.meta({ description: "What the report says" }),
    ours: feeParts.meta({
      description: "What was told before, or what gross and fee come to",
    }),
  }).nullable().meta({ description: "Where the fee differs, in the currency of the balance" }),
  actions: z.array(z.enum(discrepancyActionNames)).meta({
    description: "What can be done about it, the one that mends it first",
  }),
  action: z.enum(discrepancyActionNames).nullable().meta({ description: "What was proposed" }),
  note: z.string().nullable(),
  proposed_by: z.string().nullable(),
  proposed_at: time.nullable(),
  approved_by: z.string().nullable(),
  approved_at: time.nullable(),
  answer: z.string().nullable().meta({ description: "How far it is, or what came of it" }),
  found_at: time,
  ended_at: time.nullable(),
}).meta({ id: "Discrepancy" });

/** A page of discrepancies. */
export const discrepancyListAnswer = z.object({
  data: z.array(discrepancyAnswer),
  next_cursor: z.string().nullable(),
}).meta({ id: "DiscrepancyList" });

/** What providers' days come to. */
export const providerDaysAnswer = z.object({
  data: z.array(z.object({
    provider: z.string(),
    day,
    currency,
    movements: count,
    charges_cents: z.int(),
    refunds_cents: z.int(),
    chargebacks_cents: z.int(),
    other_cents: z.int(),
    payouts_cents: z.int().meta({ description: "What went to the bank, below zero" }),
    reserves_cents: z.int().meta({ description: "What is held back, below zero" }),
    adjustments_cents: z.int().meta({ description: "What was taken off otherwise, below zero" }),
    fees_cents: z.int(),
    net_cents: z.int(),
    covered_until: time.nullable(),
    open: count,
  })),
}).meta({ id: "ProviderDays" });

/** A reconciliation as answers have it. */
export function reconciliationJson(row: ReconciliationRow): z.output<typeof reconciliationAnswer> {
  return {
    id: row.id,
    provider: row.provider,
    source: row.source,
    name: row.name,
    from: row.from,
    to: row.to,
    state: row.state,
    lines: row.lines,
    agreed: row.agreed,
    found: row.found,
    open: row.open,
    actor: row.actor,
    fees_wait: row.feesWait,
    fees: row.fees,
    payouts: row.payouts,
    reserves: row.reserves,
    adjustments: row.adjustments,
    conversions: row.conversions,
    approved_by: row.approvedBy,
    approved_at: row.approvedAt,
    withdrawal_by: row.withdrawalBy,
    withdrawal_at: row.withdrawalAt,
    error: row.error,
    started_at: row.startedAt,
    finished_at: row.finishedAt,
  };
}

/** Fees that differ; null for what differs otherwise, and where they were not kept. */
function feesJson(row: DiscrepancyRow): z.output<typeof discrepancyAnswer>["fees"] {
  const {
    settledCurrency,
    theirGrossCents,
    theirFeeCents,
    theirNetCents,
    ourFeeCents,
    ourNetCents,
  } = row;
  if (settledCurrency === null || ourFeeCents === null || ourNetCents === null) return null;
  return {
    currency: settledCurrency,
    gross_cents: theirGrossCents ?? 0,
    theirs: { fee_cents: theirFeeCents ?? 0, net_cents: theirNetCents ?? 0 },
    ours: { fee_cents: ourFeeCents, net_cents: ourNetCents },
  };
}

/**
 * A discrepancy as answers have it.
 *
 * @param settings by which its provider is configured here, or not
 */
export function discrepancyJson(
  row: DiscrepancyRow,
  settings: ProviderSettings,
): z.output<typeof discrepancyAnswer> {
  const isConfigured = configuredProviders(settings).includes(row.provider);
  const money = (cents: number | null, currency: string | null, at: string | null) =>
    cents === null || currency === null ? null : { amount_cents: cents, currency, at };
  return {
    id: row.id,
    reconciliation_id: row.reconciliationId,
    provider: row.provider,
    kind: row.kind,
    state: row.state,
    day: row.day,
    movement: row.movement,
    order_id: row.orderId,
    external_order_id: row.externalOrderId,
    refund_id: row.refundId,
    reference: row.reference,
    charge_ref: row.chargeRef,
    refund_ref: row.refundRef,
    entry: row.entry,
    theirs: money(row.theirCents, row.theirCurrency, row.theirTime),
    ours: money(row.ourCents, row.ourCurrency, row.ourTime),
    fees: feesJson(row),
    actions: row.state === "open" && row.approvedBy === null
      ? offeredActions(row, isConfigured)
      : [],
    action: row.action,
    note: row.note,
    proposed_by: row.proposedBy,
    proposed_at: row.proposedAt,
    approved_by: row.approvedBy,
    approved_at: row.approvedAt,
    answer: row.answer,
    found_at: row.foundAt,
    ended_at: row.endedAt,
  };
}

/** What a provider's day comes to, as answers have it. */
export function providerDayJson(row: ProviderDay) {
  const { provider, day, currency, movements, open } = row;
  return {
    provider,
    day,
    currency,
    movements,
    charges_cents: row.chargesCents,
    refunds_cents: row.refundsCents,
    chargebacks_cents: row.chargebacksCents,
    other_cents: row.otherCents,
    payouts_cents: row.payoutsCents,
    reserves_cents: row.reservesCents,
    adjustments_cents: row.adjustmentsCents,
    fees_cents: row.feesCents,
    net_cents: row.netCents,
    covered_until: row.coveredUntil,
    open,
  };
}

/** For the description. */
export const reconciliationExample = {
  id: 3,
  provider: "stripe",
  source: "report",
  name: "january.csv",
  from: "2026-01-01T00:00:00.000000Z",
  to: "2026-02-01T00:00:00.000000Z",
  state: "DONE",
  lines: 1200,
  agreed: 1199,
  found: 1,
  open: 1,
  actor: "api:finance",
  fees_wait: false,
  fees: null,
  payouts: null,
  reserves: null,
  adjustments: null,
  conversions: null,
  approved_by: null,
  approved_at: null,
  withdrawal_by: null,
  withdrawal_at: null,
  error: null,
  started_at: "2026-02-01T08:00:00.000000Z",
  finished_at: "2026-02-01T08:00:01.000000Z",
} satisfies z.input<typeof reconciliationAnswer>;

/** For the description. */
export const discrepancyExample = {
  id: 7,
  reconciliation_id: 3,
  provider: "stripe",
  kind: "twice",
  state: "open",
  day: "2026-01-05",
  movement: "charge",
  order_id: 42,
  external_order_id: "1001",
  refund_id: null,
  reference: "1001",
  charge_ref: "pi_2",
  refund_ref: null,
  entry: "txn_2",
  theirs: { amount_cents: 1250, currency: "EUR", at: "2026-01-05T10:00:00.000000Z" },
  ours: null,
  fees: null,
  actions: ["give_back", "explain"],
  action: null,
  note: null,
  proposed_by: null,
  proposed_at: null,
  approved_by: null,
  approved_at: null,
  answer: null,
  found_at: "2026-02-01T08:00:01.000000Z",
  ended_at: null,
} satisfies z.input<typeof discrepancyAnswer>;

/** For the description. */
export const providerDaysExample = {
  data: [{
    provider: "stripe",
    day: "2026-01-05",
    currency: "EUR",
    movements: 40,
    charges_cents: 50000,
    refunds_cents: -1250,
    chargebacks_cents: 0,
    other_cents: 0,
    payouts_cents: -30000,
    reserves_cents: 0,
    adjustments_cents: 0,
    fees_cents: 1750,
    net_cents: 17000,
    covered_until: "2026-01-06T00:00:00.000000Z",
    open: 1,
  }],
} satisfies z.input<typeof providerDaysAnswer>;
