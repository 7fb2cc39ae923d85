/**
 * What a file's rows with several units tell of its prices: whether they are of one unit or of the whole line.
 *
 * @module
 */

import { cutText } from "../../text/cut_text.ts";
import { ownCopy } from "../../text/own_copy.ts";
import type { SourceRow } from "../source_row.ts";
import { type Counted, countValue, noneCounted } from "./column_evidence.ts";
import { type ColumnPlan, textAt } from "./column_plan.ts";
import { type DecimalSign, parseMoney } from "./money_text.ts";
import { totalOf } from "./total_names.ts";

/** A row with several units. */
export interface SeveralUnits {
  /** Of the file, from 1. */
  line: number;
  /** Of the row. */
  qty: number;
  /** As it stands there. */
  price: string;
}

/** A column beside the price whose values are not price × units. */
export interface LineTotalColumn {
  /** As the header has it. */
  name: string;
  /** By the decimal sign that amounts are read with: the rows that contradict it, `3 × 30.00, not 30.00`. */
  contradicting: Readonly<Record<DecimalSign, Counted>>;
}

/** What the rows have told so far. */
export interface LineTotalEvidence {
  /** The first row with several units; undefined for none. */
  several: SeveralUnits | undefined;
  /** Columns of which no use is made and that look like the total of a line. */
  columns: LineTotalColumn[];
}

/** Has three decimals: nothing of an amount is cut. */
const finest = "KWD";
const thousandthsOfCent = 10;

const wholeUnits = /^(\d{1,7})(?:[.,](?:0{1,2}|0{4,}))?$/;

const signs = [".", ","] as const;

/** Characters of an amount that are shown. */
const maxCharacters = 40;

/** Begins to gather; rows with one unit tell nothing. */
export function noteLineTotals(
  { columns: { price, qty }, header, fills, ignored }: ColumnPlan,
): { evidence: LineTotalEvidence; note: (row: SourceRow) => void } {
  const beside = header.flatMap((name, at) => {
    const of = fills.has(at) || ignored.has(at) ? undefined : totalOf(name);
    if (of === undefined || of === "order") return [];
    return [{
      at,
      of,
      name: name.trim(),
      contradicting: { ".": noneCounted(), ",": noneCounted() },
    }];
  });
  const evidence: LineTotalEvidence = { several: undefined, columns: beside };
  return {
    evidence,
    note({ fields, line }) {
      if (evidence.several !== undefined && beside.length === 0) return;
      const units = Number(wholeUnits.exec(textAt(fields, qty?.places ?? []))?.[1] ?? 0);
      if (units < 2) return;
      const text = textAt(fields, price?.places ?? []);
      if (text === "") return;
      evidence.several ??= { line, qty: units, price: ownCopy(cutText(text, maxCharacters)) };
      for (const { at, of, contradicting } of beside) {
        const total = (fields[at] ?? "").trim();
        if (total === "") continue;
        for (const decimal of signs) {
          if (!isContradicted(text, total, units, decimal, of)) continue;
          const shown = `${units} × ${cutText(text, maxCharacters)}, not ${
            cutText(total, maxCharacters)
          }`;
          countValue(contradicting[decimal], shown, line);
        }
      }
    },
  };
}

/** Of a column that may be an order's total as well, only the very amount of the price tells that it is the line's. */
function isContradicted(
  priceText: string,
  totalText: string,
  units: number,
  decimal: DecimalSign,
  of: "line" | "either",
): boolean {
  const form = { in: "units", decimal } as const;
  const price = parseMoney(priceText, form, finest);
  const total = parseMoney(totalText, form, finest);
  if (typeof price !== "number" || typeof total !== "number" || price === 0) return false;
  if (of === "either") return total === price;
  // Prices of a unit are rounded, and one of both may be in cents.
  const isSame = (sum: number) => {
    const off = Math.abs(total - sum);
    return off <= units * thousandthsOfCent / 2 && off < Math.abs(total - sum / units);
  };
  return ![1, 100, 0.01].some((factor) => isSame(price * units * factor));
}
