/**
 * Where a provider's lines come from: a report, or the list that it gives when it is asked.
 *
 * @module
 */

import { hash } from "node:crypto";
import { databaseTime } from "../../domain/database_time.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { badFile } from "../../domain/import/source/file_kind.ts";
import { dayLater } from "../../domain/kpi/day.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import { mayBeKey } from "../../domain/payment/payment_key.ts";
import type { SourceRow } from "../../domain/import/source_row.ts";
import type { ProviderLine } from "../../domain/reconciliation/provider_line.ts";
import { lineReader, tellsOfOrders } from "../../domain/reconciliation/read_line.ts";
import type { ReportProfile } from "../../domain/reconciliation/report_profile.ts";
import { recognisedReport } from "../../domain/reconciliation/shipped_reports.ts";
import { isText } from "../../domain/text/is_text.ts";
import { visibleText } from "../../domain/text/visible_text.ts";
import { openSourceTable, type SourceTable } from "../imports/source_table.ts";
import type { Movement, Provider } from "../payments/provider.ts";

/** A provider's lines, ready to be read as often as they are wanted. */
export interface LineSource {
  source: "report" | "api";
  /** Of the file; only shown. */
  name: string;
  /** SHA-256 of what it says, and of the profile that says what that means, in hexadecimal. */
  digest: string;
  /** As it was before profiles were a part of it; left out where it is the same. */
  formerDigest?: string;
  /** The first moment that it covers, and the first that it does not; UTC, as the database has times. */
  from: string;
  to: string;
  /** All lines, some hundred at once. */
  batches(signal?: AbortSignal): AsyncGenerator<ProviderLine[]>;
  /** Frees what it holds. */
  close(): void;
}

/** Days that are covered: UTC, `YYYY-MM-DD`, the last one included. */
export interface CoveredPeriod {
  from?: string;
  to?: string;
}

/** Names of a header that are told. */
const maxNames = 40;

/** Faults that are told of a report. */
const maxFaults = 20;

/** Days from today that may be named: a provider's clock and zone may be ahead of ours. */
const maxAheadDays = 1;

/** Days from today of which lines may be. Wrong ones are told as such, but not if all days up to the year 9000 were covered. */
const maxLineAheadDays = 366;

/** What a report of nothing covers. */
const nothing = "the report has no lines: name the days that it is of (from and to)";

/**
 * Reads a report to its end and checks every line, so that nothing is done by half of one.
 *
 * Without `from` it covers the whole day of its first line, and without `to` it ends with its last one: whoever knows that
 * it has all of that day says so.
 *
 * @param options.profile what its columns mean; found out by its header where it is left out
 * @param options.sheet of a workbook, by its name or its place from 1; goes before what the profile says
 * @throws {WorkflowError} `invalid` with the lines that can't be read, or for a file that is no report
 * @throws what the source throws
 */
export async function openReport(
  source: ReadableStream<Uint8Array>,
  { name, profile: given, sheet, period, signal }: {
    name: string;
    profile?: ReportProfile;
    sheet?: string;
    period: CoveredPeriod;
    signal?: AbortSignal;
  },
): Promise<LineSource> {
  let found: FoundReader | undefined;
  const checked = checkLines();
  const table = await openSourceTable(source, {
    form: formOf(given, sheet),
    signal,
    // Every line is looked at while the file is taken apart: reading it once more for that takes as long again.
    look(header) {
      found = findReader(header, given);
      if ("problem" in found) return () => {};
      const { read } = found;
      return (rows) => checked.look(rows, read);
    },
  });
  try {
    found ??= findReader(table.header, given);
    if ("problem" in found) throw badFile(found.problem + readOtherwise(table));
    const { profile, read } = found;
    const { first, last } = checked.ends();
    const covered = tellsOfOrders(profile)
      ? periodOf(period, first, last)
      : coversNothing(period, first, last);
    return {
      source: "report",
      name,
      ...digestsOf(table.sha256, given, sheet),
      ...covered,
      batches: (signal) => linesOf(table, read, signal),
      close: () => table.close(),
    };
  } catch (error) {
    table.close();
    throw error;
  }
}

/** What reads the lines of a report, or why nothing does. */
type FoundReader = { profile: ReportProfile; read: Reader } | { problem: string };

function findReader(header: readonly string[], given: ReportProfile | undefined): FoundReader {
  const names = () => visibleText(header.slice(0, maxNames).join(", "));
  const profile = given ?? recognisedReport(header);
  if (profile === undefined) {
    return {
      problem:
        `has the columns of no report that is known (${names()}): say what they mean by a profile`,
    };
  }
  const read = lineReader(profile, header);
  if (!("problem" in read)) return { profile, read };
  return {
    problem:
      `is no report of the form ${profile.name}: it ${read.problem}. Its columns are ${names()}`,
  };
}

function formOf(profile: ReportProfile | undefined, sheet: string | undefined) {
  const { header_line: headerLine, ...form } = profile?.file ?? {};
  return {
    ...form,
    ...(headerLine === undefined ? {} : { headerLine }),
    ...(sheet === undefined ? {} : { sheet }),
  };
}

/** What may be why a header lacks names that somebody sees in the file, and what says so. */
function readOtherwise({ form, questions }: SourceTable): string {
  const line =
    `. They stand on line ${form.headerLine}: another one is said by file.header_line in a profile`;
  return questions.some(({ setting }) => setting === "file.encoding")
    ? `${line}, and another encoding than ${form.encoding}, as which it was read, by file.encoding`
    : line;
}

/** The same file by another profile, or another sheet of it, tells other lines, so it is another report. */
function digestsOf(
  sha256: string,
  given: ReportProfile | undefined,
  sheet: string | undefined,
): Pick<LineSource, "digest" | "formerDigest"> {
  if (given === undefined && sheet === undefined) return { digest: sha256 };
  const said = [
    ...(given === undefined ? [] : [JSON.stringify(given)]),
    ...(sheet === undefined ? [] : [`sheet ${sheet}`]),
  ];
  const digest = hash("sha256", `${sha256} ${said.join(" ")}`, "hex");
  return sheet === undefined ? { digest, formerDigest: sha256 } : { digest };
}

type Reader = Exclude<ReturnType<typeof lineReader>, { problem: string }>;

/** Looks at all lines of a report: what is wrong with them, and when the first and the last of them is. */
function checkLines() {
  const faults: { at: string; detail: string }[] = [];
  let first = "", last = "";
  return {
    look(rows: readonly SourceRow[], read: Reader): void {
      for (const { line, fields, fault } of rows) {
        if (faults.length >= maxFaults) return;
        const said = read(fields, line);
        if (said === undefined) continue;
        const detail = fault ?? ("problem" in said ? said.problem : undefined);
        if (detail !== undefined) {
          faults.push({ at: `line ${line}`, detail });
          continue;
        }
        const { at } = said as ProviderLine;
        if (first === "" || at < first) first = at;
        if (at > last) last = at;
      }
    },
    /**
     * Times of the first and the last line; empty of a report without any.
     *
     * @throws {WorkflowError} `invalid` with the lines that can't be read
     */
    ends(): { first: string; last: string } {
      const [fault] = faults;
      if (fault === undefined) return { first, last };
      throw new WorkflowError("invalid", `${fault.at}: ${fault.detail}`, faults);
    },
  };
}

async function* linesOf(
  table: SourceTable,
  read: Reader,
  signal: AbortSignal | undefined,
): AsyncGenerator<ProviderLine[]> {
  for await (const rows of table.rows(signal)) {
    const lines: ProviderLine[] = [];
    for (const { fields, line } of rows) {
      const said = read(fields, line);
      if (said !== undefined) lines.push(said as ProviderLine);
    }
    yield lines;
  }
}

/**
 * What lines cover: whole days where they are named, else from the day of the first line up to the last one.
 *
 * @throws {WorkflowError} `invalid` for days that are none, for lines of days that are far to come, or where there is
 * nothing to go by
 */
export function periodOf(
  { from, to }: CoveredPeriod,
  first: string,
  last: string,
): { from: string; to: string } {
  const start = from ?? first.slice(0, 10);
  if (start === "" || (to === undefined && last === "")) {
    throw new WorkflowError("invalid", nothing);
  }
  const end = to === undefined ? momentAfter(last) : `${dayLater(to, 1)} 00:00:00.000`;
  const begin = `${start} 00:00:00.000`;
  if (begin >= end) throw new WorkflowError("invalid", "The days end before they begin");
  refuseBeyond(last.slice(0, 10), maxLineAheadDays);
  return { from: begin, to: end };
}

/** A report without lines of orders covers no moment: it does not say of a charge that it is missing. */
function coversNothing(period: CoveredPeriod, first: string, last: string) {
  const { from } = periodOf(period, first, last);
  return { from, to: from };
}

/**
 * What is covered once stays so: a year that is mistyped would have all money of the days up to then missing at once.
 *
 * @throws {WorkflowError} `invalid` for days that nothing can tell of yet
 */
export function refuseDaysToCome({ to }: CoveredPeriod): void {
  if (to !== undefined) refuseBeyond(to, maxAheadDays);
}

/** @throws {WorkflowError} `invalid` for a day that is later than some days from today */
function refuseBeyond(day: string, aheadDays: number): void {
  if (day <= dayLater(new Date().toISOString().slice(0, 10), aheadDays)) return;
  throw new WorkflowError("invalid", `No report can be of ${day}, which has not come yet`);
}

function momentAfter(time: string): string {
  return databaseTime(Date.parse(`${time.slice(0, 23).replace(" ", "T")}Z`) + 1);
}

/** Lines to a batch of a list. */
const listedAtOnce = 500;

/**
 * The lines that a provider's own list has since the day that is named. It tells of no fees, and of no ids of lines: a
 * report that comes later adds both.
 *
 * @throws {WorkflowError} `invalid` without `from`, or for a provider that lists nothing
 */
export function listedLines(
  provider: Provider | undefined,
  name: string,
  period: CoveredPeriod,
  now: Date,
): LineSource {
  if (!provider?.can.lists || provider.listSince === undefined) {
    throw new WorkflowError(
      "invalid",
      `The provider ${name} has no list that can be asked for: bring its report`,
    );
  }
  if (period.from === undefined) {
    throw new WorkflowError(
      "invalid",
      "From which day is the provider's list to be asked for (from)",
    );
  }
  const ended = databaseTime(now);
  const { from, to } = periodOf(period, "", ended);
  const until = to < ended ? to : ended;
  return {
    source: "api",
    name: `list of ${name}`,
    digest: hash("sha256", `list ${name} ${from} ${until}`, "hex"),
    from,
    to: until,
    batches: (signal) => listed(provider, { from, to: until }, signal),
    close: () => {},
  };
}

async function* listed(
  provider: Provider,
  { from, to }: { from: string; to: string },
  signal: AbortSignal | undefined,
): AsyncGenerator<ProviderLine[]> {
  let batch: ProviderLine[] = [];
  let place = 0;
  for await (const movement of provider.listSince!(new Date(`${from.replace(" ", "T")}Z`))) {
    signal?.throwIfAborted();
    const line = listedLine(movement, ++place);
    if (line === undefined || line.at < from || line.at >= to) continue;
    batch.push(line);
    if (batch.length < listedAtOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** A movement of a list as a line; undefined for one by which nothing moved. */
export function listedLine(movement: Movement, place: number): ProviderLine | undefined {
  const at = databaseTime(movement.at);
  if (movement.kind === "charge") {
    const { charge } = movement;
    if (charge.state !== "succeeded") return undefined;
    const { ref, key = null, reference = null, amountCents, currency } = charge;
    return {
      ...plainLine(place, at, amountCents, currency),
      kind: "charge",
      chargeRefs: [ref],
      refundRef: null,
      ...askedUnder({ key, reference }),
    };
  }
  const { refund } = movement;
  const { ref, amountCents, currency, chargeRefs = [], key = null, reference = null } = refund;
  if (refund.state !== "succeeded" || amountCents == null || currency == null) return undefined;
  return {
    ...plainLine(place, at, -amountCents, currency),
    kind: "refund",
    chargeRefs,
    refundRef: ref ?? key,
    ...askedUnder({ key, reference }),
  };
}

/** What others on the same account may have written in the place of a key or an order's id is none of ours. */
function askedUnder(
  { key, reference }: Pick<ProviderLine, "key" | "reference">,
): Pick<ProviderLine, "key" | "reference"> {
  return {
    key: key !== null && mayBeKey(key) ? key : null,
    reference: isText(reference, { min: 0, max: orderLimits.idLength }) ? reference : null,
  };
}

function plainLine(line: number, at: string, grossCents: number, currency: string) {
  return {
    line,
    entry: null,
    amountCents: Math.abs(grossCents),
    currency,
    grossCents,
    feeCents: 0,
    netCents: null,
    settledCurrency: currency,
    at,
  };
}
