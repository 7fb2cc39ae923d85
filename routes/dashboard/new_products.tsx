/**
 * Adding a product, and changing the units of many by a file.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import type { NewProduct } from "../../domain/catalog/new_product.ts";
import { maxUnits } from "../../domain/catalog/stock.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { idProblem, textProblem } from "../../domain/import/csv_rows.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import { addProduct } from "../../services/catalog/add_product.ts";
import { type AppliedStockFile, applyStockFile } from "../../services/catalog/apply_stock_file.ts";
import { readStockFile } from "../../streams/imports/stock_file.ts";
import { openUpload } from "../api/imports/upload.ts";
import { uploadedStockLimits } from "../api/products/products.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { knowsQuery } from "../middleware/known_query.ts";
import { problemOf } from "../middleware/problem.ts";
import { readForm } from "../middleware/read_form.ts";
import { CsrfField, missingScopes, PostForm, ScopeNeeded } from "./form.tsx";
import { formatCount, parseAmount, plainAmount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, Figures, Notice, Table } from "./parts.tsx";

const list = "/dashboard/products";

const fileForm = `${list}/file`;

/** Rejected rows that are shown. */
const shownRejects = 200;

/** A form that was refused: why, and what was typed. */
interface Refused {
  error: WorkflowError;
  form: Readonly<Record<string, string | undefined>>;
}

/** `GET /dashboard/products/new`, `POST /dashboard/products`, and both of `/dashboard/products/file`. */
export function newProductPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/products/new", (c) => showNew(c, deps));

  app.post("/products", async (c) => {
    const form = await readForm(c);
    try {
      const wanted = wantedProduct(form, deps);
      const { product } = await addProduct(deps, wanted, { operator: operatorOf(c, deps.config) });
      return c.redirect(`${list}/${product.productId}`, 303);
    } catch (error) {
      if (!(error instanceof WorkflowError) || problemOf(error).status >= 500) throw error;
      return await showNew(c, deps, { error, form });
    }
  });

  app.get("/products/file", (c) => showFile(c));

  app.post("/products/file", knowsQuery("create", "again"), async (c) => {
    try {
      const upload = await openUpload(c, deps);
      const name = upload.name || "the file";
      const file = await readStockFile(upload.source, { name, limits: uploadedStockLimits });
      const applied = await applyStockFile(deps, file, {
        name,
        operator: operatorOf(c, deps.config),
        create: c.req.query("create") === "1",
        again: c.req.query("again") === "1",
      });
      return await showFile(c, { applied });
    } catch (error) {
      if (!(error instanceof WorkflowError) || problemOf(error).status >= 500) throw error;
      return await showFile(c, { fault: error });
    }
  });

  return app;
}

/** @throws {WorkflowError} `invalid` for the first field that is not as it should be */
function wantedProduct(
  { sku = "", name = "", price = "", qty = "" }: Refused["form"],
  { baseCurrency }: AppDeps,
): NewProduct {
  const check = (what: string, problem: string | undefined) => {
    if (problem !== undefined) throw new WorkflowError("invalid", `The ${what} ${problem}`);
  };
  check("SKU", idProblem(sku));
  check("name", textProblem(name));
  const priceCents = parseAmount(price, baseCurrency);
  if (priceCents === undefined || priceCents > orderLimits.unitPriceCents) {
    throw new WorkflowError(
      "invalid",
      `“${price}” is no price in ${baseCurrency}, such as ${plainAmount(1_250, baseCurrency)}`,
    );
  }
  const stockQty = qty === "" ? 0 : /^\d{1,15}$/.test(qty) ? Number(qty) : NaN;
  if (!(stockQty <= maxUnits)) {
    throw new WorkflowError("invalid", `“${qty}” is no number of units: whole ones, such as 12`);
  }
  return { sku, name, priceCents, stockQty };
}

function showNew(c: Context, { baseCurrency }: AppDeps, refused?: Refused) {
  return page(
    c,
    {
      title: "Add a product",
      nav: list,
      status: refused === undefined ? 200 : problemOf(refused.error).status,
    },
    (
      <>
        <PageHead title="Add a product" crumb={[list, "Products"]} />
        {refused && <Notice tone="bad" title={refused.error.message} />}
        <NewForm c={c} currency={baseCurrency} typed={refused?.form} />
      </>
    ),
  );
}

const NewForm: FC<{ c: Context; currency: string; typed?: Refused["form"] }> = (
  { c, currency, typed },
) => (
  <PostForm c={c} action={list} class="card stack-form" label="Product">
    <div class="field">
      <label for="sku">SKU</label>
      <input
        id="sku"
        name="sku"
        required
        maxlength={orderLimits.idLength}
        autocomplete="off"
        value={typed?.sku}
      />
    </div>
    <div class="field">
      <label for="name">Name</label>
      <input
        id="name"
        name="name"
        required
        maxlength={orderLimits.textLength}
        autocomplete="off"
        value={typed?.name}
      />
    </div>
    <div class="field">
      <label for="price">Price, {currency}</label>
      <input
        id="price"
        name="price"
        required
        inputmode="decimal"
        autocomplete="off"
        placeholder={plainAmount(1_250, currency)}
        value={typed?.price}
      />
    </div>
    <div class="field">
      <label for="qty">Units that are there</label>
      <input
        id="qty"
        name="qty"
        type="number"
        min="0"
        step="1"
        autocomplete="off"
        placeholder="0"
        value={typed?.qty}
      />
    </div>
    <p class="muted small">
      Orders that name it later change its name and price. It can't be taken away again.
    </p>
    <div class="actions">
      <button class="primary" type="submit">Add the product</button>
      <a class="button" href={list}>Leave it</a>
    </div>
  </PostForm>
);

function showFile(
  c: Context,
  { applied, fault }: { applied?: AppliedStockFile; fault?: WorkflowError } = {},
) {
  return page(
    c,
    {
      title: "Stock file",
      nav: list,
      status: fault === undefined ? 200 : problemOf(fault).status,
    },
    (
      <>
        <PageHead
          title="Stock file"
          crumb={[list, "Products"]}
          note="Sets or adds the units of many products"
        />
        {fault && <Notice tone="bad" title={fault.message}>Nothing was changed</Notice>}
        {applied && <Applied applied={applied} />}
        <section class="card" aria-labelledby="bring-heading">
          <h2 id="bring-heading">Bring a file</h2>
          <FileForm c={c} />
        </section>
      </>
    ),
  );
}

/** What came of a file. */
const Applied: FC<{ applied: AppliedStockFile }> = ({ applied: { report, rejected } }) => (
  <>
    <Notice
      tone={rejected.length === 0 ? "good" : "warn"}
      title={rejected.length === 0 ? "The file was applied" : "The file was applied in part"}
    >
      {rejected.length > 0 &&
        "Mend the rows below and bring them in a file of their own: the others would be added again."}
    </Notice>
    <section class="card" aria-label="What came of it">
      <Figures
        of={([
          ["Rows", report.rows],
          ["Changed", report.rows_changed],
          ["Unchanged", report.rows_unchanged],
          ["Rejected", report.rows_rejected],
          ["Products created", report.products_created],
          ["Units received", report.units_received],
          ["Units taken off", report.units_corrected],
        ] as const).map(([name, count]) => [name, formatCount(count)])}
      />
    </section>
    {rejected.length > 0 && (
      <section aria-labelledby="rejects-heading">
        <h2 id="rejects-heading" class="heading">
          {rejected.length > shownRejects
            ? `The first ${shownRejects} rows that were not taken`
            : "Rows that were not taken"}
        </h2>
        <Table label="Rejected rows">
          <Columns names={[{ right: "Line" }, "Row", "Reason"]} />
          <tbody>
            {rejected.slice(0, shownRejects).map(({ line, fields, reason }) => (
              <tr key={line}>
                <td class="right">{line}</td>
                <td class="ellipsis">{fields.join(", ")}</td>
                <td>{reason}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      </section>
    )}
  </>
);

/** Sends a file. It is small, so the page waits for it. */
const FileForm: FC<{ c: Context }> = ({ c }) => {
  const missing = missingScopes(c, fileForm);
  if (missing !== undefined) return <ScopeNeeded missing={missing} />;
  return (
    <form method="post" action={fileForm} enctype="multipart/form-data" class="stack-form">
      <CsrfField c={c} />
      <div class="field">
        <label for="file">File</label>
        <input id="file" name="file" type="file" accept=".csv,.gz,text/csv" required />
      </div>
      <p class="muted small">
        UTF-8 CSV with the columns <code>sku</code> and <code>set_qty</code>{" "}
        (units that are left from now on) or <code>add_qty</code> (units that came in);{" "}
        <code>name</code>, <code>price_cents</code> and <code>detail</code>{" "}
        may be there. Bad rows are left out and named. A file with <code>add_qty</code>{" "}
        is applied once: the same file again is refused unless you say so.
      </p>
      <div class="actions">
        <button type="submit" class="primary">Apply</button>
        <button type="submit" formaction={`${fileForm}?create=1`}>
          Apply, adding new products
        </button>
        <button type="submit" formaction={`${fileForm}?again=1`}>Apply once more</button>
      </div>
    </form>
  );
};
