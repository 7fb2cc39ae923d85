/**
 * The timeline of a product: what was changed by hand and what refunds brought back, as it was written down, and what
 * orders reserved and released, as they say themselves.
 *
 * @module
 */

import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { readEverywhere } from "../archive/archived_tables.ts";

/** A step in a product's timeline. */
export interface ProductMovement {
  /** ISO 8601. */
  at: string;
  kind: "received" | "corrected" | "returned" | "reserved" | "released";
  /** By how many the available units changed. */
  qty: number;
  /** How many were available afterwards; null of a step of an order, which does not say. */
  stockQty: number | null;
  orderId: number | null;
  refundId: number | null;
  /** Null where nobody has written it down. */
  actor: string | null;
  detail: string | null;
}

/** Where a page of a timeline begins: at rows below these ids. */
export interface MovementPlace {
  beforeMovement: number;
  beforeItem: number;
}

/** Where a timeline begins. */
export const latestMovements: MovementPlace = {
  beforeMovement: Number.MAX_SAFE_INTEGER,
  beforeItem: Number.MAX_SAFE_INTEGER,
};

/** A page of a timeline. */
export interface MovementPage {
  movements: ProductMovement[];
  /** Where the next page begins; undefined where nothing more follows. */
  next: MovementPlace | undefined;
}

/** A row of either table, and the steps that it comes to. */
interface Source {
  from: "movement" | "item";
  id: number;
  /** When it was written, as the database has it. */
  writtenAt: string;
  steps: ProductMovement[];
}

/**
 * A page of a product's timeline, the latest first. It walks down the movements and the items of the product by their
 * ids and takes whichever was written later, so that a page costs no more for a product of a million orders. The steps
 * of an order stand where the order came in, those of one page by their times; an order that gave its units back is two
 * steps, and one that has none yet is none, so a page may have more or fewer steps than `limit`.
 */
export async function listMovements(
  db: Queryable,
  productId: number,
  { place, limit }: { place: MovementPlace; limit: number },
): Promise<MovementPage> {
  const [movements, items] = await Promise.all([
    readMovements(db, productId, place.beforeMovement, limit + 1),
    readItems(db, productId, place.beforeItem, limit + 1),
  ]);
  const taken = latestOf(movements, items, limit);
  const below = (from: Source["from"], before: number) =>
    taken.findLast((source) => source.from === from)?.id ?? before;
  return {
    movements: taken.flatMap(({ steps }) => steps)
      .sort((a, b) => a.at < b.at ? 1 : a.at > b.at ? -1 : 0),
    next: movements.length + items.length <= limit ? undefined : {
      beforeMovement: below("movement", place.beforeMovement),
      beforeItem: below("item", place.beforeItem),
    },
  };
}

/** The first rows of both, each in its own order, which is that of its ids: none may be passed over. */
function latestOf(movements: readonly Source[], items: readonly Source[], limit: number): Source[] {
  const taken: Source[] = [];
  for (let movement = 0, item = 0; taken.length < limit;) {
    const a = movements[movement];
    const b = items[item];
    if (a === undefined && b === undefined) break;
    const isMovement = b === undefined || (a !== undefined && a.writtenAt >= b.writtenAt);
    taken.push(isMovement ? movements[movement++]! : items[item++]!);
  }
  return taken;
}

async function readMovements(
  db: Queryable,
  productId: number,
  beforeId: number,
  limit: number,
): Promise<Source[]> {
  const rows = await db.query(
    `
    select id, kind, qty, stock_qty, order_id, refund_id, actor, detail, created_at
    from stock_movements force index (stock_movements_product)
    where product_id = ? and id < ?
    order by id desc
    limit ?`,
    [productId, beforeId, limit],
  );
  return rows.map((row) => ({
    from: "movement",
    id: toInteger(row.id),
    writtenAt: toIsoTime(row.created_at)!,
    steps: [{
      at: toIsoTime(row.created_at)!,
      kind: row.kind as ProductMovement["kind"],
      qty: toInteger(row.qty),
      stockQty: toInteger(row.stock_qty),
      orderId: row.order_id === null ? null : toInteger(row.order_id),
      refundId: row.refund_id === null ? null : toInteger(row.refund_id),
      actor: String(row.actor),
      detail: row.detail === null ? null : String(row.detail),
    }],
  }));
}

async function readItems(
  db: Queryable,
  productId: number,
  beforeId: number,
  limit: number,
): Promise<Source[]> {
  const rows = await readEverywhere(
    db,
    `
    select order_items.id, order_items.order_id, order_items.qty, order_items.created_at,
      orders.status, orders.reserved_at, orders.settled_at
    from order_items force index (order_items_product)
    straight_join orders on orders.id = order_items.order_id
    where order_items.product_id = ? and order_items.id < ?
    order by order_items.id desc
    limit ?`,
    [productId, beforeId, limit],
    `order by id desc limit ${Number(limit)}`,
  );
  const actors = await readActors(db, [...new Set(rows.map((row) => toInteger(row.order_id)))]);
  return rows.map((row) => ({
    from: "item",
    id: toInteger(row.id),
    writtenAt: toIsoTime(row.created_at)!,
    steps: stepsOf(row, actors.get(toInteger(row.order_id)) ?? {}),
  }));
}

/** Who reserved for orders and who ended them, as their own timelines say. */
type Actors = Partial<Record<"reserved" | "failed" | "cancelled", string>>;

async function readActors(db: Queryable, orderIds: number[]): Promise<Map<number, Actors>> {
  const actors = new Map<number, Actors>();
  if (orderIds.length === 0) return actors;
  const rows = await readEverywhere(
    db,
    `
    select id, order_id, event, actor
    from order_events force index (order_events_order)
    where order_id in (?) and event in ('reserved', 'failed', 'cancelled')`,
    [orderIds],
    "order by id",
  );
  for (const row of rows) {
    const orderId = toInteger(row.order_id);
    const own = actors.get(orderId) ?? {};
    own[row.event as keyof Actors] = String(row.actor);
    actors.set(orderId, own);
  }
  return actors;
}

/** What an order that reserved did with the units, and what one that failed or was cancelled gave back. */
function stepsOf(row: Row, actors: Actors): ProductMovement[] {
  const reservedAt = toIsoTime(row.reserved_at);
  if (reservedAt === null) return [];
  const { status } = row;
  const qty = toInteger(row.qty);
  const step = (kind: "reserved" | "released", at: string, actor: string | undefined) => ({
    at,
    kind,
    qty: kind === "reserved" ? -qty : qty,
    stockQty: null,
    orderId: toInteger(row.order_id),
    refundId: null,
    actor: actor ?? null,
    detail: null,
  });
  const reserved = step("reserved", reservedAt, actors.reserved);
  if (status !== "FAILED" && status !== "CANCELLED") return [reserved];
  const ended = status === "FAILED" ? actors.failed : actors.cancelled;
  return [step("released", toIsoTime(row.settled_at)!, ended), reserved];
}
