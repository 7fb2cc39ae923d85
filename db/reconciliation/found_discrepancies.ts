/**
 * Discrepancies that a report brings to light, written down.
 *
 * @module
 */

import type { DiscrepancyKind, MovementKind } from "../../domain/reconciliation/discrepancy.ts";
import type { Queryable, Value } from "../connection/database.ts";
import { insertOnce } from "../connection/insert_once.ts";

/** A discrepancy that was found. Times are UTC, as the database has them. */
export interface FoundDiscrepancy {
  reconciliationId: number;
  provider: string;
  kind: DiscrepancyKind;
  /** Digest of what it is about, in hexadecimal: found again it is the same one. */
  identity: string;
  /** The reconciled day that it belongs to, `YYYY-MM-DD`. */
  day: string;
  movement: MovementKind;
  /** Of a movement that is of nothing of ours: digest of its name, in hexadecimal. */
  part: string | null;
  orderId: number | null;
  paymentId: number | null;
  refundId: number | null;
  reference: string | null;
  chargeRef: string | null;
  refundRef: string | null;
  movementKey: string | null;
  /** The report's own id of the line. */
  entry: string | null;
  theirCents: number | null;
  theirCurrency: string | null;
  theirFeeCents: number | null;
  theirNetCents: number | null;
  theirTime: string | null;
  ourCents: number | null;
  ourCurrency: string | null;
  ourTime: string | null;
  /** How the balance changed by it, before fees; of what was found before it was kept, null. */
  theirGrossCents: number | null;
  /** Of gross, fees and net. */
  settledCurrency: string | null;
  /** Where a fee differs: what was told before. */
  ourFeeCents: number | null;
  /** What came out by that, or what gross and fee come to. */
  ourNetCents: number | null;
}

const columns = [
  "reconciliation_id",
  "provider",
  "kind",
  "identity",
  "day",
  "movement",
  "part",
  "order_id",
  "payment_id",
  "refund_id",
  "reference",
  "charge_ref",
  "refund_ref",
  "movement_key",
  "entry",
  "their_cents",
  "their_currency",
  "their_fee_cents",
  "their_net_cents",
  "their_time",
  "our_cents",
  "our_currency",
  "our_time",
  "their_gross_cents",
  "settled_currency",
  "our_fee_cents",
  "our_net_cents",
];

/** Rows to a statement. */
const rowsAtOnce = 500;

/**
 * Writes discrepancies down; one that is known, whatever became of it, stays as it is.
 *
 * @returns how many are new
 */
export async function insertDiscrepancies(
  tx: Queryable,
  found: readonly FoundDiscrepancy[],
): Promise<number> {
  let count = 0;
  const known = [...new Map(found.map((one) => [one.identity, one])).values()];
  for (let from = 0; from < known.length; from += rowsAtOnce) {
    const rows = known.slice(from, from + rowsAtOnce);
    const { inserted } = await insertOnce(tx, {
      sql: `
        insert into discrepancies (${columns.join(", ")})
        select line.reconciliation_id, line.provider, line.kind, unhex(line.identity), line.day, line.movement,
          unhex(line.part), ${columns.slice(7).map((column) => `line.${column}`).join(", ")}
        from ${foundTable}
        where 1 = 1`,
      isNew:
        "not exists (select 1 from discrepancies known where known.identity = unhex(line.identity))",
      order: "order by line.place",
      values: [JSON.stringify(rows.map(valuesOf))],
    });
    count += inserted;
  }
  return count;
}

/**
 * Writes down once more what was found, as another report's and open.
 *
 * @returns its id
 */
export async function openAnew(
  tx: Queryable,
  id: number,
  { reconciliationId, identity }: { reconciliationId: number; identity: string },
): Promise<number> {
  const same = columns.filter((column) => column !== "reconciliation_id" && column !== "identity");
  const { insertId } = await tx.run(
    `
    insert into discrepancies (reconciliation_id, identity, ${same.join(", ")})
    select ?, unhex(?), ${same.join(", ")} from discrepancies where id = ?`,
    [reconciliationId, identity, id],
  );
  return insertId;
}

/** Which of some identities are of discrepancies that were found, whatever became of these. */
export async function readFoundIdentities(
  db: Queryable,
  identities: readonly string[],
): Promise<Set<string>> {
  if (identities.length === 0) return new Set();
  const rows = await db.query(
    `
    select lower(hex(discrepancies.identity)) as identity
    from json_table(?, '$[*]' columns (identity char(32) character set ascii path '$')) line
    straight_join discrepancies on discrepancies.identity = unhex(line.identity)`,
    [JSON.stringify(identities)],
  );
  return new Set(rows.map(({ identity }) => String(identity)));
}

const ascii = "character set ascii";

const text = "character set utf8mb4";

const foundTable = `json_table(?, '$[*]' columns (
  place for ordinality,
  reconciliation_id bigint unsigned path '$[0]',
  provider varchar(32) ${ascii} path '$[1]',
  kind varchar(32) ${ascii} path '$[2]',
  identity char(32) ${ascii} path '$[3]',
  day date path '$[4]',
  movement varchar(12) ${ascii} path '$[5]',
  part char(32) ${ascii} path '$[6]',
  order_id bigint unsigned path '$[7]',
  payment_id bigint unsigned path '$[8]',
  refund_id bigint unsigned path '$[9]',
  reference varchar(64) ${text} path '$[10]',
  charge_ref varchar(128) ${text} path '$[11]',
  refund_ref varchar(128) ${text} path '$[12]',
  movement_key varchar(64) ${ascii} path '$[13]',
  entry varchar(128) ${text} path '$[14]',
  their_cents bigint path '$[15]',
  their_currency char(3) ${ascii} path '$[16]',
  their_fee_cents bigint path '$[17]',
  their_net_cents bigint path '$[18]',
  their_time datetime(6) path '$[19]',
  our_cents bigint path '$[20]',
  our_currency char(3) ${ascii} path '$[21]',
  our_time datetime(6) path '$[22]',
  their_gross_cents bigint path '$[23]',
  settled_currency char(3) ${ascii} path '$[24]',
  our_fee_cents bigint path '$[25]',
  our_net_cents bigint path '$[26]')) line`;

function valuesOf(found: FoundDiscrepancy): Value[] {
  return [
    found.reconciliationId,
    found.provider,
    found.kind,
    found.identity,
    found.day,
    found.movement,
    found.part,
    found.orderId,
    found.paymentId,
    found.refundId,
    found.reference,
    found.chargeRef,
    found.refundRef,
    found.movementKey,
    found.entry,
    found.theirCents,
    found.theirCurrency,
    found.theirFeeCents,
    found.theirNetCents,
    found.theirTime,
    found.ourCents,
    found.ourCurrency,
    found.ourTime,
    found.theirGrossCents,
    found.settledCurrency,
    found.ourFeeCents,
    found.ourNetCents,
  ];
}
