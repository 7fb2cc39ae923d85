/**
 * Writes files as shops do, mangles and reads them, and holds every order against the truth.
 *
 * @module
 */

import fc from "fast-check";
import { shopForms } from "./forms.ts";
import { answersOf, mangledFile, manglings } from "./mangled_file.ts";
import { expectTruth, type ReadBack, readBack } from "./read_back.ts";
import { shops } from "./shop_orders.ts";

/** How many files came to which end. */
export interface Ends {
  /** All orders were read or skipped. */
  whole: number;
  /** Some rows were rejected. */
  partly: number;
  refused: number;
}

/** Nothing has come to its end. */
export const noEnds = (): Ends => ({ whole: 0, partly: 0, refused: 0 });

/** Counts what became of a file. */
export function countEnd(ends: Ends, { refused, rejected }: ReadBack): void {
  if (refused !== undefined) ends.refused++;
  else if (rejected.length > 0) ends.partly++;
  else ends.whole++;
}

/**
 * Plays so many files. Of some the owner answers what is asked, of others nobody does.
 *
 * @param options.onFile is called after each
 * @throws with the fewest orders and the least mangling that show it, where an order would be booked otherwise
 */
export async function playFiles(
  { files, seed, onFile }: { files: number; seed: number; onFile?: (ends: Ends) => void },
): Promise<Ends> {
  const ends = noEnds();
  const isAnswered = fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false));
  await fc.assert(
    fc.asyncProperty(
      fc.nat(shopForms.length - 1),
      shops,
      manglings,
      isAnswered,
      async (index, shop, mangling, isAnswered) => {
        const form = shopForms[index]!;
        const file = mangledFile(shop, form, mangling);
        const read = await readBack(file, isAnswered ? answersOf(shop, mangling) : undefined);
        // A time that lost its last digits is another time, and nothing tells.
        const isTimeSure = mangling.damage !== "lost last bytes" &&
          (!isAnswered || mangling.damage !== "two day orders");
        expectTruth(read, shop, form, isTimeSure);
        countEnd(ends, read);
        onFile?.(ends);
      },
    ),
    { numRuns: files, seed },
  );
  return ends;
}
