/**
 * Rows of money that went back or has to, outside this service.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { MoneyByHand } from "../../db/refunds/refunds_by_hand.ts";
import { Columns, Money, Table, Time } from "./parts.tsx";

/**
 * A table of such money, each row with the form by which somebody decides about it.
 *
 * @param at what on the order's page is about it, such as `#by-hand`
 * @param since what the time is called
 */
export function MoneyBackTable<T extends MoneyByHand>(
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
