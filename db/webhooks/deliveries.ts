/**
 * Statements on what is to be posted to endpoints, and on how far the feed was read for them.
 *
 * @module
 */

import type { FeedPosition } from "../../domain/feed/feed_position.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import type { DeliveryStatus } from "../../domain/webhook/endpoint.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { insertOnce } from "../connection/insert_once.ts";

/** How far the feed was put on the list. */
export async function readWebhookPosition(db: Queryable): Promise<FeedPosition> {
  const [row] = await db.query(
    "select step_id, movement_id, told from webhook_position where id = 1",
  );
  return {
    stepId: toInteger(row!.step_id),
    movementId: toInteger(row!.movement_id),
    told: toInteger(row!.told),
  };
}

/**
 * Moves it on.
 *
 * @param from where it was read
 * @returns false where somebody else has moved it since, and this transaction must write nothing
 */
export async function moveWebhookPosition(
  tx: Queryable,
  from: FeedPosition,
  to: FeedPosition,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update webhook_position
    set step_id = ?, movement_id = ?, told = ?
    where id = 1 and step_id = ? and movement_id = ? and told = ?`,
    [to.stepId, to.movementId, to.told, from.stepId, from.movementId, from.told],
  );
  return affectedRows === 1;
}

/** Something to be posted. */
export interface DeliveryToInsert {
  endpointId: number;
  eventId: string;
}

/** Puts events on the list, in this order; what is there, or was, stays as it is. Of endpoints that are gone nothing is. */
export async function insertDeliveries(
  tx: Queryable,
  deliveries: readonly DeliveryToInsert[],
): Promise<void> {
  if (deliveries.length === 0) return;
  const wanted = new Map(deliveries.map((one) => [`${one.endpointId} ${one.eventId}`, one]));
  await insertOnce(tx, {
    sql: `
    insert into webhook_deliveries (endpoint_id, event_id, due_at)
    select webhook_endpoints.id, wanted.event_id, current_timestamp(6)
    from json_table(?, '$[*]' columns (
      n for ordinality,
      endpoint_id bigint unsigned path '$[0]',
      event_id varchar(64) character set ascii collate ascii_bin path '$[1]')) wanted
    straight_join webhook_endpoints on webhook_endpoints.id = wanted.endpoint_id
    where true`,
    isNew: `not exists (
      select 1
      from webhook_deliveries known force index (webhook_deliveries_once)
      where known.endpoint_id = wanted.endpoint_id and known.event_id = wanted.event_id)`,
    order: "order by wanted.n",
    values: [
      JSON.stringify([...wanted.values()].map(({ endpointId, eventId }) => [endpointId, eventId])),
    ],
  });
}

/** Which endpoints have something that is due. Looks once into the index for each that is switched on. */
export async function readDueEndpoints(db: Queryable): Promise<number[]> {
  const rows = await db.query(
    `
    select id
    from webhook_endpoints
    where enabled = 1 and exists (
      select 1
      from webhook_deliveries force index (webhook_deliveries_due)
      where webhook_deliveries.endpoint_id = webhook_endpoints.id
        and webhook_deliveries.status = 'WAITING'
        and webhook_deliveries.due_at <= current_timestamp(6))
    order by id`,
  );
  return rows.map(({ id }) => toInteger(id));
}

/** Something that this process may post until its lease ends. */
export interface ClaimedDelivery {
  id: number;
  eventId: string;
  /** Failures so far. */
  attempts: number;
  /** When it was put on the list, ISO 8601. */
  createdAt: string;
}

/**
 * Takes what is due for an endpoint, the longest due first, and tells it in the order of the feed. By statements of their own: nothing
 * is locked between them, so a process that stands still holds up nobody, and what another took at the same moment stays that
 * one's. They look for no gaps between the rows, which are next to another endpoint's: one that skipped what is locked would
 * pass over that one's first.
 *
 * @param options.claim 32 hexadecimal digits, new for every call
 */
export async function claimWebhooks(
  db: Queryable,
  endpointId: number,
  { claim, limit, leaseMs }: { claim: string; limit: number; leaseMs: number },
): Promise<ClaimedDelivery[]> {
  const due = await db.query(
    `
    select id
    from webhook_deliveries force index (webhook_deliveries_due)
    where endpoint_id = ? and status = 'WAITING' and due_at <= current_timestamp(6)
    order by due_at, id
    limit ?`,
    [endpointId, limit],
  );
  if (due.length === 0) return [];
  const ids = due.map(({ id }) => toInteger(id));
  await db.query(
    `
    update webhook_deliveries force index (primary)
    set claim = unhex(?), due_at = current_timestamp(6) + interval ? microsecond
    where id in (?) and status = 'WAITING' and due_at <= current_timestamp(6)`,
    [claim, leaseMs * 1_000, ids],
  );
  const rows = await db.query(
    `
    select id, event_id, attempts, created_at
    from webhook_deliveries force index (primary)
    where id in (?) and claim = unhex(?)
    order by id`,
    [ids, claim],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    eventId: String(row.event_id),
    attempts: toInteger(row.attempts),
    createdAt: toIsoTime(row.created_at)!,
  }));
}

/** Gives back what was taken and not tried; what another process has taken since stays that one's. */
export async function releaseWebhooks(
  db: Queryable,
  claim: string,
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  await db.query(
    `
    update webhook_deliveries
    set claim = null, due_at = current_timestamp(6)
    where id in (?) and claim = unhex(?)`,
    [[...ids], claim],
  );
}

/** What became of a try. */
export interface WebhookTry {
  id: number;
  durationMs: number;
  statusCode: number | null;
  /** In our own words; null where it got through. Nothing that the receiver says is kept. */
  error: string | null;
  /** Milliseconds until the next try; null where there is none. */
  nextMs: number | null;
}

/**
 * Writes down what became of a try, unless its lease had ended and another process has it: what that one says counts then,
 * and the receiver may have it twice.
 */
export async function settleWebhook(
  db: Queryable,
  claim: string,
  { id, durationMs, statusCode, error, nextMs }: WebhookTry,
): Promise<void> {
  const status: DeliveryStatus = error === null ? "SENT" : nextMs === null ? "GIVEN_UP" : "WAITING";
  await db.run(
    `
    update webhook_deliveries
    set status = ?, due_at = if(? = 'WAITING', current_timestamp(6) + interval ? microsecond, null),
      claim = null, attempts = attempts + 1, attempted_at = current_timestamp(6), duration_ms = ?,
      status_code = ?, error = ?
    where id = ? and claim = unhex(?)`,
    [
      status,
      status,
      (nextMs ?? 0) * 1_000,
      Math.round(durationMs),
      statusCode,
      error === null ? null : cutText(error, 500),
      id,
      claim,
    ],
  );
}

/** Has the latest that were given up posted again, with all their tries. @returns how many */
export async function retryGivenUp(
  tx: Queryable,
  endpointId: number,
  limit: number,
): Promise<number> {
  const { affectedRows } = await tx.runText(
    `
    update webhook_deliveries
    set status = 'WAITING', due_at = current_timestamp(6), attempts = 0, claim = null
    where endpoint_id = ? and status = 'GIVEN_UP'
    order by id desc
    limit ?`,
    [endpointId, limit],
  );
  return affectedRows;
}

/** Deletes some of what an endpoint was or is to be posted. @returns how many */
export async function deleteDeliveries(
  db: Queryable,
  endpointId: number,
  limit: number,
): Promise<number> {
  const { affectedRows } = await db.runText(
    "delete from webhook_deliveries where endpoint_id = ? limit ?",
    [endpointId, limit],
  );
  return affectedRows;
}

/** Something that was or is to be posted, for people. */
export interface ListedDelivery {
  id: number;
  eventId: string;
  status: DeliveryStatus;
  attempts: number;
  /** ISO 8601; null where there was none. */
  attemptedAt: string | null;
  durationMs: number | null;
  statusCode: number | null;
  error: string | null;
  /** ISO 8601; null where it is over. */
  nextTryAt: string | null;
  createdAt: string;
}

/** What an endpoint was or is to be posted, the latest first. */
export async function listDeliveries(
  db: Queryable,
  endpointId: number,
  { status, beforeId = Number.MAX_SAFE_INTEGER, limit }: {
    status?: DeliveryStatus;
    beforeId?: number;
    limit: number;
  },
): Promise<ListedDelivery[]> {
  const rows = await db.query(
    `
    select id, event_id, status, attempts, attempted_at, duration_ms, status_code, error, due_at,
      created_at
    from webhook_deliveries
    where endpoint_id = ? and id < ? ${status === undefined ? "" : "and status = ?"}
    order by id desc
    limit ?`,
    [endpointId, beforeId, ...(status === undefined ? [] : [status]), limit],
  );
  return rows.map(toListed);
}

/** What became of an event for an endpoint; undefined where it is not on its list, or not any more. */
export async function readDelivery(
  db: Queryable,
  endpointId: number,
  eventId: string,
): Promise<ListedDelivery | undefined> {
  const [row] = await db.query(
    `
    select id, event_id, status, attempts, attempted_at, duration_ms, status_code, error, due_at,
      created_at
    from webhook_deliveries
    where endpoint_id = ? and event_id = ?`,
    [endpointId, eventId],
  );
  return row === undefined ? undefined : toListed(row);
}

/** How many of an endpoint's wait and were given up, counted so far. */
export async function countDeliveries(
  db: Queryable,
  endpointId: number,
  most: number,
): Promise<{ waiting: number; givenUp: number }> {
  const count = (status: DeliveryStatus) =>
    `(select count(*) from (
      select 1 from webhook_deliveries force index (webhook_deliveries_due)
      where endpoint_id = ? and status = '${status}' limit ?) some)`;
  const [row] = await db.query(
    `select ${count("WAITING")} as waiting, ${count("GIVEN_UP")} as given_up`,
    [endpointId, most, endpointId, most],
  );
  return { waiting: toInteger(row!.waiting), givenUp: toInteger(row!.given_up) };
}

function toListed(row: Row): ListedDelivery {
  const number = (value: Row[string] | undefined) => value == null ? null : toInteger(value);
  return {
    id: toInteger(row.id),
    eventId: String(row.event_id),
    status: row.status as DeliveryStatus,
    attempts: toInteger(row.attempts),
    attemptedAt: toIsoTime(row.attempted_at),
    durationMs: number(row.duration_ms),
    statusCode: number(row.status_code),
    error: row.error === null ? null : String(row.error),
    nextTryAt: toIsoTime(row.due_at),
    createdAt: toIsoTime(row.created_at)!,
  };
}
