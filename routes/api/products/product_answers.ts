/**
 * What the routes of products answer with, as schemas, and how products and their timelines become it.
 *
 * @module
 */

import { hash as digestOf } from "node:crypto";
import { z } from "zod";
import type { ListedProduct } from "../../../db/catalog/product_list.ts";
import type { ProductMovement } from "../../../db/catalog/product_movements.ts";
import type { ProductStock } from "../../../db/catalog/stock.ts";
import type { AppliedStockFile } from "../../../services/catalog/apply_stock_file.ts";
import { count, id, time } from "../description/schema_parts.ts";

const product = {
  id,
  sku: z.string(),
  name: z.string(),
  price_cents: z.int().min(0).meta({
    description: "In minor units of the currency of the order that named it last",
  }),
  stock_qty: count.meta({ description: "Units that can be reserved" }),
  held_qty: count.meta({ description: "Units that reserved and paid orders hold" }),
  received_qty: count.meta({ description: "Both together: all units that came in" }),
};

/** A product. */
export const productAnswer = z.object(product).meta({ id: "Product" });

/** A page of products. */
export const productListAnswer = z.object({
  data: z.array(z.object({
    ...product,
    short: z.boolean().meta({ description: "Orders ran short of it" }),
  })),
  next_cursor: z.string().nullable(),
}).meta({ id: "ProductList" });

/** A page of a product's timeline. */
export const movementListAnswer = z.object({
  data: z.array(z.object({
    at: time,
    kind: z.enum(["received", "corrected", "returned", "reserved", "released"]).meta({
      description: "`received` and `corrected` by hand, `returned` by a refund, `reserved` and " +
        "`released` by an order",
    }),
    qty: z.int().meta({ description: "By how many the units that can be reserved changed" }),
    stock_qty: count.nullable().meta({
      description: "How many there were afterwards; null of a step of an order",
    }),
    order_id: id.nullable(),
    refund_id: id.nullable(),
    actor: z.string().nullable().meta({ description: "Who did it" }),
    detail: z.string().nullable(),
  })),
  next_cursor: z.string().nullable(),
}).meta({ id: "ProductMovementList" });

/** What came of a file of stock. */
export const stockFileAnswer = z.object({
  rows: count.meta({ description: "The sum of the next three" }),
  rows_changed: count,
  rows_unchanged: count,
  rows_rejected: count,
  products_created: count,
  units_received: count,
  units_corrected: count.meta({ description: "Units that were taken off" }),
  rejects: z.array(z.object({ line: z.int().min(1), reason: z.string() })),
}).meta({ id: "StockFile" });

/** Rejected rows that an answer has. */
const maxRejects = 1_000;

/** A product as the API shows it. */
export function productJson(product: ProductStock | ListedProduct): z.output<typeof productAnswer> {
  const { sku, name, priceCents, stockQty, receivedQty } = product;
  return {
    id: "productId" in product ? product.productId : product.id,
    sku,
    name,
    price_cents: priceCents,
    stock_qty: stockQty,
    held_qty: receivedQty - stockQty,
    received_qty: receivedQty,
  };
}

/** Tells states of a product apart: another one after every change of what is shown of it. */
export function productTag(product: ProductStock): string {
  return `"${digestOf("sha256", JSON.stringify(productJson(product)), "hex").slice(0, 32)}"`;
}

/** A step of a timeline as the API shows it. */
export function movementJson(
  movement: ProductMovement,
): z.output<typeof movementListAnswer>["data"][number] {
  const { at, kind, qty, stockQty, orderId, refundId, actor, detail } = movement;
  return {
    at,
    kind,
    qty,
    stock_qty: stockQty,
    order_id: orderId,
    refund_id: refundId,
    actor,
    detail,
  };
}

/** What came of a file as the API shows it. */
export function stockFileJson(
  { report, rejected }: AppliedStockFile,
): z.output<typeof stockFileAnswer> {
  return {
    ...report,
    rejects: rejected.slice(0, maxRejects).map(({ line, reason }) => ({ line, reason })),
  };
}
