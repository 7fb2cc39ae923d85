/**
 * Where to look for orders whose money does not add up.
 *
 * @module
 */

import type { Queryable } from "../connection/database.ts";
import { type Account, findUneven, numberOf, placed, placeOf } from "./neighbours.ts";
import type { Range, Scope } from "./scope.ts";

/** What an order's total, status and terms are held against. */
export type MoneyCheck = "totals" | "payments" | "terms" | "refunds";

const checks = {
  totals: ["parts", "parts_placed", "below_zero"],
  payments: ["paid", "paid_placed", "other_currency"],
  terms: ["terms", "impossible"],
  refunds: ["refunded", "refunded_placed", "too_much"],
} as const satisfies Record<MoneyCheck, readonly string[]>;

type Column = (typeof checks)[MoneyCheck][number];

/** One payment more for each, so that one of nothing counts as well. */
const paidOf = (cents: string) => `(${cents} + 1)`;

const retried = (id: string) => numberOf(`concat(${id}, ' again')`);
const latestRetry = (id: string, retry: string) => numberOf(`concat(${id}, ' ', ${retry})`);

const accounts: readonly Account<Column>[] = [
  {
    id: "id",
    from: "orders",
    sums: {
      parts: "-total_cents",
      parts_placed: placed("id", "-total_cents"),
      paid: `if(status = 'PAID', ${paidOf("total_cents")}, 0)`,
      paid_placed: placed("id", `if(status = 'PAID', ${paidOf("total_cents")}, 0)`),
      terms: `if(payment_status = 'paid', ${numberOf("id")}, 0)
        + if(retries = 0, 0, retries * ${retried("id")})
        + if(retry_id is null, 0, ${latestRetry("id", "retry_id")})`,
      impossible: `(payment_status = 'none' and total_cents <> 0)
        or (backordered = 1 and status <> 'PENDING')`,
      refunded: "refunded_cents",
      refunded_placed: placed("id", "refunded_cents"),
      too_much: "refunded_cents > if(status = 'PAID', total_cents, 0)",
    },
  },
  {
    id: "order_id",
    from: "order_items",
    whole: "ignore index (order_items_product, order_items_order)",
    rows: "order_items",
    sums: {
      parts: "subtotal_cents",
      parts_placed: placed("order_id", "subtotal_cents"),
      below_zero: "subtotal_cents < 0",
    },
  },
  {
    id: "order_id",
    from: "order_adjustments",
    where: "included = 0",
    isMixed: true,
    sums: {
      parts: "amount_cents",
      parts_placed: `amount_cents * cast(${placeOf("order_id")} as signed)`,
    },
  },
  {
    id: "order_id",
    from: "payments",
    rows: "payments",
    where: "status = 'SUCCEEDED'",
    sums: {
      paid: `-${paidOf("amount_cents")}`,
      paid_placed: placed("order_id", `-${paidOf("amount_cents")}`),
    },
  },
  {
    id: "payments.order_id",
    from: `payments
      straight_join orders on orders.id = payments.order_id`,
    rows: "payments",
    where: "payments.currency is not null and payments.currency <> orders.currency",
    sums: { other_currency: "1" },
  },
  {
    id: "order_id",
    from: "refunds",
    where: "status = 'PROCESSED'",
    sums: {
      refunded: "-amount_cents",
      refunded_placed: placed("order_id", "-amount_cents"),
    },
  },
  { id: "order_id", from: "source_payments", sums: { terms: `-(${numberOf("order_id")} + 0e0)` } },
  {
    id: "order_id",
    from: `(
        select order_id, count(*) as times, max(id) as last_id
        from order_retries
        group by order_id
      ) retried`,
    sums: {
      terms: `-(times * ${retried("order_id")} + 0e0 + ${latestRetry("order_id", "last_id")})`,
    },
  },
  {
    id: "orders.id",
    from: `superseded_charges
      straight_join orders on orders.id = superseded_charges.order_id`,
    where: "superseded_charges.revision >= orders.revision",
    sums: { impossible: "1" },
  },
];

/**
 * Where the totals of orders differ from what their parts come to, paid orders from succeeded payments, what they say of
 * themselves from what is written down beside them, and what was refunded from their refunds. Every table is read once, in
 * its own order; joining ten million orders with each takes five times as long.
 */
export async function findUnevenMoney(
  tx: Queryable,
  scope: Range | null,
): Promise<Record<MoneyCheck, Scope[]>> {
  return await findUneven(tx, scope, accounts, checks);
}
