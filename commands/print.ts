/**
 * What commands print.
 *
 * @module
 */

import { visibleLines } from "../domain/text/visible_text.ts";

/**
 * Prints lines on standard output. Names, reasons and errors may come from anybody, so what a terminal would obey is
 * shown instead, see {@linkcode visibleLines}.
 */
export function print(text: string): void {
  console.log(visibleLines(text));
}

/** Prints lines on standard error in the same way. */
export function printError(text: string): void {
  console.error(visibleLines(text));
}
