/**
 * Providers' books against ours: what their days come to, what was held against ours, and bringing a report.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { listProviders } from "../../db/payments/payments.ts";
import { listProviderDays, type ProviderDay } from "../../db/reconciliation/reconciled_days.ts";
import {
  listReconciliations,
  readReconciliation,
  type ReconciliationRow,
} from "../../db/reconciliation/reconciliations.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { isDay } from "../../domain/kpi/day.ts";
import { configuredProviders, gatewaysOf } from "../../streams/payments/gateways.ts";
import { approveReport } from "../../services/reconciliation/approve_report.ts";
import { beginReconciling } from "../../services/reconciliation/reconcile.ts";
import {
  beginWithdrawing,
  goOnWithdrawing,
} from "../../services/reconciliation/withdraw_report.ts";
import { openUpload } from "../api/imports/upload.ts";
import { keepRunning } from "../api/reconciliations/keep_running.ts";
import { reportOf } from "../api/reconciliations/reconciliations.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { problemOf } from "../middleware/problem.ts";
import { readForm } from "../middleware/read_form.ts";
import { CsrfField, HiddenFields, missingScopes, PostForm, ScopeNeeded } from "./form.tsx";
import { formatCount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, Empty, Money, Notice, Table, Time } from "./parts.tsx";
import { idOf, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

/** Where a report is brought to. */
export const reportUploadPath = "/dashboard/reconciliations";

const home = reportUploadPath;
const title = "Reconciliations";

/** Rows that are shown, the latest. */
const shown = 50;

/** `GET /dashboard/reconciliations`, the form that brings a report, and those that take one back or approve it. */
export function reconciliationPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  app.get("/reconciliations", (c) => showAll(c, deps));
  app.post("/reconciliations", async (c) => {
    try {
      const upload = await openUpload(c, deps);
      const { fields } = upload;
      const { id, finished } = await beginReconciling({ ...deps, ...gatewaysOf(deps.config) }, {
        provider: fields.provider || configuredProviders(deps.config)[0]!,
        period: { ...dayOf("from", fields.from), ...dayOf("to", fields.to) },
        operator: operatorOf(c, deps.config),
        report: reportOf(upload, { sheet: fields.sheet?.trim() }),
        ...(deps.stopping === undefined ? {} : { signal: deps.stopping }),
      });
      keepRunning(deps, id, finished);
      return c.redirect(`${home}?done=begun`, 303);
    } catch (error) {
      if (!(error instanceof WorkflowError) || problemOf(error).status >= 500) throw error;
      return await showAll(c, deps, error);
    }
  });
  app.post("/reconciliations/:id{[0-9]{1,15}}/withdraw", async (c) => {
    const id = idOf(c);
    if (!isConfirmed(await readForm(c))) {
      const row = await need(readReconciliation(deps.db, id));
      if (row !== undefined) return await askBefore(c, row);
    }
    const { state } = await beginWithdrawing(deps, id, operatorOf(c, deps.config));
    keepRunning(deps, id, goOnWithdrawing(deps, id));
    return c.redirect(
      `${home}?done=${state === "DONE" || state === "FAILED" ? "asked" : "withdrawn"}`,
      303,
    );
  });
  app.post("/reconciliations/:id{[0-9]{1,15}}/approve", async (c) => {
    const { finished_at: finishedAt } = await readForm(c);
    await approveReport(deps, idOf(c), operatorOf(c, deps.config), {
      ...(finishedAt === undefined ? {} : { finishedAt }),
    });
    return c.redirect(`${home}?done=approved`, 303);
  });
  return app;
}

function askBefore(c: Context, row: ReconciliationRow): Response | Promise<Response> {
  return askFirst(c, {
    title: `Take ${row.name} back?`,
    says:
      "As if it had never been brought: what is open of it goes, what was mended or explained stays with a note, and " +
      "what was booked of it is booked back. What other reports have told as well is theirs; those that told otherwise " +
      "have to be brought again.",
    note: `${formatCount(row.lines)} lines of ${row.provider}`,
    nav: home,
    action: `${home}/${row.id}/withdraw`,
    verb: "Take it back",
    danger: true,
    crumb: [home, title],
    keep: "Keep it",
  });
}

const doneWords: Readonly<Record<string, string>> = {
  begun: "The report is being held against our books",
  withdrawn: "The report is being taken back",
  asked: "Somebody else has to take it back, too",
  approved: "What it tells is booked",
};

/** @throws {WorkflowError} `invalid` */
function dayOf(name: "from" | "to", text = ""): { from?: string; to?: string } {
  if (text === "") return {};
  if (!isDay(text)) throw new WorkflowError("invalid", `“${text}” is no day`);
  return { [name]: text };
}

async function showAll(c: Context, deps: AppDeps, fault?: WorkflowError) {
  const { db, config } = deps;
  const [days, rows, paid] = await Promise.all([
    need(listProviderDays(db, shown)),
    need(listReconciliations(db, { beforeId: null, limit: shown })),
    need(listProviders(db)),
  ]);
  const providers = [...new Set([...configuredProviders(config), ...paid])];
  const done = doneWords[said(c, "done") ?? ""];
  return page(
    c,
    { title, nav: home, status: fault === undefined ? 200 : problemOf(fault).status },
    (
      <>
        <PageHead
          title={title}
          note={<a href="/dashboard/discrepancies">What does not agree</a>}
        />
        {fault && <Notice tone="bad" title={fault.message}>Nothing was changed</Notice>}
        {done !== undefined && <Notice tone="good" title={done} />}
        <section class="card" aria-labelledby="bring-heading">
          <h2 id="bring-heading">Bring a provider's report</h2>
          <ReportForm c={c} providers={providers} />
        </section>
        <h2 class="heading">Reports</h2>
        {rows.length === 0
          ? <Empty title="No report was brought yet" />
          : <Reports c={c} of={rows} />}
        <h2 class="heading">Fees and net by day</h2>
        {days.length === 0 ? <Empty title="No report tells of a day yet" /> : <Days of={days} />}
      </>
    ),
  );
}

const ReportForm: FC<{ c: Context; providers: readonly string[] }> = ({ c, providers }) => {
  const missing = missingScopes(c, home);
  if (missing !== undefined) return <ScopeNeeded missing={missing} />;
  return (
    <form method="post" action={home} enctype="multipart/form-data" class="stack-form">
      <CsrfField c={c} />
      <div class="field">
        <label for="provider">Provider</label>
        <input
          id="provider"
          name="provider"
          required
          maxlength={32}
          value={providers[0]}
          list="known-providers"
        />
        <datalist id="known-providers">
          {providers.map((name) => <option key={name} value={name} />)}
        </datalist>
      </div>
      <div class="field">
        <label for="from">From, where the report has all of that day</label>
        <input id="from" name="from" type="date" />
      </div>
      <div class="field">
        <label for="to">To</label>
        <input id="to" name="to" type="date" />
      </div>
      <div class="field">
        <label for="profile">Profile of its columns, where they are not known (.json)</label>
        <input id="profile" name="profile" type="file" accept=".json" />
      </div>
      <div class="field">
        <label for="sheet">Sheet, of a workbook where several have rows</label>
        <input id="sheet" name="sheet" maxlength={255} />
      </div>
      <div class="field">
        <label for="file">Report</label>
        <input id="file" name="file" type="file" required />
      </div>
      <div class="actions">
        <button type="submit" class="primary">Hold it against our books</button>
      </div>
    </form>
  );
};

const Reports: FC<{ c: Context; of: readonly ReconciliationRow[] }> = ({ c, of }) => (
  <Table label="Reports" stacks={2}>
    <Columns
      names={[
        "Report",
        { wide: "Days" },
        "State",
        { right: "Lines" },
        { right: "Found" },
        { right: "Open" },
        "",
      ]}
    />
    <tbody>
      {of.map((row) => (
        <tr key={row.id}>
          <th scope="row">
            {row.name}
            <div class="before">{row.provider}</div>
          </th>
          <td class="wide" data-label="Days">
            <Time at={row.from} /> – <Time at={row.to} />
          </td>
          <td data-label="State">{row.error ?? row.state.toLowerCase()}</td>
          <td class="right" data-label="Lines">{formatCount(row.lines)}</td>
          <td class="right" data-label="Found">{formatCount(row.found)}</td>
          <td class="right" data-label="Open">
            <a href={`/dashboard/discrepancies?reconciliation=${row.id}`}>
              {formatCount(row.open)}
            </a>
          </td>
          <td class="whole">
            <ReportForms c={c} of={row} />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

const ReportForms: FC<{ c: Context; of: ReconciliationRow }> = ({ c, of }) => {
  if (of.state !== "DONE" && of.state !== "FAILED") return null;
  return (
    <>
      {of.feesWait && of.state === "DONE" && (
        <PostForm c={c} action={`${home}/${of.id}/approve`} class="stack-form">
          <p class="small">
            Fees: <Sums of={of.fees} />; payouts: <Sums of={of.payouts} />; reserves:{" "}
            <Sums of={of.reserves} />; adjustments: <Sums of={of.adjustments} />; conversions:{" "}
            <Sums of={of.conversions} />; brought by {of.actor}
          </p>
          <HiddenFields fields={{ finished_at: of.finishedAt }} />
          <button type="submit">Approve</button>
        </PostForm>
      )}
      <PostForm c={c} action={`${home}/${of.id}/withdraw`} class="stack-form">
        {of.withdrawalBy !== null && <p class="small">{of.withdrawalBy} wants it taken back</p>}
        <button type="submit">Take it back…</button>
      </PostForm>
    </>
  );
};

/** Amounts by currency. */
const Sums: FC<{ of: Readonly<Record<string, number>> | null }> = ({ of }) => {
  const sums = Object.entries(of ?? {});
  if (sums.length === 0) return <>none</>;
  return (
    <>
      {sums.map(([currency, cents], place) => (
        <span key={currency}>
          {place > 0 && ", "}
          <Money cents={cents} currency={currency} />
        </span>
      ))}
    </>
  );
};

const Days: FC<{ of: readonly ProviderDay[] }> = ({ of }) => (
  <Table label="Fees and net by day" stacks={2}>
    <Columns
      names={[
        "Day",
        { right: "Charges" },
        { right: "Refunds" },
        { wide: "Chargebacks", right: true },
        { wide: "Other", right: true },
        { wide: "Payouts", right: true },
        { wide: "Reserves", right: true },
        { wide: "Adjustments", right: true },
        { right: "Fees" },
        { right: "Net" },
        { right: "Open" },
      ]}
    />
    <tbody>
      {of.map((row) => (
        <tr key={`${row.provider}-${row.day}-${row.currency}`}>
          <th scope="row">
            {row.day}
            <div class="before">{row.provider}</div>
          </th>
          <td class="right" data-label="Charges">
            <Money cents={row.chargesCents} currency={row.currency} />
          </td>
          <td class="right" data-label="Refunds">
            <Money cents={row.refundsCents} currency={row.currency} />
          </td>
          <td class="wide right" data-label="Chargebacks">
            <Money cents={row.chargebacksCents} currency={row.currency} />
          </td>
          <td class="wide right" data-label="Other">
            <Money cents={row.otherCents} currency={row.currency} />
          </td>
          <td class="wide right" data-label="Payouts">
            <Money cents={row.payoutsCents} currency={row.currency} />
          </td>
          <td class="wide right" data-label="Reserves">
            <Money cents={row.reservesCents} currency={row.currency} />
          </td>
          <td class="wide right" data-label="Adjustments">
            <Money cents={row.adjustmentsCents} currency={row.currency} />
          </td>
          <td class="right" data-label="Fees">
            <Money cents={row.feesCents} currency={row.currency} />
          </td>
          <td class="right" data-label="Net">
            <Money cents={row.netCents} currency={row.currency} />
          </td>
          <td class="right" data-label="Open">{formatCount(row.open)}</td>
        </tr>
      ))}
    </tbody>
  </Table>
);
