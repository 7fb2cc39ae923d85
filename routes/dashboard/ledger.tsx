/**
 * The ledger: its trial balance, and the rows of a day or an order.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { type AccountBalance, listLedger, readTrialBalance } from "../../db/ledger/ledger_list.ts";
import { type LedgerMarks, readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import { accountNames, type LedgerAccount, ledgerAccounts } from "../../domain/ledger/chart.ts";
import {
  decodeLedgerCursor,
  encodeLedgerCursor,
  type LedgerPlace,
} from "../../domain/ledger/ledger_cursor.ts";
import { type AppDeps, readsOf } from "../deps.ts";
import { ChoiceField, Filters, SearchField } from "./filters.tsx";
import { formatCount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Entries } from "./ledger_entries.tsx";
import {
  Columns,
  Empty,
  Faults,
  linkTo,
  Money,
  Notice,
  NotRead,
  Pager,
  shownOf,
  Table,
} from "./parts.tsx";
import { type PageQuery, pageSize, readPageQuery } from "./queries.ts";
import { attempt, need } from "./reading.ts";

const home = "/dashboard/ledger";

/** What is chosen by the filters. */
interface Chosen {
  day: string | undefined;
  account: LedgerAccount | undefined;
  order: number | undefined;
}

/** `GET /dashboard/ledger`. */
export function ledgerPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const reads = readsOf(deps);
  app.get("/ledger", async (c) => {
    const query = readPageQuery(c);
    const chosen = readChosen(query);
    const after = readPlace(query);
    const marks = await need(reads((db) => readLedgerMarks(db)));
    const balances = await attempt(
      deps,
      "The database",
      () => reads((db) => readTrialBalance(db, chosen.day)),
    );
    const { entries, next } = await need(
      reads((db) =>
        listLedger(db, { ...chosen, orderId: chosen.order }, { after, limit: pageSize })
      ),
    );
    const given = {
      ...chosen,
      order: chosen.order === undefined ? undefined : String(chosen.order),
    };
    const more = next === null
      ? undefined
      : linkTo(home, { ...given, cursor: encodeLedgerCursor(next) });
    return page(
      c,
      { title: "Ledger", nav: home },
      (
        <>
          <PageHead title="Ledger" note="Every movement of money, as debits and credits">
            <a class="button" href={linkTo("/ledger.csv", given)} download="ledger.csv">
              Download CSV
            </a>
          </PageHead>
          <Faults of={query.faults} />
          <HowFar marks={marks} />
          {balances.ok
            ? <Balances of={balances.value} day={chosen.day} />
            : <NotRead what="The trial balance is" />}
          <h2 class="heading">Rows</h2>
          <LedgerFilters given={given} />
          {entries.length === 0
            ? <Empty title="No row fits" />
            : <Entries entries={entries} withOrders />}
          <Pager
            shown={shownOf(entries.length, "row", "rows", {
              isFirst: after === null,
              isLast: more === undefined,
            })}
            first={after === null ? undefined : linkTo(home, given)}
            next={more}
          />
        </>
      ),
    );
  });
  return app;
}

function readChosen(query: PageQuery): Chosen {
  const chosen = {
    day: query.day("day"),
    account: query.oneOf("account", accountNames),
    order: undefined as number | undefined,
  };
  const order = query.text("order", 15);
  if (order !== undefined && /^[1-9]\d*$/.test(order)) chosen.order = Number(order);
  else if (order !== undefined) query.faults.push(`“${order}” is no order's number`);
  return chosen;
}

/** Where the page begins; of a cursor that this list did not give out, at the first. */
function readPlace(query: PageQuery): LedgerPlace | null {
  const cursor = query.text("cursor", 200);
  if (cursor === undefined) return null;
  try {
    return decodeLedgerCursor(cursor);
  } catch {
    query.faults.push("That page can't be found: this is the first");
    return null;
  }
}

const HowFar: FC<{ marks: LedgerMarks }> = ({ marks: { isComplete, ordersUpTo, closedDay } }) => (
  <>
    {!isComplete && (
      <Notice tone="warn" title="What happened before the ledger is still being booked">
        Orders up to #{ordersUpTo} are; consumers go on with it.
      </Notice>
    )}
    <p class="muted">
      {closedDay === null
        ? "No day is closed yet."
        : `Days up to ${closedDay} (UTC) are closed: nothing is booked on them any more.`}
    </p>
  </>
);

const LedgerFilters: FC<{ given: Record<string, string | undefined> }> = ({ given }) => (
  <Filters action={home} label="Ledger" verb="Filter">
    <div class="field">
      <label for="day">Day</label>
      <input id="day" name="day" type="date" value={given.day} />
    </div>
    <SearchField name="order" label="Order" value={given.order} hint="42" />
    <ChoiceField
      name="account"
      label="Account"
      any="Any"
      choices={accountNames.map((name) => [name, name])}
      value={given.account}
    />
  </Filters>
);

const Balances: FC<{ of: readonly AccountBalance[]; day: string | undefined }> = (
  { of: balances, day },
) => {
  const currencies = [...new Set(balances.map(({ currency }) => currency))];
  return (
    <>
      {currencies.map((currency) => {
        const own = balances.filter((balance) => balance.currency === currency);
        const debit = own.reduce((sum, { debitCents }) => sum + debitCents, 0n);
        const credit = own.reduce((sum, { creditCents }) => sum + creditCents, 0n);
        const money = (cents: bigint) => <Money cents={Number(cents)} currency={currency} />;
        return (
          <section key={currency} aria-label={`Trial balance in ${currency}`}>
            <h2 class="heading">
              Trial balance in {currency}
              {day === undefined ? "" : ` of ${day}`}
            </h2>
            <Table label={`Trial balance in ${currency}`}>
              <Columns
                names={[
                  "Account",
                  { wide: "Holds" },
                  { right: "Debit" },
                  { right: "Credit" },
                  { right: "Balance" },
                  { wide: "Rows", right: true },
                ]}
              />
              <tbody>
                {own.map(({ account, debitCents, creditCents, balanceCents, rows }) => (
                  <tr key={account}>
                    <td>
                      <a href={linkTo(home, { day, account })}>{account}</a>
                    </td>
                    <td class="wide muted">
                      {ledgerAccounts[account as LedgerAccount]?.holds ?? ""}
                    </td>
                    <td class="right">{money(debitCents)}</td>
                    <td class="right">{money(creditCents)}</td>
                    <td class="right">{money(balanceCents)}</td>
                    <td class="wide right">{formatCount(rows)}</td>
                  </tr>
                ))}
                <tr>
                  <th scope="row">All</th>
                  <td class="wide" />
                  <td class="right">{money(debit)}</td>
                  <td class="right">{money(credit)}</td>
                  <td class="right">{money(debit - credit)}</td>
                  <td class="wide" />
                </tr>
              </tbody>
            </Table>
          </section>
        );
      })}
    </>
  );
};
