import assert from "node:assert/strict";
import { playGame } from "./play.ts";
import { openShop } from "./shop.ts";

/** Commands of the short form. */
const commands = 2_000;

/** The first of its seeds. */
const firstSeed = 20_250_301;

/** What has to come to pass in some game, by the timelines of its orders and what became of files: a model of what never happens proves nothing. */
const steps = [
  "reserved",
  "backordered",
  "failed: insufficient_stock",
  "failed: payment_declined",
  "failed: payment_timeout",
  "retried",
  "updated",
  "edited",
  "cancelled",
  "paid",
  "payment_given_back",
  "payment_superseded",
  "payment_late",
  "payment_reversed",
  "payment_by_hand",
  "payment_returned",
  "payment_disputed",
  "payment_accepted",
  "refund_requested",
  "refund_by_hand",
  "refund_completed",
  "refund_refused",
  "refund_failed",
  "refund_processed",
  "file: new",
  "file: updated",
  "file: unchanged",
  "file: conflict",
  "file: rejected",
  "unknown product",
  "no address",
];

Deno.test("stock, money and figures are what a model of the shop says, whatever happens", async () => {
  const shop = await openShop("model");
  try {
    let played = 0;
    for (let seed = firstSeed; played < commands; seed++) played += await playGame(shop, seed);
    assert.deepEqual(
      steps.filter((step) => !shop.reached.has(step)),
      [],
      "what never came to pass",
    );
  } finally {
    await shop.flow.close();
  }
});
