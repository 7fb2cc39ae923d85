/**
 * `deno task refund`: requests a refund.
 *
 * @module
 */

import { readCharges } from "../db/orders/orders.ts";
import { readPayments } from "../db/payments/payments.ts";
import { namedAmount } from "../domain/money.ts";
import { orderLimits } from "../domain/order/incoming_order.ts";
import type { RefundStatus } from "../domain/order/order.ts";
import { type RefundItems, type WantedLine, writtenOut } from "../domain/refund/refund_items.ts";
import { type RefundableKind, refundableKinds } from "../domain/refund/shares.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import { typed } from "../runtime/typed.ts";
import { decideByHandAndPublish, returnPaymentByHand } from "../services/refunds/refund_by_hand.ts";
import { requestAndPublish } from "../services/refunds/request_refunds.ts";
import { configuredProviders } from "../streams/payments/gateways.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import {
  type Command,
  integerArgument,
  missingArgument,
  type Options,
  orderArgument,
  readOptions,
  usage,
} from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { askIfMeant } from "./meant_order.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";

/** `--gift-wrap` of `gift_wrap`. */
const optionOf = (kind: RefundableKind) => kind.replaceAll("_", "-");

const command: Command = {
  summary: "Requests a refund of a paid order; consumers process it.",
  help: `
Usage: deno task refund ORDER_ID [AMOUNT_CENTS] [--line=SKU:QTY]… [--restock] [--shipping=CENTS] [--tip=CENTS]
         [--fee=CENTS] [--gift-wrap=CENTS] [--other=CENTS] [--reason=TEXT] [--key=KEY]
       deno task refund --done=REFUND_ID [--reference=TEXT]
       deno task refund --refused=REFUND_ID [--reason=TEXT]
       deno task refund --returned=ORDER_ID [--payment=ID] [--reference=TEXT]

  ORDER_ID          our id of the order, as its page has it below the shop's and GET /orders as "id"; never the shop's own.
                    Where the shop calls another order so this is said first, and asked at a terminal
  AMOUNT_CENTS      how much goes back; without it what the lines and the rest come to, or all that is left
  --line=SKU:QTY    units of an item, with their share of discounts and taxes; any number of times
  --restock         the units go back into stock, those of the lines or all that are left
  --shipping=CENTS  a part of what was paid for shipping; likewise --tip, --fee, --gift-wrap and --other
  --reason=TEXT     why, at most 255 characters
  --key=KEY         idempotency key, 1…255 visible ASCII characters: the same key with the same request is the
                    same refund, for 24 hours; the keys of the command line are nobody else's

Money that no configured provider can give back, because it was paid at the source of its order:
  --done=REFUND_ID      says that you gave this refund back
  --refused=REFUND_ID   says that this refund is not given back
  --returned=ORDER_ID   says that you gave back what was paid for this order, which failed or was cancelled
  --payment=ID          which payment of the order, where several wait
  --reference=TEXT      by which it went back, at most 255 characters`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["restock"],
      string: [
        "reason",
        "key",
        "reference",
        "payment",
        ...byHand,
        ...refundableKinds.map(optionOf),
      ],
      collect: ["line"],
      positionals: [0, 2],
    });
    const said = byHand.filter((name) => options.text(name) !== undefined);
    if (said.length > 0) return await sayByHand(said, options, env);
    if (options.positionals.length === 0) throw missingArgument("ORDER_ID");
    if (options.text("reference") !== undefined) {
      throw usage("--reference needs --done or --returned");
    }
    if (options.text("payment") !== undefined) throw usage("--payment needs --returned");
    const [order, amount] = options.positionals;
    const orderId = orderArgument(order!);
    const amountCents = amount === undefined ? null : amountArgument("AMOUNT_CENTS", amount);
    const items = itemsOf(options);
    return await withContext(env, async (context) => {
      await guardDatabase(context);
      await refuseBesideOlder(context);
      await askIfMeant(context, [order!]);
      const { refund, currency, replayed } = await requestAndPublish(context, {
        orderId,
        amountCents,
        items,
        reason: options.text("reason") ?? null,
        idempotencyKey: options.text("key") ?? null,
        // Whoever types it, a second one who repeats it means the same refund.
        keyOwner: "cli",
      }, operatorIn(env));
      const charge = (await readCharges(context.db, [orderId])).get(orderId);
      print(
        `Refund ${refund.id} of order ${orderId}, the shop's ${
          visibleText(charge?.externalOrderId ?? "?")
        }: ${namedAmount(refund.amountCents, currency)} ` +
          (replayed ? "(requested before)" : "requested") +
          (refund.itemized ? `: ${writtenOut(refund, currency)}` : ""),
      );
      await tellIfByHand(context, orderId, refund);
      await tellIfNobodyWorks(context);
      return 0;
    });
  },
};

/** Money goes back by itself where its provider is configured; whoever asked for it thinks so of any. */
async function tellIfByHand(
  { db, config }: Context,
  orderId: number,
  { id, status }: { id: number; status: RefundStatus },
): Promise<void> {
  const provider = (await readPayments(db, [orderId])).get(orderId)?.provider;
  if (status !== "REQUESTED" || provider === undefined) return;
  if (configuredProviders(config).includes(provider)) return;
  print(
    `"${provider}", which took the money, is not configured here: give it back there, then say so by ` +
      `${typed("refund")} --done=${id}`,
  );
}

/** What can be said of money that a person gives back. */
const byHand = ["done", "refused", "returned"] as const;

async function sayByHand(
  said: readonly (typeof byHand)[number][],
  options: Options,
  env: Record<string, string | undefined>,
): Promise<number> {
  const [what, ...further] = said;
  const note = what === "refused" ? "reason" : "reference";
  const other = note === "reason" ? "reference" : "reason";
  if (further.length > 0) throw usage(`--${what} and --${further[0]} cannot be said at once`);
  if (options.positionals.length > 0) {
    throw usage(`Unexpected argument "${options.positionals[0]}"`);
  }
  for (const name of [other, "key"]) {
    if (options.text(name) !== undefined) throw usage(`--${name} does not go with --${what}`);
  }
  if (itemsOf(options) !== undefined) throw usage(`Parts of an order do not go with --${what}`);
  if (what !== "returned" && options.text("payment") !== undefined) {
    throw usage(`--payment does not go with --${what}`);
  }
  const paymentId = options.integer("payment", 1, Number.MAX_SAFE_INTEGER);
  const id = options.integer(what!, 1, Number.MAX_SAFE_INTEGER)!;
  return await withContext(env, async (context) => {
    await guardDatabase(context);
    await refuseBesideOlder(context);
    if (what === "returned") await askIfMeant(context, [options.text(what)!]);
    const operator = operatorIn(env);
    const said = { id, paymentId, note: options.text(note) ?? null, operator };
    print(await written(context, what!, said));
    return 0;
  });
}

/** Writes it down. @returns what was done, in a line */
async function written(
  context: Context,
  what: (typeof byHand)[number],
  { id, paymentId, note, operator }: {
    id: number;
    paymentId: number | undefined;
    note: string | null;
    operator: Operator;
  },
): Promise<string> {
  const before = (changed: boolean) => changed ? "" : " (said before)";
  if (what === "returned") {
    const { changed } = await returnPaymentByHand(context, id, note, operator, { paymentId });
    return `Payment of order ${id}: given back by hand${before(changed)}`;
  }
  const verdict = what === "done" ? "given_back" : "refused";
  const { orderId, changed } = await decideByHandAndPublish(
    context,
    { refundId: id, verdict, note },
    operator,
  );
  const says = what === "done" ? "given back by hand" : "refused";
  return `Refund ${id} of order ${orderId}: ${says}${before(changed)}`;
}

export default command;

/** An amount in minor units of a currency that only the order knows. */
function amountArgument(what: string, raw: string): number {
  if (/[.,]/.test(raw)) {
    throw usage(`${what} must be an integer, in minor units (12.50 EUR is 1250), not "${raw}"`);
  }
  return integerArgument(what, raw, 1, Number.MAX_SAFE_INTEGER);
}

/** The parts of the order that were named; undefined where there are none. */
function itemsOf(options: Options): RefundItems | undefined {
  const restock = options.flag("restock");
  const lines = options.list("line").map((text): WantedLine => {
    // A SKU may have colons itself.
    const at = text.lastIndexOf(":");
    if (at < 1) throw usage(`--line must be SKU:QTY, not "${text}"`);
    const sku = text.slice(0, at);
    const qty = integerArgument(`the quantity of ${sku}`, text.slice(at + 1), 1, orderLimits.qty);
    return { sku, itemId: null, qty, restock };
  });
  const adjustments = refundableKinds.flatMap((kind) => {
    const name = optionOf(kind);
    const raw = options.text(name);
    return raw === undefined ? [] : [{ kind, amountCents: amountArgument(`--${name}`, raw) }];
  });
  if (lines.length + adjustments.length === 0) {
    return restock ? { lines, adjustments, restock } : undefined;
  }
  if (restock && lines.length === 0) throw usage("--restock needs lines, or all that is left");
  return { lines, adjustments, restock: false };
}
