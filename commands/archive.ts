/**
 * `deno task archive`: moves orders of closed months out of the way, and back.
 *
 * @module
 */

import { isatty } from "node:tty";
import { writeSync } from "node:fs";
import { isDay } from "../domain/kpi/day.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { counted } from "../domain/text/plural.ts";
import {
  archiveAudited,
  archiveMoment,
  previewArchive,
  restoreAudited,
} from "../services/operation/archive_orders.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import type { ArchiveProgress } from "../streams/upkeep/archive_orders.ts";
import { type Command, readOptions, usage } from "./command.ts";
import { withContext } from "./context.ts";
import { operatorIn } from "./operator.ts";
import { print, printError } from "./print.ts";
import { untilStopped } from "./signals.ts";

/** Milliseconds between two lines of progress. */
const redrawMs = 500;

const command: Command = {
  summary: "Moves orders of closed months out of the way, and back.",
  help: `
Usage: deno task archive --before=DATE [--dry-run]
       deno task archive --restore

  --before=DATE  YYYY-MM-DD: orders of all months before the one that it is in; whole
                 months are moved, so a day in the middle means the first of its month
  --dry-run      tells how many that would be and how much they take, and moves nothing
  --restore      brings all of them back, as before a return to an earlier version

Moved are items, adjustments, payments, timelines and notifications of orders that ended more than 30 days ago and of which
nothing is open. The orders stay in every list, figure and proof; what is refunded or sent again comes back by itself.
It runs beside everything else, and takes its time while others work. Stopped or killed, it has moved whole orders,
and the same command goes on.`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["dry-run", "restore"], string: ["before"] });
    const date = options.text("before");
    const isRestore = options.flag("restore");
    if (isRestore === (date !== undefined)) {
      throw usage("archive needs either --before=DATE or --restore");
    }
    if (date !== undefined && !isDay(date)) {
      throw usage(`--before must be a date such as 2026-01-01, not "${date}"`);
    }
    if (isRestore && options.flag("dry-run")) throw usage("--dry-run goes with --before=DATE");
    return await withContext(env, async (context) => {
      const cut = date === undefined ? "" : archiveMoment(date).slice(0, 10);
      if (date !== undefined && date !== cut) {
        printError(`${date} is not the first of a month: what ended before ${cut} is meant`);
      }
      await untilStopped(context, async (signal) => {
        const run = { signal, onProgress: progressLine() };
        if (date !== undefined && options.flag("dry-run")) {
          const { orders, bytes } = await previewArchive(context, date, run);
          clearLine();
          print(
            `${counted(orders, "order")} of before ${cut} would be archived, about ${
              megabytes(bytes)
            }` +
              (signal.aborted ? " so far; stopped" : ""),
          );
        } else {
          await guardDatabase(context);
          await refuseBesideOlder(context);
          const orders = date === undefined
            ? await restoreAudited(context, operatorIn(env), run)
            : await archiveAudited(context, date, operatorIn(env), run);
          clearLine();
          print(
            (date === undefined
              ? `Brought back: ${counted(orders, "order")}`
              : `Archived: ${counted(orders, "order")} of before ${cut}`) +
              (signal.aborted ? "; stopped before the end, the same command goes on" : ""),
          );
        }
      });
      return 0;
    });
  },
};

export default command;

function megabytes(bytes: number): string {
  return `${formatCount(Math.ceil(bytes / 1e6))} MB`;
}

/** Draws how far it is, over itself, on a terminal. */
function progressLine(): ((progress: ArchiveProgress) => void) | undefined {
  if (!isatty(2)) return undefined;
  let drawnAt = -Infinity;
  return ({ moved, upToId }) => {
    const now = performance.now();
    if (now - drawnAt < redrawMs) return;
    drawnAt = now;
    writeSync(
      2,
      `\r\x1b[2K${counted(moved, "order")}, looked at up to order ${formatCount(upToId)}`,
    );
  };
}

function clearLine(): void {
  if (isatty(2)) writeSync(2, "\r\x1b[2K");
}
