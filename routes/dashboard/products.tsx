/**
 * The products and what is left of them.
 *
 * @module
 */

import { Hono } from "hono";
import { type ListedProduct, searchProducts } from "../../db/catalog/product_list.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { formatCount, plainAmount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Badge, Columns, Empty, linkTo, Notice, Pager, Table } from "./parts.tsx";
import { pageQuery, pageSize } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/products";

/** So few units are few, whatever was received. */
const fewUnits = 10;

/** A product is low when so small a part of what was received is left. */
const lowShare = 0.1;

/** `GET /dashboard/products`. */
export function productRoutes({ db, baseCurrency }: AppDeps): Hono {
  const app = new Hono();

  app.get("/products", async (c) => {
    const query = pageQuery(c);
    const q = query.text("q");
    const stock = query.oneOf("stock", ["low", "none"]);
    const afterId = query.cursor("products") ?? 0;
    const mostStock = stock === "none" ? 0 : stock === "low" ? fewUnits : undefined;
    const found = await need(
      searchProducts(db, { text: q, mostStock }, { afterId, limit: pageSize }),
    );
    const { products, nextAfterId, stoppedEarly } = found;
    const isFiltered = q !== undefined || stock !== undefined;
    return page(
      c,
      { title: "Products", nav: home },
      (
        <>
          <PageHead
            title="Products"
            note="Held units are those of reserved and paid orders"
          />
          {query.faults.map((fault) => <Notice key={fault} tone="warn" title={fault} />)}
          <form class="filters" method="get" action={home} role="search" aria-label="Products">
            <div class="field grow">
              <label for="q">Search</label>
              <input
                id="q"
                name="q"
                type="search"
                value={q}
                placeholder="SKU or part of the name"
              />
            </div>
            <div class="field">
              <label for="stock">Stock</label>
              <select id="stock" name="stock">
                <option value="">Any</option>
                <option value="low" selected={stock === "low"}>{fewUnits} units or less</option>
                <option value="none" selected={stock === "none"}>Nothing left</option>
              </select>
            </div>
            <button class="primary" type="submit">Search</button>
          </form>
          {products.length === 0 && !stoppedEarly
            ? (
              <Empty
                title={isFiltered ? "No product fits" : "No products yet"}
                actions={isFiltered && <a class="button" href={home}>Show all</a>}
              >
                {isFiltered ? "" : "Products come with the orders that name them first."}
              </Empty>
            )
            : (
              <Table label="Products">
                <Columns
                  names={[
                    "Product",
                    "State",
                    { right: "Last price" },
                    { right: "Received" },
                    { right: "Held" },
                    { right: "Left" },
                  ]}
                />
                <tbody>
                  {products.map((product) => (
                    <Row key={product.id} product={product} currency={baseCurrency} />
                  ))}
                </tbody>
              </Table>
            )}
          <Pager
            shown={stoppedEarly
              ? "Not all products were looked through yet"
              : products.length === 0
              ? ""
              : `${products.length} products${nextAfterId ? "" : ", the last ones"}`}
            first={afterId === 0 ? undefined : linkTo(home, { q, stock })}
            next={nextAfterId === undefined
              ? undefined
              : linkTo(home, { q, stock, cursor: encodeCursor("products", nextAfterId) })}
            nextName={stoppedEarly ? "Look further" : "More"}
          />
        </>
      ),
    );
  });

  return app;
}

/** @param currency with whose digits the price is written: products know no currency of their own */
const Row = ({ product, currency }: { product: ListedProduct; currency: string }) => {
  const { sku, name, priceCents, stockQty, receivedQty } = product;
  const left = receivedQty === 0 ? 0 : stockQty / receivedQty;
  return (
    <tr>
      <th scope="row">
        {name}
        <div class="before">
          <a href={linkTo("/dashboard/orders", { q: sku })}>{sku}</a>
        </div>
      </th>
      <td>
        {stockQty === 0
          ? <Badge tone="bad">sold out</Badge>
          : stockQty <= fewUnits || left <= lowShare
          ? <Badge tone="warn">low</Badge>
          : <Badge tone="good">in stock</Badge>}
      </td>
      <td class="right">{plainAmount(priceCents, currency)}</td>
      <td class="right">{formatCount(receivedQty)}</td>
      <td class="right">{formatCount(receivedQty - stockQty)}</td>
      <td class="right">
        {formatCount(stockQty)}
        <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect width="100" height="4" rx="2" />
          <rect width={String(Math.round(left * 100))} height="4" rx="2" />
        </svg>
      </td>
    </tr>
  );
};
