/**
 * The ledger: its rows, and its trial balance.
 *
 * @module
 */

import { Hono } from "hono";
import {
  type AccountBalance,
  type LedgerEntry,
  listLedger,
  readTrialBalance,
} from "../../../db/ledger/ledger_list.ts";
import { readLedgerMarks } from "../../../db/ledger/ledger_marks.ts";
import {
  decodeLedgerCursor,
  encodeLedgerCursor,
  type LedgerPlace,
} from "../../../domain/ledger/ledger_cursor.ts";
import { exactAmount } from "../../../domain/money.ts";
import { type AppDeps, readsOf } from "../../deps.ts";
import { checked } from "../../middleware/checked.ts";
import { described } from "../description/described.ts";
import { ledgerBalance, ledgerList } from "./ledger_examples.ts";
import { addPagedList } from "../description/paged_list.ts";
import { ledgerBalanceQuery, ledgerFileQuery, ledgerListQuery } from "../description/queries.ts";
import { csvDownload } from "../exports/csv_download.ts";
import { aboutFiles, fileAnswer } from "../exports/exports.ts";
import { ledgerBalanceAnswer, ledgerListAnswer } from "./ledger_answers.ts";

/** Rows to one page of the file. */
const pageRows = 5_000;

const columns = [
  "order_id",
  "source",
  "source_id",
  "step",
  "account",
  "amount_cents",
  "currency",
  "day",
  "booked_at",
] as const;

const about = "Every movement of money, as rows that come to nothing together. Rows are never " +
  "changed or deleted. Those of an order come in the order in which they were booked, all others by day, account " +
  "and order, the latest first.";

/** `GET /ledger`, `GET /ledger/balance` and `GET /ledger.csv`. */
export function ledgerRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  addList(app, deps);
  addBalance(app, deps);
  addFile(app, deps);
  return app;
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/ledger", {
    summary: "Lists the rows of the ledger",
    description: about,
    tag: "Ledger",
    page: { schema: ledgerListAnswer, example: ledgerList },
    query: ledgerListQuery,
    mayLag: true,
    read: async (db, { order: orderId, ...rest }, { cursor, limit }) => {
      const after = cursor === undefined ? null : decodeLedgerCursor(cursor);
      const { entries, next } = await listLedger(db, { ...rest, orderId }, { after, limit });
      return {
        data: entries.map(entryJson),
        nextCursor: next === null ? null : encodeLedgerCursor(next),
      };
    },
  });
}

function addBalance(app: Hono, deps: AppDeps): void {
  const reads = readsOf(deps);
  app.get(
    "/ledger/balance",
    described({
      summary: "The trial balance of the ledger",
      description: "What each account comes to in each currency, of one day or of all together.",
      tag: "Ledger",
      scopes: ["read"],
      answers: {
        200: { says: "The balances", schema: ledgerBalanceAnswer, example: ledgerBalance },
      },
    }),
    checked("query", ledgerBalanceQuery),
    async (c) => {
      const { day } = c.req.valid("query");
      const [balances, marks] = await reads(async (db) =>
        [await readTrialBalance(db, day), await readLedgerMarks(db)] as const
      );
      return c.json({
        day: day ?? null,
        closed_day: marks.closedDay,
        complete: marks.isComplete,
        accounts: balances.map(balanceJson),
      });
    },
  );
}

function addFile(app: Hono, deps: AppDeps): void {
  const reads = readsOf(deps);
  app.get(
    "/ledger.csv",
    described({
      summary: "Rows of the ledger as a CSV file",
      description: `With the filters of \`/ledger\`. ${aboutFiles}`,
      tag: "Ledger",
      scopes: ["read"],
      answers: fileAnswer(columns),
    }),
    checked("query", ledgerFileQuery),
    (c) => {
      const { order: orderId, ...rest } = c.req.valid("query");
      let after: LedgerPlace | null = null;
      let isOver = false;
      return csvDownload(c, deps, {
        name: rest.day === undefined ? "ledger.csv" : `ledger-${rest.day}.csv`,
        columns,
        nextPage: async () => {
          if (isOver) return undefined;
          const page = await reads((db) =>
            listLedger(db, { ...rest, orderId }, { after, limit: pageRows })
          );
          after = page.next;
          isOver = after === null;
          return page.entries.map(entryJson);
        },
      });
    },
  );
}

function entryJson(
  { orderId, source, sourceId, step, account, amountCents, currency, day, bookedAt }: LedgerEntry,
) {
  return {
    order_id: orderId === 0 ? null : orderId,
    source,
    source_id: sourceId,
    step,
    account,
    amount_cents: amountCents,
    currency,
    day,
    booked_at: bookedAt,
  };
}

function balanceJson(
  { account, currency, debitCents, creditCents, balanceCents, rows }: AccountBalance,
) {
  return {
    account,
    currency,
    debit_cents: exactAmount(debitCents),
    credit_cents: exactAmount(creditCents),
    balance_cents: exactAmount(balanceCents),
    rows,
  };
}
