/**
 * `deno task refund`: requests a refund.
 *
 * @module
 */

import { requestRefund } from "../db/refunds.ts";
import { messageOf } from "../domain/errors.ts";
import { guardBooks } from "../streams/books_guard.ts";
import { namedAmount } from "../domain/money.ts";
import { publish } from "../streams/queue.ts";
import { type Command, integerArgument, readOptions } from "./command.ts";
import { withContext } from "./context.ts";
import { print } from "./print.ts";

const command: Command = {
  summary: "Requests a refund of a paid order; consumers process it.",
  help: `
Usage: deno task refund ORDER_ID [AMOUNT_CENTS] [--reason=TEXT] [--key=KEY]

  AMOUNT_CENTS   how much goes back; all that is left without it
  --reason=TEXT  why, at most 255 characters
  --key=KEY      idempotency key: the same key with the same request is the same refund`,
  async run(args, env) {
    const options = readOptions(args, { string: ["reason", "key"], positionals: [1, 2] });
    const [order, amount] = options.positionals;
    const orderId = integerArgument("ORDER_ID", order!, 1, Number.MAX_SAFE_INTEGER);
    const amountCents = amount === undefined
      ? null
      : integerArgument("AMOUNT_CENTS", amount, 1, Number.MAX_SAFE_INTEGER);
    const reason = options.text("reason") ?? null;
    return await withContext(env, async (context) => {
      await guardBooks(context);
      const { refund, currency, replayed } = await requestRefund(context.db, {
        orderId,
        amountCents,
        reason: reason === null ? null : [...reason].slice(0, 255).join(""),
        idempotencyKey: options.text("key") ?? null,
      }, "cli");
      const message = {
        type: "refund.process",
        orderId,
        refundId: refund.id,
        amountCents: refund.amountCents,
        currency,
      } as const;
      await publish(context, [{ message }], { committed: true }).catch((error) =>
        context.log.warn("refund not published; the sweep will", { error: messageOf(error) })
      );
      print(
        `Refund ${refund.id} of order ${orderId}: ${namedAmount(refund.amountCents, currency)} ` +
          (replayed ? "(requested before)" : "requested"),
      );
      return 0;
    });
  },
};

export default command;
