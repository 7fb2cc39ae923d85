import { playGame } from "./play.ts";
import { openShop } from "./shop.ts";

/** Commands of the short form. */
const commands = 2_000;

/** The first of its seeds. */
const firstSeed = 20_250_301;

Deno.test("stock, money and figures are what a model of the shop says, whatever happens", async () => {
  const shop = await openShop("model");
  try {
    let played = 0;
    for (let seed = firstSeed; played < commands; seed++) played += await playGame(shop, seed);
  } finally {
    await shop.flow.close();
  }
});
