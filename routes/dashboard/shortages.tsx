/**
 * Orders that failed for want of stock, and taking them up again: some, or all that match.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { readStock } from "../../db/catalog/stock.ts";
import { type OrderSummary, readOrderSummaries } from "../../db/orders/order_queries.ts";
import {
  listLatestShortOrders,
  readShortages,
  type Shortage,
  type ShortFilter,
  sumBackordered,
  sumShortOrders,
} from "../../db/orders/shortages.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { encodeCursor } from "../../domain/paging.ts";
import { retryAllAndPublish } from "../../services/orders/retry_orders.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { Filters, SearchField } from "./filters.tsx";
import { HiddenFields, missingScopes, Pick, ScopeNeeded } from "./form.tsx";
import { counted, formatCount, formatMoney } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, Empty, Faults, linkTo, Money, Notice, Pager, Table, Time } from "./parts.tsx";
import { askFirst } from "./question.tsx";
import { allSaid, pageSize, readPageQuery, said } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/shortages";
const decide = `${home}/retry`;

/** Ids to one address: a page's worth. */
const maxIds = 200;

/** `GET /dashboard/shortages`, the question before orders are taken up again, and the answer. */
export function shortagePageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/shortages", (c) => showList(c, deps));
  app.get("/shortages/retry", (c) => askRetry(c, deps));

  app.post("/shortages/retry", async (c) => {
    const filter = await filterOf(await readForm(c), deps);
    const retried = await retryAllAndPublish(
      deps,
      { kind: "short", ...filter },
      operatorOf(c, deps.config),
    );
    return c.redirect(
      linkTo(home, {
        done: retried.orders.length,
        refused: retried.refused.length || undefined,
      }),
      303,
    );
  });

  return app;
}

async function showList(c: Context, { db }: AppDeps): Promise<Response> {
  const query = readPageQuery(c);
  const sku = query.text("sku");
  const beforeId = query.cursor("shortages");
  const product = sku === undefined ? undefined : await need(readStock(db, sku));
  const filter: ShortFilter = {
    productId: product?.productId,
    ids: sku !== undefined && product === undefined ? [] : undefined,
  };
  const [ids, sums, waiting] = await need(Promise.all([
    listLatestShortOrders(db, filter, { beforeId, limit: pageSize + 1 }),
    sumShortOrders(db, filter),
    sumBackordered(db),
  ]));
  const shown = ids.slice(0, pageSize);
  const [orders, shortages] = await need(
    Promise.all([readOrderSummaries(db, shown), readShortages(db, shown)]),
  );
  const rows = shown.flatMap((id) => orders.get(id) ?? []);
  const count = countOf(sums);
  const [done, refused] = ["done", "refused"].map((name) => said(c, name));
  return page(
    c,
    { title: "Ran short", nav: "/dashboard/orders" },
    (
      <>
        <PageHead
          title="Ran short"
          crumb={["/dashboard/orders", "Orders"]}
          note={count === 0 ? undefined : `${nameOf(sums)} failed for want of stock`}
        />
        <Outcome done={done} refused={refused} />
        {waiting.length > 0 && <Waiting sums={waiting} />}
        <Faults of={query.faults} />
        <Filters action={home} label="Orders that ran short" verb="Filter">
          <SearchField name="sku" label="SKU" value={sku} hint="What they ran short of" />
        </Filters>
        {rows.length === 0
          ? <None isFiltered={sku !== undefined} />
          : <Choice c={c} orders={rows} shortages={shortages} sku={sku} count={count} />}
        <Pager
          shown={rows.length === 0 ? "" : `${rows.length} of ${formatCount(count)}`}
          first={beforeId === undefined ? undefined : linkTo(home, { sku })}
          next={ids.length > pageSize
            ? linkTo(home, { sku, cursor: encodeCursor("shortages", shown.at(-1)!) })
            : undefined}
        />
      </>
    ),
  );
}

/** Asks before some or all that match are taken up again, and says how many and how much money they are. */
async function askRetry(c: Context, deps: AppDeps): Promise<Response> {
  const query = readPageQuery(c);
  const sku = query.text("sku");
  const isAll = query.text("all") !== undefined;
  const ids = allSaid(c, "ids").slice(0, maxIds).map(Number)
    .filter((id) => Number.isSafeInteger(id) && id > 0);
  const fields = isAll ? { all: "1", sku } : { ids: ids.join(",") };
  const filter = await filterOf({ ...fields, upto: String(Number.MAX_SAFE_INTEGER) }, deps);
  const sums = await need(sumShortOrders(deps.db, filter));
  const count = countOf(sums);
  if (count === 0) {
    return await page(
      c,
      { title: "Ran short", nav: "/dashboard/orders" },
      (
        <>
          <PageHead title="Ran short" crumb={[home, "Ran short"]} />
          <Empty title="Nothing is selected" actions={<a class="button" href={home}>Back</a>}>
            Tick the orders that you mean, or choose all that match.
          </Empty>
        </>
      ),
    );
  }
  return await askFirst(c, {
    title: `Take up ${counted(count, "order")} again?`,
    note: moneyOf(sums),
    says: `${nameOf(sums)} ${
      count === 1
        ? "asks for all its units once more. If they are there it is charged; else it fails again."
        : "ask for all their units once more. Those whose units are there are charged, " +
          `${moneyOf(sums)} at the most; the others fail again.`
    }`,
    nav: "/dashboard/orders",
    action: decide,
    verb: `Take up ${formatCount(count)} again`,
    fields: { ...fields, upto: Math.max(...sums.map(({ highestId }) => highestId)) },
    crumb: [home, "Ran short"],
    keep: "Leave them",
  });
}

/** What a question or its answer means; what does not say it clearly means nothing. */
async function filterOf(
  form: Record<string, string | undefined>,
  { db }: AppDeps,
): Promise<ShortFilter> {
  const upToId = Number(form.upto);
  const ids = (form.ids ?? "").split(",").filter((id) => id !== "").map(Number);
  const isClear = Number.isSafeInteger(upToId) &&
    (form.all === "1" || ids.every((id) => Number.isSafeInteger(id) && id > 0));
  if (!isClear) throw new WorkflowError("bad_request", "The form does not say what to take up");
  if (form.all !== "1") return { ids: ids.slice(0, maxIds), upToId };
  if (form.sku === undefined || form.sku === "") return { upToId };
  const product = await need(readStock(db, form.sku));
  return product === undefined ? { ids: [], upToId } : { productId: product.productId, upToId };
}

interface Sum {
  currency: string;
  orders: number;
  cents: bigint;
}

function countOf(sums: readonly Sum[]): number {
  return sums.reduce((count, { orders }) => count + orders, 0);
}

function moneyOf(sums: readonly Sum[]): string {
  return sums.map(({ cents, currency }) => formatMoney(Number(cents), currency)).join(" and ");
}

function nameOf(sums: readonly Sum[]): string {
  const count = countOf(sums);
  return `${counted(count, "order")} of ${moneyOf(sums)}`;
}

/** What the answer that led here has done. */
const Outcome: FC<{ done?: string; refused?: string }> = ({ done, refused }) => {
  if (!done || !/^\d{1,9}$/.test(done)) return null;
  const count = Number(done);
  const subject = counted(count, "order was", "orders were");
  return (
    <Notice tone="good" title={`${subject} taken up again`}>
      {refused && /^\d{1,9}$/.test(refused) && `${refused} can't be: their money goes back`}
    </Notice>
  );
};

/** How many wait by themselves. */
const Waiting: FC<{ sums: readonly Sum[] }> = ({ sums }) => (
  <Notice
    tone="accent"
    title={`${nameOf(sums)} ${countOf(sums) === 1 ? "waits" : "wait"} for stock`}
  >
    They are taken up by themselves when it arrives.
  </Notice>
);

const None: FC<{ isFiltered: boolean }> = ({ isFiltered }) =>
  isFiltered
    ? <Empty title="No order fits" actions={<a class="button" href={home}>Show all</a>} />
    : <Empty title="No order ran short">Every order so far got its stock, or waits for it.</Empty>;

interface Rows {
  orders: readonly OrderSummary[];
  shortages: ReadonlyMap<number, readonly Shortage[]>;
}

/** The orders, with what can be done about them where the caller may. */
const Choice: FC<Rows & { c: Context; sku?: string; count: number }> = (
  { c, orders, shortages, sku, count },
) => {
  const missing = missingScopes(c, decide);
  if (missing !== undefined) {
    return (
      <>
        <ScopeNeeded missing={missing} />
        <OrderRows orders={orders} shortages={shortages} />
      </>
    );
  }
  return (
    <form method="get" action={decide}>
      <HiddenFields fields={{ sku }} />
      <div class="filters">
        <div class="actions">
          <button type="submit">Take up selected again</button>
        </div>
        <div class="actions push">
          <a class="button" href={linkTo(decide, { all: 1, sku })}>
            Take up all {formatCount(count)} matching
          </a>
        </div>
      </div>
      <OrderRows orders={orders} shortages={shortages} isChoice />
    </form>
  );
};

const OrderRows: FC<Rows & { isChoice?: boolean }> = ({ orders, shortages, isChoice }) => (
  <Table label="Orders that ran short">
    {isChoice
      ? (
        <thead>
          <tr>
            <th scope="col">
              <Pick name="ids" label="Select all on this page" />
            </th>
            <th scope="col">Order</th>
            <th scope="col">Missing</th>
            <th scope="col" class="wide">Failed</th>
            <th scope="col" class="right">Total</th>
          </tr>
        </thead>
      )
      : <Columns names={["Order", "Missing", { wide: "Failed" }, { right: "Total" }]} />}
    <tbody>
      {orders.map((order) => (
        <tr key={order.id}>
          {isChoice && (
            <td>
              <Pick name="ids" value={order.id} label={`Select order ${order.externalOrderId}`} />
            </td>
          )}
          <th scope="row">
            <a href={`/dashboard/orders/${order.id}`}>{order.externalOrderId}</a>
          </th>
          <td>{missingOf(shortages.get(order.id) ?? [])}</td>
          <td class="wide">
            <Time at={order.settledAt} />
          </td>
          <td class="right">
            <Money cents={order.totalCents} currency={order.currency} />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

/** Products of one order that are named. */
const maxNamed = 5;

function missingOf(shortages: readonly Shortage[]): string {
  const named = shortages.slice(0, maxNamed)
    .map(({ sku, missingQty }) => `${formatCount(missingQty)} × ${sku}`);
  const more = shortages.length - named.length;
  return [...named, ...(more > 0 ? [`${formatCount(more)} more`] : [])].join(", ");
}
