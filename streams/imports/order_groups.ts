/**
 * Brings the rows of a file's orders together, in memory as they come where they stand together, and else by the store.
 *
 * @module
 */

import type { CsvRow } from "../../domain/import/csv_rows.ts";
import { takeTurns } from "../timing/take_turns.ts";
import type { TrackedOrders } from "./order_tracker.ts";
import type { RowStore } from "./row_store.ts";

/** Rows of some orders. */
export interface OrderGroup {
  /**
   * The rows of each order in the order of the file; rows without an order id, which have no item either, come one
   * by one or together.
   */
  orders: CsvRow[][];
  /**
   * The rows are of orders with too many of them, and not all of their rows: for each order the line that is the first
   * too much. Undefined for whole orders.
   */
  oversized?: ReadonlyMap<string, number>;
}

/** See {@linkcode groupRows}. */
export interface RowGrouping {
  /**
   * Says whose row comes next: the order before it is complete where that is another.
   *
   * @param id of its order; "" for none
   * @returns true for a row that belongs into the store, false for one that is to be given to `keep`
   */
  next(id: string): boolean;
  /** Takes the row that was announced. */
  keep(row: CsvRow): void;
  /** Gives what is complete since it was asked before, and what there is of orders with too many rows. */
  complete(): Generator<OrderGroup>;
  /** Gives what is left once no row comes any more. */
  end(): Generator<OrderGroup>;
}

/** Rows of an order whose room the next ones use again. */
const keptRoom = 32;

/**
 * Puts rows that stand together to their orders.
 *
 * In most files the rows of an order stand together, and then an order is complete as soon as the next one begins.
 * Which orders are scattered is known; only their rows belong into the store.
 */
export function groupRows({ scattered, oversized }: TrackedOrders): RowGrouping {
  let orders: CsvRow[][] = [];
  let parts: CsvRow[][] = [];
  let current: CsvRow[] = [];
  let count = 0;
  let currentId: string | undefined;
  let isScattered = false;
  let isOversized = false;
  const endOrder = () => {
    if (count === 0) return;
    // An array that grew has room for seventeen, and each lives as long as its batch.
    (isOversized ? parts : orders).push(current.slice(0, count));
    count = 0;
    if (current.length > keptRoom) current = [];
  };
  function* give(): Generator<OrderGroup> {
    if (orders.length > 0) yield { orders };
    if (parts.length > 0) yield { orders: parts, oversized };
    orders = [];
    parts = [];
  }
  return {
    next(id) {
      if (id !== currentId || id === "") {
        endOrder();
        currentId = id;
        isScattered = id !== "" && scattered.has(id);
        isOversized = oversized.size > 0 && oversized.has(id);
      }
      return isScattered && !isOversized;
    },
    keep(row) {
      // Nobody decides on an order that is too large.
      if (isOversized) row.release?.();
      current[count++] = row;
    },
    complete() {
      if (isOversized) endOrder();
      return give();
    },
    end() {
      endOrder();
      return give();
    },
  };
}

/** Gives back the rows of scattered orders, once all of them are in the store. */
export async function* gatheredOrders(
  store: RowStore,
  idOf: (row: CsvRow) => string,
  signal: AbortSignal | undefined,
): AsyncGenerator<OrderGroup> {
  const othersTurn = takeTurns();
  for (const group of store.groups()) {
    if (group !== null) {
      const { rows, oversized } = group;
      const orders = byOrder(rows, idOf);
      yield oversized === undefined ? { orders } : { orders, oversized };
    }
    await othersTurn();
    signal?.throwIfAborted();
  }
}

/** The rows of each order, orders by their first rows. */
function byOrder(rows: readonly CsvRow[], idOf: (row: CsvRow) => string): CsvRow[][] {
  const orders = new Map<string, CsvRow[]>();
  for (const row of rows) {
    const id = idOf(row);
    const own = orders.get(id);
    if (own === undefined) orders.set(id, [row]);
    else own.push(row);
  }
  return [...orders.values()];
}
