/**
 * Statements by which somebody else approves a report.
 *
 * @module
 */

import type { Queryable } from "../connection/database.ts";

/** Notes that somebody else has approved a report; its fees and payouts are to be booked. */
export async function noteReportApproved(tx: Queryable, id: number, by: string): Promise<void> {
  await tx.run(
    `
    update reconciliations set fees_wait = 2, approved_by = ?, approved_at = current_timestamp(6)
    where id = ? and fees_wait = 1`,
    [by, id],
  );
}

/** What was approved is booked. */
export async function noteReportBooked(db: Queryable, id: number): Promise<void> {
  await db.run("update reconciliations set fees_wait = 0 where id = ? and fees_wait = 2", [id]);
}
