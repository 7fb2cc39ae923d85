/**
 * The customers with the highest revenue.
 *
 * @module
 */

import { Hono } from "hono";
import { readCustomerNames } from "../../db/catalog/customers.ts";
import { readCurrencies, readLeaderboard } from "../../streams/kpis/kpis.ts";
import type { AppDeps } from "../deps.ts";
import { page, PageHead } from "./layout.tsx";
import { Columns, Empty, linkTo, Money, Notice, Table } from "./parts.tsx";
import { pageQuery } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/customers";

/** Places that are shown. */
const places = 100;

/** `GET /dashboard/customers`. */
export function customerRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/customers", async (c) => {
    const query = pageQuery(c);
    const currency = query.currency("currency") ?? deps.baseCurrency;
    // One that was asked for may be older than the latest ones.
    const currencies = [...new Set([...await need(readCurrencies(deps)), currency])];
    const ranked = await need(readLeaderboard(deps, currency, places));
    const names = await need(
      readCustomerNames(deps.db, ranked.map(({ customerId }) => customerId)),
    );
    const most = Math.max(1, ranked[0]?.revenueCents ?? 0);
    return page(
      c,
      { title: "Customers", nav: home },
      (
        <>
          <PageHead title="Customers" note="By revenue: what was paid less what went back" />
          {query.faults.map((fault) => <Notice key={fault} tone="warn" title={fault} />)}
          {currencies.length > 1 && (
            <nav class="tabs" aria-label="Currencies">
              {currencies.map((one) => (
                <a
                  key={one}
                  href={linkTo(home, { currency: one })}
                  aria-current={one === currency ? "page" : undefined}
                >
                  {one}
                </a>
              ))}
            </nav>
          )}
          {ranked.length === 0
            ? (
              <Empty title={`Nobody has paid in ${currency} yet`}>
                Customers appear here with their first paid order.
              </Empty>
            )
            : (
              <Table label={`Customers by revenue in ${currency}`}>
                <Columns
                  names={[{ right: "Place" }, "Customer", "Id", { right: "Revenue" }]}
                />
                <tbody>
                  {ranked.map(({ customerId, revenueCents }, index) => {
                    const customer = names.get(customerId);
                    const externalId = customer?.externalId ?? String(customerId);
                    return (
                      <tr key={customerId}>
                        <td class="right muted">{index + 1}</td>
                        <th scope="row">
                          <a href={linkTo("/dashboard/orders", { q: externalId })}>
                            {customer?.name ?? `Customer ${customerId}`}
                          </a>
                        </th>
                        <td>{externalId}</td>
                        <td class="right">
                          <Money cents={revenueCents} currency={currency} />
                          <svg
                            class="bar"
                            viewBox="0 0 100 4"
                            preserveAspectRatio="none"
                            aria-hidden="true"
                          >
                            <rect width="100" height="4" rx="2" />
                            <rect
                              width={String(Math.max(0, Math.round(revenueCents / most * 100)))}
                              height="4"
                              rx="2"
                            />
                          </svg>
                        </td>
                      </tr>
                    );
                  })}
                </tbody>
              </Table>
            )}
        </>
      ),
    );
  });

  return app;
}
