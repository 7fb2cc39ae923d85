/**
 * Movements of money as rows that come to nothing together: what each kind of money is on which accounts.
 *
 * @module
 */

import { accountNames, type LedgerAccount, type LedgerSource } from "./chart.ts";

/** A row: a debit above zero, a credit below. */
export interface Entry {
  /** On which it stands. */
  account: LedgerAccount;
  /** Signed, in minor units. */
  amountCents: number;
}

/** Rows that belong together. */
export interface Movement {
  /** 0 for what belongs to no order. */
  orderId: number;
  /** What moved. */
  source: LedgerSource;
  /** Of a payment its surplus (0 for the one that settles the order), of all else its id. */
  sourceId: number;
  /** Counts the movements of one source from 1. */
  step: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** When it happened, UTC; null for now. */
  at: string | null;
  /** They come to nothing together. */
  entries: readonly Entry[];
}

/** What of an order's total is no sale of goods. */
export interface SaleParts {
  /** Taxes, those that the prices contain as well. */
  taxCents: number;
  /** Everything else that was added or taken off. */
  adjustmentCents: number;
}

/** Balances by account. */
export type Balances = ReadonlyMap<LedgerAccount, number>;

/** The rows of some amounts; what is nothing has none. */
export function entriesOf(amounts: Partial<Record<LedgerAccount, number>>): Entry[] {
  return accountNames.flatMap((account) => {
    const amountCents = amounts[account] ?? 0;
    return amountCents === 0 ? [] : [{ account, amountCents }];
  });
}

/** An order is paid. */
export function saleEntries(totalCents: number, parts?: SaleParts): Entry[] {
  const { taxCents, adjustmentCents } = parts ?? { taxCents: 0, adjustmentCents: 0 };
  return entriesOf({
    clearing: totalCents,
    sales: taxCents + adjustmentCents - totalCents,
    adjustments: -adjustmentCents,
    tax: -taxCents,
  });
}

/** Money came that pays no order: the customer's, until it goes back or a person accepts it. */
export function heldEntries(amountCents: number): Entry[] {
  return entriesOf({ clearing: amountCents, customer: -amountCents });
}

/**
 * A chargeback withholds or takes money: a loss where it was ours, and else the customer's, who has it back.
 */
export function chargebackEntries(amountCents: number, isExpense: boolean): Entry[] {
  return entriesOf({
    clearing: -amountCents,
    [isExpense ? "chargebacks" : "customer"]: amountCents,
  });
}

/** A refund was given back; `taxCents` of it is tax by name. */
export function refundEntries(amountCents: number, taxCents: number): Entry[] {
  return entriesOf({ clearing: -amountCents, refunds: amountCents - taxCents, tax: taxCents });
}

/** Whether rows come to nothing together. */
export function isBalanced(entries: readonly Entry[]): boolean {
  return entries.reduce((sum, { amountCents }) => sum + amountCents, 0) === 0;
}

/** The rows that lead from what is booked to what should be. */
export function entriesBetween(booked: Balances, due: readonly Entry[]): Entry[] {
  const amounts: Partial<Record<LedgerAccount, number>> = {};
  for (const { account, amountCents } of due) {
    amounts[account] = (amounts[account] ?? 0) + amountCents;
  }
  for (const [account, amountCents] of booked) {
    amounts[account] = (amounts[account] ?? 0) - amountCents;
  }
  return entriesOf(amounts);
}
