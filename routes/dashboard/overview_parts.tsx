/**
 * The regions of the overview.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import { describeCount } from "../../domain/bounded_count.ts";
import { type KpiFigure, kpiFigureNames } from "../../domain/kpi/kpi_table.ts";
import { formatFigure, kpiCards, rowsOf } from "./kpi_cards.ts";
import { emptyKpiRow, type KpiRow } from "../../domain/kpi/kpi.ts";
import { plural } from "../../domain/text/plural.ts";
import { checkWords } from "../../streams/verification/check_words.ts";
import type { CheckName, VerifyReport } from "../../streams/verification/verify.ts";
import { counted, formatChange, formatCount, formatDuration, formatMoney } from "./format.ts";
import { Ago, Badge, NotRead } from "./parts.tsx";
import type { Part } from "./reading.ts";

/** How an engine answers. */
export interface EngineState {
  name: string;
  version: string | null;
  /** How long its answer took, in milliseconds; undefined where none came. */
  answer: Part<number>;
}

/** The day's figures, each with the day before. */
export const Today: FC<
  { kpis: Part<KpiRow[]>; today: string; yesterday: string; baseCurrency: string }
> = ({ kpis, today, yesterday, baseCurrency }) => {
  if (!kpis.ok) return <NotRead what="The figures are" />;
  const isBusy = (row: KpiRow) => kpiFigureNames.some((figure) => row[figure] !== 0);
  const busy = kpis.value.filter(isBusy);
  // A card of zeros in the base currency says nothing beside one in which something happened.
  const currencies = [...new Set((busy.length > 0 ? busy : kpis.value).map((row) => row.currency))]
    .sort((a, b) => Number(b === baseCurrency) - Number(a === baseCurrency) || (a < b ? -1 : 1));
  const rowOf = (day: string, currency: string) =>
    kpis.value.find((row) => row.date === day && row.currency === currency) ??
      emptyKpiRow(day, currency);
  return (
    <>
      {currencies.map((currency) => (
        <Day
          key={currency}
          now={rowOf(today, currency)}
          before={rowOf(yesterday, currency)}
        />
      ))}
    </>
  );
};

const Day: FC<{ now: KpiRow; before: KpiRow }> = ({ now, before }) => {
  const { currency } = now;
  const change = formatChange(now.revenue_cents, before.revenue_cents);
  const money = (cents: number) => formatMoney(cents, currency);
  const settled = now.order_count + now.failed_order_count;
  const figures = kpiCards(now).flatMap(({ figure, name, value }) => {
    // The revenue stands above.
    if (figure === "revenue_cents") return [];
    const share = figure === "failed_order_count" && settled > 0
      ? ` · ${(now.failed_order_count / settled * 100).toFixed(1)} %`
      : "";
    return [{ figure, name: name + share, value, old: formatFigure(before, figure) }];
  });
  return (
    <article class="card day" aria-label={`Today in ${currency}`}>
      <div class="hero">
        <h2 class="label">
          Revenue today <span class="tag">{currency}</span>
        </h2>
        <span class="value" data-figure={`revenue-${currency}`}>{money(now.revenue_cents)}</span>
        <span class="before">
          {change && (
            <>
              <b class={change.startsWith("−") ? "down" : "up"}>{change}</b>
              {" · "}
            </>
          )}
          yesterday {money(before.revenue_cents)}
        </span>
      </div>
      <dl class="figures">
        {figures.map(({ figure, name, value, old }) => (
          <div key={name}>
            <dt>
              <Rows figure={figure} of={now}>{name}</Rows>
            </dt>
            <dd class="value">{value}</dd>
            <dd class="before">
              yesterday <Rows figure={figure} of={before} isBefore>{old}</Rows>
            </dd>
          </div>
        ))}
      </dl>
    </article>
  );
};

/** The way from a figure of a day to the orders or refunds that it counts. */
const Rows: FC<{ figure: KpiFigure; of: KpiRow; isBefore?: boolean; children?: Child }> = (
  { figure, of, isBefore, children },
) => {
  const list = rowsOf(of, figure);
  if (list === undefined || (isBefore && list.rows === 0)) return <>{children}</>;
  return (
    <a href={list.href} data-rows={list.rows} data-key={`${figure}-${of.date}-${of.currency}`}>
      {children}
    </a>
  );
};

/** Where the rows are that a check looks at. */
const checkLists: Readonly<Record<CheckName, string>> = {
  stock: "/dashboard/products",
  money: "/dashboard/orders",
  kpis: "/dashboard/kpis",
  notifications: "/dashboard/notifications?show=all",
  homes: "/dashboard/streams",
  ledger: "/dashboard/ledger",
  provider: "/dashboard/discrepancies",
};

/** Whether everything agrees, and since when that is known. */
export const Proof: FC<
  { proof: Part<VerifyReport | null>; archived: Part<number>; now: number }
> = ({ proof, archived, now }) => {
  if (!proof.ok) return <NotRead what="The verification is" />;
  const report = proof.value;
  return (
    <>
      <div class="section-head" id="proof">
        <h2>Verification</h2>
        {report === null
          ? <Badge tone="plain">not verified yet</Badge>
          : report.ok
          ? <Badge tone="good">everything agrees</Badge>
          : <Badge tone="bad">drift</Badge>}
      </div>
      {report === null
        ? <p class="muted">The first one begins some seconds after the start.</p>
        : (
          <ul class="checks">
            {report.checks.map((check) => (
              <li key={check.name}>
                <span class={`dot ${check.ok ? "good" : "bad"}`}>
                  <a href={checkLists[check.name]} data-key={`check-${check.name}`}>
                    <span class="capital">{checkWords[check.name]}</span>
                  </a>
                </span>
                <span class={check.ok ? "muted num" : "strong-bad num"}>
                  {check.ok
                    ? `${formatCount(check.checked)} checked`
                    : counted(check.drift_count, "differs", "differ")}
                </span>
              </li>
            ))}
          </ul>
        )}
      {report?.checks.filter(({ ok }) => !ok).map((check) => (
        <details key={check.name} class="drift" open>
          <summary>
            <span class="capital">{checkWords[check.name]}</span>
          </summary>
          <ul>
            {check.drift.slice(0, 5).map((drift) => (
              <li key={drift.subject} class="small">
                {drift.subject}: {drift.what} is {drift.found ?? "missing"}, should be{" "}
                {drift.expected ?? "none"}
              </li>
            ))}
          </ul>
        </details>
      ))}
      {report !== null && (
        <p class="card-note">
          Verified <Ago at={report.checked_at} now={now} /> in{" "}
          {formatDuration(report.seconds * 1_000)}
          {report.incremental && ", what is not sealed alone"}
        </p>
      )}
      <Closed sealed={report?.sealed} archived={archived} />
    </>
  );
};

/** How much is over and done with: sealed against changes, and moved out of the way. */
const Closed: FC<{ sealed: VerifyReport["sealed"]; archived: Part<number> }> = (
  { sealed, archived },
) => (
  <>
    {sealed !== undefined && sealed.orders > 0 && (
      <p class="card-note">
        Sealed: {counted(sealed.orders, "order")} and {counted(sealed.refunds, "refund")}
      </p>
    )}
    {archived.ok && archived.value > 0 && (
      <p class="card-note">
        Archived: {describeCount(archived.value)} {plural(archived.value, "order")}
      </p>
    )}
  </>
);

/** Whether the engines answer. */
export const Engines: FC<{ engines: readonly EngineState[] }> = ({ engines }) => (
  <>
    <h2>Engines</h2>
    <ul class="checks">
      {engines.map(({ name, version, answer }) => (
        <li key={name}>
          <span class={`dot ${answer.ok ? "good" : "bad"}`}>
            {name} <span class="muted">{version?.split("-")[0]}</span>
          </span>
          <span class={answer.ok ? "muted num" : "strong-bad"}>
            {answer.ok
              ? (answer.value < 10 ? "answers at once" : formatDuration(answer.value))
              : "no answer"}
          </span>
        </li>
      ))}
    </ul>
  </>
);
