/**
 * Everything that a file's rows tell about how they are to be read, gathered row by row in bounded memory.
 *
 * @module
 */

import { cutText } from "../../text/cut_text.ts";
import { ownCopy } from "../../text/own_copy.ts";
import type { SourceRow } from "../source_row.ts";
import {
  type Counted,
  countValue,
  type MoneyEvidence,
  noMoneyEvidence,
  noneCounted,
  noteMoney,
  noteTime,
  noTimesEvidence,
  type TimesEvidence,
} from "./column_evidence.ts";
import { type ColumnPlan, type PlannedStatus, textAt, trimmed } from "./column_plan.ts";
import { isOfPayment, paymentIn } from "./payment_column.ts";
import { type LineTotalEvidence, noteLineTotals } from "./line_totals.ts";
import {
  contradicts,
  isOfParcel,
  outcomeBetween,
  type SaidOutcome,
  saysNothing,
  suspicionOf,
} from "./suspicious_column.ts";

/** What a file's rows have told so far. */
export interface FileEvidence {
  /** Of all amounts. */
  money: MoneyEvidence;
  /** Of prices alone. */
  prices: MoneyEvidence;
  /** Of what the file says that orders come to. */
  totals: MoneyEvidence;
  /** Of each adjustment of the profile, by its place there. */
  adjustments: MoneyEvidence[];
  /** What the column of times says. */
  times: TimesEvidence;
  /** Codes of currencies, the first ones. */
  currencies: Set<string>;
  /** Rows with an item and without the id of an order. */
  withoutId: Counted;
  /** Rows that repeat an order's id. */
  repeated: number;
  /** Those of them that say less of it than its first row. */
  blankHeads: Counted;
  /** Those of these that leave out two columns of it or more: one alone may be a slip. */
  blankInTwo: number;
  /** Words of a status that the profile does not know. */
  unknownWords: Map<string, Counted>;
  /**
   * Columns that look like a status or a refund by their names or a value, that the profile does not use, and that say
   * something of orders which are not skipped anyway.
   */
  statusColumns: Map<string, Counted>;
  /** What rows with several units tell of the prices. */
  lineTotals: LineTotalEvidence;
  /** Different values of each column, the first ones. */
  samples: string[][];
}

/** Takes one row; its order's id where it has one of its own. */
export type NoteRow = (row: SourceRow, ownId: string) => void;

/** Words of a status, and codes of currencies, that are kept. */
const maxWords = 200;

/** Values of a column that are kept, and characters of each. */
const maxSamples = 3;
const maxCharacters = 60;

/** Places of the columns with amounts. */
export function moneyPlaces(
  { columns: { price, order_total }, adjustments }: ColumnPlan,
): number[] {
  return [price, order_total, ...adjustments].flatMap((column) => column?.places.flat() ?? []);
}

/**
 * Begins to gather. Rows with a fault are left out: what stands where in them is not known.
 *
 * @param options.fillsDown whether rows may say less of their order than its first one; undefined where the rows have to tell
 */
export function gatherEvidence(
  plan: ColumnPlan,
  { fillsDown }: { fillsDown: boolean | undefined },
): { evidence: FileEvidence; note: NoteRow } {
  const lineTotals = noteLineTotals(plan);
  const evidence: FileEvidence = {
    money: noMoneyEvidence(),
    prices: noMoneyEvidence(),
    totals: noMoneyEvidence(),
    adjustments: plan.adjustments.map(noMoneyEvidence),
    times: noTimesEvidence(),
    currencies: new Set(),
    withoutId: noneCounted(),
    repeated: 0,
    blankHeads: noneCounted(),
    blankInTwo: 0,
    unknownWords: new Map(),
    statusColumns: new Map(),
    lineTotals: lineTotals.evidence,
    samples: plan.header.map(() => []),
  };
  const notes = [
    noteAmounts(plan, evidence),
    noteTimes(plan, evidence),
    noteWords(plan, evidence),
    ...(fillsDown === undefined ? [noteHeads(plan, evidence)] : []),
    lineTotals.note,
    noteSamples(evidence),
  ];
  return {
    evidence,
    note(row, ownId) {
      if (row.fault !== undefined) return;
      for (let at = 0; at < notes.length; at++) notes[at]!(row, ownId);
    },
  };
}

function noteAmounts(plan: ColumnPlan, evidence: FileEvidence): NoteRow {
  const { price, order_total: total, currency } = plan.columns;
  const columns: { at: number; of: MoneyEvidence[] }[] = [
    ...(price?.places.flat() ?? []).map((at) => ({ at, of: [evidence.money, evidence.prices] })),
    ...(total?.places.flat() ?? []).map((at) => ({ at, of: [evidence.money, evidence.totals] })),
    ...plan.adjustments.flatMap(({ places }, index) =>
      places.map((at) => ({ at, of: [evidence.money, evidence.adjustments[index]!] }))
    ),
  ];
  const constant = currency?.constant?.toUpperCase();
  if (constant !== undefined) evidence.currencies.add(constant);
  return ({ fields, line }) => {
    for (let index = 0; index < columns.length; index++) {
      const { at, of } = columns[index]!;
      const text = trimmed(fields[at] ?? "");
      if (text !== "") noteMoney(of, text, line);
    }
    const code = currency === undefined ? "" : textAt(fields, currency.places);
    if (code !== "" && evidence.currencies.size < maxWords) {
      const known = code.toUpperCase();
      if (!evidence.currencies.has(known)) evidence.currencies.add(ownCopy(known));
    }
  };
}

function noteTimes(plan: ColumnPlan, { times }: FileEvidence): NoteRow {
  const columns = [plan.columns.order_placed_at, plan.columns.paid_at]
    .filter((column) => column !== undefined)
    .map(({ places }) => ({ places, last: "" }));
  return ({ fields, line }) => {
    for (const column of columns) {
      const text = textAt(fields, column.places);
      if (text === "" || text === column.last) continue;
      column.last = text;
      noteTime(times, text, line);
    }
  };
}

function noteWords(plan: ColumnPlan, evidence: FileEvidence): NoteRow {
  const { status, header, fills, ignored } = plan;
  const unused = header.flatMap((name, at) => {
    if (fills.has(at) || ignored.has(at)) return [];
    const suspicion = suspicionOf(name);
    const isNamedSo = suspicion === "status" || suspicion === "refund";
    if (!isNamedSo && isOfParcel(name)) return [];
    const saidIn = isOfPayment(name) ? paymentIn : wholeOutcome;
    return [{ at, name: name.trim(), isNamedSo, saidIn }];
  });
  // Rows of an order say the same, and most orders do.
  let known = "";
  return ({ fields, line }) => {
    for (const at of status?.places ?? []) {
      const word = trimmed(fields[at] ?? "");
      if (word === "" || word === known) continue;
      if (status!.outcomes.has(word.toLowerCase())) {
        known = word;
        continue;
      }
      const key = cutText(word, maxCharacters);
      countIn(evidence.unknownWords, key, word, line);
    }
    for (let index = 0; index < unused.length; index++) {
      const { at, name, isNamedSo, saidIn } = unused[index]!;
      const field = fields[at] ?? "";
      if (field === "") continue;
      const said = isNamedSo ? undefined : saidIn(field);
      if (isNamedSo ? saysNothing(field.trim()) : said === undefined) continue;
      // Few values say anything at all.
      const settled = status === undefined ? undefined : settledBy(status, fields);
      if (settled === "skip") return;
      if (isNamedSo || contradicts(said, settled)) {
        countIn(evidence.statusColumns, name, field.trim(), line);
      }
    }
  };
}

/** What a value, with the blanks at its edges, says of its order's money. */
function wholeOutcome(value: string): SaidOutcome | undefined {
  return outcomeBetween(value, 0, value.length);
}

/** What the columns of the status say of a row's order: `skip` as well for what is asked about anyway. */
function settledBy(
  { places, paidFilled, skipFilled, outcomes }: PlannedStatus,
  fields: readonly string[],
): "skip" | "paid" | "charge" | undefined {
  let settled: "paid" | "charge" | undefined;
  for (const at of places) {
    const word = (fields[at] ?? "").trim();
    if (word === "") continue;
    const outcome = outcomes.get(word.toLowerCase()) ?? "skip";
    if (outcome === "skip") return "skip";
    if (outcome === "paid") settled = "paid";
    else if (outcome === "charge") settled ??= "charge";
  }
  for (const at of skipFilled) if (!saysNothing((fields[at] ?? "").trim())) return "skip";
  for (const at of paidFilled) if (!saysNothing((fields[at] ?? "").trim())) settled = "paid";
  return settled;
}

function countIn(counts: Map<string, Counted>, key: string, value: string, line: number): void {
  let counted = counts.get(key);
  if (counted === undefined) {
    if (counts.size >= maxWords) return;
    counts.set(ownCopy(key), counted = noneCounted());
  }
  countValue(counted, cutText(value, maxCharacters), line);
}

/** What every row of an order has to say where nothing is filled down. */
function noteHeads(plan: ColumnPlan, evidence: FileEvidence): NoteRow {
  const { columns } = plan;
  const heads = [
    ...[columns.order_placed_at, columns.currency, columns.customer_name],
    ...[columns.customer_id, columns.customer_email],
  ].filter((column) => column !== undefined).filter(({ constant }) => constant === undefined);
  const items = [columns.product_sku, columns.product_name, columns.price, columns.qty];
  let id = "";
  const said = heads.map(() => false);
  return ({ fields, line }, ownId) => {
    if (ownId === "") {
      const hasItem = items.some((column) =>
        column !== undefined && textAt(fields, column.places) !== ""
      );
      if (hasItem) countValue(evidence.withoutId, String(line), line);
      return;
    }
    if (ownId !== id) {
      id = ownId;
      for (let at = 0; at < heads.length; at++) said[at] = textAt(fields, heads[at]!.places) !== "";
      return;
    }
    evidence.repeated++;
    let blank = 0;
    for (let at = 0; at < heads.length; at++) {
      if (said[at] && textAt(fields, heads[at]!.places) === "") blank++;
    }
    if (blank > 0) countValue(evidence.blankHeads, String(line), line);
    if (blank > 1) evidence.blankInTwo++;
  };
}

function noteSamples({ samples }: FileEvidence): NoteRow {
  let open = samples.map((_, at) => at);
  return ({ fields }) => {
    let isFull = false;
    for (let index = 0; index < open.length; index++) {
      const at = open[index]!;
      const field = fields[at];
      // Columns that stay open have the same values in most rows.
      if (field === undefined || field === "" || samples[at]!.includes(field)) continue;
      const text = field.trim();
      if (text === "") continue;
      const sample = cutText(text, maxCharacters);
      if (samples[at]!.includes(sample)) continue;
      isFull = samples[at]!.push(ownCopy(sample)) >= maxSamples || isFull;
    }
    if (isFull) open = open.filter((at) => samples[at]!.length < maxSamples);
  };
}
