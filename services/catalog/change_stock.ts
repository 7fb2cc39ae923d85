/**
 * Changing a product's stock by hand: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { lockProductStock, type ProductStock } from "../../db/catalog/stock.ts";
import { type StockChange, unknownProduct } from "../../domain/catalog/stock.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { plural } from "../../domain/text/plural.ts";
import { audited } from "../audited.ts";
import { arrivedProducts, type ChangedUnits, changeUnits } from "./change_units.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";
import { publishStockArrived } from "./publish_stock_arrived.ts";

/** What belongs to a change of stock. */
export interface ChangeStockOptions {
  /** Who changes it, for the product's timeline and the audit log. */
  operator: Operator;
  /** Why, likewise. */
  detail?: string | null;
  /** Tells whether the locked product is still as the caller saw it; by default it always is. */
  isAsSeen?: (product: ProductStock) => boolean;
  /** Is told the product as it is afterwards, in the transaction that changes it. */
  inTransaction?: (tx: Queryable, after: ProductStock) => Promise<void>;
}

/**
 * Changes the units of a product that can be reserved and those that ever came in by the same number, and writes who
 * did it into the product's timeline. A crash leaves it changed or as it was. Units are never added twice: where the
 * answer to the commit is lost, somebody has to look. Orders that wait for the units are
 * told of them by `publishStockArrived`, after it.
 *
 * @returns the units before and afterwards
 * @throws {WorkflowError} `not_found`, `stock_changed` where it is not as the caller saw it, `invalid` where units
 * would be fewer than none or too many, or `unavailable` where the database was lost while it committed
 */
export async function changeStock(
  deps: ServiceDeps,
  sku: string,
  change: StockChange,
  options: ChangeStockOptions,
): Promise<{ before: ProductStock; after: ProductStock }> {
  const { operator } = options;
  const about = {
    operator,
    action: "stock.change",
    subject: { kind: "product", id: sku },
  } as const;
  const result = await audited(deps, about, async (note) => {
    const result = await deps.db.transaction(async (tx) => {
      const changed = await changeLocked(tx, sku, change, options);
      const { before, after } = changed;
      if (changed.kind === "changed") await note(tx, `${before.stockQty} to ${after.stockQty}`);
      return changed;
    }, { repeatable: "set" in change });
    return { result, changed: result.kind === "changed" };
  });
  await publishStockArrived(deps, arrivedProducts([result]));
  return result;
}

async function changeLocked(
  tx: Queryable,
  sku: string,
  change: StockChange,
  { operator: { actor }, detail = null, isAsSeen, inTransaction }: ChangeStockOptions,
): Promise<Extract<ChangedUnits, { kind: "changed" | "unchanged" }>> {
  const locked = await lockProductStock(tx, sku);
  if (locked === undefined) throw unknownProduct(sku);
  if (isAsSeen?.(locked) === false) throw stockChanged(locked);
  const [result] = await changeUnits(tx, [{ sku, change, detail }], actor);
  if (result!.kind === "unknown") throw unknownProduct(sku);
  if (result!.kind === "refused") {
    throw new WorkflowError("invalid", result!.reason.replace("of it", `of ${sku}`));
  }
  await inTransaction?.(tx, result!.after);
  return result!;
}

function stockChanged({ sku, stockQty }: ProductStock): WorkflowError {
  return new WorkflowError(
    "stock_changed",
    `Cannot change ${sku}: it has changed since you looked, and has ${stockQty} ${
      plural(stockQty, "unit")
    } now`,
  );
}
