/**
 * What commands print.
 *
 * @module
 */

import { visibleLines } from "../domain/text/visible_text.ts";
import { writesToTerminal } from "../runtime/terminal.ts";

/**
 * Prints lines on standard output. Names, reasons and errors may come from anybody, so what a terminal would obey is
 * shown instead, see {@linkcode visibleLines}.
 */
export function print(text: string): void {
  console.log(visibleLines(text));
}

/**
 * The same with some lines in bold, where standard output is a terminal.
 *
 * @param isBold tells them, by what is printed of them
 */
export function printWithBold(text: string, isBold: (line: string) => boolean): void {
  const lines = visibleLines(text).split("\n");
  const marks = writesToTerminal();
  console.log(
    lines.map((line) => marks && isBold(line) ? `\x1b[1m${line}\x1b[22m` : line).join("\n"),
  );
}

/** Prints lines on standard error in the same way. */
export function printError(text: string): void {
  console.error(visibleLines(text));
}
