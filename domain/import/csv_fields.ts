/**
 * Takes a CSV record apart at its commas. Its quotes must have been checked by `csv_records.ts`.
 *
 * @module
 */

/**
 * The fields of a record, without their quotes; a line break in quotes is always `\n`.
 *
 * They are parts of `text` and keep it in memory: copy what is to stay.
 */
export function fieldsOf(text: string, from: number, to: number, quoted: boolean): string[] {
  if (!quoted) return text.slice(from, to).split(",");
  const fields: string[] = [];
  for (let at = from;; at++) {
    if (text.charCodeAt(at) === quote) {
      const close = closingQuote(text, at);
      const inner = text.slice(at + 1, close);
      fields.push(isPlain(inner) ? inner : inner.replaceAll('""', '"').replaceAll("\r\n", "\n"));
      at = close + 1;
    } else {
      const next = text.indexOf(",", at);
      const end = next < 0 || next > to ? to : next;
      fields.push(text.slice(at, end));
      at = end;
    }
    if (at >= to) return fields;
  }
}

/**
 * How many fields a record has, as {@linkcode fieldsOf} gives them, and one of them; all of them where it has quotes.
 *
 * @param ends is told where each field ends, as many as it has room for, unless the record has quotes
 */
export function outlineOf(
  text: string,
  from: number,
  to: number,
  quoted: boolean,
  place: number,
  ends?: Int32Array,
): { count: number; field: string; fields: readonly string[] | undefined } {
  if (quoted) {
    const fields = fieldsOf(text, from, to, true);
    return { count: fields.length, field: fields[place] ?? "", fields };
  }
  let count = 1, start = from, end = to;
  for (let at = from; at < to; at++) {
    if (text.charCodeAt(at) !== comma) continue;
    if (count === place) start = at + 1;
    else if (count === place + 1) end = at;
    if (ends !== undefined && count <= ends.length) ends[count - 1] = at;
    count++;
  }
  if (ends !== undefined && count <= ends.length) ends[count - 1] = to;
  return { count, field: count > place ? text.slice(start, end) : "", fields: undefined };
}

const quote = 34;
const comma = 44;

function closingQuote(text: string, open: number): number {
  let at = text.indexOf('"', open + 1);
  while (text.charCodeAt(at + 1) === quote) at = text.indexOf('"', at + 2);
  return at;
}

function isPlain(text: string): boolean {
  return !text.includes('"') && !text.includes("\r\n");
}
