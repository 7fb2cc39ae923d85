/**
 * Deleting what is older than it is kept, in small pieces: none holds up anybody for long.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** Rows that are looked at by one statement. */
const pageRows = 1_000;

/** Pieces of rejects files that one statement deletes: each is up to a megabyte. */
const rejectsPieces = 20;

/** What one step did. */
export interface PurgeStep {
  /** Where the next one goes on; undefined where nothing is left that is old enough. */
  afterId: number | undefined;
  /** Rows that were deleted. */
  deleted: number;
}

/** A kind of rows that are deleted once they are old. */
export type PurgeKind = keyof typeof purges;

/**
 * What is old, each in the order of ids: `is_old` tells by age, `is_over` whether nobody needs it any more.
 */
const purges = {
  rejects: {
    // Files that somebody still brings or has brought in vain are not old yet.
    pages: "select id, finished_at < ? as is_old, status <> 'RUNNING' as is_over from imports",
  },
  stock_rejects: {
    pages:
      "select id, finished_at < ? as is_old, finished_at is not null as is_over from stock_files",
  },
  attempts: {
    // What waits to be sent, or was given up and may be sent again, keeps its tries.
    pages: `select notification_attempts.id, notification_attempts.attempted_at < ? as is_old,
        notification_deliveries.notification_log_id is null as is_over
      from notification_attempts
      left join notification_deliveries
        on notification_deliveries.notification_log_id = notification_attempts.notification_log_id`,
  },
  webhooks: {
    // What was given up as well: by then nobody waits for it, and the feed has it.
    pages: `select id, created_at < ? as is_old, status <> 'WAITING' as is_over
      from webhook_deliveries`,
  },
  archived_attempts: {
    // Nothing that is archived waits to be sent.
    pages:
      "select id, attempted_at < ? as is_old, 1 as is_over from archived_notification_attempts",
  },
  dead_letters: {
    // Of an order that is not settled, or whose money is not, nothing is deleted.
    pages: `select dead_letters.id, dead_letters.resolved_at < ? as is_old,
        dead_letters.status <> 'DEAD'
        and not exists (select 1 from orders where orders.id = dead_letters.order_id and orders.unfinished = 1)
        and not exists (
          select 1 from refunds where refunds.order_id = dead_letters.order_id and refunds.unfinished = 1)
        and not exists (select 1 from payment_disputes where payment_disputes.order_id = dead_letters.order_id)
        and not exists (select 1 from refunds_by_hand where refunds_by_hand.order_id = dead_letters.order_id)
        and not exists (
          select 1 from money_given_twice
          where money_given_twice.order_id = dead_letters.order_id and money_given_twice.ended_as is null)
        as is_over
      from dead_letters`,
  },
  audit: { pages: "select id, created_at < ? as is_old, 1 as is_over from audit_log" },
} as const;

const tables: Readonly<Record<PurgeKind, string>> = {
  rejects: "imports",
  stock_rejects: "stock_files",
  attempts: "notification_attempts",
  webhooks: "webhook_deliveries",
  archived_attempts: "archived_notification_attempts",
  dead_letters: "dead_letters",
  audit: "audit_log",
};

/** Kinds whose rows get old in the order of their ids: behind a page of young ones there are no old ones. */
const inOrderOfAge: ReadonlySet<PurgeKind> = new Set([
  "attempts",
  "archived_attempts",
  "webhooks",
  "audit",
]);

/** All kinds. */
export const purgeKinds = Object.keys(purges) as PurgeKind[];

/**
 * Deletes the next rows of a kind that are older than a moment and that nobody needs.
 *
 * @param before UTC, `YYYY-MM-DD HH:MM:SS`
 * @param afterId 0 for the start
 */
export async function purgeNext(
  db: Queryable,
  kind: PurgeKind,
  before: string,
  afterId: number,
): Promise<PurgeStep> {
  const id = `${tables[kind]}.id`;
  const rows = await db.query(
    `${purges[kind].pages} where ${id} > ? order by ${id} limit ${pageRows}`,
    [before, afterId],
  );
  const old = rows.filter((row) => row.is_old !== null && toInteger(row.is_old) === 1);
  const ids = old.filter((row) => toInteger(row.is_over) === 1).map((row) => toInteger(row.id));
  const deleted = ids.length === 0 ? 0 : await deleteOf(db, kind, ids);
  const isLast = rows.length < pageRows || (old.length === 0 && inOrderOfAge.has(kind));
  return { afterId: isLast ? undefined : toInteger(rows.at(-1)!.id), deleted };
}

/** So many days before now by the database's clock, UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
export async function daysAgo(db: Queryable, days: number): Promise<string> {
  const [row] = await db.execute("select current_timestamp(6) - interval ? day as moment", [days]);
  return String(row!.moment);
}

async function deleteOf(
  db: Queryable,
  kind: PurgeKind,
  ids: readonly number[],
): Promise<number> {
  switch (kind) {
    case "rejects":
      return await deleteRejectsOf(db, ids);
    case "stock_rejects":
      return await deleteIn(db, "delete from stock_file_rejects where stock_file_id in (?)", ids);
    case "attempts":
      return await deleteIn(db, "delete from notification_attempts where id in (?)", ids);
    case "webhooks":
      return await deleteIn(
        db,
        "delete from webhook_deliveries where id in (?) and status <> 'WAITING'",
        ids,
      );
    case "archived_attempts":
      return await deleteIn(db, "delete from archived_notification_attempts where id in (?)", ids);
    case "dead_letters":
      // Whoever decided about one meanwhile has decided about another state.
      return await deleteIn(
        db,
        "delete from dead_letters where id in (?) and status <> 'DEAD'",
        ids,
      );
    case "audit":
      return await deleteIn(db, "delete from audit_log where id in (?)", ids);
  }
}

async function deleteIn(db: Queryable, sql: string, ids: readonly number[]): Promise<number> {
  return (await db.runText(sql, [[...ids]])).affectedRows;
}

async function deleteRejectsOf(db: Queryable, importIds: readonly number[]): Promise<number> {
  for (let deleted = 0;;) {
    const { affectedRows } = await db.runText(
      `delete from import_rejects where import_id in (?) limit ${rejectsPieces}`,
      [[...importIds]],
    );
    deleted += affectedRows;
    if (affectedRows < rejectsPieces) return deleted;
  }
}
