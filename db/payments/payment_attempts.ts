/**
 * Tries to move money, with the provider's answers.
 *
 * @module
 */

import { cutText } from "../../domain/text/cut_text.ts";
import { textDigest } from "../../domain/order/content_hash.ts";
import type { PaymentTry, TryKind, TryOutcome } from "../../domain/payment/payment_try.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";

/** One try, and what it was about. */
export interface AttemptRow extends PaymentTry {
  orderId: number;
  /** Null for one that is about no refund. */
  refundId: number | null;
  provider: string;
  /** The key that was asked under. */
  key: string;
  /** What was asked for, in minor units of `currency`. */
  amountCents: number;
  currency: string;
  /** How long ago it ended, in milliseconds. */
  ageMs: number;
}

/** Characters of what a provider says that are kept, and of its name for a charge. */
const maxSays = 255;
const maxRef = 128;

/**
 * Writes tries down, all of a batch by one statement; no statement where there are none. One that says the same as one
 * before counts there.
 */
export async function insertAttempts(
  db: Queryable,
  attempts: readonly AttemptRow[],
): Promise<void> {
  if (attempts.length === 0) return;
  const rows = new Map<string, { attempt: AttemptRow; times: number; same: string }>();
  for (const attempt of attempts) {
    const same = textDigest(JSON.stringify(wordsOf(attempt)));
    const place = `${attempt.orderId} ${same}`;
    const before = rows.get(place);
    if (before === undefined) rows.set(place, { attempt, times: 1, same });
    else before.times++;
  }
  const sorted = [...rows.values()].sort((a, b) =>
    a.attempt.orderId - b.attempt.orderId || (a.same < b.same ? -1 : 1)
  );
  await db.run(
    `
    insert into payment_attempts (order_id, same, refund_id, provider, kind, attempt_key, outcome, amount_cents, currency,
      provider_ref, says, times, created_at)
    select tried.order_id, unhex(tried.same), tried.refund_id, tried.provider, tried.kind, tried.attempt_key, tried.outcome,
      tried.amount_cents, tried.currency, tried.provider_ref, tried.says, tried.times,
      date_sub(utc_timestamp(6), interval tried.age_us microsecond)
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      same char(32) character set ascii path '$[1]',
      times int unsigned path '$[2]',
      age_us bigint path '$[3]',
      refund_id bigint unsigned path '$[4]',
      provider varchar(32) character set ascii path '$[5]',
      kind varchar(16) character set ascii path '$[6]',
      attempt_key varchar(64) character set ascii path '$[7]',
      outcome varchar(16) character set ascii path '$[8]',
      amount_cents bigint path '$[9]',
      currency char(3) character set ascii path '$[10]',
      provider_ref varchar(128) character set utf8mb4 path '$[11]',
      says varchar(255) character set utf8mb4 path '$[12]')) tried
    on duplicate key update times = payment_attempts.times + tried.times`,
    [
      JSON.stringify(sorted.map(({ attempt, times, same }) => [
        attempt.orderId,
        same,
        times,
        Math.round(attempt.ageMs * 1_000),
        ...wordsOf(attempt),
      ])),
    ],
  );
}

/** What a try says, in the order of the columns. */
function wordsOf(attempt: AttemptRow) {
  const { refundId, provider, kind, key, outcome, amountCents, currency, providerRef, says } =
    attempt;
  return [
    refundId,
    provider,
    kind,
    key,
    outcome,
    amountCents,
    currency,
    providerRef && cutText(providerRef, maxRef),
    says && cutText(says, maxSays),
  ];
}

/** A try as it is shown. Times are ISO 8601 in UTC. */
export interface PaymentAttempt extends PaymentTry {
  refundId: number | null;
  provider: string;
  /** What was asked for, in minor units of `currency`. */
  amountCents: number;
  currency: string;
  /** How often the same was answered. */
  times: number;
  firstAt: string;
  lastAt: string;
}

/** Tries of an order and its refunds, the first one first. */
export async function readAttempts(
  db: Queryable,
  orderId: number,
  limit: number,
): Promise<PaymentAttempt[]> {
  const rows = await db.query(
    `
    select refund_id, provider, kind, outcome, amount_cents, currency, provider_ref, says, times, created_at, updated_at
    from payment_attempts
    where order_id = ?
    order by created_at, same
    limit ?`,
    [orderId, limit],
  );
  return rows.map(toAttempt);
}

function toAttempt(row: Row): PaymentAttempt {
  return {
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    provider: String(row.provider),
    kind: row.kind as TryKind,
    outcome: row.outcome as TryOutcome,
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    providerRef: row.provider_ref as string | null,
    says: row.says as string | null,
    times: toInteger(row.times),
    firstAt: toIsoTime(row.created_at)!,
    lastAt: toIsoTime(row.updated_at)!,
  };
}
