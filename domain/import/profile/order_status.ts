/**
 * What becomes of an order by what its source says of it.
 *
 * @module
 */

import { cutText } from "../../text/cut_text.ts";
import { visibleText } from "../../text/visible_text.ts";
import type { CsvRow } from "../csv_rows.ts";
import { type ColumnPlan, trimmed } from "./column_plan.ts";
import { saysNothing } from "./suspicious_column.ts";

/** What becomes of an order. */
export type OrderOutcome =
  /** It is charged here. */
  | { kind: "charge" }
  /** It was paid at its source. */
  | { kind: "paid" }
  /** It costs nothing. */
  | { kind: "free" }
  /** It is left alone. */
  | { kind: "skip"; why: string }
  /** Its rows say different things in one column. */
  | { kind: "contradiction"; column: string; lines: [number, number] }
  /** Its source says what the profile does not know; `""` for nothing at all. */
  | { kind: "unknown"; column: string; word: string };

const rank = { charge: 0, free: 1, paid: 2, skip: 3 } as const;

/** Decides by all rows of an order. */
export function outcomeOf(rows: readonly CsvRow[], plan: ColumnPlan): OrderOutcome {
  const { status, header } = plan;
  if (status === undefined) return { kind: "charge" };
  let found: Exclude<OrderOutcome, { kind: "unknown" | "contradiction" }> | undefined;
  const take = (kind: keyof typeof rank, at: number, word: string) => {
    if (found !== undefined && rank[found.kind] >= rank[kind]) return;
    found = kind === "skip" ? { kind, why: whySkipped(header[at]!, word) } : { kind };
  };
  for (const at of status.places) {
    let said: { outcome: keyof typeof rank; line: number } | undefined;
    let before = "";
    for (const { fields, line } of rows) {
      const word = trimmed(fields[at] ?? "");
      if (word === "" || word === before) continue;
      before = word;
      const outcome = status.outcomes.get(word.toLowerCase());
      if (outcome === undefined) return { kind: "unknown", column: header[at]!.trim(), word };
      said ??= { outcome, line };
      if (said.outcome !== outcome) {
        return { kind: "contradiction", column: header[at]!.trim(), lines: [said.line, line] };
      }
      take(outcome, at, word);
    }
  }
  const takeFilled = (kind: "paid" | "skip", places: readonly number[]) => {
    for (const at of places) {
      for (const { fields } of rows) {
        const field = fields[at] ?? "";
        if (field === "") continue;
        const text = trimmed(field);
        if (!saysNothing(text)) take(kind, at, text);
      }
    }
  };
  takeFilled("paid", status.paidFilled);
  takeFilled("skip", status.skipFilled);
  if (found !== undefined) return found;
  const at = status.places[0] ?? status.paidFilled[0] ?? status.skipFilled[0]!;
  const name = header[at]!.trim();
  switch (status.otherwise) {
    case undefined:
      return { kind: "unknown", column: name, word: "" };
    case "skip":
      return { kind: "skip", why: `${visibleText(name)} is empty` };
    default:
      return { kind: status.otherwise };
  }
}

function whySkipped(column: string, word: string): string {
  return `${visibleText(column.trim())} is ${visibleText(JSON.stringify(cutText(word, 40)))}`;
}
