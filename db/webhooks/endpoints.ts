/**
 * Statements on `webhook_endpoints`. Secrets leave it by {@linkcode readSigningSecrets} alone.
 *
 * @module
 */

import { cutText } from "../../domain/text/cut_text.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";

/** An endpoint, without its secrets. */
export interface WebhookEndpoint {
  id: number;
  /** May hold a secret of its own: it is in no log. */
  url: string;
  description: string;
  /** What it is posted, see `isChosen` of `domain/feed/event_types.ts`. */
  types: string[];
  enabled: boolean;
  /** Why it was switched off by itself; null where it was not. */
  disabledReason: string | null;
  /** Until when the secret before signs as well, ISO 8601; null where there is none. */
  previousUntil: string | null;
  /** Where the feed stood when it was switched on. */
  fromStep: number;
  fromMovement: number;
  createdAt: string;
  updatedAt: string;
}

const columns = `id, url, description, cast(types as char) as types, enabled, disabled_reason,
      if(previous_until > current_timestamp(6), previous_until, null) as previous_until,
      from_step, from_movement, created_at, updated_at`;

/** Endpoints by id, those that are switched on alone where it is said. */
export async function readEndpoints(
  db: Queryable,
  { enabledOnly = false, afterId = 0, limit }: {
    enabledOnly?: boolean;
    afterId?: number;
    limit: number;
  },
): Promise<WebhookEndpoint[]> {
  const rows = await db.query(
    `
    select ${columns}
    from webhook_endpoints
    where id > ? ${enabledOnly ? "and enabled = 1" : ""}
    order by id
    limit ?`,
    [afterId, limit],
  );
  return rows.map(toEndpoint);
}

/** An endpoint; undefined where there is none. */
export async function readEndpoint(
  db: Queryable,
  id: number,
): Promise<WebhookEndpoint | undefined> {
  const [row] = await db.query(`select ${columns} from webhook_endpoints where id = ?`, [id]);
  return row === undefined ? undefined : toEndpoint(row);
}

/** Locks an endpoint until the transaction ends, and reads it; undefined where there is none. */
export async function lockEndpoint(
  tx: Queryable,
  id: number,
): Promise<WebhookEndpoint | undefined> {
  const [row] = await tx.query(
    `select ${columns} from webhook_endpoints where id = ? for update`,
    [id],
  );
  return row === undefined ? undefined : toEndpoint(row);
}

/** How many there are. */
export async function countEndpoints(db: Queryable): Promise<number> {
  const [row] = await db.query("select count(*) as endpoints from webhook_endpoints");
  return toInteger(row!.endpoints);
}

/** What an endpoint is made of. */
export interface EndpointContent {
  url: string;
  description: string;
  types: readonly string[];
  enabled: boolean;
}

/**
 * Inserts an endpoint.
 *
 * @returns its id
 * @throws the database's error for a duplicate key where one has this URL
 */
export async function insertEndpoint(
  tx: Queryable,
  { url, description, types, enabled, secret, fromStep, fromMovement }:
    & EndpointContent
    & { secret: string }
    & Pick<WebhookEndpoint, "fromStep" | "fromMovement">,
): Promise<number> {
  const { insertId } = await tx.run(
    `
    insert into webhook_endpoints (url, description, types, enabled, secret, from_step, from_movement)
    values (?, ?, ?, ?, ?, ?, ?)`,
    [url, description, JSON.stringify(types), enabled ? 1 : 0, secret, fromStep, fromMovement],
  );
  return insertId;
}

/** Writes an endpoint that is locked. Whoever has it switched on or off takes the reason away. */
export async function writeEndpoint(
  tx: Queryable,
  id: number,
  { url, description, types, enabled, fromStep, fromMovement }:
    & EndpointContent
    & Pick<WebhookEndpoint, "fromStep" | "fromMovement">,
): Promise<void> {
  await tx.run(
    `
    update webhook_endpoints
    set url = ?, description = ?, types = ?, from_step = ?, from_movement = ?,
      disabled_reason = if(enabled = ?, disabled_reason, null), enabled = ?
    where id = ?`,
    [
      url,
      description,
      JSON.stringify(types),
      fromStep,
      fromMovement,
      enabled ? 1 : 0,
      enabled ? 1 : 0,
      id,
    ],
  );
}

/** Whether the secret of any endpoint begins so. */
export async function hasSecretBeginning(tx: Queryable, prefix: string): Promise<boolean> {
  const rows = await tx.query(
    "select 1 from webhook_endpoints where left(secret, ?) = ? limit 1",
    [prefix.length, prefix],
  );
  return rows.length > 0;
}

/** Gives an endpoint another secret; the one that it had signs as well for some time, none for no time. */
export async function replaceSecret(
  tx: Queryable,
  id: number,
  secret: string,
  overlapSeconds: number,
): Promise<void> {
  await tx.run(
    `
    update webhook_endpoints
    set previous_secret = if(? = 0, null, secret),
      previous_until = if(? = 0, null, current_timestamp(6) + interval ? second), secret = ?
    where id = ?`,
    [overlapSeconds, overlapSeconds, overlapSeconds, secret, id],
  );
}

/** Deletes an endpoint with what is left of its deliveries. */
export async function deleteEndpoint(tx: Queryable, id: number): Promise<void> {
  await tx.run("delete from webhook_endpoints where id = ?", [id]);
}

/** Switches an endpoint off that does not want any more, unless it was given another URL meanwhile. */
export async function disableGone(
  db: Queryable,
  { id, url }: Pick<WebhookEndpoint, "id" | "url">,
  reason: string,
): Promise<void> {
  await db.run(
    "update webhook_endpoints set enabled = 0, disabled_reason = ? where id = ? and url = ? and enabled = 1",
    [cutText(reason, 255), id, url],
  );
}

/**
 * The secrets that sign for an endpoint at this moment, as they are kept, the latest first; none where there is no such endpoint.
 */
export async function readSigningSecrets(db: Queryable, id: number): Promise<string[]> {
  const [row] = await db.query(
    `
    select secret, if(previous_until > current_timestamp(6), previous_secret, null) as previous
    from webhook_endpoints
    where id = ?`,
    [id],
  );
  return [row?.secret, row?.previous].filter((secret) => typeof secret === "string");
}

function toEndpoint(row: Row): WebhookEndpoint {
  return {
    id: toInteger(row.id),
    url: String(row.url),
    description: String(row.description),
    types: JSON.parse(String(row.types)),
    enabled: toInteger(row.enabled) === 1,
    disabledReason: row.disabled_reason === null ? null : String(row.disabled_reason),
    previousUntil: toIsoTime(row.previous_until),
    fromStep: toInteger(row.from_step),
    fromMovement: toInteger(row.from_movement),
    createdAt: toIsoTime(row.created_at)!,
    updatedAt: toIsoTime(row.updated_at)!,
  };
}
