/**
 * One product: its units, changing them, and what became of them.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  latestMovements,
  listMovements,
  type ProductMovement,
} from "../../db/catalog/product_movements.ts";
import { readPriceCurrency } from "../../db/catalog/product_list.ts";
import { type ProductStock, readStockById } from "../../db/catalog/stock.ts";
import {
  decideStockChange,
  maxUnits,
  type StockChange,
  stockProblem,
} from "../../domain/catalog/stock.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import { changeStock } from "../../services/catalog/change_stock.ts";
import { decodeMovementPlace, encodeMovementPlace } from "../api/products/movement_cursor.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { problemOf } from "../middleware/problem.ts";
import { readForm } from "../middleware/read_form.ts";
import { notFoundPage } from "./error_page.tsx";
import { actorOf, PostForm } from "./form.tsx";
import { counted, formatCount, formatMoney, plainAmount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { by } from "./order_timeline.tsx";
import { Badge, Empty, Figures, linkTo, Notice, OrderLink, Pager, Time } from "./parts.tsx";
import { idOf, pageSize, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const list = "/dashboard/products";

const path = "/products/:id{[0-9]{1,15}}";

/** A form that was refused: why, and what was typed. */
interface Refused {
  error: WorkflowError;
  form: Readonly<Record<string, string | undefined>>;
}

/** `GET /dashboard/products/{id}`, and `POST …/stock` to change its units. */
export function oneProductPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get(path, (c) => show(c, deps));

  app.post(`${path}/stock`, async (c) => {
    const form = await readForm(c);
    const product = await need(readStockById(deps.db, idOf(c)));
    if (product === undefined) return await notFoundPage(c, `There is no product #${idOf(c)}`);
    try {
      const change = wantedChange(form);
      if (!isConfirmed(form)) return await askChange(c, product, change, form);
      await changeStock(deps, product.sku, change, {
        operator: operatorOf(c, deps.config),
        detail: form.detail || null,
        // Orders change what is left all the time; what came in is changed by people, and by this very form.
        isAsSeen: ({ receivedQty }) => String(receivedQty) === form.received,
      });
    } catch (error) {
      if (!(error instanceof WorkflowError) || problemOf(error).status >= 500) throw error;
      return await show(c, deps, { error, form });
    }
    return c.redirect(`${list}/${product.productId}?done=stock`, 303);
  });

  return app;
}

/** @throws {WorkflowError} `invalid` for what is no number of units */
function wantedChange(
  { how, qty = "", detail = "" }: Readonly<Record<string, string | undefined>>,
): StockChange {
  const units = /^[+-]?\d{1,15}$/.test(qty) ? Number(qty) : NaN;
  const min = how === "set" ? 0 : -maxUnits;
  if ((how !== "set" && how !== "add") || !(units >= min && units <= maxUnits)) {
    throw new WorkflowError(
      "invalid",
      `“${qty}” is no number of units: whole ones, such as 12` +
        (how === "set" ? "" : ", or -3 for units that are gone"),
    );
  }
  if ([...detail].length > orderLimits.textLength || detail.includes("\0")) {
    throw new WorkflowError(
      "invalid",
      `The reason must have at most ${orderLimits.textLength} characters`,
    );
  }
  return how === "set" ? { set: units } : { add: units };
}

/** Asks before units are changed: with the number, the product, and who it will be put down to. */
async function askChange(
  c: Context,
  product: ProductStock,
  change: StockChange,
  { how, qty, detail }: Readonly<Record<string, string | undefined>>,
): Promise<Response> {
  const { productId, sku, name, stockQty, receivedQty } = product;
  const decision = decideStockChange(product, change);
  const problem = stockProblem(product, decision);
  if (problem !== undefined) {
    throw new WorkflowError("invalid", problem.replace("of it", `of ${sku}`));
  }
  const units = decision.stockQty - stockQty;
  const verb = "set" in change
    ? `Set to ${formatCount(change.set)}`
    : units < 0
    ? `Take off ${formatCount(-units)}`
    : `Add ${formatCount(units)}`;
  return await askFirst(c, {
    title: "set" in change
      ? `Set ${name} to ${counted(change.set, "unit")}?`
      : units < 0
      ? `Take ${counted(-units, "unit")} off ${name}?`
      : `Add ${counted(units, "unit")} to ${name}?`,
    note: sku,
    says:
      `${counted(stockQty, "unit is", "units are")} left now, and ${
        formatCount(decision.stockQty)
      } will ` +
      `be. Its timeline will name ${actorOf(c)}${detail ? `, and say: ${detail}` : ""}.`,
    nav: list,
    action: `${list}/${productId}/stock`,
    verb,
    danger: units < 0,
    fields: { how, qty, detail, received: receivedQty },
    crumb: [`${list}/${productId}`, name],
    keep: "Leave it as it is",
  });
}

async function show(c: Context, { db, baseCurrency }: AppDeps, refused?: Refused) {
  const product = await need(readStockById(db, idOf(c)));
  if (product === undefined) return await notFoundPage(c, `There is no product #${idOf(c)}`);
  const { productId, sku, name, priceCents, stockQty, heldQty, receivedQty } = product;
  const own = `${list}/${productId}`;
  const cursor = said(c, "cursor");
  const place = cursor === undefined ? latestMovements : decodeMovementPlace(cursor);
  const [{ movements, next }, currency] = await need(Promise.all([
    listMovements(db, productId, { place, limit: pageSize }),
    readPriceCurrency(db, productId),
  ]));
  const isDone = said(c, "done") === "stock";
  return page(
    c,
    {
      title: name,
      nav: list,
      status: refused === undefined ? 200 : problemOf(refused.error).status,
    },
    (
      <>
        <PageHead title={name} crumb={[list, "Products"]} note={sku}>
          <a class="button" href="#change">Change units</a>
          <a class="button" href={linkTo("/dashboard/orders", { q: sku })}>Its orders</a>
        </PageHead>
        {refused
          ? <Notice tone="bad" title={refused.error.message} />
          : isDone && <Notice tone="good" title="The units were changed" />}
        <section aria-labelledby="units-heading" class="card">
          <div class="section-head">
            <h2 id="units-heading">Units</h2>
            {stockQty === 0 && <Badge tone="bad">sold out</Badge>}
          </div>
          <Figures
            of={[
              ["Left", formatCount(stockQty)],
              ["Held by orders", formatCount(heldQty)],
              ["Received", formatCount(receivedQty)],
              [
                "Last price",
                currency === null
                  ? plainAmount(priceCents, baseCurrency)
                  : formatMoney(priceCents, currency),
              ],
            ]}
          />
        </section>
        <div class="columns apart">
          <section aria-labelledby="timeline-heading" class="card">
            <h2 id="timeline-heading">Timeline</h2>
            <Timeline movements={movements} />
            <Pager
              shown=""
              first={cursor === undefined ? undefined : own}
              next={next === undefined
                ? undefined
                : linkTo(own, { cursor: encodeMovementPlace(next) })}
            />
          </section>
          <div class="side-stack">
            <section aria-labelledby="change-heading" class="card" id="change">
              <h2 id="change-heading">Change the units</h2>
              <ChangeForm c={c} product={product} typed={refused?.form} />
            </section>
          </div>
        </div>
      </>
    ),
  );
}

const ChangeForm: FC<{ c: Context; product: ProductStock; typed?: Refused["form"] }> = (
  { c, product, typed },
) => (
  <PostForm c={c} action={`${list}/${product.productId}/stock`} class="stack-form">
    <fieldset>
      <legend class="hidden">How</legend>
      <label class="check">
        <input type="radio" name="how" value="add" checked={typed?.how !== "set"} />
        Add units that came in
      </label>
      <label class="check">
        <input type="radio" name="how" value="set" checked={typed?.how === "set"} />
        Set what is left, as counted
      </label>
    </fieldset>
    <div class="field">
      <label for="qty">Units; below zero takes some off</label>
      <input
        id="qty"
        name="qty"
        type="number"
        step="1"
        autocomplete="off"
        required
        value={typed?.qty}
      />
    </div>
    <div class="field">
      <label for="detail">Reason, for the timeline</label>
      <input id="detail" name="detail" maxlength={orderLimits.textLength} value={typed?.detail} />
    </div>
    <button class="primary" type="submit">Change…</button>
  </PostForm>
);

/** What each step is called, and how it looks. */
const steps: Readonly<Record<ProductMovement["kind"], [name: string, look: string]>> = {
  received: ["Received", "good"],
  corrected: ["Corrected", "bad"],
  returned: ["Returned by a refund", "good"],
  reserved: ["Reserved", "accent"],
  released: ["Released", ""],
};

const Timeline: FC<{ movements: readonly ProductMovement[] }> = ({ movements }) =>
  movements.length === 0 ? <Empty title="No steps are known" /> : (
    <ol class="timeline">
      {movements.map((movement, index) => <Step key={index} movement={movement} />)}
    </ol>
  );

const Step: FC<{ movement: ProductMovement }> = ({ movement }) => {
  const { at, kind, qty, stockQty, orderId, actor, detail } = movement;
  const [name, look] = steps[kind];
  return (
    <li class={look}>
      <b>{name}</b>{" "}
      <span class="num">{qty > 0 ? `+${formatCount(qty)}` : `−${formatCount(-qty)}`}</span>
      {stockQty !== null && <span class="muted">, {formatCount(stockQty)} left</span>}
      {detail && <div>{detail}</div>}
      <div class="when">
        <Time at={at} seconds />
        {orderId !== null && (
          <>
            {" "}· order <OrderLink id={orderId} />
          </>
        )}
        {actor !== null && <>{" "}· {by(actor)}</>}
      </div>
    </li>
  );
};
