/**
 * The list of refunds.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { listRefunds, type RefundFilter } from "../../db/refunds/refund_list.ts";
import { periodOf } from "../../domain/kpi/day.ts";
import { type RefundStatus, refundTransitions } from "../../domain/order/order.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { typed } from "../../runtime/typed.ts";
import { ByHandList, readByHand } from "./by_hand.tsx";
import { formatDay } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import {
  Columns,
  Empty,
  Faults,
  linkTo,
  Money,
  None,
  Notice,
  Pager,
  shownOf,
  stateName,
  Status,
  Table,
  Tabs,
  Time,
} from "./parts.tsx";
import { type PageQuery, pageSize, readPageQuery } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/refunds";
const statuses = Object.keys(refundTransitions) as RefundStatus[];

/** What stands in place of the list, where it is empty. */
const NoRefunds: FC<{ isAll: boolean }> = ({ isAll }) => (
  <Empty title={isAll ? "No refunds yet" : "No refund fits"}>
    Money is given back from the page of an order, by the API or with {typed("refund")}.
  </Empty>
);

/** `GET /dashboard/refunds`. */
export function refundPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/refunds", async (c) => {
    const query = readPageQuery(c);
    const given = givenIn(query);
    const { status, settled, currency } = given;
    const isNarrow = settled !== undefined || currency !== undefined;
    const beforeId = query.cursor("refunds");
    const { refunds: shown, nextBeforeId } = await need(
      listRefunds(deps.db, filterOf(given, deps), { beforeId, limit: pageSize }),
    );
    // What waits for a person stands above the first page, whenever it was requested.
    const waiting = beforeId === undefined && !isNarrow ? await readByHand(deps) : [];
    const next = nextBeforeId === undefined
      ? undefined
      : linkTo(home, { ...given, cursor: encodeCursor("refunds", nextBeforeId) });
    return page(
      c,
      { title: "Refunds", nav: home },
      (
        <>
          <PageHead title="Refunds" note="Newest first">
            <a class="button" href="/dashboard/chargebacks">Chargebacks</a>
            <a class="button" href={linkTo("/refunds.csv", given)} download="refunds.csv">
              Download CSV
            </a>
          </PageHead>
          <Faults of={query.faults} />
          {isNarrow && <Narrowed settled={settled} currency={currency} status={status} />}
          <ByHandList c={c} waiting={waiting} />
          <StateTabs given={given} />
          {shown.length === 0 && next === undefined
            ? <NoRefunds isAll={status === undefined && !isNarrow} />
            : <RefundTable refunds={shown} />}
          <Pager
            shown={shown.length === 0
              ? next === undefined ? "" : "None among the latest ones"
              : shownOf(shown.length, "refund", "refunds", {
                isFirst: beforeId === undefined,
                isLast: next === undefined,
              })}
            first={beforeId === undefined ? undefined : linkTo(home, given)}
            next={next}
          />
        </>
      ),
    );
  });

  return app;
}

/** What the address says about which refunds are meant. */
type Given = ReturnType<typeof givenIn>;

function givenIn(query: PageQuery) {
  return {
    status: query.oneOf("status", statuses),
    /** The day of the figures on which their orders were settled: they count on it too. */
    settled: query.day("settled"),
    currency: query.currency("currency"),
  };
}

function filterOf({ status, settled, currency }: Given, { kpiDay }: AppDeps): RefundFilter {
  const day = settled === undefined ? undefined : periodOf(kpiDay, settled);
  return { status, settledFrom: day?.from, settledBefore: day?.before, currency };
}

const StateTabs: FC<{ given: Given }> = ({ given }) => (
  <Tabs
    label="Refunds by state"
    tabs={[undefined, ...statuses].map((one) => ({
      name: one === undefined ? "All" : stateName(one),
      href: linkTo(home, { ...given, status: one }),
      isShown: given.status === one,
    }))}
  />
);

/** Says of which orders refunds are shown, and leads to the others. */
const Narrowed: FC<{ settled?: string; currency?: string; status?: RefundStatus }> = (
  { settled, currency, status },
) => (
  <Notice
    tone="plain"
    title={(settled === undefined ? "Refunds" : `Of orders settled on ${formatDay(settled)}`) +
      (currency === undefined ? "" : ` in ${currency}`)}
  >
    <a href={linkTo(home, { status })}>All refunds</a>
  </Notice>
);

const RefundTable: FC<{ refunds: Awaited<ReturnType<typeof listRefunds>>["refunds"] }> = (
  { refunds },
) => (
  <Table label="Refunds" stacks={2}>
    <Columns
      names={[
        "Refund",
        "State",
        "Order",
        { wide: "Reason" },
        "Requested",
        { wide: "Processed" },
        { right: "Amount" },
      ]}
    />
    <tbody>
      {refunds.map((refund) => (
        <tr key={refund.id}>
          <th scope="row">#{refund.id}</th>
          <td data-label="State">
            <Status of={refund.status} />
            {refund.byHand && <div class="before">by hand</div>}
          </td>
          <td data-label="Order">
            <a href={`/dashboard/orders/${refund.orderId}`}>{refund.externalOrderId}</a>
            <div class="before">{refund.recipientName}</div>
          </td>
          <td class="wide ellipsis" data-label="Reason">
            {refund.failureReason ?? refund.reason ?? <None />}
          </td>
          <td data-label="Requested">
            <Time at={refund.createdAt} />
          </td>
          <td class="wide" data-label="Processed">
            <Time at={refund.processedAt} />
          </td>
          <td class="right" data-label="Amount">
            <Money cents={refund.amountCents} currency={refund.currency} />
            <div class="before">
              of <Money cents={refund.totalCents} currency={refund.currency} />
            </div>
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);
