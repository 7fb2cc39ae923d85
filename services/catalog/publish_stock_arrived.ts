/**
 * Telling the consumers that units of products came in: whoever adds units calls it, after the commit.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import type { StockMessage } from "../../domain/messages/messages.ts";
import { stockArrivedMessages } from "../../streams/stock/stock_arrived_messages.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/**
 * Publishes that there are more units of products, where orders wait for them: these are taken up then. A crash before
 * it leaves units that nobody was told of, which the sweep finds. So it does where the database is away by now: the units
 * are there, and whoever added them must not be told otherwise, or they would add them once more.
 *
 * @param productIds any number; those that no order waits for cost one look-up by index together
 */
export async function publishStockArrived(
  deps: ServiceDeps,
  productIds: readonly number[],
): Promise<void> {
  for (let from = 0; from < productIds.length; from += productsPerLook) {
    const part = productIds.slice(from, from + productsPerLook);
    let messages: StockMessage[];
    try {
      messages = await stockArrivedMessages(deps.db, part);
    } catch (error) {
      deps.log.warn("nobody was told of units that arrived, the sweep will", {
        products: productIds.length - from,
        error: messageOf(error),
      });
      return;
    }
    await publishAfterCommit(deps, messages);
  }
}

/** Products to one look. */
const productsPerLook = 5_000;
