/**
 * The products and what is left of them.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { type ListedProduct, searchProducts } from "../../db/catalog/product_list.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { ShareBar } from "./chart.tsx";
import { ChoiceField, Filters, SearchField } from "./filters.tsx";
import { counted, formatCount, formatMoney, plainAmount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Badge, Columns, Empty, Faults, linkTo, Pager, shownOf, Table } from "./parts.tsx";
import { pageSize, readPageQuery } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/products";

/** So few units are few, whatever was received. */
const fewUnits = 10;

/** A product is low when so small a part of what was received is left. */
const lowShare = 0.1;

/** `GET /dashboard/products`. */
export function productPageRoutes({ db, baseCurrency }: AppDeps): Hono {
  const app = new Hono();

  app.get("/products", async (c) => {
    const query = readPageQuery(c);
    const given = {
      q: query.text("q"),
      stock: query.oneOf("stock", ["low", "none", "short"]),
    };
    const { q, stock } = given;
    const afterId = query.cursor("products") ?? 0;
    const maxStock = stock === "none" ? 0 : stock === "low" ? fewUnits : undefined;
    const found = await need(
      searchProducts(db, { text: q, maxStock, isShort: stock === "short" }, {
        afterId,
        limit: pageSize,
      }),
    );
    const { products, nextAfterId, stoppedEarly } = found;
    return page(
      c,
      { title: "Products", nav: home },
      (
        <>
          <PageHead
            title="Products"
            note="Held units are those of reserved and paid orders"
          >
            <a class="button" href={`${home}/new`}>Add a product</a>
            <a class="button" href={`${home}/file`}>Stock file</a>
          </PageHead>
          <Faults of={query.faults} />
          <ProductFilters {...given} />
          {products.length === 0 && !stoppedEarly
            ? <NoProducts isFiltered={q !== undefined || stock !== undefined} />
            : <ProductTable products={products} currency={baseCurrency} />}
          <Pager
            shown={stoppedEarly
              ? "Not all products were looked through yet"
              : shownOf(products.length, "product", "products", {
                isFirst: afterId === 0,
                isLast: nextAfterId === undefined,
              })}
            first={afterId === 0 ? undefined : linkTo(home, given)}
            next={nextAfterId === undefined
              ? undefined
              : linkTo(home, { ...given, cursor: encodeCursor("products", nextAfterId) })}
            nextName={stoppedEarly ? "Look further" : "More"}
          />
        </>
      ),
    );
  });

  return app;
}

const ProductFilters: FC<{ q?: string; stock?: string }> = ({ q, stock }) => (
  <Filters action={home} label="Products" verb="Search">
    <SearchField name="q" label="Search" value={q} hint="SKU or part of the name" />
    <ChoiceField
      name="stock"
      label="Stock"
      any="Any"
      choices={[["low", `${counted(fewUnits, "unit")} or fewer`], ["none", "Nothing left"], [
        "short",
        "Orders ran short",
      ]]}
      value={stock}
    />
  </Filters>
);

const NoProducts: FC<{ isFiltered: boolean }> = ({ isFiltered }) =>
  isFiltered
    ? <Empty title="No product fits" actions={<a class="button" href={home}>Show all</a>} />
    : (
      <Empty title="No products yet">
        Products come with the orders that name them first, or are added here.
      </Empty>
    );

const ProductTable: FC<{ products: readonly ListedProduct[]; currency: string }> = (
  { products, currency },
) => (
  <Table label="Products">
    <Columns
      names={[
        "Product",
        { wide: "Last price", right: true },
        { wide: "Received", right: true },
        { wide: "Held", right: true },
        { right: "Left" },
      ]}
    />
    <tbody>
      {products.map((product) => <Row key={product.id} product={product} currency={currency} />)}
    </tbody>
  </Table>
);

/** @param currency with whose digits a price is written that is not from an order */
const Row: FC<{ product: ListedProduct; currency: string }> = ({ product, currency }) => {
  const { id, sku, name, priceCents, stockQty, receivedQty, isShort } = product;
  const price = product.currency === null
    ? plainAmount(priceCents, currency)
    : formatMoney(priceCents, product.currency);
  const left = receivedQty === 0 ? 0 : stockQty / receivedQty;
  return (
    <tr>
      <th scope="row" class="wraps">
        <a href={`${home}/${id}`}>{name}</a>
        <div class="before">
          <a href={linkTo("/dashboard/orders", { q: sku })}>{sku}</a> {stockQty === 0
            ? <Badge tone="bad">sold out</Badge>
            : stockQty <= fewUnits || left <= lowShare
            ? <Badge tone="warn">low</Badge>
            : <Badge tone="good">in stock</Badge>}
          {isShort && (
            <>
              {" "}
              <Badge tone="bad">orders ran short</Badge>
            </>
          )}
        </div>
      </th>
      <td class="wide right">{price}</td>
      <td class="wide right">{formatCount(receivedQty)}</td>
      <td class="wide right">{formatCount(receivedQty - stockQty)}</td>
      <td class="right">
        {formatCount(stockQty)}
        <ShareBar share={left} />
      </td>
    </tr>
  );
};
