/**
 * Payments that do not fit their order, and wait for a decision.
 *
 * @module
 */

import { Hono } from "hono";
import { listDisputes } from "../../db/payments/payment_disputes.ts";
import type { AppDeps } from "../deps.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, Empty, Money, Pager, Table } from "./parts.tsx";
import { pageSize } from "./queries.ts";
import { need } from "./reading.ts";

/** `GET /dashboard/disputes`. */
export function disputePageRoutes({ db }: AppDeps): Hono {
  const app = new Hono();
  app.get("/disputes", async (c) => {
    const found = await need(listDisputes(db, pageSize + 1));
    const shown = found.slice(0, pageSize);
    return page(
      c,
      { title: "Payments to decide about", nav: "/dashboard/orders" },
      (
        <>
          <PageHead
            title="Payments to decide about"
            crumb={["/dashboard/orders", "Orders"]}
            note="Taken in another amount than was asked for, or twice; the oldest first"
          />
          {shown.length === 0
            ? <Empty title="No payment waits for a decision" />
            : (
              <Table label="Payments to decide about" stacks={2}>
                <Columns
                  names={[
                    "Order",
                    { wide: "Customer" },
                    { wide: "Payment" },
                    "What is wrong",
                    { right: "Taken" },
                  ]}
                />
                <tbody>
                  {shown.map((one) => (
                    <tr key={one.providerRef}>
                      <th scope="row">
                        <a href={`/dashboard/orders/${one.orderId}#dispute`}>
                          {one.externalOrderId}
                        </a>
                      </th>
                      <td class="wide ellipsis" data-label="Customer">{one.recipientName}</td>
                      <td class="wide ellipsis" data-label="Payment">
                        {one.provider} {one.providerRef}
                      </td>
                      <td data-label="What is wrong">
                        {one.isSecond ? "paid once more" : (
                          <>
                            the order is{" "}
                            <Money cents={one.totalCents} currency={one.orderCurrency} />
                          </>
                        )}
                      </td>
                      <td class="right" data-label="Taken">
                        <Money cents={one.amountCents} currency={one.currency} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </Table>
            )}
          <Pager
            shown={found.length > pageSize
              ? `The oldest ${pageSize}; the next ones follow when these are decided about`
              : ""}
          />
        </>
      ),
    );
  });
  return app;
}
