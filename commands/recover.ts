/**
 * `deno task recover`: brings lost work back.
 *
 * @module
 */

import { listOpenLosses } from "../db/recovery/database_losses.ts";
import { describeLosses } from "../domain/operation/database_age.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { counted } from "../domain/text/plural.ts";
import { recoverWork } from "../services/operation/recover_work.ts";
import { type Command, readOptions } from "./command.ts";
import { withContext } from "./context.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";

/** How long to wait for another process that is recovering. */
const waitMs = 600_000;

/** Open losses of the database that are looked at. */
const lossesToTell = 100;

const command: Command = {
  summary: "Publishes again whatever the streams lost, and rebuilds the KPIs.",
  help: `
Usage: deno task recover [--accept-database]

  --accept-database  from now on this database counts, although Redis knows another installation's, or it
                     has commits that are no part of the history which Redis knows. What the other one has and
                     this one lacks is then lost, and stands in the list of deno task losses

After it, losing all of Redis has cost nothing. It may run at any time, beside everything else, and
running it without need changes nothing. Consumers do it by themselves when they find Redis empty, or the
database older than what was published from it.`,
  async run(args, env) {
    const accept = readOptions(args, { boolean: ["accept-database"] }).flag("accept-database");
    return await withContext(env, async (context) => {
      const report = await recoverWork(context, operatorIn(env), { waitMs, accept });
      if (report.loss !== null) {
        const losses = await listOpenLosses(context.db, lossesToTell);
        print(
          losses.length === 0
            ? "The database was older than what was published from it"
            : describeLosses(losses),
        );
      }
      const { charges, ...republished } = report.republished;
      const counts = Object.entries(republished).map(([name, count]) =>
        `${formatCount(count)} ${name === "notices" ? "notifications" : name}`
      );
      print(`Republished ${new Intl.ListFormat("en-GB").format(counts)}`);
      if (charges > 0) {
        print(
          `Asking the payment provider about ${
            formatCount(charges)
          } orders that ended without an answer`,
        );
      }
      print(
        `Rebuilt the KPIs from ${counted(report.kpis.orders, "order")} and ` +
          `${counted(report.kpis.refunds, "refund")} in ${report.seconds.toFixed(1)} s`,
      );
      await tellIfNobodyWorks(context);
      return 0;
    });
  },
};

export default command;
