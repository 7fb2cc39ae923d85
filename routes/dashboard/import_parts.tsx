/**
 * The parts of the pages about imports.
 *
 * @module
 */

import { CsvParseStream } from "@std/csv/parse-stream";
import type { FC } from "hono/jsx";
import type { ImportRow } from "../../db/imports/imports.ts";
import { rejectColumns } from "../../domain/import/csv_columns.ts";
import type { ImportMoney } from "../../domain/import/import_money.ts";
import type { RejectReason } from "../../domain/import/reject_reasons.ts";
import { rearmed } from "../../domain/import/spreadsheet_text.ts";
import { counted, formatCount, formatDuration } from "./format.ts";
import {
  Badge,
  Columns,
  CountLink,
  Figures,
  linkTo,
  Money,
  Notice,
  Status,
  Table,
  Time,
} from "./parts.tsx";

/** Rejected rows that are shown; the file has all of them. */
const shownRejects = 20;

/** Every import as a row. */
export const ImportTable: FC<{ imports: readonly ImportRow[] }> = ({ imports }) => (
  <Table label="Imports" stacks={2}>
    <Columns
      names={[
        "File",
        "State",
        { right: "Rows" },
        { wide: "New", right: true },
        { wide: "Unchanged", right: true },
        { right: "Rejected" },
        { wide: "Began" },
      ]}
    />
    <tbody>
      {imports.map((row) => (
        <tr key={row.id}>
          <th scope="row" class="ellipsis" title={row.source}>
            <a href={`/dashboard/imports/${row.id}`}>{row.source}</a>
          </th>
          <td class="whole">
            <State row={row} />
          </td>
          <td class="right" data-label="Rows">{formatCount(row.counts.rows)}</td>
          <td class="wide right" data-label="New">
            <NewOrders row={row} />
          </td>
          <td class="wide right" data-label="Unchanged">
            {formatCount(row.counts.ordersUnchanged)}
          </td>
          <td class="right" data-label="Rejected">
            {row.counts.rowsRejected === 0
              ? "0"
              : (
                <a href={`/dashboard/imports/${row.id}#rejects-heading`}>
                  {formatCount(row.counts.rowsRejected)}
                </a>
              )}
          </td>
          <td class="wide whole" data-label="Began">
            <Time at={row.createdAt} />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

/** How many orders an import created, and the way to them; a trial has created none. */
const NewOrders: FC<{ row: ImportRow }> = ({ row: { id, dryRun, counts: { ordersNew } } }) =>
  dryRun
    ? <>{formatCount(ordersNew)}</>
    : <CountLink count={ordersNew} href={linkTo("/dashboard/orders", { import: id })} />;

function tookNothing({ counts }: ImportRow): boolean {
  return counts.ordersNew + counts.ordersUpdated + counts.ordersUnchanged === 0;
}

/** Done is not good where rows were left out. */
function doneName(row: ImportRow): string {
  const { rowsRejected, rows } = row.counts;
  return tookNothing(row)
    ? "Nothing taken"
    : `Done, ${formatCount(rowsRejected)} of ${counted(rows, "row")} rejected`;
}

const State: FC<{ row: ImportRow }> = ({ row }) => (
  <>
    {row.status === "INTERRUPTED"
      ? <Badge tone="warn">Interrupted</Badge>
      : row.status === "DONE" && row.counts.rowsRejected > 0
      ? <Badge tone={tookNothing(row) ? "bad" : "warn"}>{doneName(row)}</Badge>
      : <Status of={row.status} />}
    {row.dryRun && (
      <>
        {" "}
        <span class="tag">trial</span>
      </>
    )}
  </>
);

/** How far an import is, or what came of it. */
export const Progress: FC<{ row: ImportRow }> = ({ row }) => {
  const { counts } = row;
  const figures: [name: string, count: number][] = [
    ["Rows", counts.rows],
    ["Orders", counts.orders],
    ["New", counts.ordersNew],
    ["Updated", counts.ordersUpdated],
    ["Unchanged", counts.ordersUnchanged],
    ["Rejected orders", counts.ordersRejected],
    ["Conflicts", counts.ordersConflict],
    ["Skipped", counts.ordersSkipped],
    ["Rejected rows", counts.rowsRejected],
    ["Published", counts.published],
  ];
  return (
    <>
      {row.dryRun && row.status === "DONE" && (
        <Notice tone="accent" title="This was a trial: nothing was changed">
          Send the file again to import it.
        </Notice>
      )}
      {row.error !== null && <Notice tone="bad" title={row.error} />}
      {row.status === "INTERRUPTED" && (
        <Notice tone="warn" title="The process ended in the middle">
          Import the file again: what was taken is recognised, and the rest is finished.
        </Notice>
      )}
      {row.cancelRequested && row.status === "RUNNING" && (
        <Notice tone="warn" title="It ends after the batch in hand" />
      )}
      {row.cancelledBy !== null && row.status === "CANCELLED" && (
        <Notice tone="accent" title={`Cancelled by ${row.cancelledBy}`}>
          What was written until then stays.
        </Notice>
      )}
      <section class="card" {...(row.status === "RUNNING" ? {} : { "data-over": "" })}>
        <div class="section-head">
          <h2>
            <State row={row} />
          </h2>
          <span class="muted">
            {row.finishedAt !== null &&
              `took ${formatDuration(Date.parse(row.finishedAt) - Date.parse(row.createdAt))}`}
          </span>
        </div>
        {row.status === "RUNNING" && <progress aria-label="The import is running"></progress>}
        <Figures
          of={figures.map(([name, count]) => [
            name,
            name === "New" && row.status !== "RUNNING"
              ? <NewOrders key={name} row={row} />
              : formatCount(count),
          ])}
        />
      </section>
      {row.money !== null && row.money.length > 0 && <MoneyTable money={row.money} />}
    </>
  );
};

/** What a trial would have taken: a unit that is wrong by a hundred shows here before it is charged. */
export const MoneyTable: FC<{ money: readonly ImportMoney[] }> = ({ money }) => (
  <section aria-labelledby="money-heading">
    <h2 id="money-heading" class="heading">Money of the orders that would be taken or are known</h2>
    <Table label="Money" stacks={2}>
      <Columns
        names={[
          "Currency",
          { right: "Orders" },
          { right: "Sum" },
          { wide: "Smallest", right: true },
          { right: "Median" },
          { wide: "Largest", right: true },
        ]}
      />
      <tbody>
        {money.map(({ currency, ...of }) => (
          <tr key={currency}>
            <th scope="row">{currency}</th>
            <td class="right" data-label="Orders">{formatCount(of.orders)}</td>
            <td class="right" data-label="Sum">
              <Money cents={of.sum_cents} currency={currency} />
            </td>
            <td class="wide right" data-label="Smallest">
              <Money cents={of.smallest_cents} currency={currency} />
            </td>
            <td class="right" data-label="Median">
              <Money cents={of.median_cents} currency={currency} />
            </td>
            <td class="wide right" data-label="Largest">
              <Money cents={of.largest_cents} currency={currency} />
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  </section>
);

/** A row that was not taken. */
export interface Reject {
  line: string;
  reason: string;
  externalOrderId: string;
}

/**
 * Reads the first rows of a rejects file.
 *
 * @param text its beginning, or all of it, with whole rows
 */
export async function readFirstRejects(text: string): Promise<Reject[]> {
  const [line, reason] = rejectColumns;
  const rejects: Reject[] = [];
  const records = ReadableStream.from([text])
    .pipeThrough(new CsvParseStream({ skipFirstRow: true }));
  for await (const record of records) {
    const id = Object.keys(record).find((name) =>
      name.trim().toLowerCase() === "external_order_id"
    );
    rejects.push({
      line: record[line] ?? "",
      reason: record[reason] ?? "",
      externalOrderId: id === undefined ? "" : rearmed(record[id] ?? ""),
    });
    if (rejects.length === shownRejects) break;
  }
  return rejects;
}

/** The first rows that were not taken, or would not be. */
export const Rejects: FC<{ rejects: readonly Reject[]; count: number }> = ({ rejects, count }) => (
  <section aria-labelledby="rejects-heading">
    <h2 id="rejects-heading" class="heading">Rejected rows</h2>
    <Table label="Rejected rows" stacks={1}>
      <Columns names={[{ right: "Line" }, "Order", "Reason"]} />
      <tbody>
        {rejects.map((reject, index) => (
          <tr key={index}>
            <td class="right" data-label="Line">{reject.line}</td>
            <th scope="row">{reject.externalOrderId}</th>
            <td data-label="Reason">{reject.reason}</td>
          </tr>
        ))}
      </tbody>
    </Table>
    {count > rejects.length && (
      <p class="pager small">The file has the other {counted(count - rejects.length, "row")}</p>
    )}
  </section>
);

/** Why rows would not be taken, of a trial, which keeps no rows. */
export const Reasons: FC<{ reasons: readonly RejectReason[] }> = ({ reasons }) => (
  <section aria-labelledby="reasons-heading">
    <h2 id="reasons-heading" class="heading">Why rows would be rejected</h2>
    <Table label="Reasons" stacks={2}>
      <Columns names={[{ right: "Rows" }, { right: "First line" }, "Reason"]} />
      <tbody>
        {reasons.map(({ reason, rows, line }) => (
          <tr key={reason}>
            <td class="right" data-label="Rows">{formatCount(rows)}</td>
            <td class="right" data-label="First line">{line}</td>
            <th scope="row" class="wraps">{reason}</th>
          </tr>
        ))}
      </tbody>
    </Table>
  </section>
);
