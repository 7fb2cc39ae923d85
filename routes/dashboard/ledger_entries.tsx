/**
 * Rows of the ledger.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { LedgerEntry } from "../../db/ledger/ledger_list.ts";
import { Columns, linkTo, Money, None, OrderLink, Table, Time } from "./parts.tsx";

/** What each source of a movement is called. */
const sourceNames: Readonly<Record<string, string>> = {
  payment: "Payment",
  refund: "Refund",
  given_twice: "Given back twice",
  chargeback: "Chargeback",
  fee: "Fee",
  payout: "Payout",
  reserve: "Reserve",
  adjustment: "Adjustment",
};

/** Rows as a table, debits and credits apart. */
export const Entries: FC<{ entries: readonly LedgerEntry[]; withOrders?: boolean }> = (
  { entries, withOrders = false },
) => (
  <Table label="Rows of the ledger" stacks={2}>
    <Columns
      names={[
        "Booked",
        ...(withOrders ? ["Order"] : []),
        { wide: "Of" },
        "Account",
        { right: "Debit" },
        { right: "Credit" },
      ]}
    />
    <tbody>
      {entries.map((entry) => {
        const { orderId, source, sourceId, step, account, amountCents, currency, day } = entry;
        const money = <Money cents={Math.abs(amountCents)} currency={currency} />;
        return (
          <tr key={`${orderId} ${source} ${sourceId} ${step} ${account}`}>
            <td data-label="Booked">
              <Time at={entry.bookedAt} seconds />
            </td>
            {withOrders && (
              <td data-label="Order">{orderId === 0 ? <None /> : <OrderLink id={orderId} />}</td>
            )}
            <td class="wide">
              {sourceNames[source] ?? source}
              {source === "payment" && sourceId === 0 ? "" : ` ${sourceId}`}
            </td>
            <td data-label="Account">
              <a href={linkTo("/dashboard/ledger", { day, account })}>{account}</a>
            </td>
            <td class="right" data-label="Debit">{amountCents > 0 && money}</td>
            <td class="right" data-label="Credit">{amountCents < 0 && money}</td>
          </tr>
        );
      })}
    </tbody>
  </Table>
);

/** What of an order's money is booked; nothing where nothing is. */
export const OrderLedger: FC<{ orderId: number; entries: readonly LedgerEntry[] }> = (
  { orderId, entries },
) =>
  entries.length === 0 ? null : (
    <section aria-labelledby="ledger-heading">
      <h2 id="ledger-heading" class="heading">
        <a href={linkTo("/dashboard/ledger", { order: String(orderId) })}>Ledger</a>
      </h2>
      <Entries entries={entries} />
    </section>
  );
