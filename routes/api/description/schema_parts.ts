/**
 * Parts that the schemas of many answers have in common.
 *
 * @module
 */

import { z } from "zod";

/** A database id. */
export const id = z.int().min(1);

/** How many there are of something. */
export const count = z.int().min(0);

/** Money that is never below zero. */
export const cents = z.int().min(0).meta({
  description: "In minor units of the currency: cents of euros, whole yen",
});

/** A moment. */
export const time = z.string().meta({ format: "date-time", description: "ISO 8601 in UTC" });

/** ISO 4217. */
export const currency = z.string().meta({ pattern: "^[A-Z]{3}$", examples: ["EUR"] });

/** `YYYY-MM-DD` */
export const day = z.string().meta({ format: "date", examples: ["2026-01-05"] });
