/**
 * The amounts of an order of a file with a profile: what it costs beside its items, and what that may mean.
 *
 * @module
 */

import { type Adjustment, adjustmentProblem } from "../../order/adjustment.ts";
import { cutText } from "../../text/cut_text.ts";
import type { TermFault } from "../csv_terms.ts";
import type { CsvRow } from "../csv_rows.ts";
import { type PlannedAdjustment, trimmed } from "./column_plan.ts";
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

/** Reads what an order costs beside its items; those of nothing are left out. */
export function readAdjustments(
  mapping: OrderMapping,
  context: AmountContext,
): ReadAdjustment[] {
  const read: ReadAdjustment[] = [];
  const { adjustments } = mapping.plan;
  for (let index = 0; index < adjustments.length; index++) {
    const planned = adjustments[index]!;
    if (planned.places.length === 0) continue;
    const amount: AmountSoFar = { cents: 0, line: context.rows[0]!.line, text: "", one: undefined };
    const steps = stepsOf(planned, context);
    for (let step = 0; step < steps; step++) addStep(amount, step, mapping, planned, context);
    const adjustment = adjustmentOf(amount, planned, context);
    if (adjustment !== undefined) read.push(adjustment);
  }
  return read;
}

/** The same with breaks, because an order may have very many rows, and a profile very many columns. */
export function* readAdjustmentsStepwise(
  mapping: OrderMapping,
  context: AmountContext,
): Generator<void, ReadAdjustment[]> {
  const read: ReadAdjustment[] = [];
  const { adjustments } = mapping.plan;
  const { rows } = context;
  let amounts = 0;
  for (let index = 0; index < adjustments.length; index++) {
    const planned = adjustments[index]!;
    const { places } = planned;
    if (places.length === 0) continue;
    const amount: AmountSoFar = { cents: 0, line: rows[0]!.line, text: "", one: undefined };
    const steps = stepsOf(planned, context);
    for (let step = 0; step < steps; step++) {
      if (amounts >= amountsToATurn) {
        yield;
        amounts = 0;
      }
      amounts += planned.per === "line" ? places.length : rows.length;
      addStep(amount, step, mapping, planned, context);
    }
    const adjustment = adjustmentOf(amount, planned, context);
    if (adjustment !== undefined) read.push(adjustment);
  }
  return read;
}

/** Each step reads all columns of one row, or all rows of one column. */
function stepsOf({ per, places }: PlannedAdjustment, { rows }: AmountContext): number {
  return per === "line" ? rows.length : places.length;
}

function addStep(
  amount: AmountSoFar,
  step: number,
  mapping: OrderMapping,
  planned: PlannedAdjustment,
  context: AmountContext,
): void {
  if (planned.per === "line") addLine(amount, context.rows[step]!, mapping, planned, context);
  else addColumn(amount, planned.places[step]!, mapping, planned, context);
}

/** The adjustment that an amount makes; undefined where it is of nothing or can't be one. */
function adjustmentOf(
  { cents, line, text }: ReadAmount,
  planned: PlannedAdjustment,
  context: AmountContext,
): ReadAdjustment | undefined {
  if (cents === 0) return undefined;
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
    addFault(context, line, planned.name, problem, text);
    return undefined;
  }
  const included = includedOf(planned, context);
  return { kind: planned.kind, label: labelOf(planned, context.rows), amountCents, included };
}

interface ReadAmount {
  cents: number;
  line: number;
  text: string;
}

/** A sum, with the line and the text of its first part that is not of nothing. */
interface AmountSoFar extends ReadAmount {
  /** What the first column said, where several name one amount. */
  one: ReadAmount | undefined;
}

/** Adds what one row says in all columns. */
function addLine(
  sum: AmountSoFar,
  { line, fields }: CsvRow,
  mapping: OrderMapping,
  { places, name, together }: PlannedAdjustment,
  context: AmountContext,
): void {
  let one: { text: string; cents: number } | undefined;
  for (let index = 0; index < places.length; index++) {
    const field = fields[places[index]!] ?? "";
    const text = trimmed(field);
    if (text === "") continue;
    const cents = readAmount(mapping, text, line, name, context);
    if (together === "same" && one !== undefined) {
      if (one.cents === cents) continue;
      const problem = `is the same amount as ${one.text} and must agree with it`;
      addFault(context, line, name, problem, text);
      continue;
    }
    one = { text, cents };
    add(sum, cents, line, text);
  }
}

/**
 * Adds what all rows say in one column, which must be the same on all that say anything; or compares it with the column
 * before, where they are names of one amount.
 */
function addColumn(
  sum: AmountSoFar,
  at: number,
  mapping: OrderMapping,
  { name, together }: PlannedAdjustment,
  context: AmountContext,
): void {
  const { rows } = context;
  let first: ReadAmount | undefined;
  for (let index = 0; index < rows.length; index++) {
    const { line, fields } = rows[index]!;
    const field = fields[at] ?? "";
    const text = trimmed(field);
    if (text === "" || text === first?.text) continue;
    const cents = readAmount(mapping, text, line, name, context);
    if (first === undefined) first = { text, line, cents };
    else if (first.cents !== cents) {
      const problem = `is ${first.text} on line ${first.line} and must be the same on all rows ` +
        "of the order";
      addFault(context, line, name, problem, text);
    }
  }
  if (first === undefined) return;
  const { one } = sum;
  if (together === "same" && one !== undefined) {
    if (one.cents === first.cents) return;
    const problem = `is the same amount as ${one.text} on line ${one.line} and must agree with it`;
    addFault(context, first.line, name, problem, first.text);
    return;
  }
  sum.one = first;
  add(sum, first.cents, first.line, first.text);
}

function add(sum: AmountSoFar, cents: number, line: number, text: string): void {
  if (cents !== 0 && sum.cents === 0) {
    sum.line = line;
    sum.text = text;
  }
  sum.cents += cents;
}

function readAmount(
  { money }: OrderMapping,
  text: string,
  line: number,
  name: string,
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
  if (kind === "tax" && taxIncluded !== undefined) return only(taxIncluded);
  if (included === undefined) return isBeside;
  if (included === "by_total") return byTotal;
  return only(typeof included === "boolean" ? included : !included.except.includes(currency));
}

const isBeside = [false] as const, isWithin = [true] as const, byTotal = [false, true] as const;

function only(included: boolean): readonly boolean[] {
  return included ? isWithin : isBeside;
}

/** Characters that a label may have. */
const maxLabel = 255;

function labelOf({ labelPlace }: PlannedAdjustment, rows: readonly CsvRow[]): string | null {
  if (labelPlace === undefined) return null;
  for (let at = 0; at < rows.length; at++) {
    const label = trimmed(rows[at]!.fields[labelPlace] ?? "");
    if (label !== "") return cutText(label, maxLabel);
  }
  return null;
}
