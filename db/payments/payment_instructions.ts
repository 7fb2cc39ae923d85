/**
 * What orders that are to be charged are paid with.
 *
 * @module
 */

import type {
  CaptureMoment,
  PaymentInstructions,
} from "../../domain/payment/payment_instructions.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";

/** What orders are paid with, by order id; those that say nothing of it are absent. */
export async function readInstructions(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, PaymentInstructions>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select order_id, method_type, method, customer, description, metadata, capture
    from payment_instructions
    where order_id in (?)`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), toInstructions(row)]));
}

/** The kinds of methods that orders name, by order id. */
export async function readMethodTypes(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, string>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select order_id, method_type
    from payment_instructions
    where order_id in (?) and method_type is not null`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), String(row.method_type)]));
}

/** Writes what orders are paid with, in the place of what was said before; no statement where none says anything. */
export async function writeInstructions(
  tx: Queryable,
  orders: readonly { orderId: number; instructions: PaymentInstructions }[],
): Promise<void> {
  if (orders.length === 0) return;
  const rows = orders.toSorted((a, b) => a.orderId - b.orderId)
    .map(({ orderId, instructions }) => [
      orderId,
      instructions.methodType,
      instructions.method,
      instructions.customer,
      instructions.description,
      instructions.metadata && JSON.stringify(instructions.metadata),
      instructions.capture,
    ]);
  await tx.run(
    `
    insert into payment_instructions
      (order_id, method_type, method, customer, description, metadata, capture)
    select said.order_id, said.method_type, said.method, said.customer, said.description, said.metadata,
      said.capture
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      method_type varchar(32) character set ascii path '$[1]',
      method varchar(255) character set utf8mb4 path '$[2]',
      customer varchar(255) character set utf8mb4 path '$[3]',
      description varchar(500) character set utf8mb4 path '$[4]',
      metadata varchar(8000) character set utf8mb4 path '$[5]',
      capture varchar(8) character set ascii path '$[6]')) said`,
    [JSON.stringify(rows)],
  );
}

/** Forgets what orders were to be paid with. */
export async function deleteInstructions(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.query("delete from payment_instructions where order_id in (?)", [[...orderIds]]);
}

function toInstructions(row: Row): PaymentInstructions {
  return {
    methodType: row.method_type as string | null,
    method: row.method as string | null,
    customer: row.customer as string | null,
    description: row.description as string | null,
    metadata: row.metadata === null ? null : JSON.parse(String(row.metadata)),
    capture: row.capture as CaptureMoment | null,
  };
}
