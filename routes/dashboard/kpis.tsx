/**
 * The figures of any range of days, as charts, a table and a file.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { type ChargebackSum, sumChargebacks } from "../../db/payments/chargeback_list.ts";
import { daysBefore, daysBetween } from "../../domain/kpi/day.ts";
import { emptyKpiRow, type KpiRow, maxKpiDays, sumKpiRows } from "../../domain/kpi/kpi.ts";
import { type KpiFigure, kpiFigureNames, kpiFigures } from "../../domain/kpi/kpi_table.ts";
import { currencyDigits } from "../../domain/money.ts";
import { readCurrencies, readKpis } from "../../streams/kpis/kpis.ts";
import type { AppDeps } from "../deps.ts";
import { Chart } from "./chart.tsx";
import { DayFields } from "./filters.tsx";
import { counted, formatCount, formatDay, formatMoney } from "./format.ts";
import { kpiCards, rowsOf } from "./kpi_cards.ts";
import { page, PageHead } from "./layout.tsx";
import {
  Columns,
  CountLink,
  Empty,
  Faults,
  Figures,
  linkTo,
  Money,
  Notice,
  Table,
} from "./parts.tsx";
import { type PageQuery, readPageQuery } from "./queries.ts";
import { attempt, need } from "./reading.ts";

const home = "/dashboard/kpis";

/** Days that are shown without being asked for. */
const usualDays = 30;

/** Days that the table shows at the most; the charts and the file show all. */
const maxTableDays = 400;

/** `GET /dashboard/kpis`. */
export function kpiPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/kpis", async (c) => {
    const query = readPageQuery(c);
    const range = rangeIn(query, deps.kpiDay(new Date().toISOString()));
    const { from, to } = range;
    const [latest, read] = await need(
      Promise.all([readCurrencies(deps), readKpis(deps, from, to)]),
    );
    const currency = query.currency("currency") ?? deps.baseCurrency;
    const held = await attempt(deps, "The database", () => sumChargebacks(deps.db, "held"));
    // What these days have may be older than what the latest ones have.
    const currencies = [
      ...new Set([...latest, ...read.map((row) => row.currency), currency]),
    ];
    const days = completed(read.filter((row) => row.currency === currency), from, to, currency);
    const total = sumKpiRows(days, currency);
    return page(
      c,
      { title: "KPIs", nav: home, charts: true },
      (
        <>
          <Head {...range} currency={currency} timezone={deps.config.kpiTimezone} />
          <Faults of={query.faults} />
          <RangeForm {...range} currency={currency} currencies={currencies} />
          <Totals total={total} />
          {held.ok && <Withheld sums={held.value} currency={currency} />}
          <section class="cards" aria-label="Charts">
            <RevenueChart days={days} currency={currency} />
            <OrdersChart days={days} total={total} />
          </section>
          <section aria-labelledby="days-heading">
            <h2 id="days-heading" class="heading">Day by day</h2>
            <DayTable days={days.filter(isEventful).toReversed()} />
          </section>
        </>
      ),
    );
  });

  return app;
}

/** The days that are shown, both included. */
interface Range {
  from: string;
  to: string;
  today: string;
}

function rangeIn(query: PageQuery, today: string): Range {
  const to = query.day("to") ?? today;
  let from = query.day("from") ?? daysBefore(to, usualDays - 1);
  if (from > to) {
    query.faults.push("The first day is after the last one");
    from = to;
  }
  if (daysBetween(from, to) > maxKpiDays) {
    query.faults.push(`Only ${formatCount(maxKpiDays)} days are shown at a time`);
    from = daysBefore(to, maxKpiDays - 1);
  }
  return { from, to, today };
}

const Head: FC<Range & { currency: string; timezone: string }> = (
  { from, to, currency, timezone },
) => (
  <PageHead
    title="KPIs"
    note={`${formatDay(from)} to ${formatDay(to)}, by the day of settlement in ${timezone}`}
  >
    <a class="button" href={linkTo("/dashboard/customers", { currency })}>
      Customers in {currency}
    </a>
    <a
      class="button"
      href={linkTo("/kpis.csv", { from, to })}
      download={`kpis-${from}-${to}.csv`}
    >
      Download CSV
    </a>
  </PageHead>
);

/** Ranges that end today, by a click. */
const ranges = [["7 days", 7], ["30 days", 30], ["90 days", 90], ["1 year", 365]] as const;

const RangeForm: FC<Range & { currency: string; currencies: readonly string[] }> = (
  { from, to, today, currency, currencies },
) => (
  <form class="filters" method="get" action={home} aria-label="Range of days">
    <DayFields from={from} to={to} />
    <div class="field">
      <label for="currency">Currency</label>
      <select id="currency" name="currency">
        {currencies.map((one) => (
          <option key={one} value={one} selected={one === currency}>{one}</option>
        ))}
      </select>
    </div>
    <button class="primary" type="submit">Show</button>
    <div class="tabs push" role="group" aria-label="Ranges that end today">
      {ranges.map(([name, count]) => {
        const start = daysBefore(today, count - 1);
        return (
          <a
            key={name}
            href={linkTo(home, { from: start, to: today, currency })}
            aria-current={from === start && to === today ? "page" : undefined}
          >
            {name}
          </a>
        );
      })}
    </div>
  </form>
);

/** The figures of all days together. */
const Totals: FC<{ total: KpiRow }> = ({ total }) => (
  <section class="card" aria-label="All days together">
    <Figures of={kpiCards(total).map(({ name, value }) => [name, value])} />
  </section>
);

/** What chargebacks withhold at the moment, whatever days are shown; nothing where they withhold nothing. */
const Withheld: FC<{ sums: readonly ChargebackSum[]; currency: string }> = ({ sums, currency }) => {
  const sum = sums.find((one) => one.currency === currency);
  if (sum === undefined) return null;
  return (
    <Notice
      tone="warn"
      title={`${formatMoney(sum.amountCents, currency)} are withheld now`}
      href="/dashboard/chargebacks?which=held"
    >
      By {counted(sum.count, "chargeback that is", "chargebacks that are")} not decided.
    </Notice>
  );
};

const RevenueChart: FC<{ days: readonly KpiRow[]; currency: string }> = ({ days, currency }) => (
  <Chart
    name="revenue"
    title={`Revenue, ${currency}`}
    summary={best(days, currency)}
    series={{
      kind: "bars",
      unit: "money",
      x: secondsOf(days),
      y: [days.map((row) => row.revenue_cents)],
      labels: ["revenue"],
      digits: currencyDigits(currency),
    }}
  />
);

const OrdersChart: FC<{ days: readonly KpiRow[]; total: KpiRow }> = ({ days, total }) => (
  <Chart
    name="orders"
    title="Orders paid and failed"
    summary={`${formatCount(total.order_count)} paid, ${
      formatCount(total.failed_order_count)
    } failed`}
    series={{
      kind: "line",
      unit: "count",
      x: secondsOf(days),
      y: [days.map((row) => row.order_count), days.map((row) => row.failed_order_count)],
      labels: ["paid", "failed"],
    }}
  />
);

function secondsOf(days: readonly KpiRow[]): number[] {
  return days.map(({ date }) => Date.parse(`${date}T00:00:00Z`) / 1_000);
}

const DayTable: FC<{ days: readonly KpiRow[] }> = ({ days }) =>
  days.length === 0
    ? (
      <Empty title="Nothing was settled on these days">
        Choose other days, or another currency.
      </Empty>
    )
    : (
      <>
        <Table label="Figures by day" stacks={3}>
          <Columns
            names={[
              "Day",
              ...Object.values(kpiFigures).map(({ column }) => ({ right: column })),
            ]}
          />
          <tbody>
            {days.slice(0, maxTableDays).map((row) => (
              <tr key={row.date}>
                <th scope="row" class="nowrap">{formatDay(row.date)}</th>
                {kpiFigureNames.map((figure) => (
                  <td key={figure} class="right" data-label={kpiFigures[figure].column}>
                    <DayFigure row={row} figure={figure} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </Table>
        {days.length > maxTableDays && (
          <p class="pager small">
            The file has the other {counted(days.length - maxTableDays, "day")}
          </p>
        )}
      </>
    );

/** A figure of a day, and the way to the rows that it counts. */
const DayFigure: FC<{ row: KpiRow; figure: KpiFigure }> = ({ row, figure }) => {
  if (kpiFigures[figure].unit === "money") {
    return <Money cents={row[figure]} currency={row.currency} />;
  }
  const list = rowsOf(row, figure);
  return list === undefined
    ? <>{formatCount(row[figure])}</>
    : <CountLink count={list.rows} href={list.href} />;
};

/** A row for every day, those without figures too: a chart with gaps would lie. */
function completed(rows: readonly KpiRow[], from: string, to: string, currency: string): KpiRow[] {
  const byDay = new Map(rows.map((row) => [row.date, row]));
  const count = daysBetween(from, to);
  return Array.from({ length: count }, (_, index) => {
    const date = daysBefore(to, count - 1 - index);
    return byDay.get(date) ?? emptyKpiRow(date, currency);
  });
}

function isEventful(row: KpiRow): boolean {
  return kpiFigureNames.some((figure) => row[figure] !== 0);
}

function best(days: readonly KpiRow[], currency: string): string {
  const [max] = days.toSorted((a, b) => b.revenue_cents - a.revenue_cents);
  if (max === undefined || max.revenue_cents <= 0) return "No revenue on these days";
  return `Most on ${formatDay(max.date)}: ${formatMoney(max.revenue_cents, currency)}`;
}
