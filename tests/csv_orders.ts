/**
 * Import files for tests, and the books that came of them.
 *
 * @module
 */

import type { Queryable } from "../db/connection/database.ts";
import { type ImportColumn, importColumns, termColumns } from "../domain/import/csv_rows.ts";
import { csvLine } from "../domain/import/csv_text.ts";

/** A row of an import file; what is not given is the same everywhere, and of what a file may be without nothing. */
export type CsvOrderRow = Partial<Record<ImportColumn, string | number>>;

/** Fields of a row in the order of the documentation. */
export function csvOrderFields(row: CsvOrderRow, columns = importColumns): string[] {
  const customer = row.customer_id ?? "customer";
  const sku = row.product_sku ?? "sku";
  const full: CsvOrderRow = {
    external_order_id: "order",
    order_placed_at: "2010-12-01 08:26:00",
    currency: "EUR",
    customer_id: customer,
    customer_email: `${customer}@example.com`,
    customer_name: `Customer ${customer}`,
    product_sku: sku,
    product_name: `Product ${sku}`,
    unit_price_cents: 100,
    qty: 2,
    ...row,
  };
  return columns.map((column) => String(full[column] ?? ""));
}

/** A whole file, header included; it has those columns that it may be without of which one of the rows says something. */
export function csvOf(rows: readonly CsvOrderRow[]): string {
  const terms = termColumns.filter((column) => rows.some((row) => row[column] !== undefined));
  const columns = [...importColumns, ...terms];
  return [columns, ...rows.map((row) => csvOrderFields(row, columns))]
    .map((fields) => csvLine(fields)).join("");
}

/** Orders of one to five rows; names, prices and addresses change from order to order. */
export function manyRows(orders: number): CsvOrderRow[] {
  return Array.from(
    { length: orders },
    (_, order) =>
      Array.from({ length: 1 + order % 5 }, (_, item): CsvOrderRow => ({
        external_order_id: `order-${order}`,
        order_placed_at: `2010-12-${String(1 + order % 28).padStart(2, "0")} 08:26:00`,
        customer_id: `customer-${order % 40}`,
        customer_email: `${order}@example.com`,
        product_sku: `sku-${(order * 7 + item * 3) % 50}`,
        product_name: `Name ${order % 11} ${item % 2}`,
        unit_price_cents: 100 + order % 13,
        qty: 1 + item,
      })),
  ).flat();
}

/** Text or bytes as the source of an import. */
export function sourceOf(content: string | Uint8Array): ReadableStream<Uint8Array> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return ReadableStream.from([bytes]);
}

/**
 * All that an import writes, without database ids and times of writing: two imports that came to the same
 * have equal books.
 */
export async function booksOf(db: Queryable): Promise<Record<string, unknown[]>> {
  const rows = async (sql: string) =>
    (await db.query(sql)).map((row) => Object.values(row).join("|"));
  return {
    customers: await rows(
      "select external_id, email, name from customers order by external_id",
    ),
    products: await rows(
      "select sku, name, price_cents, stock_qty, received_qty from products order by sku",
    ),
    orders: await rows(
      `select o.external_order_id, c.external_id, o.status, o.currency, o.total_cents, o.placed_at,
         lower(hex(o.content_hash)), o.recipient_name, o.recipient_email, o.payment_status,
         o.language
       from orders o join customers c on c.id = o.customer_id
       order by o.external_order_id`,
    ),
    items: await rows(
      `select o.external_order_id, p.sku, i.unit_price_cents, i.qty, i.subtotal_cents
       from order_items i join orders o on o.id = i.order_id join products p on p.id = i.product_id
       order by o.external_order_id, p.sku, i.unit_price_cents, i.qty`,
    ),
    adjustments: await rows(
      `select o.external_order_id, a.kind, a.label, a.amount_cents, a.included
       from order_adjustments a join orders o on o.id = a.order_id
       order by o.external_order_id, a.kind, a.amount_cents, a.id`,
    ),
    payments: await rows(
      `select o.external_order_id, p.provider, p.reference, p.paid_at
       from source_payments p join orders o on o.id = p.order_id
       order by o.external_order_id`,
    ),
    events: await rows(
      `select o.external_order_id, e.event
       from order_events e join orders o on o.id = e.order_id
       order by o.external_order_id, e.id`,
    ),
  };
}
