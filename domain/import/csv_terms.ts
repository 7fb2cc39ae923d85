/**
 * What an import file says of an order as a whole, in columns that a file may be without: on any of the order's rows,
 * and the same or nothing on the others.
 *
 * @module
 */

import type { Adjustment, AdjustmentKind } from "../order/adjustment.ts";
import type { Fault } from "../errors.ts";
import { amountProblem, type ColumnPlaces, type TermColumn } from "./csv_rows.ts";
import { withValue } from "./named_value.ts";
import { orderLimits, type OrderTerms } from "../order/incoming_order.ts";
import { readLanguage } from "../order/language.ts";
import {
  type PaymentField,
  paymentOf,
  paymentStatuses,
  providerOf,
  providerProblem,
  referenceProblem,
} from "../order/source_payment.ts";
import { cutText } from "../text/cut_text.ts";
import { visibleText } from "../text/visible_text.ts";

/** What a column says, and the row that says it first. */
export interface Said {
  /** Trimmed, and not empty. */
  text: string;
  /** Of the file, from 1. */
  line: number;
  /** All fields of that row. */
  fields: readonly string[];
}

/** What the rows of an order have said so far. */
export interface SaidTerms {
  /** By the places of {@linkcode ColumnPlaces.terms}: the field as it stands on the last row. */
  last: string[];
  /** By the same places. */
  said: (Said | undefined)[];
  /** Why the rows can't be one order; undefined where they can. */
  disagreement: string | undefined;
}

/** A fault, and the line that it stands on. */
export interface TermFault extends Fault {
  /** Of the file, from 1. */
  line: number;
}

/** Nothing was said yet. */
export function noTerms({ terms }: ColumnPlaces): SaidTerms {
  return { last: terms.map(() => ""), said: terms.map(() => undefined), disagreement: undefined };
}

/** Takes what one row says; cheap where it repeats the row before. */
export function noteTerms(
  read: SaidTerms,
  line: number,
  fields: readonly string[],
  places: ColumnPlaces,
): void {
  const { last, said } = read;
  // By number: this is done for each row, and an iterator makes an array of every column.
  for (let index = 0; index < places.termPlaces.length; index++) {
    const field = fields[places.termPlaces[index]!] ?? "";
    if (field === last[index]) continue;
    last[index] = field;
    const text = field.trim();
    if (text === "") continue;
    const first = said[index];
    if (first === undefined) said[index] = { text, line, fields };
    else if (first.text !== text) {
      read.disagreement ??= `rows of the order disagree on ${places.terms[index]} ` +
        `(${shown(first.text)} on line ${first.line}, ${shown(text)} on line ${line})`;
    }
  }
}

/**
 * What an order says as a whole, once all of its rows were noted.
 *
 * @returns the terms, or all of their faults, each on the line that says it
 */
export function readTerms(
  read: SaidTerms,
  places: ColumnPlaces,
  externalOrderId: string,
): OrderTerms | TermFault[] {
  return goodAmounts(read, places) ?? readAll(read, places, externalOrderId);
}

/**
 * What most orders say: amounts without a fault, and nothing else. In a tenth of the time.
 *
 * @returns undefined where there is anything else
 */
function goodAmounts({ said }: SaidTerms, { terms }: ColumnPlaces): OrderTerms | undefined {
  const adjustments: Adjustment[] = [];
  for (let index = 0; index < said.length; index++) {
    const one = said[index];
    if (one === undefined) continue;
    const amount = amountColumns.get(terms[index]!);
    if (amount === undefined) return undefined;
    const cents = /^\d+$/.test(one.text) ? Number(one.text) : NaN;
    if (!(cents <= orderLimits.totalCents)) return undefined;
    const { kind, sign } = amount;
    if (cents > 0) {
      adjustments.push({ kind, label: null, amountCents: sign * cents, included: false });
    }
  }
  return adjustments.length === 0 ? {} : { adjustments };
}

function readAll(
  read: SaidTerms,
  places: ColumnPlaces,
  externalOrderId: string,
): OrderTerms | TermFault[] {
  const faults: TermFault[] = [];
  const said = (column: TermColumn) => read.said[places.terms.indexOf(column)];
  const fault = (column: TermColumn, detail: string) => {
    const line = (said(column) ?? read.said.find((one) => one !== undefined))!.line;
    faults.push({ line, at: column, detail });
  };
  const value = <T>(column: TermColumn, readText: (text: string) => T | { problem: string }) => {
    const one = said(column);
    if (one === undefined) return undefined;
    const result = readText(one.text);
    if (typeof result !== "object" || result === null || !("problem" in result)) return result;
    fault(column, withValue(result.problem, one.text));
  };
  const amount = (column: TermColumn) =>
    value(column, (text) => {
      const currency = (said(column)!.fields[places.currency] ?? "").trim().toUpperCase();
      const problem = amountProblem(text, 0, orderLimits.totalCents, currency);
      if (problem === undefined) return Number(text);
      return { problem: column === "discount_cents" ? withoutSign(text, problem) : problem };
    });

  const included =
    value("tax_included", (text) => booleans.get(text.toLowerCase()) ?? notBoolean) ?? false;
  const adjustments = [...amountColumns].flatMap(([column, { kind, sign }]): Adjustment[] => {
    const cents = amount(column) ?? 0;
    if (cents === 0) return [];
    return [{ kind, label: null, amountCents: sign * cents, included: kind === "tax" && included }];
  });
  const totalCents = amount("order_total_cents");
  const language = value("language", readLanguage);
  const payment = readPayment({ value, fault, faults }, externalOrderId);
  if (faults.length > 0) return faults;
  return {
    ...(adjustments.length === 0 ? {} : { adjustments }),
    ...(totalCents === undefined ? {} : { totalCents }),
    ...(payment === undefined ? {} : { payment }),
    ...(language === undefined ? {} : language),
  };
}

const amountColumns: ReadonlyMap<TermColumn, { kind: AdjustmentKind; sign: 1 | -1 }> = new Map([
  ["shipping_cents", { kind: "shipping", sign: 1 }],
  ["tax_cents", { kind: "tax", sign: 1 }],
  ["discount_cents", { kind: "discount", sign: -1 }],
  ["tip_cents", { kind: "tip", sign: 1 }],
  ["fee_cents", { kind: "fee", sign: 1 }],
]);

/** What true and false are called, in lower case. */
export const booleans: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["0", false],
]);

const notBoolean = { problem: "must be true or false" };

const paymentColumns = {
  status: "payment_status",
  provider: "payment_provider",
  reference: "payment_reference",
  paidAt: "payment_status",
} as const satisfies Record<PaymentField, TermColumn>;

function readPayment(
  { value, fault, faults }: {
    value: <T>(
      column: TermColumn,
      readText: (text: string) => T | { problem: string },
    ) => T | undefined;
    fault: (column: TermColumn, detail: string) => void;
    faults: readonly TermFault[];
  },
  externalOrderId: string,
): OrderTerms["payment"] {
  const before = faults.length;
  const status = value(
    "payment_status",
    (text) =>
      paymentStatuses.find((one) => one === text.toLowerCase()) ??
        { problem: "must be due, paid or none" },
  );
  const provider = value("payment_provider", (text) => {
    const problem = providerProblem(text);
    return problem === undefined ? providerOf(text) : { problem };
  });
  const reference = value("payment_reference", (text) => {
    const problem = referenceProblem(text);
    return problem === undefined ? text : { problem };
  });
  if (faults.length > before) return undefined;
  const payment = paymentOf({ status, provider, reference }, externalOrderId);
  if (!Array.isArray(payment)) return payment.status === "due" ? undefined : payment;
  for (const { of, detail } of payment) fault(paymentColumns[of], detail);
}

/** Ends the fault of a discount below zero. */
export const takenOff = ", which is what is taken off";

/** A discount is written as what is taken off: one below zero says what would be right. */
function withoutSign(text: string, problem: string): string {
  return /^-\d{1,16}$/.test(text) ? `${text}: write ${text.slice(1)}${takenOff}` : problem;
}

/** A value of the file in a sentence. */
function shown(text: string): string {
  return visibleText(cutText(text, 64));
}
