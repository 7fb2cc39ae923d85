/**
 * The chart of accounts of the ledger.
 *
 * @module
 */

import { type KindOfNoOrder, kindsOfNoOrder } from "../reconciliation/provider_line.ts";

/** What an account is in the books: whether it grows by debits or by credits, and where it ends up. */
export type AccountNature = "asset" | "liability" | "income" | "expense";

/**
 * The accounts. Their numbers stand in the database (`ledger_accounts`): never give one to another account. The table is
 * the one in docs/operating.md, too.
 */
export const ledgerAccounts = {
  clearing: { id: 1, nature: "asset", holds: "what payment providers have taken for us" },
  customer: {
    id: 2,
    nature: "liability",
    holds: "money of customers that pays no order: to be given back, or in dispute",
  },
  sales: { id: 3, nature: "income", holds: "what paid orders cost, without the two below" },
  adjustments: {
    id: 4,
    nature: "income",
    holds: "shipping, fees, tips, discounts and accepted differences of paid orders",
  },
  tax: { id: 5, nature: "liability", holds: "tax that paid orders name, less what refunds name" },
  refunds: { id: 6, nature: "income", holds: "what was given back of paid orders: less income" },
  chargebacks: { id: 7, nature: "expense", holds: "what providers took back for customers" },
  fees: { id: 8, nature: "expense", holds: "what providers keep for their service" },
  write_offs: { id: 9, nature: "expense", holds: "what went back twice and stays lost" },
  bank: { id: 10, nature: "asset", holds: "what providers have paid out" },
  reserves: { id: 11, nature: "asset", holds: "what providers hold back for a while" },
  suspense: {
    id: 12,
    nature: "asset",
    holds:
      "what providers took off for reasons of their own, less what they added: to be posted elsewhere",
  },
  conversion: {
    id: 13,
    nature: "asset",
    holds:
      "what providers converted: customers' money in its currency, less what they settled for it",
  },
} as const satisfies Record<string, { id: number; nature: AccountNature; holds: string }>;

/** The name of an account. */
export type LedgerAccount = keyof typeof ledgerAccounts;

/** All of them, in the order of their numbers. */
export const accountNames = Object.keys(ledgerAccounts) as LedgerAccount[];

const namesById = new Map<number, LedgerAccount>(
  accountNames.map((name) => [ledgerAccounts[name].id, name]),
);

/** The account of a number; one of a later version is called by its number. */
export function accountNamed(id: number): LedgerAccount | `account ${number}` {
  return namesById.get(id) ?? `account ${id}`;
}

/** What moves money, by the number that stands in the database. */
export const ledgerSources = {
  payment: 1,
  refund: 2,
  given_twice: 3,
  chargeback: 4,
  fee: 5,
  payout: 6,
  reserve: 7,
  adjustment: 8,
  conversion: 9,
} as const;

/** What moved the money of a row. */
export type LedgerSource = keyof typeof ledgerSources;

/** Those that are of no order, but of a provider's day. */
export const sourcesOfNoOrder = [
  "fee",
  "payout",
  "reserve",
  "adjustment",
  "conversion",
] as const satisfies readonly LedgerSource[];

/** One of {@linkcode sourcesOfNoOrder}. */
export type SourceOfNoOrder = typeof sourcesOfNoOrder[number];

/** What each of these is called in the plural, and on which account it stands, against `clearing`. */
export const providerAccounts: Readonly<
  Record<SourceOfNoOrder, { called: string; account: LedgerAccount }>
> = {
  fee: { called: "fees", account: "fees" },
  payout: { called: "payouts", account: "bank" },
  reserve: { called: "reserves", account: "reserves" },
  adjustment: { called: "adjustments", account: "suspense" },
  conversion: { called: "conversions", account: "conversion" },
};

/** What is moved by lines of its own that name no order; fees are booked with the sums of their day, and conversions by pairs. */
export type BookedLines = Exclude<SourceOfNoOrder, "fee" | "conversion">;

/** As what each kind of lines that are of no order is booked. */
const bookedAs: Readonly<Record<KindOfNoOrder, BookedLines | "fee">> = {
  fee: "fee",
  payout: "payout",
  reserve: "reserve",
  adjustment: "adjustment",
  // What nobody has said the meaning of has moved, too: the balance is what it is.
  other: "adjustment",
};

/** Which kinds of lines are booked as it. */
export function kindsBookedAs(source: BookedLines): readonly KindOfNoOrder[] {
  return kindsOfNoOrder.filter((kind) => bookedAs[kind] === source);
}

/** Those that are of an order. */
export type OrderSource = Exclude<LedgerSource, SourceOfNoOrder>;

const sourcesById = new Map<number, LedgerSource>(
  (Object.keys(ledgerSources) as LedgerSource[]).map((name) => [ledgerSources[name], name]),
);

/** The source of a number; one of a later version is called by its number. */
export function sourceNamed(id: number): LedgerSource | `source ${number}` {
  return sourcesById.get(id) ?? `source ${id}`;
}
