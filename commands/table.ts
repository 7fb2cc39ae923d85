/**
 * Aligned columns for people.
 *
 * @module
 */

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
