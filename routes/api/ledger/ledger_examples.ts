/**
 * Examples for the OpenAPI document: the ledger.
 *
 * @module
 */

import type { z } from "zod";
import type { ledgerBalanceAnswer, ledgerListAnswer } from "./ledger_answers.ts";

/** A page of the ledger. */
export const ledgerList = {
  data: [{
    order_id: 42,
    source: "payment",
    source_id: 0,
    step: 1,
    account: "clearing",
    amount_cents: 1_250,
    currency: "EUR",
    day: "2026-01-05",
    booked_at: "2026-01-05T10:12:00.000000Z",
  }, {
    order_id: 42,
    source: "payment",
    source_id: 0,
    step: 1,
    account: "sales",
    amount_cents: -1_250,
    currency: "EUR",
    day: "2026-01-05",
    booked_at: "2026-01-05T10:12:00.000000Z",
  }],
  next_cursor: null,
} satisfies z.input<typeof ledgerListAnswer>;

/** The trial balance. */
export const ledgerBalance = {
  day: null,
  closed_day: "2026-01-04",
  complete: true,
  accounts: [{
    account: "clearing",
    currency: "EUR",
    debit_cents: 1_250,
    credit_cents: 0,
    balance_cents: 1_250,
    rows: 1,
  }, {
    account: "sales",
    currency: "EUR",
    debit_cents: 0,
    credit_cents: 1_250,
    balance_cents: -1_250,
    rows: 1,
  }],
} satisfies z.input<typeof ledgerBalanceAnswer>;
