/**
 * What is done about discrepancies: actions proposed, approved and dropped, and how discrepancies end. A step of an action that a
 * crash cut short is taken again by whoever carries the action out next, so each says of which approval it is.
 *
 * @module
 */

import { storedTime } from "../../domain/database_time.ts";
import type { DiscrepancyAction } from "../../domain/reconciliation/discrepancy.ts";
import type { Queryable } from "../connection/database.ts";
import type { DiscrepancyRow } from "./discrepancies.ts";

/** Proposes what is to be done about an open discrepancy, in the place of what was proposed before and not approved. */
export async function proposeAction(
  tx: Queryable,
  { id, action, note, by }: {
    id: number;
    action: DiscrepancyAction;
    note: string | null;
    by: string;
  },
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set action = ?, note = ?, proposed_by = ?, proposed_at = current_timestamp(6), answer = null
    where id = ? and state = 'OPEN' and approved_at is null`,
    [action, note, by, id],
  );
  return affectedRows === 1;
}

/** Approves what was proposed: it may be carried out from then on. */
export async function approveAction(
  tx: Queryable,
  { id, action, by, mendKey }: {
    id: number;
    action: DiscrepancyAction;
    by: string;
    mendKey: string | null;
  },
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set approved_by = ?, approved_at = current_timestamp(6), mend_key = ?
    where id = ? and state = 'OPEN' and approved_at is null and action = ?`,
    [by, mendKey, id, action],
  );
  return affectedRows === 1;
}

/**
 * Drops an approved action that came to nothing, with why: nothing is proposed any more, and it or another one can be. What was
 * approved since is not dropped by who comes late.
 *
 * @param of.approvedAt when the action was approved that came to nothing
 * @param refusedKey the last key under which its provider has refused to give it back, which stays known: approved again it needs
 * another one. What is another discrepancy's key stays with that one
 */
export async function dropAction(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  answer: string,
  refusedKey: string | null = null,
): Promise<void> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set answer = ?, action = null, note = null, proposed_by = null, proposed_at = null, approved_by = null,
      approved_at = null,
      mend_key = if(exists (
        select 1 from (select id from discrepancies where mend_key = ?) taken where taken.id <> discrepancies.id), null, ?)
    where id = ? and state = 'OPEN' and approved_at = ?`,
    [answer, refusedKey, refusedKey, id, storedTime(approvedAt)],
  );
  // What was mended meanwhile keeps what it was mended by.
  if (affectedRows === 0) return;
  await tx.run("delete from discrepancy_mends where discrepancy_id = ?", [id]);
}

/** Takes the action back by which money came on record that differs still: done again it would be on record twice. */
export async function forgetRecording(tx: Queryable, id: number): Promise<void> {
  await tx.run(
    `
    update discrepancies
    set action = null, note = null, proposed_by = null, proposed_at = null, approved_by = null, approved_at = null
    where id = ? and state = 'OPEN' and action = 'record'`,
    [id],
  );
}

/** Notes how far an approved action is; nothing where that was dropped, and something approved anew, by who comes late. */
export async function noteAnswer(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  answer: string,
): Promise<void> {
  await tx.run(
    `
    update discrepancies
    set answer = ?
    where id = ? and state = 'OPEN' and approved_at = ? and coalesce(answer, '') <> ?`,
    [answer, id, storedTime(approvedAt), answer],
  );
}

/**
 * Ends a discrepancy by what was approved about it; nothing where that was dropped, and something approved anew, while a process
 * that carries it out stood still: what it has found out may not be true any more.
 *
 * @returns whether it was this that ended it
 */
export async function endByAction(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  state: "EXPLAINED" | "MENDED",
  answer: string,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set state = ?, ended_at = current_timestamp(6), answer = ?
    where id = ? and state = 'OPEN' and approved_at = ?`,
    [state, answer, id, storedTime(approvedAt)],
  );
  return affectedRows === 1;
}

/**
 * Ends an open discrepancy.
 *
 * @returns false where it was ended before
 */
export async function endDiscrepancy(
  tx: Queryable,
  id: number,
  state: "EXPLAINED" | "MENDED",
  answer: string | null,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set state = ?, ended_at = current_timestamp(6), answer = coalesce(?, answer)
    where id = ? and state = 'OPEN'`,
    [state, answer, id],
  );
  return affectedRows === 1;
}

/**
 * Ends an open discrepancy that our books or reports have come to agree about, whatever was being done about it. What was to go back
 * directly is forgotten: made after all, it is a refund of what is on record by now, and has to be found as that.
 *
 * @returns false where it was ended before
 */
export async function endAgreed(tx: Queryable, id: number, answer: string): Promise<boolean> {
  if (!await endDiscrepancy(tx, id, "MENDED", answer)) return false;
  await tx.run("update discrepancies set mend_key = null where id = ? and mend_key is not null", [
    id,
  ]);
  await tx.run("delete from discrepancy_mends where discrepancy_id = ?", [id]);
  return true;
}

/**
 * Ends discrepancies as mended, all of them or, where one was ended or approved meanwhile, none.
 *
 * @param ids each once
 * @returns how many were ended
 */
export async function endTogether(
  tx: Queryable,
  ids: readonly number[],
  answer: string,
): Promise<number> {
  const rows = await tx.query(
    `
    select id from discrepancies force index (primary)
    where id in (?) and state = 'OPEN' and approved_at is null
    order by id
    for update`,
    [ids.toSorted((a, b) => a - b)],
  );
  if (rows.length < ids.length) return 0;
  for (const id of ids) await endDiscrepancy(tx, id, "MENDED", answer);
  return ids.length;
}
