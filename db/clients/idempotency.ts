/**
 * Idempotency keys: each is claimed before its request begins, and answered in the transaction of the change.
 *
 * @module
 */

import { readLatestErasure } from "../customers/erased_keys.ts";
import { lockOutErasures } from "../customers/erasures.ts";
import { type Database, type Queryable, toInteger } from "../connection/database.ts";

/** A request under a key. */
export interface KeyClaim {
  /** Whose key it is; others may have the same one for something else. */
  owner: string;
  /** Visible ASCII, 1…255 characters. */
  key: string;
  /** SHA-256 over what the request says, in hexadecimal. */
  requestHash: string;
  /** Tells this request from others under the key: 32 random hexadecimal digits. */
  claim: string;
  /** Seconds after which the request counts as dead; default {@linkcode claimSeconds}. */
  seconds?: number;
}

/** What came of a claim. */
export type ClaimResult =
  /** The request may begin. */
  | { kind: "claimed" }
  /** It was answered before; the answer as JSON. */
  | { kind: "answered"; answer: string }
  /** The key belongs to a request that says something else. */
  | { kind: "other_request" }
  /** The same request is being worked on. */
  | { kind: "running" };

/**
 * Seconds without a sign of life after which a request counts as dead, and another may take its key over. It
 * gives three in this time, and one that lost its key nevertheless can't commit.
 */
export const claimSeconds = 15;

/** Hours that an answer is kept. */
export const keyHours = 24;

/** Rows that one statement of a purge deletes at the most: it holds up nobody for long. */
const purgeRows = 1_000;

const claimTable = `json_table(?, '$[*]' columns (
  owner varchar(128) character set ascii collate ascii_bin path '$[0]',
  idempotency_key varchar(255) character set ascii collate ascii_bin path '$[1]',
  request_hash char(64) character set ascii path '$[2]',
  claim char(32) character set ascii path '$[3]',
  seconds int path '$[4]')) j`;

function claimsAsJson(claims: readonly KeyClaim[]): string {
  return JSON.stringify(
    claims.map(({ owner, key, requestHash, claim, seconds }) => [
      owner,
      key,
      requestHash,
      claim,
      seconds ?? claimSeconds,
    ]),
  );
}

/**
 * Claims keys, each for one request. A key that nobody has used for a day is free, and so is one whose
 * request died without an answer. Safe to repeat with the same claims.
 *
 * A crash afterwards leaves the keys claimed until their time is over.
 *
 * @returns what came of each, in the same order
 */
export async function claimKeys(
  db: Database,
  claims: readonly KeyClaim[],
): Promise<ClaimResult[]> {
  if (claims.length === 0) return [];
  const sorted = claims.toSorted((a, b) => `${a.owner} ${a.key}` < `${b.owner} ${b.key}` ? -1 : 1);
  const rows = await db.transaction(async (tx) => {
    await tx.run(
      `
      delete idempotency_keys
      from ${claimTable}
      straight_join idempotency_keys on idempotency_keys.owner = j.owner
        and idempotency_keys.idempotency_key = j.idempotency_key
      where idempotency_keys.created_at < current_timestamp(6) - interval ${keyHours} hour
        or (idempotency_keys.answer is null
          and idempotency_keys.claimed_until < current_timestamp(6))`,
      [claimsAsJson(sorted)],
    );
    await tx.run(
      `
      insert into idempotency_keys (owner, idempotency_key, request_hash, claim, claimed_until)
      select j.owner, j.idempotency_key, unhex(j.request_hash), unhex(j.claim),
        current_timestamp(6) + interval j.seconds second
      from ${claimTable}
      on duplicate key update claim = idempotency_keys.claim`,
      [claimsAsJson(sorted)],
    );
    return await tx.execute(
      `
      select idempotency_keys.owner, idempotency_keys.idempotency_key,
        lower(hex(idempotency_keys.request_hash)) as request_hash,
        lower(hex(idempotency_keys.claim)) as claim, idempotency_keys.answer
      from ${claimTable}
      straight_join idempotency_keys on idempotency_keys.owner = j.owner
        and idempotency_keys.idempotency_key = j.idempotency_key`,
      [claimsAsJson(sorted)],
    );
  });
  const rowOf = new Map(rows.map((row) => [`${row.owner} ${row.idempotency_key}`, row]));
  return claims.map(({ owner, key, requestHash, claim }): ClaimResult => {
    const row = rowOf.get(`${owner} ${key}`)!;
    if (row.request_hash !== requestHash) return { kind: "other_request" };
    if (row.answer !== null) return { kind: "answered", answer: String(row.answer) };
    return { kind: row.claim === claim ? "claimed" : "running" };
  });
}

/**
 * Stores the answers of requests, in the transaction of what they changed.
 *
 * @param answers as JSON
 * @returns false where a claim was lost to another request, which will make the change: this transaction must
 * not commit
 */
export async function answerKeys(
  tx: Queryable,
  answers: readonly { claim: KeyClaim; answer: string }[],
): Promise<boolean> {
  if (answers.length === 0) return true;
  const { affectedRows } = await tx.run(
    `
    update json_table(?, '$[*]' columns (
      owner varchar(128) character set ascii collate ascii_bin path '$[0]',
      idempotency_key varchar(255) character set ascii collate ascii_bin path '$[1]',
      claim char(32) character set ascii path '$[2]',
      answer longtext character set utf8mb4 path '$[3]')) j
    straight_join idempotency_keys on idempotency_keys.owner = j.owner
      and idempotency_keys.idempotency_key = j.idempotency_key
    set idempotency_keys.answer = j.answer
    where idempotency_keys.claim = unhex(j.claim)`,
    [
      JSON.stringify(
        answers.map(({ claim: { owner, key, claim }, answer }) => [owner, key, claim, answer]),
      ),
    ],
  );
  return affectedRows === answers.length;
}

/**
 * Stores the answer of a request that changed nothing, unless one is stored already.
 *
 * @param answer as JSON
 * @returns what is stored; null where the claim was lost meanwhile
 */
export async function settleKey(
  db: Queryable,
  { owner, key, claim }: KeyClaim,
  answer: string,
): Promise<string | null> {
  await db.run(
    `
    update idempotency_keys
    set answer = ?
    where owner = ? and idempotency_key = ? and claim = unhex(?) and answer is null`,
    [answer, owner, key, claim],
  );
  const [row] = await db.execute(
    "select answer from idempotency_keys where owner = ? and idempotency_key = ? and claim = unhex(?)",
    [owner, key, claim],
  );
  return row === undefined ? null : String(row.answer);
}

/** Does so unless somebody was erased after a certain erasure: who begins one waits, and then finds the answer. */
export async function settleUnlessErased(
  db: Database,
  claim: KeyClaim,
  answer: string,
  erasures: number,
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockOutErasures(tx);
    if (await readLatestErasure(tx) === erasures) await settleKey(tx, claim, answer);
  });
}

/** Keeps a claim for as long again, while its request takes its time. */
export async function prolongKey(
  db: Queryable,
  { owner, key, claim, seconds = claimSeconds }: KeyClaim,
): Promise<void> {
  await db.run(
    `
    update idempotency_keys
    set claimed_until = current_timestamp(6) + interval ? second
    where owner = ? and idempotency_key = ? and claim = unhex(?)`,
    [seconds, owner, key, claim],
  );
}

/** Gives up the claim of a request that changed nothing, so that it may come again. */
export async function releaseKey(
  db: Queryable,
  { owner, key, claim }: KeyClaim,
): Promise<void> {
  await db.run(
    `
    delete from idempotency_keys
    where owner = ? and idempotency_key = ? and claim = unhex(?) and answer is null`,
    [owner, key, claim],
  );
}

/** The moment up to which {@linkcode countOpenClaims} looks: the database's clock, by which claims are dated. */
export async function readClaimTime(db: Queryable): Promise<string> {
  const [row] = await db.query("select current_timestamp(6) as now");
  return String(row!.now);
}

/** Seconds for which a request is looked for that has no answer yet: each has one long before. */
const openSeconds = 60;

/** Requests that were claimed before a moment and are still being worked on. */
export async function countOpenClaims(db: Queryable, before: string): Promise<number> {
  const [row] = await db.execute(
    `
    select count(*) as n
    from idempotency_keys force index (idempotency_keys_age)
    where created_at between ? - interval ${openSeconds} second and ?
      and answer is null and claimed_until > current_timestamp(6)`,
    [before, before],
  );
  return toInteger(row!.n);
}

/** Deletes all keys that are older than a day, not in one statement. */
export async function purgeKeys(db: Queryable): Promise<void> {
  for (;;) {
    const { affectedRows } = await db.run(
      `
      delete from idempotency_keys
      where created_at < current_timestamp(6) - interval ${keyHours} hour
      limit ${purgeRows}`,
    );
    if (affectedRows < purgeRows) return;
  }
}
