/**
 * Stripe's itemized reports: payout reconciliation, and balance change from activity, which have the same columns; and payouts, which
 * has no charges.
 *
 * What the customer paid stands in `customer_facing_amount` where it was converted; gross, fee and net are in the currency
 * of the balance. The keys of ours stand in the metadata of payments and refunds, as far as the report was asked for them.
 *
 * @module
 */

import type { ReportProfile } from "../report_profile.ts";

/** Stripe's reporting categories that are of no order. A new one is of none until it stands here, and is found as such. */
const ofNoOrder = {
  // Taxes are those on what Stripe keeps.
  fee: ["fee", "network_cost", "tax"],
  // A top-up is money of the bank that goes to Stripe.
  payout: ["payout", "payout_reversal", "topup", "topup_reversal"],
  reserve: [
    "risk_reserved_funds",
    "connect_reserved_funds",
    "payment_network_reserved_funds",
    "payment_network_reserve_hold",
    "payment_network_reserve_release",
    "payout_minimum_balance_hold",
    "payout_minimum_balance_release",
    "minimum_balance_hold",
    "reserve_transaction",
    "reserved_funds",
    "issuing_authorization_hold",
    "issuing_authorization_release",
  ],
  adjustment: [
    "other_adjustment",
    "advance",
    "advance_funding",
    "anticipation_repayment",
    "climate_order_purchase",
    "climate_order_refund",
    "connect_collection_transfer",
    "contribution",
    "currency_conversion",
    "fee_credit_funding",
    "financing_payout",
    "financing_payout_reversal",
    "financing_paydown",
    "financing_paydown_reversal",
    "issuing_disbursement",
    "issuing_dispute",
    "issuing_dispute_fraud_liability_debit",
    "issuing_dispute_provisional_credit",
    "issuing_dispute_provisional_credit_reversal",
    "issuing_transaction",
    "platform_earning",
    "platform_earning_refund",
    "platform_fee_transfer",
    "revenue_share",
    "reward",
    "stripe_balance_payment_debit",
    "stripe_balance_payment_debit_reversal",
    "tax_fund",
    "tax_withholding",
    "transfer",
    "transfer_reversal",
    "unreconciled_customer_funds",
  ],
} as const;

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
    ...ofNoOrder,
  },
  money: { in: "units", decimal: "." },
  time: { zone: "UTC" },
};

/** The itemized report of payouts, which the others do not tell of. */
export const stripePayouts: ReportProfile = {
  version: 1,
  name: "stripe-payouts",
  recognisedBy: [
    "payout_id",
    "balance_transaction_id",
    "reporting_category",
    "gross",
    "fee",
    "net",
    "currency",
    "effective_at",
  ],
  columns: {
    entry: ["balance_transaction_id"],
    category: ["reporting_category"],
    at: ["effective_at_utc", "effective_at"],
    gross: ["gross"],
    fee: ["fee"],
    net: ["net"],
    currency: ["currency"],
  },
  optional: ["effective_at_utc"],
  categories: ofNoOrder,
  money: { in: "units", decimal: "." },
  time: { zone: "UTC" },
};
