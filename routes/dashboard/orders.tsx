/**
 * The list of orders, and the search for them.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import type { OrderSummary } from "../../db/orders/order_queries.ts";
import { maxAddresses, type OrderSearch, searchOrders } from "../../db/orders/order_search.ts";
import { type OrderStatus, orderTransitions } from "../../domain/order/order.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, Empty, linkTo, Money, Notice, Pager, Status, Table, Time } from "./parts.tsx";
import { pageQuery, pageSize } from "./queries.ts";
import { need } from "./reading.ts";

const statuses = Object.keys(orderTransitions) as OrderStatus[];

/** `GET /dashboard/orders`. */
export function ordersRoutes({ db, baseCurrency }: AppDeps): Hono {
  const app = new Hono();

  app.get("/orders", async (c) => {
    const query = pageQuery(c);
    const given = {
      q: query.text("q"),
      status: query.oneOf("status", statuses),
      currency: query.currency("currency"),
      from: query.day("from"),
      to: query.day("to"),
      least: query.text("least"),
      most: query.text("most"),
    };
    const search: OrderSearch = {
      text: given.q,
      status: given.status,
      currency: given.currency,
      placedFrom: given.from,
      placedTo: given.to && `${given.to} 23:59:59.999999`,
      leastCents: query.cents("least", given.currency ?? baseCurrency),
      mostCents: query.cents("most", given.currency ?? baseCurrency),
    };
    const beforeId = query.cursor("orders");
    const found = await need(searchOrders(db, search, { beforeId, limit: pageSize }));
    const { orders, nextBeforeId, stoppedEarly, leavesAddressesOut } = found;
    const [only] = orders;
    const isOrder = only !== undefined && beforeId === undefined && orders.length === 1 &&
      (given.q === only.externalOrderId || given.q === String(only.id));
    if (isOrder) return c.redirect(`/dashboard/orders/${only.id}`);
    const isFiltered = Object.values(given).some((value) => value !== undefined);
    const next = nextBeforeId === undefined ? undefined : linkTo("/dashboard/orders", {
      ...given,
      cursor: encodeCursor("orders", nextBeforeId),
    });
    const file = linkTo("/orders.csv", {
      ...given,
      least: undefined,
      most: undefined,
      least_cents: search.leastCents?.toString(),
      most_cents: search.mostCents?.toString(),
    });
    return page(
      c,
      { title: "Orders", nav: "/dashboard/orders" },
      (
        <>
          <PageHead title="Orders" note="Newest first">
            <a class="button" href={file} download="orders.csv">Download CSV</a>
          </PageHead>
          {query.faults.map((fault) => <Notice key={fault} tone="warn" title={fault} />)}
          {leavesAddressesOut && (
            <Notice tone="warn" title={`More than ${maxAddresses} e-mail addresses begin so`}>
              Only orders of the first {maxAddresses} of them are found: type more of the address.
            </Notice>
          )}
          <OrderFilters given={given} />
          {orders.length === 0 && !stoppedEarly
            ? isFiltered
              ? (
                <Empty
                  title="No order fits"
                  actions={<a class="button" href="/dashboard/orders">Show all orders</a>}
                >
                  Ids, external ids, customers' ids, e-mail addresses and SKUs are found; an e-mail
                  address by its first three characters or more too.
                </Empty>
              )
              : (
                <Empty
                  title="No orders yet"
                  actions={
                    <a class="button primary" href="/dashboard/imports">Import a CSV file</a>
                  }
                >
                  Orders come by file or by POST /orders.
                </Empty>
              )
            : <OrderTable orders={orders} />}
          <Pager
            shown={stoppedEarly
              ? `Looked through orders down to #${nextBeforeId}`
              : orders.length === 0
              ? ""
              : `${orders.length} orders${next ? "" : ", the last ones"}`}
            first={beforeId === undefined ? undefined : linkTo("/dashboard/orders", given)}
            next={next}
            nextName={stoppedEarly ? "Look further" : "Older"}
          />
        </>
      ),
    );
  });

  return app;
}

const OrderFilters: FC<{ given: Record<string, string | undefined> }> = ({ given }) => (
  <form class="filters" method="get" action="/dashboard/orders" role="search" aria-label="Orders">
    <div class="field grow">
      <label for="q">Search</label>
      <input
        id="q"
        name="q"
        type="search"
        value={given.q}
        placeholder="Order, customer id, e-mail or SKU"
        autocomplete="off"
      />
    </div>
    <div class="field">
      <label for="status">Status</label>
      <select id="status" name="status">
        <option value="">Any</option>
        {statuses.map((status) => (
          <option key={status} value={status} selected={given.status === status}>
            {status.charAt(0) + status.slice(1).toLowerCase()}
          </option>
        ))}
      </select>
    </div>
    <div class="field">
      <label for="from">Placed from</label>
      <input id="from" name="from" type="date" value={given.from} />
    </div>
    <div class="field">
      <label for="to">to</label>
      <input id="to" name="to" type="date" value={given.to} />
    </div>
    <div class="field short">
      <label for="least">Amount from</label>
      <input id="least" name="least" inputmode="decimal" value={given.least} placeholder="0.00" />
    </div>
    <div class="field short">
      <label for="most">to</label>
      <input id="most" name="most" inputmode="decimal" value={given.most} placeholder="any" />
    </div>
    <div class="field short">
      <label for="currency">Currency</label>
      <input id="currency" name="currency" value={given.currency} maxlength={3} placeholder="any" />
    </div>
    <button class="primary" type="submit">Search</button>
  </form>
);

/** Orders as rows; other pages show them too. */
export const OrderTable: FC<{ orders: readonly OrderSummary[] }> = ({ orders }) => (
  <Table label="Orders">
    <Columns
      names={[
        "Order",
        "Status",
        { wide: "Customer" },
        { wide: "Placed" },
        { wide: "Settled" },
        { right: "Total" },
      ]}
    />
    <tbody>
      {orders.map((order) => (
        <tr key={order.id}>
          <th scope="row">
            <a href={`/dashboard/orders/${order.id}`}>{order.externalOrderId}</a>{" "}
            <span class="muted small wide">#{order.id}</span>
          </th>
          <td>
            <Status of={order.status} />
          </td>
          <td class="wide ellipsis">
            <a href={linkTo("/dashboard/orders", { q: order.customer.externalId })}>
              {order.recipient.name}
            </a>
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
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);
