/**
 * Products: what there is of them, what became of their units, adding them, and changing their stock.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { z } from "zod";
import { searchProducts } from "../../../db/catalog/product_list.ts";
import { latestMovements, listMovements } from "../../../db/catalog/product_movements.ts";
import { type ProductStock, readStock } from "../../../db/catalog/stock.ts";
import { unknownProduct } from "../../../domain/catalog/stock.ts";
import { decodeCursor, encodeCursor } from "../../../domain/paging.ts";
import { type AddedProduct, addProduct } from "../../../services/catalog/add_product.ts";
import {
  type AppliedStockFile,
  applyStockFile,
} from "../../../services/catalog/apply_stock_file.ts";
import { changeStock } from "../../../services/catalog/change_stock.ts";
import { readStockFile, type StockFileLimits } from "../../../streams/imports/stock_file.ts";
import { checked, jsonBody } from "../../middleware/checked.ts";
import type { AppDeps } from "../../deps.ts";
import { described, type Description } from "../description/described.ts";
import { addPagedList } from "../description/paged_list.ts";
import { files } from "../description/file_examples.ts";
import {
  appliedStockFile,
  changedProduct,
  movementList,
  newProduct,
  product,
  productList,
  stockChange,
} from "./product_examples.ts";
import { pageQuery, productListQuery, stockFileQuery } from "../description/queries.ts";
import {
  type AnswerOnce,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { matcherOf } from "../../middleware/if_match.ts";
import { openUpload } from "../imports/upload.ts";
import { typed } from "../../../runtime/typed.ts";
import { decodeMovementPlace, encodeMovementPlace } from "./movement_cursor.ts";
import {
  movementJson,
  movementListAnswer,
  productAnswer,
  productJson,
  productListAnswer,
  productTag,
  stockFileAnswer,
  stockFileJson,
} from "./product_answers.ts";
import { productBody, skuParam, stockBody, stockChangeOf } from "./product_body.ts";

/** Of a file that comes by a request, which waits until it is applied. */
export const uploadedStockLimits: StockFileLimits = {
  bytes: 8_388_608,
  rows: 50_000,
  fields: 1_000_000,
};

/** What to do with a file of stock that is larger than a request may be. */
export const stockFileAdvice =
  `send the file in parts, or packed by gzip (${uploadedStockLimits.bytes} bytes and ` +
  `${uploadedStockLimits.rows} rows unpacked), or apply it with ${typed("stock --file=FILE")}`;

/** True for a file of stock: a form of more bytes than other forms. */
export function bringsStockFile(c: Context): boolean {
  return c.req.method === "POST" && /^\/products\/stock\/?$/.test(c.req.path);
}

/**
 * `GET /products`, `POST /products`, `GET /products/{sku}`, `GET /products/{sku}/movements`,
 * `PUT /products/{sku}/stock` and `POST /products/stock`.
 */
export function productRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addList(app, deps);
  addNew(app, deps, answerOnce);
  addFile(app, deps, answerOnce);
  addDetail(app, deps);
  addMovements(app, deps);
  addChange(app, deps, answerOnce);
  return app;
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/products", {
    summary: "Lists products, the first first",
    description:
      "Where few products fit, a page may have less than `limit` of them, or none: there are more " +
      "until `next_cursor` is null.",
    tag: "Products",
    page: { schema: productListAnswer, example: productList },
    query: productListQuery,
    read: async (db, { q, below, short }, { cursor, limit }) => {
      const afterId = cursor === undefined ? 0 : decodeCursor("products", cursor);
      const search = {
        text: q,
        maxStock: below === undefined ? undefined : below - 1,
        isShort: short,
      };
      const { products, nextAfterId } = await searchProducts(db, search, { afterId, limit });
      return {
        data: products.map((one) => ({ ...productJson(one), short: one.isShort })),
        nextCursor: nextAfterId === undefined ? null : encodeCursor("products", nextAfterId),
      };
    },
  });
}

function addNew(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/products",
    described({
      summary: "Adds a product",
      description:
        "The same product again is recognised by its name, its price and the units that it began with, with " +
        "or without a key. Orders that name it later change its name and price.",
      tag: "Products",
      scopes: ["stock"],
      answers: {
        201: { says: "It is new", schema: productAnswer, example: product, located: true },
        200: {
          says: "It is known with the same content",
          schema: productAnswer,
          example: changedProduct,
          located: true,
        },
      },
      problems: [415, "invalid", "product_conflict"],
      example: newProduct,
      repeatable: true,
    }),
    checked("header", idempotencyHeaders),
    jsonBody(),
    checked("json", productBody),
    (c) => {
      const { sku, name, price_cents: priceCents, stock_qty: stockQty } = c.req.valid("json");
      const said = [sku, name, priceCents, stockQty ?? null];
      return answerOnce(c, ["product", ...said], async (key) => {
        const answer = ({ product, isNew }: AddedProduct): KeyedAnswer => ({
          status: isNew ? 201 : 200,
          location: `/products/${encodeURIComponent(sku)}`,
          body: productJson(product),
        });
        const added = await addProduct(deps, { sku, name, priceCents, stockQty }, {
          operator: operatorOf(c, deps.config),
          inTransaction: key === null
            ? undefined
            : (tx, added) => storeAnswers(tx, [{ key, answer: answer(added) }]),
        });
        return { ...answer(added), stored: added.isNew && key !== null };
      });
    },
  );
}

/** What the OpenAPI document says of sending a file. */
const fileDescription: Description = {
  summary: "Sets or adds the units of many products by a file",
  description:
    `UTF-8 CSV with the columns \`sku\` and \`set_qty\` or \`add_qty\`; \`name\`, \`price_cents\` and \`detail\` may be ` +
    `there. At most ${uploadedStockLimits.rows} rows; larger files are for \`deno task stock --file\`. A file of ` +
    "`add_qty` that was cut off in the middle goes on when it comes again, and one that was applied is 409 unless " +
    "`again=true`.",
  tag: "Products",
  scopes: ["stock"],
  answers: {
    200: { says: "It was applied", schema: stockFileAnswer, example: appliedStockFile },
  },
  problems: [415, "invalid", "stock_file_applied"],
  body: {
    "text/csv": { example: files.stock },
    "multipart/form-data": {
      example: { file: files.stock },
      schema: {
        type: "object",
        properties: { file: { type: "string", format: "binary" } },
        required: ["file"],
      },
    },
  },
  repeatable: true,
};

function addFile(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/products/stock",
    described(fileDescription),
    checked("header", idempotencyHeaders),
    checked("query", stockFileQuery),
    async (c) => {
      const { create = false, again = false, name } = c.req.valid("query");
      const upload = await openUpload(c, deps, Object.keys(stockFileQuery.shape));
      const fileName = name ?? (upload.name || "upload");
      const file = await readStockFile(upload.source, {
        name: fileName,
        limits: uploadedStockLimits,
      });
      return await answerOnce(c, ["stock file", file.digest, create, again], async (key) => {
        const answer = (applied: AppliedStockFile): KeyedAnswer => ({
          status: 200,
          location: null,
          body: stockFileJson(applied),
        });
        let stored = false;
        const applied = await applyStockFile(deps, file, {
          name: fileName,
          operator: operatorOf(c, deps.config),
          create,
          again,
          inTransaction: key === null ? undefined : async (tx, applied) => {
            await storeAnswers(tx, [{ key, answer: answer(applied) }]);
            stored = true;
          },
        });
        return { ...answer(applied), stored };
      });
    },
  );
}

/** @throws {WorkflowError} `not_found` */
async function findProduct({ db }: AppDeps, sku: string): Promise<ProductStock> {
  const found = await readStock(db, sku);
  if (found === undefined) throw unknownProduct(sku);
  return found;
}

function addDetail(app: Hono, deps: AppDeps): void {
  app.get(
    "/products/:sku",
    described({
      summary: "Shows a product",
      tag: "Products",
      scopes: ["read"],
      answers: {
        200: { says: "The product", schema: productAnswer, example: product, tagged: true },
      },
      problems: ["not_found"],
    }),
    checked("param", skuParam),
    async (c) => {
      const found = await findProduct(deps, c.req.valid("param").sku);
      c.header("etag", productTag(found));
      return c.json(productJson(found));
    },
  );
}

function addMovements(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/products/:sku/movements", {
    summary: "Lists what became of a product's units, the latest first",
    description:
      "What was changed by hand and what refunds brought back, and what orders reserved and released, with " +
      "the units that they have now. The steps of an order stand where the order came in. An order that " +
      "released its units is two steps, and one that never reserved is none, so a page may have more or " +
      "fewer than `limit`: there are more until `next_cursor` is null.",
    tag: "Products",
    problems: ["not_found"],
    page: { schema: movementListAnswer, example: movementList },
    query: pageQuery,
    path: skuParam,
    read: async (db, _filters, { cursor, limit }, { path: { sku } }) => {
      const place = cursor === undefined ? latestMovements : decodeMovementPlace(cursor);
      const { productId } = await findProduct(deps, sku);
      const { movements, next } = await listMovements(db, productId, { place, limit });
      return {
        data: movements.map(movementJson),
        nextCursor: next === undefined ? null : encodeMovementPlace(next),
      };
    },
  });
}

const ifMatchHeaders = z.object({
  ...idempotencyHeaders.shape,
  "if-match": z.string().regex(/^(\*|("[\x21\x23-\x7e]*")(\s*,\s*"[\x21\x23-\x7e]*")*)$/, {
    error: 'must be an ETag such as "5f1c…"',
  }).optional().meta({
    description:
      "Only where the product is still as it was with this `ETag` of `GET /products/{sku}`",
  }),
});

function addChange(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.put(
    "/products/:sku/stock",
    described({
      summary: "Sets or adds the units of a product that can be reserved",
      description:
        "What orders hold stays as it is. `add` twice adds twice, unless it comes under the same key.",
      tag: "Products",
      scopes: ["stock"],
      answers: {
        200: {
          says: "It was changed",
          schema: productAnswer,
          example: changedProduct,
          tagged: true,
        },
      },
      problems: [415, "invalid", "not_found", "stock_changed"],
      example: stockChange,
      repeatable: true,
    }),
    checked("param", skuParam),
    checked("header", ifMatchHeaders),
    jsonBody(),
    checked("json", stockBody),
    (c) => {
      const { sku } = c.req.valid("param");
      const body = c.req.valid("json");
      const change = stockChangeOf(body);
      const detail = body.detail ?? null;
      const wanted = c.req.valid("header")["if-match"];
      const isNamed = wanted === undefined ? undefined : matcherOf(wanted);
      return answerOnce(c, ["stock", sku, change, detail, wanted ?? null], async (key) => {
        const answer = (after: ProductStock): KeyedAnswer => ({
          status: 200,
          location: null,
          etag: productTag(after),
          body: productJson(after),
        });
        const { after } = await changeStock(deps, sku, change, {
          operator: operatorOf(c, deps.config),
          detail,
          isAsSeen: isNamed && ((now) => isNamed(productTag(now))),
          inTransaction: key === null
            ? undefined
            : (tx, after) => storeAnswers(tx, [{ key, answer: answer(after) }]),
        });
        return { ...answer(after), stored: key !== null };
      });
    },
  );
}
