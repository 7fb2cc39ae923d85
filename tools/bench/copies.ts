/**
 * Many orders in little time: copies of settled ones, table by table.
 *
 * @module
 */

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
] as const;

/** Days between one copy and the next: what was settled is spread over a year. */
const daysApart = 7;

/** Hours between the first orders of two copies. */
const hoursApart = 39;

/** Every so many copies, one is in another currency. */
const otherCurrencyEvery = 5;

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
    const [row] = await db.query(`select coalesce(max(id), 0) as id from ${table}`);
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
 */
export async function copyOrders(
  db: Database,
  { highestIds, columns }: Originals,
  copy: number,
): Promise<void> {
  for (const table of tables) {
    const names = columns[table]!;
    await db.query(`
      insert into ${table} (${names.join(", ")})
      select ${names.map((name) => copied(table, name, highestIds, copy)).join(", ")}
      from ${table}
      where id <= ${highestIds[table]}
      order by id`);
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
  copy: number,
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
    case "external_id":
    case "external_order_id":
    case "provider_ref":
      return `concat(${column}, '-${copy}')`;
    case "email":
    case "first_email":
    case "recipient_email":
      return `concat('${copy}.', ${column})`;
    case "idempotency_key":
      return "null";
    case "currency":
      return copy % otherCurrencyEvery === 0 ? "'GBP'" : column;
    case "placed_at":
      return `placed_at + interval ${copy * hoursApart} hour`;
    case "event":
      // An event of a refund names it.
      return table !== "notification_logs" ? column : `if(refund_id is null, event,
        concat(substring_index(event, ':', 1), ':', refund_id + ${highestIds.refunds! * copy}))`;
    case "reserved_time":
    case "settled_time":
      // A time that stands for none stays so.
      return `if(${column} < '2000-01-01', ${column}, ${column} - interval ${
        copy * daysApart
      } day)`;
    case "paid_at":
    case "processed_at":
    case "sent_at":
    case "created_at":
    case "updated_at":
      return `${column} - interval ${copy * daysApart} day`;
    default:
      return column;
  }
}
