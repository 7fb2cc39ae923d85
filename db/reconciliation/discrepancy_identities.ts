/**
 * By what discrepancies are known again, and what changes of it once more is known: which line is the first of its name, what came on
 * record since, what is told otherwise later.
 *
 * @module
 */

import { storedTime } from "../../domain/database_time.ts";
import type { DiscrepancyKind } from "../../domain/reconciliation/discrepancy.ts";
import type { Queryable } from "../connection/database.ts";
import { type DiscrepancyRow, shown, toDiscrepancy } from "./discrepancies.ts";
import { agreedLater, comesTogether } from "./ending_answers.ts";
import type { FoundDiscrepancy } from "./found_discrepancies.ts";

/** By what a discrepancy is known that may be found anew. */
export const anotherIdentity =
  "unhex(left(sha2(concat(hex(discrepancies.identity), ' ', discrepancies.id), 256), 32))";

/**
 * Has discrepancies of which reports had come to agree be known by other names, where a later report than the one that they are of
 * tells otherwise once more: that is found anew.
 */
export async function setAsideAgreed(
  tx: Queryable,
  reconciliationId: number,
  found: readonly FoundDiscrepancy[],
): Promise<void> {
  if (found.length === 0) return;
  await tx.run(
    `
    update discrepancies
    join json_table(?, '$[*]' columns (identity char(32) character set ascii path '$')) line
      on discrepancies.identity = unhex(line.identity)
    set discrepancies.identity = ${anotherIdentity}
    where discrepancies.state = 'MENDED' and discrepancies.answer = ? and discrepancies.reconciliation_id < ?`,
    [JSON.stringify(found.map(({ identity }) => identity)), agreedLater, reconciliationId],
  );
}

/**
 * Names charges as payments are named that came on record since: of several names that a line has for its charge, a discrepancy of
 * nothing of ours keeps the first.
 *
 * @param named by the identities of such discrepancies, in hexadecimal; null leaves the name as it is
 * @returns those that there are, ended ones among them
 */
export async function nameCharges(
  db: Queryable,
  named: readonly { identity: string; chargeRef: string | null }[],
): Promise<DiscrepancyRow[]> {
  if (named.length === 0) return [];
  const given = `json_table(?, '$[*]' columns (
      identity char(32) character set ascii path '$[0]', charge_ref varchar(128) character set utf8mb4 path '$[1]')) given`;
  const values = [JSON.stringify(named.map(({ identity, chargeRef }) => [identity, chargeRef]))];
  await db.run(
    `
    update discrepancies join ${given} on discrepancies.identity = unhex(given.identity)
    set discrepancies.charge_ref = coalesce(given.charge_ref, discrepancies.charge_ref)
    where discrepancies.part is not null`,
    values,
  );
  const rows = await db.query(
    `
    select ${shown} from discrepancies
    where identity in (select unhex(given.identity) from ${given}) and part is not null
    order by id`,
    values,
  );
  return rows.map(toDiscrepancy);
}

/**
 * Has a discrepancy of a line that was one too many be one of the first line of its name, because there is none before it any more: of
 * what is open nothing is proposed then that is not under way, and what was given back stays so. What a person has explained, and what
 * reports had come to agree about, stays what it was.
 *
 * @param before the identity of the one, in hexadecimal
 * @param found the other one; it is known as that where nothing else is
 */
export async function noteFirst(
  tx: Queryable,
  before: string,
  { kind, identity, part }: Pick<FoundDiscrepancy, "kind" | "identity" | "part">,
): Promise<void> {
  const isDropped = "approved_at is null and state = 'OPEN'";
  await tx.run(
    `
    update discrepancies
    set kind = ?, part = unhex(?), action = if(${isDropped}, null, action), note = if(${isDropped}, null, note),
      proposed_by = if(${isDropped}, null, proposed_by), proposed_at = if(${isDropped}, null, proposed_at),
      answer = if(${isDropped}, null, answer),
      identity = if(exists (
        select 1 from (select 1 from discrepancies where identity = unhex(?)) taken), identity, unhex(?))
    where identity = unhex(?)
      and (state = 'OPEN' or (state = 'MENDED' and coalesce(answer, '') not in (?, ?)))`,
    [kind, part, identity, identity, before, agreedLater, comesTogether],
  );
}

/**
 * Notes what is known by now of a discrepancy that was about nothing of ours. It is known again as one of ours from then on, where
 * no other one is, and as of nothing of ours no more: its line may come to be that again.
 *
 * @param of.approvedAt when what is being done about it was approved, as it was looked at
 * @returns false, and nothing is noted, where it was ended or something approved anew meanwhile: it is to be looked at again
 */
export async function noteOurs(
  tx: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  { kind, identity, orderId, paymentId, refundId, ourCents, ourCurrency }: {
    kind: DiscrepancyKind;
    identity: string;
    orderId: number;
    paymentId: number | null;
    refundId: number | null;
    ourCents: number;
    ourCurrency: string;
  },
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update discrepancies
    set kind = ?, order_id = nullif(?, 0), payment_id = ?, refund_id = ?, our_cents = ?, our_currency = ?, part = null,
      identity = if(exists (
        select 1 from (select 1 from discrepancies where identity = unhex(?) and id <> ?) taken), ${anotherIdentity}, unhex(?))
    where id = ? and state = 'OPEN' and approved_at <=> ?`,
    [
      kind,
      orderId,
      paymentId,
      refundId,
      ourCents,
      ourCurrency,
      identity,
      id,
      identity,
      id,
      storedTime(approvedAt),
    ],
  );
  return affectedRows === 1;
}

/**
 * Some of a provider's discrepancies of a kind, by their ids, of charges that were of nothing when a report told of them, and that
 * somebody has ended since.
 */
export async function listEndedStrangers(
  db: Queryable,
  provider: string,
  { kind, afterId, limit }: {
    kind: "missing_with_us" | "twice";
    afterId: number;
    limit: number;
  },
): Promise<DiscrepancyRow[]> {
  const rows = await db.query(
    `
    select ${shown}
    from discrepancies force index (discrepancies_kind)
    where kind = ? and id > ? and provider = ? and unended is null and movement = 'charge'
      and part is not null and charge_ref is not null
    order by id
    limit ?`,
    [kind, afterId, provider, limit],
  );
  return rows.map(toDiscrepancy);
}

/** Notes of such a discrepancy that its charge is on record by now. What became of it stays. */
export async function noteNoStranger(tx: Queryable, id: number): Promise<void> {
  await tx.run("update discrepancies set part = null where id = ? and state <> 'OPEN'", [id]);
}
