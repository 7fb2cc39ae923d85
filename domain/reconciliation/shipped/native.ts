/**
 * The report that the simulated provider writes, for any provider's books.
 *
 * @module
 */

import type { ReportProfile } from "../report_profile.ts";

/** Columns of the form, in their order. */
export const nativeColumns = [
  "entry_id",
  "kind",
  "created_utc",
  "charge_id",
  "refund_id",
  "key",
  "reference",
  "gross_cents",
  "fee_cents",
  "net_cents",
  "currency",
] as const;

/** See `docs/reconciling.md`. */
export const native: ReportProfile = {
  version: 1,
  name: "native",
  recognisedBy: ["entry_id", "kind", "created_utc", "charge_id", "gross_cents", "currency"],
  columns: {
    entry: ["entry_id"],
    category: ["kind"],
    at: ["created_utc"],
    charge: ["charge_id"],
    refund: ["refund_id"],
    charge_key: ["key"],
    refund_key: ["key"],
    reference: ["reference"],
    amount: ["customer_cents"],
    amount_currency: ["customer_currency"],
    gross: ["gross_cents"],
    fee: ["fee_cents"],
    net: ["net_cents"],
    currency: ["currency"],
  },
  optional: [
    "refund_id",
    "key",
    "reference",
    "customer_cents",
    "customer_currency",
    "fee_cents",
    "net_cents",
  ],
  categories: {
    charge: ["charge"],
    refund: ["refund"],
    chargeback: ["chargeback", "chargeback_reversal"],
    correction: ["charge_failure", "refund_failure"],
    fee: ["fee"],
    payout: ["payout"],
    reserve: ["reserve"],
    adjustment: ["adjustment"],
  },
  money: { in: "minor" },
  time: { zone: "UTC" },
};
