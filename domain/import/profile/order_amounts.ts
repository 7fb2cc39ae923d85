/**
 * The amounts of an order of a file with a profile: what it costs beside its items, and what that may mean.
 *
 * @module
 */

import { type Adjustment, adjustmentProblem } from "../../order/adjustment.ts";
import { cutText } from "../../text/cut_text.ts";
import type { TermFault } from "../csv_terms.ts";
import type { CsvRow } from "../csv_rows.ts";
import type { PlannedAdjustment } from "./column_plan.ts";
import { parseMoney } from "./money_text.ts";
import { type OrderMapping, valueFault } from "./order_mapping.ts";

/** An adjustment that an order has, and whether its prices may contain it. */
export interface ReadAdjustment extends Omit<Adjustment, "included"> {
  /** By the order's own total where there is more than one. */
  included: readonly boolean[];
}

/** What is needed of an order to read its amounts. */
export interface AmountContext {
  /** All of the order. */
  rows: readonly CsvRow[];
  /** Of all amounts. */
  currency: string;
  /** What the order itself says of its taxes. */
  taxIncluded: boolean | undefined;
  /** What was wrong, each on its line. */
  faults: TermFault[];
}

/** Faults of an order that are told: a profile may name thousands of columns, and an order has up to 100,000 rows. */
const maxFaults = 1_000;

/** Amounts that are read before others may have their turn. */
const amountsToATurn = 10_000;

/** Reads what an order costs beside its items, with breaks; those of nothing are left out. */
export function* readAdjustments(
  mapping: OrderMapping,
  context: AmountContext,
): Generator<void, ReadAdjustment[]> {
  const read: ReadAdjustment[] = [];
  for (const planned of mapping.plan.adjustments) {
    if (planned.places.length === 0) continue;
    const amount = planned.per === "line"
      ? yield* lineAmount(mapping, planned, context)
      : yield* orderAmount(mapping, planned, context);
    if (amount.cents === 0) continue;
    const { cents, line } = amount;
    const isTakenOff = planned.takenOff === "positive";
    const amountCents = isTakenOff ? -cents : cents;
    const problem = isTakenOff && cents < 0
      ? "is below zero, and what is taken off is written without a sign here"
      : adjustmentProblem(planned.kind, amountCents) === undefined
      ? undefined
      : planned.kind === "discount"
      ? "is above zero, and what is taken off is written with a sign here"
      : "must not be below zero";
    if (problem !== undefined) {
      addFault(context, line, planned.name, problem, amount.text);
      continue;
    }
    const included = includedOf(planned, context);
    const label = labelOf(planned, context.rows);
    read.push({ kind: planned.kind, label, amountCents, included });
  }
  return read;
}

interface ReadAmount {
  cents: number;
  line: number;
  text: string;
}

/** The sum of what each row says. */
function* lineAmount(
  mapping: OrderMapping,
  { places, name, together }: PlannedAdjustment,
  context: AmountContext,
): Generator<void, ReadAmount> {
  let read = 0;
  const sum: ReadAmount = { cents: 0, line: context.rows[0]!.line, text: "" };
  for (const { line, fields } of context.rows) {
    if ((read += places.length) >= amountsToATurn) {
      yield;
      read = 0;
    }
    let one: { text: string; cents: number } | undefined;
    for (const at of places) {
      const text = (fields[at] ?? "").trim();
      if (text === "") continue;
      const cents = readAmount(mapping, text, { line, name }, context);
      if (together === "same" && one !== undefined) {
        if (one.cents === cents) continue;
        const problem = `is the same amount as ${one.text} and must agree with it`;
        addFault(context, line, name, problem, text);
        continue;
      }
      one = { text, cents };
      if (cents !== 0 && sum.cents === 0) Object.assign(sum, { line, text });
      sum.cents += cents;
    }
  }
  return sum;
}

/**
 * What any row says, which must be the same on all that say anything, added up over its columns; or once, where they are
 * names of one amount.
 */
function* orderAmount(
  mapping: OrderMapping,
  { places, name, together }: PlannedAdjustment,
  context: AmountContext,
): Generator<void, ReadAmount> {
  let read = 0;
  const sum: ReadAmount = { cents: 0, line: context.rows[0]!.line, text: "" };
  let one: ReadAmount | undefined;
  for (const at of places) {
    if (read >= amountsToATurn) {
      yield;
      read = 0;
    }
    read += context.rows.length;
    let first: { text: string; line: number; cents: number } | undefined;
    for (const { line, fields } of context.rows) {
      const text = (fields[at] ?? "").trim();
      if (text === "" || text === first?.text) continue;
      const cents = readAmount(mapping, text, { line, name }, context);
      if (first === undefined) first = { text, line, cents };
      else if (first.cents !== cents) {
        const problem = `is ${first.text} on line ${first.line} and must be the same on all rows ` +
          "of the order";
        addFault(context, line, name, problem, text);
      }
    }
    if (first === undefined) continue;
    if (together === "same" && one !== undefined) {
      if (one.cents !== first.cents) {
        const problem =
          `is the same amount as ${one.text} on line ${one.line} and must agree with it`;
        addFault(context, first.line, name, problem, first.text);
      }
      continue;
    }
    one = first;
    if (first.cents !== 0 && sum.cents === 0) Object.assign(sum, first, { cents: sum.cents });
    sum.cents += first.cents;
  }
  return sum;
}

function readAmount(
  { money }: OrderMapping,
  text: string,
  { line, name }: { line: number; name: string },
  context: AmountContext,
): number {
  const cents = parseMoney(text, money, context.currency);
  if (typeof cents === "number") return cents;
  addFault(context, line, name, cents.problem, text);
  return 0;
}

function addFault(
  { faults }: AmountContext,
  line: number,
  name: string,
  problem: string,
  text: string,
): void {
  if (faults.length < maxFaults) faults.push({ line, ...valueFault(name, problem, text) });
}

function includedOf(
  { kind, included }: PlannedAdjustment,
  { currency, taxIncluded }: AmountContext,
): readonly boolean[] {
  if (kind === "tax" && taxIncluded !== undefined) return [taxIncluded];
  if (included === undefined) return [false];
  if (included === "by_total") return [false, true];
  return [typeof included === "boolean" ? included : !included.except.includes(currency)];
}

/** Characters that a label may have. */
const maxLabel = 255;

function labelOf({ labelPlace }: PlannedAdjustment, rows: readonly CsvRow[]): string | null {
  if (labelPlace === undefined) return null;
  const said = rows.find(({ fields }) => (fields[labelPlace] ?? "").trim() !== "");
  return said === undefined ? null : cutText(said.fields[labelPlace]!.trim(), maxLabel);
}
