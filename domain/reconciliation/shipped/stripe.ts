/**
 * Stripe's itemized reports: payout reconciliation, and balance change from activity, which have the same columns.
 *
 * What the customer paid stands in `customer_facing_amount` where it was converted; gross, fee and net are in the currency
 * of the balance. The keys of ours stand in the metadata of payments and refunds, as far as the report was asked for them.
 *
 * @module
 */

import type { ReportProfile } from "../report_profile.ts";

/** See `docs/reconciling.md`. */
export const stripe: ReportProfile = {
  version: 1,
  name: "stripe",
  recognisedBy: ["balance_transaction_id", "reporting_category", "gross", "fee", "net", "currency"],
  columns: {
    entry: ["balance_transaction_id"],
    category: ["reporting_category"],
    at: ["created_utc", "created"],
    charge: ["payment_intent_id", "charge_id"],
    refund: ["source_id"],
    charge_key: ["payment_metadata[charge_key]"],
    refund_key: ["refund_metadata[refund_key]"],
    reference: ["payment_metadata[order_reference]", "refund_metadata[order_reference]"],
    amount: ["customer_facing_amount"],
    amount_currency: ["customer_facing_currency"],
    gross: ["gross"],
    fee: ["fee"],
    net: ["net"],
    currency: ["currency"],
  },
  optional: [
    "created_utc",
    "created",
    "payment_intent_id",
    "charge_id",
    "source_id",
    "payment_metadata[charge_key]",
    "refund_metadata[refund_key]",
    "payment_metadata[order_reference]",
    "refund_metadata[order_reference]",
    "customer_facing_amount",
    "customer_facing_currency",
  ],
  categories: {
    charge: ["charge"],
    refund: ["refund"],
    chargeback: ["dispute", "dispute_reversal"],
    correction: ["charge_failure", "refund_failure", "partial_capture_reversal"],
    fee: ["fee", "network_cost"],
    payout: ["payout", "payout_reversal"],
  },
  money: { in: "units", decimal: "." },
  time: { zone: "UTC" },
};
