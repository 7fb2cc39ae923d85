/**
 * Looks into a file of orders before it is imported.
 *
 * @module
 */

import { CsvParseStream } from "@std/csv/parse-stream";
import { isCurrency } from "../domain/money.ts";
import { readText } from "../streams/imports/csv_source.ts";

/**
 * The currency of the file's first row; undefined where there is none to be found. What is wrong with the file is for
 * the import to say.
 */
export async function firstCurrency(
  source: ReadableStream<Uint8Array>,
): Promise<string | undefined> {
  const texts = (async function* () {
    for await (const { text } of readText(source, () => 1, () => {})) yield text;
  })();
  try {
    const rows = ReadableStream.from(texts).pipeThrough(new CsvParseStream());
    let at: number | undefined;
    for await (const row of rows) {
      if (at === undefined) {
        at = row.findIndex((name) => name.trim().toLowerCase() === "currency");
        continue;
      }
      const currency = row[at]?.trim().toUpperCase() ?? "";
      return isCurrency(currency) ? currency : undefined;
    }
  } catch {
    // A file that is no CSV.
  }
}
