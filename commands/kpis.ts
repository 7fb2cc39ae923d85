/**
 * `deno task kpis`: shows a day, or rebuilds everything.
 *
 * @module
 */

import { databaseTime } from "../domain/database_time.ts";
import { isDay } from "../domain/kpi/day.ts";
import { formatCount } from "../domain/text/format_count.ts";
import type { KpiRow } from "../domain/kpi/kpi.ts";
import { kpiFigureNames, kpiFigures } from "../domain/kpi/kpi_table.ts";
import { groupedAmount } from "../domain/money.ts";
import { withOwnKpis } from "../services/operation/rebuild_kpis.ts";
import { readKpis } from "../streams/kpis/kpis.ts";
import { type Command, readOptions, usage } from "./command.ts";
import { withContext } from "./context.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";
import { formatTable } from "./table.ts";

const command: Command = {
  summary: "Shows the KPIs of a day, or rebuilds all of them from the database.",
  help: `
Usage: deno task kpis [--date=YYYY-MM-DD] [--rebuild [--recent]] [--json]

  --date=YYYY-MM-DD  the day, in KPI_TIMEZONE (default: today)
  --rebuild          first count every KPI key and the leaderboard anew from the database; orders may
                     go on being settled meanwhile; done by itself where BASE_CURRENCY or KPI_TIMEZONE
                     are no longer those that the figures were counted by
  --recent           with --rebuild: count anew only what is not sealed, and set right the days that
                     differ; seconds where all takes a minute, enough where only today is lost
  --json             print {"kpis": [...]} as the API does`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["rebuild", "recent", "json"], string: ["date"] });
    const date = options.text("date");
    if (date !== undefined && !isDay(date)) {
      throw usage(`--date must be a day such as 2026-01-31, not "${date}"`);
    }
    return await withContext(env, async (context) => {
      const recent = options.flag("recent");
      if (recent && !options.flag("rebuild")) {
        throw usage("--recent says what --rebuild counts anew");
      }
      const rebuild = options.flag("rebuild") ? operatorIn(env) : undefined;
      const kpis = await withOwnKpis(context, { rebuild, recent }, () => {
        const day = date ?? context.kpiDay(databaseTime(Date.now()));
        return readKpis(context, day, day);
      });
      print(options.flag("json") ? JSON.stringify({ kpis }) : formatKpis(kpis));
      await tellIfNobodyWorks(context);
      return 0;
    });
  },
};

export default command;

/**
 * Figures for people, a line a day and currency; money in units of the currency. A currency in which nothing happened is
 * left out where something did in another one: whoever sells in pounds alone has no use of a line of zeros in euros. So is
 * a figure that hardly ever moves, where it is nothing everywhere: all the others fit a terminal.
 */
export function formatKpis(kpis: readonly KpiRow[]): string {
  const busy = kpis.filter((row) => kpiFigureNames.some((figure) => row[figure] !== 0));
  const figures = kpiFigureNames.filter((figure) =>
    !kpiFigures[figure].isRare || kpis.some((row) => row[figure] !== 0)
  );
  return formatTable(
    [
      { heading: "date" },
      { heading: "currency" },
      ...figures.map((
        figure,
      ) => ({ heading: kpiFigures[figure].heading, align: "right" } as const)),
    ],
    (busy.length > 0 ? busy : kpis).map((row) => [
      row.date,
      row.currency,
      ...figures.map((figure) =>
        kpiFigures[figure].unit === "money"
          ? groupedAmount(row[figure], row.currency)
          : formatCount(row[figure])
      ),
    ]),
  );
}
