/**
 * Plays one game: the commands of a seed, against the product and its model.
 *
 * @module
 */

import fc from "fast-check";
import { firstStock, playCommands } from "./commands.ts";
import { newModel } from "./order_money.ts";
import { endGame, newGame, type Shop } from "./shop.ts";

/** Commands of a game at the most. */
const maxCommands = 120;

/**
 * Plays the game of a seed; the same seed is the same game.
 *
 * @param options.shrink false to be told of all commands at once, and not of the fewest that show it
 * @returns how many commands were played
 * @throws with the fewest commands that show it, where the product and its model disagree
 */
export async function playGame(
  shop: Shop,
  seed: number,
  options: { shrink: boolean } = { shrink: true },
): Promise<number> {
  const before = shop.played;
  await fc.assert(
    fc.asyncProperty(
      fc.record({ waits: fc.boolean(), rejects: fc.boolean(), mails: fc.boolean() }),
      fc.commands(playCommands, { maxCommands, size: "max" }),
      async (settings, commands) => {
        const model = newModel(firstStock, settings);
        await newGame(shop, model);
        await fc.asyncModelRun(() => ({ model, real: shop }), commands);
        await endGame(shop, model);
      },
    ),
    { seed, numRuns: 1, endOnFailure: !options.shrink },
  );
  return shop.played - before;
}
