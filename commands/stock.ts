/**
 * `deno task stock`: a product's units.
 *
 * @module
 */

import { type ProductStock, readStock } from "../db/catalog/stock.ts";
import { maxUnits, type StockChange, unknownProduct } from "../domain/catalog/stock.ts";
import { changeStock } from "../services/change_stock.ts";
import { stockArrived } from "../services/stock_arrived.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { type Command, readOptions, usage } from "./command.ts";
import { withContext } from "./context.ts";
import { print } from "./print.ts";

const command: Command = {
  summary: "Shows or changes the stock of a product.",
  help: `
Usage: deno task stock SKU [--set=N | --add=N]

  --set=N  make N units available
  --add=N  make N units more available, or fewer where N is negative

Units that reserved and paid orders hold are not touched: what came in (received) changes by as much as
what is available.`,
  async run(args, env) {
    const options = readOptions(args, { string: ["set", "add"], positionals: [1, 1] });
    const set = options.integer("set", 0, maxUnits);
    const add = options.integer("add", -maxUnits, maxUnits);
    if (set !== undefined && add !== undefined) throw usage("Give --set or --add, not both");
    const sku = options.positionals[0]!;
    const change: StockChange | undefined = set !== undefined
      ? { set }
      : add !== undefined
      ? { add }
      : undefined;
    return await withContext(env, async (context) => {
      if (change === undefined) {
        const stock = await readStock(context.db, sku);
        if (stock === undefined) throw unknownProduct(sku);
        print(formatStock(stock));
        return 0;
      }
      await guardDatabase(context);
      const { before, after } = await changeStock(context, sku, change);
      if (after.stockQty > before.stockQty) await stockArrived(context, [after.productId]);
      print(formatStock(after));
      print(`available was ${formatCount(before.stockQty)}`);
      return 0;
    });
  },
};

export default command;

function formatStock({ sku, name, stockQty, heldQty, receivedQty }: ProductStock): string {
  const lines: [string, number][] = [
    ["available", stockQty],
    ["held by orders", heldQty],
    ["received", receivedQty],
  ];
  const width = Math.max(...lines.map(([, units]) => formatCount(units).length));
  return [
    `${sku}  ${name}`,
    ...lines.map(([label, units]) =>
      `  ${label.padEnd(14)}  ${formatCount(units).padStart(width)}`
    ),
  ].join("\n");
}
