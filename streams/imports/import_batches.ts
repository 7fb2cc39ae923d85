/**
 * Rows of a file into batches of orders that are taken together.
 *
 * @module
 */

import type { CsvRow } from "../../domain/import/csv_rows.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import {
  type DecideOptions,
  type RejectedRow,
  rejectLargeOrder,
  rowsToATurn,
  type TotalDifference,
} from "../../domain/import/order_csv.ts";
import type { OrderGroup } from "./order_groups.ts";
import type { FormReading, OrderForm } from "./order_form.ts";
import { takeTurns } from "../timing/take_turns.ts";

/** Orders to one transaction, and what was found wrong on the way to them. */
export interface ImportBatch {
  /** Orders that can be taken, each with the rows it was made of and those that were left out of it. */
  orders: { order: IncomingOrder; rows: CsvRow[]; leftOut: RejectedRow[] }[];
  /** Rows for the rejects file, those that were left out not among them. */
  rejected: RejectedRow[];
  /** Orders none of whose rows was taken. */
  ordersRejected: number;
  /** Orders that their source says are over: none of their rows is taken, nor rejected unless they are open here. */
  skipped: SkippedRows[];
  /** Of the rejected orders, those whose total is not the one that the file names. */
  differences: TotalDifference[];
  /** Rows of the file that this batch accounts for. */
  rows: number;
}

/** An order that its source says is over. */
export interface SkippedRows {
  externalOrderId: string;
  /** Why, for people. */
  why: string;
  rows: CsvRow[];
}

/** A batch that was compared with the database. */
export interface WrittenBatch extends ImportBatch {
  /** Orders that their source says are over, and that are open here. */
  open: OpenOrder[];
}

/** See {@linkcode WrittenBatch}. */
export interface OpenOrder extends SkippedRows {
  status: "PENDING" | "RESERVED";
}

/**
 * Limits of a batch. Larger ones are hardly faster (1,000 orders of three items: 86,000 rows/s on one
 * connection to MariaDB 10.11) and keep their locks longer.
 */
export interface BatchLimits {
  orders: number;
  items: number;
  /** Of all kinds, so that a file of bad rows comes in batches as well. */
  rows: number;
}

/** Rows that are decided on before it is looked whether it is others' turn: the clock costs as much as a field. */
const rowsToLook = 32;

const defaultLimits: BatchLimits = { orders: 1_000, items: 4_000, rows: 4_000 };

/**
 * Of a process that serves others meanwhile: while a file of 25 MB is taken it holds 10 MB less by these, of the 256 that a
 * small container has.
 */
export const servedLimits: BatchLimits = { orders: 500, items: 2_000, rows: 2_000 };

/**
 * Of a preview, which writes nothing, so that its batches cost little each: what lives no longer than the rows of two small
 * ones is gone before the garbage collector of a process that serves comes by. Of twice as many orders most were carried
 * over to the old generation, which took a sixth of a preview's processor time.
 */
export const previewLimits: BatchLimits = { orders: 125, items: 500, rows: 500 };

/**
 * Decides order by order and yields batches. All rows of an order are in one batch; a row without an order
 * id belongs to no order.
 */
export async function* importBatches(
  groups: AsyncGenerator<OrderGroup>,
  form: OrderForm,
  options: DecideOptions & { limits?: BatchLimits },
): AsyncGenerator<ImportBatch> {
  const limits = options.limits ?? defaultLimits;
  const large = new Set<string>();
  let batch = emptyBatch();
  let items = 0, rowsSince = 0;

  const reject = (rows: RejectedRow[], orders: number) => {
    for (const row of rows) batch.rejected.push(row);
    batch.ordersRejected += orders;
  };
  const othersTurn = takeTurns();
  const decide = async (rows: CsvRow[]) => {
    const steps = form.steps(rows, options);
    let step = steps.next();
    for (; !step.done; step = steps.next()) await othersTurn();
    return step.value;
  };
  const take = (rows: CsvRow[], reading: FormReading, orders: 0 | 1) => {
    if (reading.kind === "skipped") {
      batch.skipped.push({ externalOrderId: form.idOf(rows[0]!), why: reading.why, rows });
      return;
    }
    if (reading.kind === "rejected") {
      if (reading.difference !== undefined) batch.differences.push(reading.difference);
      return reject(reading.rejected, orders);
    }
    items += reading.order.items.length;
    const { order, rejected: leftOut } = reading;
    batch.orders.push({ order, rows: rowsWithout(rows, leftOut), leftOut });
  };

  for await (const { orders, oversized } of groups) {
    for (const own of orders) {
      const id = form.idOf(own[0]!);
      batch.rows += own.length;
      if (id === "") {
        for (const row of own) take([row], form.decide([row], options), 0);
      } else if (oversized !== undefined) {
        reject(rejectLargeOrder(own, oversized.get(id)!), large.has(id) ? 0 : 1);
        large.add(id);
      } else {
        const isLong = own.length > rowsToATurn;
        take(own, isLong ? await decide(own) : form.decide(own, options), 1);
      }
      if (
        batch.orders.length >= limits.orders || items >= limits.items || batch.rows >= limits.rows
      ) {
        yield batch;
        batch = emptyBatch();
        items = 0;
      }
      rowsSince += own.length;
      if (rowsSince < rowsToLook) continue;
      rowsSince = 0;
      const turn = othersTurn();
      if (turn !== undefined) await turn;
    }
  }
  if (batch.rows > 0) yield batch;
}

function emptyBatch(): ImportBatch {
  return { orders: [], rejected: [], ordersRejected: 0, skipped: [], differences: [], rows: 0 };
}

function rowsWithout(rows: CsvRow[], rejected: readonly RejectedRow[]): CsvRow[] {
  if (rejected.length === 0) return rows;
  const left = new Set(rejected.map(({ line }) => line));
  return rows.filter(({ line }) => !left.has(line));
}
