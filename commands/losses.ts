/**
 * `deno task losses`: what the database has lost, and saying that it is reconciled.
 *
 * @module
 */

import { listLosses, listLost } from "../db/recovery/database_losses.ts";
import { type RecordedLoss, tellLoss } from "../domain/operation/database_age.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { reconcileLoss } from "../services/operation/reconcile_loss.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { type Command, integerArgument, readOptions, usage } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";

/** Losses that are listed, the latest. */
const shown = 50;

/** Numbers of a loss that are listed without `--json`. */
const numbersShown = 50;

const command: Command = {
  summary: "Lists what the database has lost, or says that it is reconciled.",
  help: `
Usage: deno task losses [--json]
       deno task losses --reconcile=ID --note=TEXT

  --json          print every loss as a JSON object a line, with the numbers that it took
  --reconcile=ID  what this loss took was sent again, imported again, or held against the provider's
                  report: nobody is told of it any more
  --note=TEXT     how it came out, for whoever asks later

A database that was restored from a dump, or a replica that took over without the last commits, lacks
what was committed before. Such a loss is an alert and a line of verify until it is reconciled. Listing
changes nothing.`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["json"], string: ["reconcile", "note"] });
    const rawId = options.text("reconcile");
    const note = options.text("note") ?? null;
    if (rawId === undefined) {
      if (note !== null) throw usage("--note goes with --reconcile");
      return await withContext(env, (context) => list(context, options.flag("json")));
    }
    const id = integerArgument("--reconcile", rawId, 1, Number.MAX_SAFE_INTEGER);
    return await withContext(env, async (context) => {
      await guardDatabase(context);
      const { loss, changed } = await reconcileLoss(context, { id, note }, operatorIn(env));
      print(
        changed
          ? `Reconciled: ${tellLoss(loss)}`
          : `It was reconciled before, at ${loss.reconciledAt} by ${loss.reconciledBy}`,
      );
      return 0;
    });
  },
};

export default command;

async function list({ db }: Context, asJson: boolean): Promise<number> {
  const losses = await listLosses(db, shown);
  if (losses.length === 0 && !asJson) print("Nothing was ever lost");
  for (const loss of losses) {
    const most = asJson ? Number.MAX_SAFE_INTEGER : numbersShown;
    const orders = await listLost(db, loss.id, "order", most);
    const refunds = await listLost(db, loss.id, "refund", most);
    const chargebacks = await listLost(db, loss.id, "chargeback", most);
    const named = { ...loss, orders, refunds, chargebacks };
    print(asJson ? JSON.stringify(toJson(named)) : inWords(named));
  }
  return 0;
}

/** A loss with the numbers that it took. */
interface NamedLoss extends RecordedLoss {
  orders: number[];
  refunds: number[];
  chargebacks: number[];
}

function inWords(loss: NamedLoss): string {
  const numbers = (name: string, named: readonly number[], all: number) =>
    named.length === 0 ? [] : [
      `  ${name} ${named.join(", ")}${all > named.length ? ` … of ${formatCount(all)}` : ""}`,
    ];
  return [
    `${loss.id}: ${tellLoss(loss)}; found at ${loss.foundAt}`,
    ...numbers("orders", loss.orders, loss.ordersLost),
    ...numbers("refunds", loss.refunds, loss.refundsLost),
    ...numbers("chargebacks", loss.chargebacks, loss.chargebacksLost),
    loss.reconciledAt === null
      ? "  open"
      : `  reconciled at ${loss.reconciledAt} by ${loss.reconciledBy}: ${loss.note ?? "no note"}`,
  ].join("\n");
}

function toJson(loss: NamedLoss) {
  return {
    id: loss.id,
    found_at: loss.foundAt,
    lost_from: loss.lostFrom,
    lost_until: loss.lostUntil,
    orders_lost: loss.ordersLost,
    order_numbers_lost: loss.numbersLost,
    refunds_lost: loss.refundsLost,
    chargebacks_lost: loss.chargebacksLost,
    steps_lost: loss.stepsLost,
    order_ids: loss.orders,
    refund_ids: loss.refunds,
    chargeback_ids: loss.chargebacks,
    reconciled_at: loss.reconciledAt,
    reconciled_by: loss.reconciledBy,
    note: loss.note,
  };
}
