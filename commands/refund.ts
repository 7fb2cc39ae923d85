/**
 * `deno task refund`: requests a refund.
 *
 * @module
 */

import { namedAmount } from "../domain/money.ts";
import { requestAndPublish } from "../services/request_refunds.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { type Command, integerArgument, readOptions } from "./command.ts";
import { withContext } from "./context.ts";
import { print } from "./print.ts";

const command: Command = {
  summary: "Requests a refund of a paid order; consumers process it.",
  help: `
Usage: deno task refund ORDER_ID [AMOUNT_CENTS] [--reason=TEXT] [--key=KEY]

  AMOUNT_CENTS   how much goes back; all that is left without it
  --reason=TEXT  why, at most 255 characters
  --key=KEY      idempotency key, 1…255 visible ASCII characters: the same key with the same request is the
                 same refund, for 24 hours; the keys of the command line are nobody else's`,
  async run(args, env) {
    const options = readOptions(args, { string: ["reason", "key"], positionals: [1, 2] });
    const [order, amount] = options.positionals;
    const orderId = integerArgument("ORDER_ID", order!, 1, Number.MAX_SAFE_INTEGER);
    const amountCents = amount === undefined
      ? null
      : integerArgument("AMOUNT_CENTS", amount, 1, Number.MAX_SAFE_INTEGER);
    return await withContext(env, async (context) => {
      await guardDatabase(context);
      const { refund, currency, replayed } = await requestAndPublish(context, {
        orderId,
        amountCents,
        reason: options.text("reason") ?? null,
        idempotencyKey: options.text("key") ?? null,
        // Whoever types it, a second one who repeats it means the same refund.
        keyOwner: "cli",
      }, `cli:${env.USER || "unknown"}`);
      print(
        `Refund ${refund.id} of order ${orderId}: ${namedAmount(refund.amountCents, currency)} ` +
          (replayed ? "(requested before)" : "requested"),
      );
      return 0;
    });
  },
};

export default command;
