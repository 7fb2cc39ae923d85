/**
 * The value that a fault is about, as it came.
 *
 * @module
 */

import { cutText } from "../text/cut_text.ts";
import { visibleText } from "../text/visible_text.ts";

/** Characters of a value that are repeated. */
const shownCharacters = 40;

/**
 * Ends a problem with the value that has it: `must be due, paid or none, not "PAID?"`. Said as JSON says it, cut to
 * some characters and on one line. A value that is missing, or that the problem begins with, is not repeated.
 *
 * @param value trimmed
 */
export function withValue(problem: string, value: string): string {
  if (value === "" || problem.startsWith(`${value}: `)) return problem;
  const link = problem.startsWith("must not ") ? "but is" : "not";
  return `${problem}, ${link} ${quoted(value)}`;
}

function quoted(value: string): string {
  // Two units at most make a character.
  const shown = cutText(value.slice(0, 2 * shownCharacters), shownCharacters);
  const rest = shown.length < value.length ? "…" : "";
  return visibleText(JSON.stringify(`${shown}${rest}`));
}

/** A text without the values that {@linkcode withValue} has put there. */
export function withoutValues(text: string): string {
  return text.replace(/, (?:not|but is) "(?:[^"\\]|\\.)*"/g, "");
}
