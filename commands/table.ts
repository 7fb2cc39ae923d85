/**
 * Aligned columns for people.
 *
 * @module
 */

import process from "node:process";
import { visibleText } from "../domain/text/visible_text.ts";

/** A column: its heading, and on which side its cells line up. */
export interface Column {
  heading: string;
  align?: "left" | "right";
}

/**
 * Lines of a table, two spaces between columns, without spaces at the ends of lines. A cell stays one line whatever it
 * holds.
 *
 * @param rows a cell for each column
 */
export function formatTable(columns: readonly Column[], rows: readonly string[][]): string {
  const lines = [columns.map(({ heading }) => heading), ...rows.map((row) => row.map(visibleText))];
  const widths = columns.map((_, column) =>
    Math.max(...lines.map((cells) => [...(cells[column] ?? "")].length))
  );
  return lines.map((cells) =>
    columns.map(({ align }, column) => {
      const cell = cells[column] ?? "";
      const padding = " ".repeat(widths[column]! - [...cell].length);
      return align === "right" ? padding + cell : cell + padding;
    }).join("  ").trimEnd()
  ).join("\n");
}

/** A column of figures. */
export function right(heading: string): Column {
  return { heading, align: "right" };
}

/** Lines further to the right; empty ones stay empty. */
export function indent(text: string): string {
  return text.split("\n").map((line) => line === "" ? "" : `  ${line}`).join("\n");
}

/** Text as lines of at most that many characters, broken between words; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && [...line].length + 1 + [...word].length <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** Columns where nobody says how many there are. */
const usualColumns = 80;

/** Columns of the terminal. */
export function terminalColumns(): number {
  // A terminal that does not know its size says that it is none at all.
  return process.stdout.columns || usualColumns;
}
