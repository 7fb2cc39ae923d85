/**
 * Many orders in little time: copies of settled ones, table by table.
 *
 * @module
 */

import { ledgerSources } from "../../domain/ledger/chart.ts";
import { type Database, toInteger } from "../../db/connection/database.ts";

/** The tables that hold orders, in an order in which foreign keys are met. */
const tables = [
  "customers",
  "orders",
  "order_items",
  "payments",
  "refunds",
  "order_events",
  "notification_logs",
  "ledger_entries",
] as const;

/** The rows of a table in their order; the ledger's have no ids. */
const idOf = (table: typeof tables[number]) => table === "ledger_entries" ? "order_id" : "id";

/** Hours between the first orders of two copies. */
const hoursApart = 39;

/** Every so many copies, one is in another currency. */
const otherCurrencyEvery = 5;

/** When something came about, by the clock of the database. */
const timeColumns: ReadonlySet<string> = new Set([
  "reserved_time",
  "settled_time",
  "paid_at",
  "processed_at",
  "sent_at",
  "day",
  "booked_at",
  "created_at",
  "updated_at",
]);

/** What is copied, as {@linkcode readOriginals} found it. */
export interface Originals {
  /** Highest id of each table: copies are that far away from each other. */
  highestIds: Readonly<Record<string, number>>;
  /** Columns of each table that are no expressions. */
  columns: Readonly<Record<string, readonly string[]>>;
}

/** Looks at what there is now; all of it must be finished. */
export async function readOriginals(db: Database): Promise<Originals> {
  const highestIds: Record<string, number> = {};
  const columns: Record<string, string[]> = {};
  for (const table of tables) {
    const [row] = await db.query(`select coalesce(max(${idOf(table)}), 0) as id from ${table}`);
    highestIds[table] = toInteger(row!.id);
    const names = await db.query(
      `
      select column_name as name
      from information_schema.columns
      where table_schema = database() and table_name = ?
        and coalesce(generation_expression, '') = ''
      order by ordinal_position`,
      [table],
    );
    columns[table] = names.map(({ name }) => String(name));
  }
  return { highestIds, columns };
}

/**
 * Copies every original order with all that belongs to it: other ids, other customers, placed later, settled
 * on earlier days, every fifth time in another currency. A copy that is made once more fails.
 *
 * @param copy from 1
 * @param daysBack days by which it was settled, and all that belongs to it came about, before the original
 */
export async function copyOrders(
  db: Database,
  { highestIds, columns }: Originals,
  copy: number,
  daysBack: number,
): Promise<void> {
  for (const table of tables) {
    const names = columns[table]!;
    await db.query(`
      insert into ${table} (${names.join(", ")})
      select ${names.map((name) => copied(table, name, highestIds, { copy, daysBack })).join(", ")}
      from ${table}
      where ${idOf(table)} <= ${highestIds[table]}
      order by ${idOf(table)}`);
  }
}

/** Has the originals come about so many days before. */
export async function backdateOriginals(
  db: Database,
  { columns }: Originals,
  days: number,
): Promise<void> {
  for (const table of tables) {
    const times = columns[table]!.filter((name) => timeColumns.has(name));
    await db.query(
      `update ${table} set ${times.map((name) => `${name} = ${earlier(name, days)}`).join(", ")}`,
    );
  }
}

/** Takes the units of so many copies off the stock; orders that need more than there is break a CHECK. */
export async function takeStock(db: Database, copies: number): Promise<void> {
  await db.query(
    "update products set stock_qty = received_qty - (received_qty - stock_qty) * ?",
    [copies + 1],
  );
}

/** What a column of a copy says, as SQL. */
function copied(
  table: typeof tables[number],
  column: string,
  highestIds: Originals["highestIds"],
  { copy, daysBack }: { copy: number; daysBack: number },
): string {
  const distant = (of: typeof tables[number]) => `${column} + ${highestIds[of]! * copy}`;
  switch (column) {
    case "id":
      return distant(table);
    case "order_id":
      return distant("orders");
    case "customer_id":
      return distant("customers");
    case "refund_id":
      return distant("refunds");
    case "source_id":
      return `if(source = ${ledgerSources.refund}, source_id + ${
        highestIds.refunds! * copy
      }, source_id)`;
    case "external_id":
    case "external_order_id":
    case "provider_ref":
      return `concat(${column}, '-${copy}')`;
    case "email":
    case "first_email":
    case "recipient_email":
      return `concat('${copy}.', ${column})`;
    case "idempotency_key":
    case "provider_key":
      return "null";
    case "currency":
      return copy % otherCurrencyEvery === 0 ? "'GBP'" : column;
    case "placed_at":
      return `placed_at + interval ${copy * hoursApart} hour`;
    case "event":
      // An event of a refund names it.
      return table !== "notification_logs" ? column : `if(refund_id is null, event,
        concat(substring_index(event, ':', 1), ':', refund_id + ${highestIds.refunds! * copy}))`;
    default:
      return earlier(column, daysBack);
  }
}

/** A time so many days before; any other column as it is. */
function earlier(column: string, days: number): string {
  if (!timeColumns.has(column)) return column;
  const before = `${column} - interval ${days} day`;
  // A time that stands for none stays so.
  return column.endsWith("_time") ? `if(${column} < '2000-01-01', ${column}, ${before})` : before;
}
