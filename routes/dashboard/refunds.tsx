/**
 * The list of refunds.
 *
 * @module
 */

import { Hono } from "hono";
import { listRefunds } from "../../db/refunds/refund_list.ts";
import { type RefundStatus, refundTransitions } from "../../domain/order/order.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, Empty, linkTo, Money, Notice, Pager, Status, Table, Time } from "./parts.tsx";
import { pageQuery, pageSize } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/refunds";
const statuses = Object.keys(refundTransitions) as RefundStatus[];

/** `GET /dashboard/refunds`. */
export function refundPageRoutes({ db }: AppDeps): Hono {
  const app = new Hono();

  app.get("/refunds", async (c) => {
    const query = pageQuery(c);
    const status = query.oneOf("status", statuses);
    const beforeId = query.cursor("refunds");
    const { refunds: shown, nextBeforeId } = await need(
      listRefunds(db, { status }, { beforeId, limit: pageSize }),
    );
    const next = nextBeforeId === undefined
      ? undefined
      : linkTo(home, { status, cursor: encodeCursor("refunds", nextBeforeId) });
    return page(
      c,
      { title: "Refunds", nav: home },
      (
        <>
          <PageHead title="Refunds" note="Newest first">
            <a class="button" href={linkTo("/refunds.csv", { status })} download="refunds.csv">
              Download CSV
            </a>
          </PageHead>
          {query.faults.map((fault) => <Notice key={fault} tone="warn" title={fault} />)}
          <nav class="tabs" aria-label="Refunds by state">
            <a href={home} aria-current={status === undefined ? "page" : undefined}>All</a>
            {statuses.map((one) => (
              <a
                key={one}
                href={linkTo(home, { status: one })}
                aria-current={status === one ? "page" : undefined}
              >
                {one.charAt(0) + one.slice(1).toLowerCase()}
              </a>
            ))}
          </nav>
          {shown.length === 0 && next === undefined
            ? (
              <Empty title={status === undefined ? "No refunds yet" : "No refund fits"}>
                Money is given back from the page of an order, by the API or with deno task refund.
              </Empty>
            )
            : (
              <Table label="Refunds">
                <Columns
                  names={["Refund", "State", "Order", { wide: "Reason" }, { wide: "Requested" }, {
                    wide: "Processed",
                  }, { right: "Amount" }]}
                />
                <tbody>
                  {shown.map((refund) => (
                    <tr key={refund.id}>
                      <th scope="row">#{refund.id}</th>
                      <td>
                        <Status of={refund.status} />
                      </td>
                      <td>
                        <a href={`/dashboard/orders/${refund.orderId}`}>{refund.externalOrderId}</a>
                        <div class="before">{refund.recipientName}</div>
                      </td>
                      <td class="wide ellipsis">
                        {refund.failureReason ?? refund.reason ?? <span class="muted">–</span>}
                      </td>
                      <td class="wide">
                        <Time at={refund.createdAt} />
                      </td>
                      <td class="wide">
                        <Time at={refund.processedAt} />
                      </td>
                      <td class="right">
                        <Money cents={refund.amountCents} currency={refund.currency} />
                        <div class="before">
                          of <Money cents={refund.totalCents} currency={refund.currency} />
                        </div>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </Table>
            )}
          <Pager
            shown={shown.length === 0
              ? next === undefined ? "" : "None among the latest ones"
              : `${shown.length} refunds${next ? "" : ", the last ones"}`}
            first={beforeId === undefined ? undefined : linkTo(home, { status })}
            next={next}
          />
        </>
      ),
    );
  });

  return app;
}
