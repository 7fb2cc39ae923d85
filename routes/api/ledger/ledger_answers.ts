/**
 * Answers about the ledger.
 *
 * @module
 */

import { z } from "zod";
import { time } from "../description/schema_parts.ts";

const accountNature =
  "`clearing`, `customer`, `sales` and so on: the chart of accounts is in the guide";

const sum = z.union([z.number().int(), z.string()]).meta({
  description: "Text where no number is exact",
});

/** A page of rows. */
export const ledgerListAnswer = z.object({
  data: z.array(z.object({
    order_id: z.number().int().nullable().meta({ description: "Null for what is of no order" }),
    source: z.string().meta({ description: "What moved the money: `payment`, `refund` and so on" }),
    source_id: z.number().int().meta({
      description: "Of a payment 0 for the one that settles the order; of all else its id",
    }),
    step: z.number().int().meta({ description: "Counts the movements of one source" }),
    account: z.string().meta({ description: accountNature }),
    amount_cents: z.number().int().meta({ description: "A debit above zero, a credit below" }),
    currency: z.string(),
    day: z.string().meta({ description: "`YYYY-MM-DD`, UTC: on which it is booked" }),
    booked_at: time,
  })),
  next_cursor: z.string().nullable(),
}).meta({ id: "LedgerList" });

/** The trial balance. */
export const ledgerBalanceAnswer = z.object({
  day: z.string().nullable().meta({ description: "Null for all days together" }),
  closed_day: z.string().nullable().meta({
    description: "`YYYY-MM-DD`, UTC: on days up to this one nothing is booked any more",
  }),
  complete: z.boolean().meta({ description: "Whether all that happened before it is booked" }),
  accounts: z.array(z.object({
    account: z.string().meta({ description: accountNature }),
    currency: z.string(),
    debit_cents: sum,
    credit_cents: sum,
    balance_cents: sum.meta({
      description: "Debits less credits; those of a currency come to nothing",
    }),
    rows: z.number().int(),
  })),
}).meta({ id: "LedgerBalance" });
