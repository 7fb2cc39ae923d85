/**
 * Statements on `provider_retellings`: which further reports have told of a movement.
 *
 * @module
 */

import type { KeptMovement } from "../../domain/reconciliation/comes_to_agree.ts";
import type { MovementKind } from "../../domain/reconciliation/discrepancy.ts";
import type { CustomerSide } from "../../domain/reconciliation/provider_line.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";

/** A movement by its primary key. */
export interface MovementKey {
  kind: MovementKind;
  /** 0 for nothing of ours. */
  subjectId: number;
  /** Digest in hexadecimal; zeros where it is of something of ours. */
  part: string;
}

/** A movement that a report tells of once more. */
export interface Retelling extends MovementKey {
  /** How much of what is kept it tells, too. */
  sameness: Sameness;
}

/**
 * How much a report tells of what another one has told: something else; the very same; or the same money, but on another day or of
 * another payment of the customer's, so that it agrees and is not its heir. As their column has them.
 */
export const samenesses = { other: 0, all: 1, money: 2 } as const;

/** One of {@linkcode samenesses}. */
export type Sameness = keyof typeof samenesses;

/** The less of two: one report may tell of a movement twice. */
function lesser(one: Sameness, another: Sameness): Sameness {
  if (one === "all") return another;
  return another === "other" ? another : one;
}

/** The same in SQL. */
const lesserOf = (one: string, another: string) =>
  `if(${one} = ${samenesses.all}, ${another}, if(${another} = ${samenesses.other}, ${another}, ${one}))`;

const keyTable = `json_table(?, '$[*]' columns (
      kind varchar(12) character set ascii collate ascii_bin path '$[0]',
      subject_id bigint unsigned path '$[1]',
      part char(32) character set ascii path '$[2]',
      is_same tinyint path '$[3]')) line`;

function keyRows(keys: readonly (MovementKey & { sameness?: Sameness })[]): string {
  return JSON.stringify(
    keys.map(({ kind, subjectId, part, sameness = "other" }) => [
      kind,
      subjectId,
      part,
      samenesses[sameness],
    ]),
  );
}

/**
 * Keeps reports of a provider from being taken back until the transaction ends: whoever takes one back locks its row for
 * each step. The state is read because no index has it: a shared lock on the entries of an index that has all that is asked for
 * keeps nobody from the rows.
 */
export async function holdReports(tx: Queryable, provider: string): Promise<void> {
  await tx.query(
    "select id, state from reconciliations where provider = ? order by id lock in share mode",
    [provider],
  );
}

/**
 * Notes that a report tells once more of movements, behind {@linkcode holdReports}. What nobody knows who told it first is
 * the report's own from then on.
 *
 * @returns false where one of them is not there any more: then nothing may be decided by it
 */
export async function noteRetellings(
  tx: Queryable,
  reconciliationId: number,
  retellings: readonly Retelling[],
): Promise<boolean> {
  if (retellings.length === 0) return true;
  const wanted = new Map<string, Retelling>();
  for (const one of retellings) {
    const name = movementName(one);
    const before = wanted.get(name)?.sameness ?? "all";
    wanted.set(name, { ...one, sameness: lesser(one.sameness, before) });
  }
  const found = await readOwners(tx, [...wanted.values()]);
  if (found.length < wanted.size) return false;
  const unowned = found.filter(({ owner }) => owner === null);
  if (unowned.length > 0) {
    await tx.run(
      `
      update provider_movements
      join ${keyTable}
        on provider_movements.kind = line.kind and provider_movements.subject_id = line.subject_id
          and provider_movements.part = unhex(line.part)
      set provider_movements.reconciliation_id = ?
      where provider_movements.reconciliation_id is null`,
      [keyRows(unowned), reconciliationId],
    );
  }
  const others = found.filter(({ owner }) => owner !== null && owner !== reconciliationId)
    .map((one) => ({ ...one, sameness: wanted.get(movementName(one))!.sameness }));
  await insertRetellings(tx, reconciliationId, others);
  return true;
}

/** A movement's key as a text. */
export function movementName({ kind, subjectId, part }: MovementKey): string {
  return `${kind} ${subjectId} ${part}`;
}

async function readOwners(
  tx: Queryable,
  keys: readonly MovementKey[],
): Promise<(MovementKey & { owner: number | null })[]> {
  const rows = await tx.query(
    `
    select movement.kind, movement.subject_id, lower(hex(movement.part)) as part, movement.reconciliation_id
    from ${keyTable}
    straight_join provider_movements movement
      on movement.kind = line.kind and movement.subject_id = line.subject_id and movement.part = unhex(line.part)`,
    [keyRows(keys)],
  );
  return rows.map((row) => ({
    ...toKey(row),
    owner: row.reconciliation_id === null ? null : toInteger(row.reconciliation_id),
  }));
}

function toKey(row: Row): MovementKey {
  return {
    kind: row.kind as MovementKind,
    subjectId: toInteger(row.subject_id),
    part: String(row.part),
  };
}

async function insertRetellings(
  tx: Queryable,
  reconciliationId: number,
  retellings: readonly Retelling[],
): Promise<void> {
  if (retellings.length === 0) return;
  await tx.run(
    `
    insert into provider_retellings (kind, subject_id, part, reconciliation_id, is_same)
    select line.kind, line.subject_id, unhex(line.part), ?, line.is_same
    from ${keyTable}
    on duplicate key update is_same = ${lesserOf("provider_retellings.is_same", "line.is_same")}`,
    [reconciliationId, keyRows(retellings)],
  );
}

/**
 * Notes that the report which told first of a movement is not the one whose it will be, and that this one and whoever told the same
 * have told otherwise of it.
 */
export async function keepFirstTeller(
  tx: Queryable,
  reconciliationId: number,
  { kind, subjectId, part }: MovementKey,
): Promise<void> {
  await tx.run(
    `
    update provider_retellings set is_same = 0
    where kind = ? and subject_id = ? and part = unhex(?) and reconciliation_id <> ?`,
    [kind, subjectId, part, reconciliationId],
  );
  await tx.run(
    `
    insert into provider_retellings (kind, subject_id, part, reconciliation_id, is_same)
    select kind, subject_id, part, reconciliation_id, 0
    from provider_movements
    where kind = ? and subject_id = ? and part = unhex(?) and reconciliation_id is not null
      and reconciliation_id <> ?
    on duplicate key update is_same = 0`,
    [kind, subjectId, part, reconciliationId],
  );
}

/**
 * Makes room for movements of no order that are told as what they are, where they were told before as something of which nobody
 * knew what it is: these go, and whoever told of them so has told otherwise. Behind {@linkcode holdReports}.
 *
 * @param keys as what they are told now
 */
export async function takeOverUnknown(
  tx: Queryable,
  reconciliationId: number,
  keys: readonly MovementKey[],
): Promise<void> {
  if (keys.length === 0) return;
  const unknown = (table: string) => `
    insert into provider_retellings (kind, subject_id, part, reconciliation_id, is_same)
    select line.kind, line.subject_id, unhex(line.part), told.reconciliation_id, 0
    from ${keyTable}
    straight_join ${table} told
      on told.kind = 'other' and told.subject_id = line.subject_id and told.part = unhex(line.part)
    where told.reconciliation_id is not null and told.reconciliation_id <> ?
    on duplicate key update is_same = 0`;
  for (const table of ["provider_movements", "provider_retellings"]) {
    await tx.run(unknown(table), [keyRows(keys), reconciliationId]);
  }
  await deleteMovements(tx, keys.map((key) => ({ ...key, kind: "other" })));
}

/**
 * Keeps a movement under another name, with what was told of it; nothing where that name is taken by now. Behind
 * {@linkcode holdReports}.
 *
 * @returns whether it was there and is kept so
 * @throws the database's error for a duplicate key where somebody else has taken the name at this moment
 */
export async function renameMovement(
  tx: Queryable,
  from: MovementKey,
  to: MovementKey,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update provider_movements
    set kind = ?, subject_id = ?, part = unhex(?)
    where kind = ? and subject_id = ? and part = unhex(?)
      and not exists (
        select 1 from (
          select 1 from provider_movements
          where kind = ? and subject_id = ? and part = unhex(?)) taken)`,
    [to, from, to].flatMap(({ kind, subjectId, part }) => [kind, subjectId, part]),
  );
  if (affectedRows === 0) return false;
  await moveRetellings(tx, from, to);
  return true;
}

/** Has what was told of a movement follow it to another key. */
export async function moveRetellings(
  tx: Queryable,
  from: MovementKey,
  to: MovementKey,
): Promise<void> {
  await tx.run(
    `
    insert into provider_retellings (kind, subject_id, part, reconciliation_id, is_same)
    select ?, ?, unhex(?), reconciliation_id, is_same
    from provider_retellings told
    where told.kind = ? and told.subject_id = ? and told.part = unhex(?)
    on duplicate key update is_same = ${lesserOf("provider_retellings.is_same", "told.is_same")}`,
    [to.kind, to.subjectId, to.part, from.kind, from.subjectId, from.part],
  );
  await tx.run(
    "delete from provider_retellings where kind = ? and subject_id = ? and part = unhex(?)",
    [from.kind, from.subjectId, from.part],
  );
}

/** Who else has told of movements, of the reports that still count: by movement. */
export async function readRetellings(
  tx: Queryable,
  keys: readonly MovementKey[],
): Promise<Map<string, { reconciliationId: number; isSame: boolean }[]>> {
  const rows = await tx.query(
    `
    select told.kind, told.subject_id, lower(hex(told.part)) as part, told.reconciliation_id, told.is_same
    from ${keyTable}
    straight_join provider_retellings told
      on told.kind = line.kind and told.subject_id = line.subject_id and told.part = unhex(line.part)
    straight_join reconciliations on reconciliations.id = told.reconciliation_id
    where reconciliations.state not in ('WITHDRAWING', 'WITHDRAWN')
    order by told.reconciliation_id`,
    [keyRows(keys)],
  );
  const read = new Map<string, { reconciliationId: number; isSame: boolean }[]>();
  for (const row of rows) {
    const name = movementName(toKey(row));
    const told = {
      reconciliationId: toInteger(row.reconciliation_id),
      isSame: toInteger(row.is_same) === samenesses.all,
    };
    read.set(name, [...read.get(name) ?? [], told]);
  }
  return read;
}

/** What is kept of movements, and which counting report has told the same money last: by movement. */
export async function readKeptMovements(
  db: Queryable,
  keys: readonly MovementKey[],
): Promise<Map<string, KeptMovement>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query(
    `
    select movement.kind, movement.subject_id, lower(hex(movement.part)) as part, movement.gross_cents,
      movement.fee_cents, movement.net_cents, movement.currency, movement.customer_cents, movement.customer_currency,
      greatest(coalesce(movement.reconciliation_id, 0), coalesce((
        select max(told.reconciliation_id)
        from provider_retellings told
        straight_join reconciliations on reconciliations.id = told.reconciliation_id
        where told.kind = movement.kind and told.subject_id = movement.subject_id and told.part = movement.part
          and told.is_same > ${samenesses.other} and reconciliations.state not in ('WITHDRAWING', 'WITHDRAWN')), 0)) as last_told
    from ${keyTable}
    straight_join provider_movements movement
      on movement.kind = line.kind and movement.subject_id = line.subject_id and movement.part = unhex(line.part)`,
    [keyRows(keys)],
  );
  return new Map(rows.map((row) => [movementName(toKey(row)), {
    kind: String(row.kind),
    grossCents: toInteger(row.gross_cents),
    feeCents: toInteger(row.fee_cents),
    netCents: toInteger(row.net_cents),
    currency: String(row.currency),
    customer: toCustomer(row),
    lastTold: toInteger(row.last_told),
  }]));
}

/** What the customer paid or got back, as a row has it; null where nothing was converted. */
export function toCustomer(row: Row): CustomerSide | null {
  return row.customer_cents === null
    ? null
    : { cents: toInteger(row.customer_cents), currency: String(row.customer_currency) };
}

/** How many of some movements a report has told, be it first or once more. */
export async function countTold(
  db: Queryable,
  reconciliationId: number,
  keys: readonly MovementKey[],
): Promise<number> {
  if (keys.length === 0) return 0;
  const told = (table: string) => `
      exists (
        select 1 from ${table} told
        where told.kind = line.kind and told.subject_id = line.subject_id and told.part = unhex(line.part)
          and told.reconciliation_id = ?)`;
  const [row] = await db.query(
    `
    select count(*) as n
    from ${keyTable}
    where ${told("provider_movements")} or ${told("provider_retellings")}`,
    [keyRows(keys), reconciliationId, reconciliationId],
  );
  return toInteger(row!.n);
}

/** Gives movements to the reports that told the very same, in the place of the one that told first. */
export async function giveMovements(
  tx: Queryable,
  reconciliationId: number,
  keys: readonly MovementKey[],
): Promise<void> {
  if (keys.length === 0) return;
  await tx.run(
    `
    update provider_movements
    join ${keyTable}
      on provider_movements.kind = line.kind and provider_movements.subject_id = line.subject_id
        and provider_movements.part = unhex(line.part)
    set provider_movements.reconciliation_id = ?`,
    [keyRows(keys), reconciliationId],
  );
  await tx.run(
    `
    delete told from provider_retellings told
    join ${keyTable}
      on told.kind = line.kind and told.subject_id = line.subject_id and told.part = unhex(line.part)
    where told.reconciliation_id = ?`,
    [keyRows(keys), reconciliationId],
  );
}

/** Deletes movements, with what was told of them. */
export async function deleteMovements(tx: Queryable, keys: readonly MovementKey[]): Promise<void> {
  if (keys.length === 0) return;
  for (const table of ["provider_movements", "provider_retellings"]) {
    await tx.run(
      `
      delete gone from ${table} gone
      join ${keyTable}
        on gone.kind = line.kind and gone.subject_id = line.subject_id and gone.part = unhex(line.part)`,
      [keyRows(keys)],
    );
  }
}

/** Movements that a report told of first, some of them, with when they happened, UTC; locked. */
export async function lockMovementsOf(
  tx: Queryable,
  reconciliationId: number,
  limit: number,
): Promise<(MovementKey & { at: string })[]> {
  const rows = await tx.query(
    `
    select kind, subject_id, lower(hex(part)) as part, happened_at
    from provider_movements force index (provider_movements_report)
    where reconciliation_id = ?
    order by kind, subject_id, part limit ? for update`,
    [reconciliationId, limit],
  );
  return rows.map((row) => ({ ...toKey(row), at: String(row.happened_at) }));
}
