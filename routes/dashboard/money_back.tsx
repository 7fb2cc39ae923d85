/**
 * Rows of money that went back or has to, outside this service.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import { Columns, Money, Table, Time } from "./parts.tsx";

/** Money of an order, and who has it or gave it. */
export interface MoneyBack {
  id: number;
  orderId: number;
  externalOrderId: string;
  recipientName: string;
  /** Null where it is the payment of an order that came to nothing. */
  refundId: number | null;
  /** The provider of the payment. */
  provider: string;
  /** The provider's own name for the payment. */
  providerRef: string;
  amountCents: number;
  currency: string;
  /** ISO 8601 UTC. */
  createdAt: string;
}

/**
 * A table of such money, each row with the form by which somebody decides about it.
 *
 * @param at what on the order's page is about it, such as `#by-hand`
 * @param since what the time is called
 */
export function MoneyBackTable<T extends MoneyBack>(
  { label, rows, since, at = "", form }: {
    label: string;
    rows: readonly T[];
    since: string;
    at?: string;
    form: (one: T) => Child;
  },
): ReturnType<FC> {
  return (
    <Table label={label} stacks={2}>
      <Columns
        names={["Order", "What", { wide: "Paid by" }, { wide: since }, { right: "Amount" }, ""]}
      />
      <tbody>
        {rows.map((one) => (
          <tr key={one.id}>
            <th scope="row">
              <a href={`/dashboard/orders/${one.orderId}${at}`}>{one.externalOrderId}</a>
              <div class="before">{one.recipientName}</div>
            </th>
            <td data-label="What">
              {one.refundId === null ? "Payment" : `Refund #${one.refundId}`}
            </td>
            <td class="wide" data-label="Paid by">
              {one.provider} <code>{one.providerRef}</code>
            </td>
            <td class="wide" data-label={since}>
              <Time at={one.createdAt} />
            </td>
            <td class="right" data-label="Amount">
              <Money cents={one.amountCents} currency={one.currency} />
            </td>
            <td class="whole">{form(one)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
