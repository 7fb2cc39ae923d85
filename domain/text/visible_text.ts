/**
 * Text of others on a terminal, in logs, on pages and in e-mails.
 *
 * A terminal obeys control characters: it may move its cursor, change its title, answer as if somebody had typed, or
 * show a line that says something else than what stands there. So they are shown instead of sent. A browser and a mail
 * reader obey those that turn the direction of text: a name may have what follows it, such as an amount, read from its end.
 *
 * @module
 */

/**
 * Control characters of ASCII and of Unicode's C1, among them the one-character form of `ESC [`, breaks of lines, and
 * the marks that turn the direction of what follows them.
 */
// deno-lint-ignore no-control-regex
const unseen = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Text on one line with every character to be seen: ESC as `\u001b`, as JSON has it. */
export function visibleText(text: string): string {
  return text.replace(unseen, escaped);
}

/** The same for text of several lines, whose line feeds stay. JSON stays the same JSON. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visibleText).join("\n");
}

/**
 * A page with every character to be seen that would turn the direction of what follows it: U+202E as `\u202e`. What stands in
 * its form fields stays as it is: it comes back when the form is sent, and nothing follows it in its field.
 */
export function visiblePage(html: string): string {
  return html.replace(fieldOrTurn, (part) => part.length === 1 ? escaped(part) : part);
}

/**
 * Of characters embeddings, overrides and isolates. The marks U+200E, U+200F and U+061C are not among them: they turn nothing but a
 * sign beside them, and names in Hebrew and Arabic have them.
 */
const fieldOrTurn = /\bvalue="[^"]*"|[\u202a-\u202e\u2066-\u2069]/g;

/** Text on one line, without control characters and without those that turn its direction. */
export function plainLine(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]+/gu, " ").trim();
}

/** Letters that are written from right to left. */
const rightToLeft =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A {@linkcode plainLine} among other text: where it is written from right to left it is set apart by Unicode's isolates, or
 * an amount that follows would be read as part of it, and stand before it.
 */
export function isolated(line: string): string {
  return rightToLeft.test(line) ? `\u2068${line}\u2069` : line;
}
