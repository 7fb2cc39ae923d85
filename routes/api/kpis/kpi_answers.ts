/**
 * The figures as the API answers with them: fields and examples come from the table of figures.
 *
 * @module
 */

import { z } from "zod";
import { eachKpiFigure, isNeverNegative, kpiFigures } from "../../../domain/kpi/kpi_table.ts";
import { cents, count, currency, day } from "../description/schema_parts.ts";

export const kpisAnswer = z.object({
  kpis: z.array(z.object({
    date: day,
    currency,
    ...eachKpiFigure((figure): z.ZodInt => {
      if (kpiFigures[figure].unit === "count") return count;
      return isNeverNegative(figure) ? cents : z.int();
    }),
  })),
}).meta({ id: "Kpis" });

/** A day in one currency. */
export const kpis = {
  kpis: [{
    date: "2026-01-05",
    currency: "EUR",
    ...eachKpiFigure((figure) => kpiFigures[figure].example),
  }],
} satisfies z.input<typeof kpisAnswer>;
