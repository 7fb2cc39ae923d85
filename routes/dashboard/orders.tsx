/**
 * The list of orders, and the search for them.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { findImportedOrders } from "../../db/imports/imported_orders.ts";
import { type ImportRow, readImport } from "../../db/imports/imports.ts";
import type { OrderSummary } from "../../db/orders/order_queries.ts";
import { maxAddresses, type OrderSearch, searchOrders } from "../../db/orders/order_search.ts";
import { periodOf } from "../../domain/kpi/day.ts";
import {
  type FailureReason,
  type OrderStatus,
  orderTransitions,
} from "../../domain/order/order.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { failureNames } from "./failure_names.ts";
import { AmountFields, ChoiceField, DayFields, Filters, SearchField } from "./filters.tsx";
import { formatDay } from "./format.ts";
import { HiddenFields, missingScopes } from "./form.tsx";
import { page, PageHead } from "./layout.tsx";
import {
  Columns,
  Empty,
  Faults,
  linkTo,
  Money,
  Notice,
  Pager,
  shownOf,
  stateName,
  Status,
  Table,
  Time,
} from "./parts.tsx";
import { type PageQuery, pageSize, readPageQuery } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/orders";

const failureReasonNames = Object.keys(failureNames) as FailureReason[];

const statuses = Object.keys(orderTransitions) as OrderStatus[];

/** What the address says about which orders are meant. */
interface Given {
  [name: string]: string | undefined;
  q?: string;
  status?: OrderStatus;
  /** Why it failed. */
  reason?: FailureReason;
  /** Whether it waits for stock. */
  backordered?: "true" | "false";
  /** The day of the figures on which it was settled. */
  settled?: string;
  /** The import that created it. */
  import?: string;
  currency?: string;
  from?: string;
  to?: string;
  least?: string;
  most?: string;
}

/** `GET /dashboard/orders`. */
export function orderListPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db, baseCurrency } = deps;

  app.get("/orders", async (c) => {
    const query = readPageQuery(c);
    const given = givenIn(query);
    const row = await importIn(deps, query, given);
    const search: OrderSearch = {
      ...searchOf(query, given, deps),
      importedBy: row && await need(findImportedOrders(db, row)),
    };
    const beforeId = query.cursor("orders");
    const found = await need(searchOrders(db, search, { beforeId, limit: pageSize }));
    const { orders, nextBeforeId, stoppedEarly, leavesAddressesOut } = found;
    const [only] = orders;
    const isOrder = only !== undefined && beforeId === undefined && orders.length === 1 &&
      (given.q === only.externalOrderId || given.q === String(only.id));
    if (isOrder) return c.redirect(`/dashboard/orders/${only.id}`);
    const next = nextBeforeId === undefined
      ? undefined
      : linkTo(home, { ...given, cursor: encodeCursor("orders", nextBeforeId) });
    const isFiltered = Object.values(given).some((value) => value !== undefined);
    // A shop without orders has nothing to look for, and one way on.
    const isEmpty = orders.length === 0 && !stoppedEarly && !isFiltered && beforeId === undefined;
    return page(
      c,
      { title: "Orders", nav: home },
      (
        <>
          <Head file={isEmpty ? undefined : fileLink(given, search)} />
          <Faults of={query.faults} />
          {leavesAddressesOut && (
            <Notice tone="warn" title={`More than ${maxAddresses} e-mail addresses begin so`}>
              Only orders of the first {maxAddresses} of them are found: type more of the address.
            </Notice>
          )}
          {given.settled && <Settled given={given} />}
          {row && <Imported row={row} given={given} />}
          {!isEmpty && <OrderFilters given={given} currency={given.currency ?? baseCurrency} />}
          {orders.length > 0 || stoppedEarly
            ? <OrderTable c={c} orders={orders} />
            : isEmpty
            ? <NoneYet />
            : <NoneFits />}
          <Pager
            shown={stoppedEarly
              ? `Looked through orders down to #${nextBeforeId}`
              : shownOf(orders.length, "order", "orders", {
                isFirst: beforeId === undefined,
                isLast: next === undefined,
              })}
            first={beforeId === undefined ? undefined : linkTo(home, given)}
            next={next}
            nextName={stoppedEarly ? "Look further" : "Older"}
          />
        </>
      ),
    );
  });

  return app;
}

/** The import whose orders are asked for; one that there is not is passed over and said so. */
async function importIn(
  { db }: AppDeps,
  query: PageQuery,
  given: Given,
): Promise<ImportRow | undefined> {
  if (given.import === undefined) return undefined;
  const id = /^[1-9]\d{0,14}$/.test(given.import) ? Number(given.import) : undefined;
  const row = id === undefined ? undefined : await need(readImport(db, id));
  if (row !== undefined) return row;
  query.faults.push(`There is no import “${given.import}”`);
  given.import = undefined;
}

function givenIn(query: PageQuery): Given {
  return {
    q: query.text("q"),
    status: query.oneOf("status", statuses),
    reason: query.oneOf("reason", failureReasonNames),
    backordered: query.oneOf("backordered", ["true", "false"]),
    settled: query.day("settled"),
    import: query.text("import"),
    currency: query.currency("currency"),
    from: query.day("from"),
    to: query.day("to"),
    least: query.text("least"),
    most: query.text("most"),
  };
}

/** Amounts are of the currency that is asked for, or of the base currency: then only its orders are meant. */
function searchOf(query: PageQuery, given: Given, { baseCurrency, kpiDay }: AppDeps): OrderSearch {
  const settled = given.settled === undefined ? undefined : periodOf(kpiDay, given.settled);
  const currency = given.currency ?? baseCurrency;
  const minCents = query.cents("least", currency);
  const maxCents = query.cents("most", currency);
  const hasAmount = minCents !== undefined || maxCents !== undefined;
  return {
    text: given.q,
    status: given.status,
    failureReason: given.reason,
    backordered: given.backordered === undefined ? undefined : given.backordered === "true",
    settledFrom: settled?.from,
    settledBefore: settled?.before,
    currency: hasAmount ? currency : given.currency,
    placedFrom: given.from,
    placedTo: given.to && `${given.to} 23:59:59.999999`,
    minCents,
    maxCents,
  };
}

/** The title, and what can be done with what is listed. */
const Head: FC<{ file: string | undefined }> = ({ file }) => (
  <PageHead title="Orders" note="Newest first">
    {file !== undefined && (
      <>
        <a class="button" href="/dashboard/shortages">Ran short</a>
        <a class="button" href={file} download="orders.csv">Download CSV</a>
      </>
    )}
  </PageHead>
);

/** The same orders as a file. */
function fileLink(given: Given, { currency, minCents, maxCents }: OrderSearch): string {
  const { least: _, most: __, reason, ...rest } = given;
  return linkTo("/orders.csv", {
    ...rest,
    failure_reason: reason,
    currency,
    least_cents: minCents,
    most_cents: maxCents,
  });
}

const OrderFilters: FC<{ given: Given; currency: string }> = ({ given, currency }) => (
  <Filters
    action={home}
    label="Orders"
    verb="Search"
    hasMore={[
      given.reason,
      given.backordered,
      given.from,
      given.to,
      given.least,
      given.most,
      given.currency,
    ].some((value) => value !== undefined)}
    more={
      <>
        <ChoiceField
          name="reason"
          label="Failed for"
          any="Any reason"
          choices={failureReasonNames.map((reason) => [reason, failureNames[reason]])}
          value={given.reason}
        />
        <ChoiceField
          name="backordered"
          label="Stock"
          any="Any"
          choices={[["true", "Waits for stock"], ["false", "Waits for none"]]}
          value={given.backordered}
        />
        <DayFields what="Placed" from={given.from} to={given.to} />
        <AmountFields least={given.least} most={given.most} currency={currency} />
        <div class="field short">
          <label for="currency">Currency</label>
          <input
            id="currency"
            name="currency"
            value={given.currency}
            maxlength={3}
            placeholder="any"
          />
        </div>
      </>
    }
  >
    <SearchField
      name="q"
      label="Search"
      value={given.q}
      hint="Order, customer id, e-mail or SKU"
      complete="off"
    />
    <ChoiceField
      name="status"
      label="Status"
      any="Any"
      choices={statuses.map((status) => [status, stateName(status)])}
      value={given.status}
    />
    <HiddenFields fields={{ settled: given.settled, import: given.import }} />
  </Filters>
);

/** Says that only one day is shown, and leads to the others. */
const Settled: FC<{ given: Given }> = ({ given: { settled, ...others } }) => (
  <Notice tone="plain" title={`Settled on ${formatDay(settled!)}`}>
    <a href={linkTo(home, others)}>All days</a>
  </Notice>
);

/** Says that only what one file brought is shown, and leads to the others. */
const Imported: FC<{ row: ImportRow; given: Given }> = (
  { row: { id, source }, given: { import: _, ...others } },
) => (
  <Notice tone="plain" title={`Created by the import of ${source}`}>
    <a href={`/dashboard/imports/${id}`}>The import</a> ·{" "}
    <a href={linkTo(home, others)}>All orders</a>
  </Notice>
);

const NoneFits: FC = () => (
  <Empty
    title="No order fits"
    actions={<a class="button" href={home}>Show all orders</a>}
  >
    Ids, external ids, customers' ids, e-mail addresses and SKUs are found; an e-mail address by its
    first three characters or more too.
  </Empty>
);

const NoneYet: FC = () => (
  <Empty
    title="No orders yet"
    actions={<a class="button primary" href="/dashboard/imports">Import a CSV file</a>}
  >
    Orders come by file or by POST /orders; <a class="underlined" href="/dashboard">the overview</a>
    {" "}
    shows three ways to the first one.
  </Empty>
);

/** Whom an order was placed for, and the way to what else was ordered; a guest without an address has one order. */
const CustomerLink: FC<{ order: OrderSummary }> = ({ order: { customer, recipient } }) => {
  const word = customer.externalId ?? recipient.email;
  return (
    <>
      {word === null
        ? recipient.name
        : <a href={linkTo("/dashboard/orders", { q: word })}>{recipient.name}</a>}
      {customer.isGuest && (
        <>
          {" "}
          <span class="muted small">guest</span>
        </>
      )}
    </>
  );
};

/** The way to give back all that an order was paid for, as its page does; it asks first. */
const RefundLink: FC<{ order: OrderSummary }> = (
  { order: { id, externalOrderId, status, totalCents, refundedCents } },
) =>
  status === "PAID" && refundedCents < totalCents
    ? (
      <a href={refundPath(id)}>
        Refund…<span class="hidden">order {externalOrderId}</span>
      </a>
    )
    : null;

function refundPath(id: number): string {
  return `${home}/${id}/refund`;
}

/** Orders as rows. */
const OrderTable: FC<{ c: Context; orders: readonly OrderSummary[] }> = ({ c, orders }) => {
  const mayRefund = missingScopes(c, refundPath(1)) === undefined;
  return (
    <Table label="Orders" look="orders">
      <Columns
        names={[
          "Order",
          "Status",
          { wide: "Customer" },
          { wide: "Placed" },
          { wide: "Settled" },
          { right: "Total" },
          ...(mayRefund ? [{ wide: "Refund", right: true }] : []),
        ]}
      />
      <tbody>
        {orders.map((order) => (
          <tr key={order.id}>
            <th scope="row">
              <a href={`/dashboard/orders/${order.id}`}>{order.externalOrderId}</a>{" "}
              <span class="muted small wide">#{order.id}</span>
              <div class="narrow before">
                <CustomerLink order={order} />
              </div>
              <div class="narrow before">
                <Time at={order.placedAt} />
              </div>
            </th>
            <td>
              <Status of={order.status} />
              {order.failureReason && <div class="before">{failureNames[order.failureReason]}</div>}
            </td>
            <td class="wide ellipsis">
              <CustomerLink order={order} />
            </td>
            <td class="wide">
              <Time at={order.placedAt} />
            </td>
            <td class="wide">
              <Time at={order.settledAt} />
            </td>
            <td class="right">
              <Money cents={order.totalCents} currency={order.currency} />
              {order.refundedCents > 0 && (
                <div class="before">
                  −<Money cents={order.refundedCents} currency={order.currency} /> refunded
                </div>
              )}
              {mayRefund && (
                <div class="narrow before">
                  <RefundLink order={order} />
                </div>
              )}
            </td>
            {mayRefund && (
              <td class="wide right">
                <RefundLink order={order} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </Table>
  );
};
