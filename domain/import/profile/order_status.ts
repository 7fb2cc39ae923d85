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
  let found: Found | undefined;
  for (let index = 0; index < status.places.length; index++) {
    const at = status.places[index]!;
    const column = header[at]!;
    let said: { outcome: keyof typeof rank; line: number } | undefined;
    let before = "";
    for (let row = 0; row < rows.length; row++) {
      const { fields, line } = rows[row]!;
      const word = trimmed(fields[at] ?? "");
      if (word === "" || word === before) continue;
      before = word;
      const outcome = status.outcomes.get(word.toLowerCase());
      if (outcome === undefined) return { kind: "unknown", column: column.trim(), word };
      said ??= { outcome, line };
      if (said.outcome !== outcome) {
        return { kind: "contradiction", column: column.trim(), lines: [said.line, line] };
      }
      found = stronger(found, outcome, column, word);
    }
  }
  found = ofFilled(found, "paid", status.paidFilled, { rows, header });
  found = ofFilled(found, "skip", status.skipFilled, { rows, header });
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

/** What is known of an order whose source says something. */
type Found = Exclude<OrderOutcome, { kind: "unknown" | "contradiction" }>;

/** What becomes of an order by what was found before and what a column says now. */
function stronger(
  found: Found | undefined,
  kind: keyof typeof rank,
  column: string,
  word: string,
): Found {
  if (found !== undefined && rank[found.kind] >= rank[kind]) return found;
  return kind === "skip" ? { kind, why: whySkipped(column, word) } : { kind };
}

/** The same by columns in which anything means so. */
function ofFilled(
  found: Found | undefined,
  kind: "paid" | "skip",
  places: readonly number[],
  { rows, header }: { rows: readonly CsvRow[]; header: readonly string[] },
): Found | undefined {
  for (let index = 0; index < places.length; index++) {
    const at = places[index]!;
    for (let row = 0; row < rows.length; row++) {
      const field = rows[row]!.fields[at] ?? "";
      if (field === "") continue;
      const text = trimmed(field);
      if (!saysNothing(text)) return stronger(found, kind, header[at]!, text);
    }
  }
  return found;
}

function whySkipped(column: string, word: string): string {
  return `${visibleText(column.trim())} is ${visibleText(JSON.stringify(cutText(word, 40)))}`;
}
