/**
 * Text of others on a terminal and in logs.
 *
 * A terminal obeys control characters: it may move its cursor, change its title, answer as if somebody had typed, or
 * show a line that says something else than what stands there. So they are shown instead of sent.
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
