/**
 * What failed on a day, by its reasons, with the money that did not come in.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { type FailureSum, sumFailures } from "../../db/orders/failures.ts";
import { periodOf } from "../../domain/kpi/day.ts";
import type { AppDeps } from "../deps.ts";
import { failureNames } from "./failure_names.ts";
import { counted, formatDay, formatMoney } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, CountLink, Empty, Faults, linkTo, Notice, Table } from "./parts.tsx";
import { readPageQuery } from "./queries.ts";
import { need } from "./reading.ts";

/** `GET /dashboard/failures`. */
export function failurePageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  app.get("/failures", async (c) => {
    const query = readPageQuery(c);
    const day = query.day("day") ?? deps.kpiDay(new Date().toISOString());
    const currency = query.currency("currency");
    const found = await need(sumFailures(deps.db, periodOf(deps.kpiDay, day)));
    const sums = found.sums.filter((sum) => currency === undefined || sum.currency === currency);
    return page(
      c,
      { title: "Failed orders", nav: "/dashboard/orders" },
      (
        <>
          <PageHead
            title="Failed orders"
            crumb={["/dashboard", "Overview"]}
            note={`${formatDay(day)} in ${deps.config.kpiTimezone}${note(sums)}`}
          />
          <Faults of={query.faults} />
          {found.lowestId > 1 && (
            <Notice tone="plain" title={`Orders from #${found.lowestId} on were looked at`}>
              Older ones that failed on that day are counted by the KPIs and not here.
            </Notice>
          )}
          {sums.length === 0
            ? <Empty title="No order failed on this day" />
            : <Reasons sums={sums} day={day} />}
        </>
      ),
    );
  });
  return app;
}

function note(sums: readonly FailureSum[]): string {
  if (sums.length === 0) return "";
  const money = new Map<string, bigint>();
  for (const { currency, cents } of sums) {
    money.set(currency, (money.get(currency) ?? 0n) + cents);
  }
  const orders = sums.reduce((sum, one) => sum + one.orders, 0);
  const lost = [...money].map(([currency, cents]) => formatMoney(cents, currency)).join(" and ");
  return `: ${counted(orders, "order")}, ${lost} lost`;
}

/** The orders that failed for a reason; those of which nobody knows it can't be told apart from others. */
function listOf(day: string, reason: FailureSum["reason"], currency: string): string {
  return linkTo("/dashboard/orders", {
    status: "FAILED",
    reason: reason ?? undefined,
    currency,
    settled: day,
  });
}

const Reasons: FC<{ sums: readonly FailureSum[]; day: string }> = ({ sums, day }) => (
  <Table label="Failed orders by reason" stacks={2}>
    <Columns names={["Reason", { right: "Orders" }, { right: "Lost" }]} />
    <tbody>
      {sums.map(({ reason, currency, orders, cents }) => (
        <tr key={`${reason} ${currency}`}>
          <th scope="row">
            <a
              href={listOf(day, reason, currency)}
            >
              {reason === null ? "Not known" : failureNames[reason]}
            </a>
          </th>
          <td class="right" data-label="Orders">
            <CountLink count={orders} href={listOf(day, reason, currency)} />
          </td>
          <td class="right" data-label="Lost">
            <span class="num nowrap">{formatMoney(cents, currency)}</span>
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);
