/**
 * Adding a product by hand: the one way for the API and the dashboard.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import {
  insertProduct,
  lockProductStock,
  type ProductStock,
  readFirstStock,
} from "../../db/catalog/stock.ts";
import { differencesOf, type NewProduct } from "../../domain/catalog/new_product.ts";
import { firstStock } from "../../domain/catalog/stock.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { plural } from "../../domain/text/plural.ts";
import { audited } from "../audited.ts";
import { changeUnits } from "./change_units.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";
import { publishStockArrived } from "./publish_stock_arrived.ts";

/** What became of a product. */
export interface AddedProduct {
  product: ProductStock;
  /** False where it was there with the same content. */
  isNew: boolean;
}

/** What belongs to adding a product. */
export interface AddProductOptions {
  /** Who adds it, for its timeline and the audit log. */
  operator: Operator;
  /** Is told a product that is new, in the transaction that inserts it. */
  inTransaction?: (tx: Queryable, added: AddedProduct) => Promise<void>;
}

/** Tries to insert a product that somebody else inserts at the same moment. */
const maxTries = 3;

/**
 * Adds a product, or recognises it. A crash leaves it with its units or not at all; the same request again finds it.
 *
 * @throws {WorkflowError} `product_conflict` where the SKU is known with another name, price or first stock
 */
export function addProduct(
  deps: ServiceDeps,
  wanted: NewProduct,
  options: AddProductOptions,
): Promise<AddedProduct> {
  const { operator } = options;
  const subject = { kind: "product", id: wanted.sku } as const;
  return audited(deps, { operator, action: "product.add", subject }, async (note) => {
    const result = await addOrFind(deps, wanted, {
      operator,
      inTransaction: async (tx, added) => {
        await options.inTransaction?.(tx, added);
        await note(tx, `${added.product.stockQty} ${plural(added.product.stockQty, "unit")}`);
      },
    });
    return { result, changed: result.isNew };
  });
}

async function addOrFind(
  deps: ServiceDeps,
  wanted: NewProduct,
  options: AddProductOptions,
): Promise<AddedProduct> {
  for (let attempt = 1;; attempt++) {
    try {
      const added = await deps.db.transaction((tx) => addOnce(tx, wanted, options));
      if (added.isNew && added.product.stockQty > 0) {
        await publishStockArrived(deps, [added.product.productId]);
      }
      return added;
    } catch (error) {
      // Somebody else has inserted it after it was looked up: now it is known.
      if (!isDuplicateKey(error) || attempt >= maxTries) throw error;
    }
  }
}

async function addOnce(
  tx: Queryable,
  wanted: NewProduct,
  { operator: { actor }, inTransaction }: AddProductOptions,
): Promise<AddedProduct> {
  const { sku, stockQty = 0 } = wanted;
  const known = await lockProductStock(tx, sku);
  if (known !== undefined) {
    const firstQty = await readFirstStock(tx, known.productId);
    const differences = differencesOf({ ...known, firstQty }, wanted);
    if (differences.length === 0) return { product: known, isNew: false };
    throw new WorkflowError(
      "product_conflict",
      `Product ${JSON.stringify(sku)} is known with another ${differences.join(" and ")}`,
    );
  }
  await insertProduct(tx, wanted);
  const change = { sku, change: { add: stockQty }, detail: firstStock };
  const [result] = await changeUnits(tx, [change], actor);
  if (result?.kind !== "changed" && result?.kind !== "unchanged") {
    throw new Error(`the new product ${sku} can't get its units`);
  }
  const added = { product: result.after, isNew: true };
  await inTransaction?.(tx, added);
  return added;
}
