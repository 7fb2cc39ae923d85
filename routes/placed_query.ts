/**
 * The period of a list, such as when its orders were placed.
 *
 * @module
 */

import type { z } from "zod";
import { parsePlacedAt } from "../domain/placed_at.ts";
import { optionalQuery, queryText } from "./checked.ts";

/** `from`: a date means its first moment. */
export const placedFrom = boundary("00:00:00");

/** `to`: the moment itself is included, and a date means its last moment. */
export const placedTo = boundary("23:59:59.999", "999");

/**
 * @param time of the day that a date without a time means
 * @param micros what follows its milliseconds
 */
function boundary(time: string, micros = ""): z.ZodType<string | undefined, string | undefined> {
  const message = "must be a real date such as 2010-12-01, or with a time such as " +
    "2010-12-01T08:26:00Z (a + must be written %2B)";
  const read = (text: string) => {
    if (!/^[\d-]{10}$/.test(text)) return parsePlacedAt(text);
    const day = parsePlacedAt(`${text} ${time}`);
    return day === undefined ? undefined : `${day}${micros}`;
  };
  return optionalQuery(
    queryText().trim()
      .refine((text) => read(text) !== undefined, message)
      .meta({ description: "A date, or a date and time", examples: ["2010-12-01"] })
      .transform((text) => read(text)!),
  );
}
