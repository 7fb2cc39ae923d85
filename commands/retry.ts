/**
 * `deno task retry`: takes up orders again that failed for want of stock.
 *
 * @module
 */

import { readStock } from "../db/catalog/stock.ts";
import { unknownProduct } from "../domain/catalog/stock.ts";
import { groupedAmount } from "../domain/money.ts";
import { counted } from "../domain/text/plural.ts";
import {
  type Retried,
  retryAllAndPublish,
  type RetryFilter,
} from "../services/orders/retry_orders.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { type Command, orderArgument, readOptions, usage } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { askIfMeant } from "./meant_order.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print, printError } from "./print.ts";

const command: Command = {
  summary: "Takes up orders again that failed for want of stock.",
  help: `
Usage: deno task retry [ORDER_ID…] [--short] [--sku=SKU]

  ORDER_ID…   these orders, by our ids, as their pages have them below the shop's and GET /orders as "id"; never the shop's own.
              Where the shop calls another order so this is said first, and asked at a terminal
  --short     all orders that failed for want of stock
  --sku=SKU   with --short: only those that ran short of this product

An order asks for all its units once more, and fails again if they are not there. Orders that failed for other
reasons, or whose money goes back, are refused; what was taken up before is left alone.`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["short"],
      string: ["sku"],
      positionals: [0, Number.MAX_SAFE_INTEGER],
    });
    const ids = options.positionals.map(orderArgument);
    const sku = options.text("sku");
    const isShort = options.flag("short");
    if (isShort && ids.length > 0) throw usage("Give ORDER_ID or --short, not both");
    if (!isShort && ids.length === 0) throw usage("retry needs ORDER_ID or --short");
    if (!isShort && sku !== undefined) throw usage("--sku goes with --short");
    return await withContext(env, async (context) => {
      await guardDatabase(context);
      await refuseBesideOlder(context);
      await askIfMeant(context, options.positionals);
      const filter: RetryFilter = isShort ? await shortOf(context, sku) : { kind: "ids", ids };
      const retried = await retryAllAndPublish(context, filter, operatorIn(env));
      const code = report(retried);
      if (retried.orders.length > 0) await tellIfNobodyWorks(context);
      return code;
    });
  },
};

export default command;

async function shortOf({ db }: Context, sku: string | undefined): Promise<RetryFilter> {
  if (sku === undefined) return { kind: "all" };
  const product = await readStock(db, sku);
  if (product === undefined) throw unknownProduct(sku);
  return { kind: "short", productId: product.productId };
}

function report({ orders, before, refused }: Retried): number {
  for (const { message } of refused) printError(message);
  for (const id of before) print(`Order ${id} was taken up before`);
  const money = new Map<string, number>();
  for (const { currency, totalCents } of orders) {
    money.set(currency, (money.get(currency) ?? 0) + totalCents);
  }
  const amounts = [...money].map(([currency, cents]) =>
    `${groupedAmount(cents, currency)} ${currency}`
  );
  print(
    `Took up ${counted(orders.length, "order")} again` +
      (amounts.length === 0 ? "" : `: ${amounts.join(", ")}`),
  );
  return refused.length === 0 ? 0 : 1;
}
