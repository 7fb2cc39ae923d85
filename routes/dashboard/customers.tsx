/**
 * The customers with the highest revenue.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { readCustomerNames } from "../../db/catalog/customers.ts";
import { readCurrencies, readLeaderboard } from "../../streams/kpis/kpis.ts";
import type { AppDeps } from "../deps.ts";
import { ShareBar } from "./chart.tsx";
import { page, PageHead } from "./layout.tsx";
import { Badge, Columns, Empty, Faults, linkTo, Money, Table, Tabs } from "./parts.tsx";
import { readPageQuery } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/customers";

/** Places that are shown. */
const places = 100;

/** `GET /dashboard/customers`. */
export function customerPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/customers", async (c) => {
    const query = readPageQuery(c);
    const currency = query.currency("currency") ?? deps.baseCurrency;
    // One that was asked for may be older than the latest ones.
    const currencies = [...new Set([...await need(readCurrencies(deps)), currency])];
    const ranked = await need(readLeaderboard(deps, currency, places));
    const names = await need(
      readCustomerNames(deps.db, ranked.map(({ customerId }) => customerId)),
    );
    return page(
      c,
      { title: "Customers", nav: home },
      (
        <>
          <PageHead title="Customers" note="By revenue: what was paid less what went back" />
          <Faults of={query.faults} />
          {currencies.length > 1 && (
            <Tabs
              label="Currencies"
              tabs={currencies.map((one) => ({
                name: one,
                href: linkTo(home, { currency: one }),
                isShown: one === currency,
              }))}
            />
          )}
          {ranked.length === 0
            ? (
              <Empty title={`Nobody has paid in ${currency} yet`}>
                Customers appear here with their first paid order.
              </Empty>
            )
            : <Ranking ranked={ranked} names={names} currency={currency} />}
        </>
      ),
    );
  });

  return app;
}

/** The customers with what they brought, each compared with the first. */
const Ranking: FC<
  {
    ranked: Awaited<ReturnType<typeof readLeaderboard>>;
    names: Awaited<ReturnType<typeof readCustomerNames>>;
    currency: string;
  }
> = ({ ranked, names, currency }) => {
  const max = Math.max(1, ranked[0]?.revenueCents ?? 0);
  return (
    <Table label={`Customers by revenue in ${currency}`} stacks={3}>
      <Columns names={[{ right: "Place" }, "Customer", "Id", { right: "Revenue" }]} />
      <tbody>
        {ranked.map(({ customerId, revenueCents }, index) => {
          const customer = names.get(customerId);
          const name = customer?.name ?? `Customer ${customerId}`;
          const word = customer === undefined
            ? String(customerId)
            : customer.externalId ?? customer.email;
          return (
            <tr key={customerId}>
              <td class="right muted" data-label="Place">{index + 1}</td>
              <th scope="row">
                {word === null
                  ? name
                  : <a href={linkTo("/dashboard/orders", { q: word })}>{name}</a>}
              </th>
              <td data-label="Id">
                <a href={`${home}/${customerId}`}>
                  {customer?.externalId === null
                    ? <Badge tone="plain">Guest</Badge>
                    : customer?.externalId ?? customerId}
                </a>
              </td>
              <td class="right" data-label="Revenue">
                <Money cents={revenueCents} currency={currency} />
                <ShareBar share={revenueCents / max} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
};
