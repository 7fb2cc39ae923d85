/**
 * `deno task test:files`: the long form of the proof that no file is booked with other money than its shop has.
 *
 * @module
 */

import fc from "fast-check";
import { parseArgs } from "@std/cli/parse-args";
import { currencyDigits } from "../../domain/money.ts";
import { type Answers, shopForms } from "./forms.ts";
import { answersOf, mangledFile, type Mangling, manglings } from "./mangled_file.ts";
import { countEnd, type Ends, noEnds, playFiles } from "./play_files.ts";
import { expectTruth, readBack } from "./read_back.ts";
import { type Shop, shops } from "./shop_orders.ts";
import { findSpreadsheet, type SpreadsheetRound, throughSpreadsheet } from "./spreadsheet.ts";

const help =
  `Writes orders as shops do, mangles the files, reads them, and holds the orders against the truth.

Usage: deno task test:files [--files=N] [--seed=N] [--spreadsheet]

  --files=N      files (default 10000; 1000 with --spreadsheet)
  --seed=N       of the first file (default: a random one, printed)
  --spreadsheet  opens each file with LibreOffice and saves it again first, as text and as a workbook

Exits 1 at the first order that would be booked otherwise, with the fewest orders that show it.`;

interface Wanted {
  files: number;
  seed: number;
  spreadsheet: boolean;
}

function readArgs(args: string[]): Wanted | string {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    string: ["files", "seed"],
    boolean: ["spreadsheet"],
    unknown: (arg: string) => void unknown.push(arg),
  }) as Record<string, unknown>;
  if (unknown.length > 0) return `Unknown argument ${unknown[0]}`;
  const integer = (name: string, fallback: number): number => {
    const raw = parsed[name];
    return raw === undefined ? fallback : /^\d{1,9}$/.test(String(raw)) ? Number(raw) : NaN;
  };
  const spreadsheet = parsed.spreadsheet === true;
  const files = integer("files", spreadsheet ? 1_000 : 10_000);
  const seed = integer("seed", crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000_000);
  if (Number.isNaN(files + seed)) return "--files and --seed must be numbers";
  return { files, seed, spreadsheet };
}

const rounds: fc.Arbitrary<SpreadsheetRound> = fc.record({
  language: fc.constantFrom(1031, 1033, 2057, 1036),
  from: fc.constant(","),
  to: fc.constantFrom(",", ";", "\t"),
  as: fc.constantFrom("csv", "csv", "xlsx"),
});

/** A spreadsheet writes amounts and days as its country does where it took them for such, and leaves the others. */
function savedAnswers(
  shop: Shop,
  mangling: Mangling,
  { language }: SpreadsheetRound,
): Answers {
  const answers = new Map(answersOf(shop, { ...mangling, encoding: "utf-8" }));
  if (mangling.habits.time !== undefined) answers.delete("time.order");
  // Whoever sees numbers in another country's form does not know the first one any more.
  const sign = language === 1033 || language === 2057 ? "." : ",";
  if (mangling.habits.decimal !== sign || sign === ",") answers.delete("money.decimal");
  // In Germany 2.448 is two thousand: what was in units is in minor units now.
  if (shop.currency === "KWD") answers.delete("money.in");
  return answers;
}

/** A spreadsheet saves 70.00 as 70, and whole amounts under a heading that says cents are cents. */
function hasWholeAmounts({ orders, currency }: Shop): boolean {
  const unit = 10 ** currencyDigits(currency);
  return orders.every(({ items }) =>
    items.every(({ price, tax, shipping, discount }) =>
      [price, tax, shipping, discount].every((amount) => amount % unit === 0)
    )
  );
}

const asMinor = (mangling: Mangling): Mangling => ({ ...mangling, minor: true });

/** Files for each start of the spreadsheet, which takes seconds. */
const filesToAStart = 50;

async function playRounds(program: string, { files, seed }: Wanted): Promise<Ends> {
  const ends = noEnds();
  for (let first = 0; first < files; first += filesToAStart) {
    const ownSeed = seed + first;
    const [round] = fc.sample(rounds, { numRuns: 1, seed: ownSeed }) as [SpreadsheetRound];
    const numRuns = Math.min(filesToAStart, files - first);
    const drafts = fc.sample(fc.tuple(fc.constantFrom(...shopForms), shops, manglings), {
      numRuns,
      seed: ownSeed,
    }).map(([form, shop, mangling]) =>
      [
        form,
        shop,
        form.profile === "native" && hasWholeAmounts(shop) ? asMinor(mangling) : mangling,
      ] as const
    );
    const asText = (mangling: Mangling): Mangling => ({
      ...mangling,
      encoding: "utf-8",
      lineEnd: "\n",
      delimiter: round.from,
      sepLine: false,
      damage: "none",
    });
    const bytes = drafts.map(([form, shop, mangling]) => mangledFile(shop, form, asText(mangling)));
    const saved = await throughSpreadsheet(program, bytes, round);
    for (const [index, [form, shop, mangling]] of drafts.entries()) {
      const answers = index % 4 === 0 ? undefined : savedAnswers(shop, mangling, round);
      const read = await readBack(saved[index]!, answers);
      try {
        // One that takes a month for a day saves another day, and nothing in the file tells.
        expectTruth(read, shop, form, mangling.habits.time === undefined);
      } catch (error) {
        console.error(`seed ${ownSeed}, file ${index}, ${JSON.stringify(round)}`);
        console.error(new TextDecoder().decode(bytes[index]).slice(0, 2_000));
        throw error;
      }
      countEnd(ends, read);
    }
    console.log(`${first + numRuns} files: ${JSON.stringify(ends)}`);
  }
  return ends;
}

async function run(args: string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(help);
    return 0;
  }
  const wanted = readArgs(args);
  if (typeof wanted === "string") {
    console.error(wanted);
    return 2;
  }
  const program = wanted.spreadsheet ? await findSpreadsheet() : undefined;
  if (wanted.spreadsheet && program === undefined) {
    console.error("LibreOffice is not installed: on Debian, apt-get install libreoffice-calc");
    return 1;
  }
  console.log(`seed ${wanted.seed}`);
  const startedAt = performance.now();
  const ends = program === undefined ? await playFiles(wanted) : await playRounds(program, wanted);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(
    `${wanted.files} files in ${seconds} s: ${ends.whole} read whole, ${ends.partly} in part, ` +
      `${ends.refused} refused; none with other money than its shop has`,
  );
  return 0;
}

Deno.exit(await run(Deno.args));
