/**
 * `deno task capture`: has the money taken that is held for an order.
 *
 * @module
 */

import { namedAmount } from "../domain/money.ts";
import { captureAndPublish } from "../services/orders/capture_order.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import {
  type Command,
  integerArgument,
  missingArgument,
  orderArgument,
  readOptions,
} from "./command.ts";
import { withContext } from "./context.ts";
import { askIfMeant } from "./meant_order.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";

const command: Command = {
  summary: "Has the money taken that is held for an order.",
  help: `
Usage: deno task capture ORDER_ID [AMOUNT_CENTS]

  ORDER_ID       our id of the order, as its page has it below the shop's and GET /orders as "id"; never the shop's own.
                 Where the shop calls another order so this is said first, and asked at a terminal
  AMOUNT_CENTS   has to be the order's total, and is refused where somebody has changed it meanwhile. To take less,
                 change the order first: what is held is let go, and the new total is held instead`,
  async run(args, env) {
    const { positionals: [order, amount] } = readOptions(args, { positionals: [0, 2] });
    if (order === undefined) throw missingArgument("ORDER_ID");
    const max = Number.MAX_SAFE_INTEGER;
    const orderId = orderArgument(order);
    const amountCents = amount === undefined
      ? null
      : integerArgument("AMOUNT_CENTS", amount, 1, max);
    return await withContext(env, async (context) => {
      await guardDatabase(context);
      await refuseBesideOlder(context);
      await askIfMeant(context, [order]);
      const { order: { totalCents, currency }, changed } = await captureAndPublish(
        context,
        orderId,
        operatorIn(env),
        { amountCents },
      );
      print(
        `Order ${orderId}: capture of ${namedAmount(totalCents, currency)} ` +
          (changed ? "asked for" : "asked for before"),
      );
      await tellIfNobodyWorks(context);
      return 0;
    });
  },
};

export default command;
