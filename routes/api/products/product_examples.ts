/**
 * Examples for the OpenAPI document: products, their stock and their timelines.
 *
 * @module
 */

import type { z } from "zod";
import { knownOrder } from "../orders/order_examples.ts";
import type {
  movementListAnswer,
  productAnswer,
  productListAnswer,
  stockFileAnswer,
} from "./product_answers.ts";
import type { productBody, stockBody } from "./product_body.ts";

/** A product as somebody may add it. */
export const newProduct = {
  sku: "BOWL",
  name: "Bowl",
  price_cents: 1_250,
  stock_qty: 40,
} satisfies z.input<typeof productBody>;

/** The product as it is then. */
export const product = {
  id: 3,
  sku: "BOWL",
  name: "Bowl",
  price_cents: 1_250,
  stock_qty: 40,
  held_qty: 0,
  received_qty: 40,
} satisfies z.input<typeof productAnswer>;

/** Units that came in. */
export const stockChange = {
  add: 12,
  detail: "delivery 2026-17",
} satisfies z.input<typeof stockBody>;

/** The product with them, and with an order that holds two. */
export const changedProduct = {
  ...product,
  stock_qty: 50,
  held_qty: 2,
  received_qty: 52,
} satisfies z.input<typeof productAnswer>;

/** A page of products, which is the last. */
export const productList = {
  data: [{ ...changedProduct, short: false }],
  next_cursor: null,
} satisfies z.input<typeof productListAnswer>;

/** A page of a product's timeline, which is the last. */
export const movementList = {
  data: [
    {
      at: "2026-01-06T08:00:00.000000Z",
      kind: "received" as const,
      qty: 12,
      stock_qty: 50,
      order_id: null,
      actor: "api:warehouse",
      detail: "delivery 2026-17",
    },
    {
      at: knownOrder.reserved_at,
      kind: "reserved" as const,
      qty: -2,
      stock_qty: null,
      order_id: 42,
      actor: "orders-host-1",
      detail: null,
    },
    {
      at: "2026-01-05T09:00:00.000000Z",
      kind: "received" as const,
      qty: 40,
      stock_qty: 40,
      order_id: null,
      actor: "api:warehouse",
      detail: "first stock",
    },
  ].map((step) => ({ refund_id: null, ...step })),
  next_cursor: null,
} satisfies z.input<typeof movementListAnswer>;

/** What came of a file of stock. */
export const appliedStockFile = {
  rows: 3,
  rows_changed: 2,
  rows_unchanged: 0,
  rows_rejected: 1,
  products_created: 0,
  units_received: 30,
  units_corrected: 0,
  rejects: [{
    line: 4,
    reason:
      "sku: there is no such product: correct it, or let the file create products with --create " +
      '(create=true over HTTP) ("MGU")',
  }],
} satisfies z.input<typeof stockFileAnswer>;
