/**
 * Endpoints of webhooks that do not want any more.
 *
 * @module
 */

import { cutText } from "../../domain/text/cut_text.ts";
import { type Queryable, toIsoTime } from "../connection/database.ts";

/** An endpoint that said so. */
export interface DisabledEndpoint {
  /** Scheme, host and port; the rest of the URL may be a secret. */
  origin: string;
  reason: string;
  /** ISO 8601 UTC. */
  disabledAt: string;
}

/** Longest text of a column. */
const maxTextLength = 255;

/** Switches an endpoint off, for all processes; again is nothing. */
export async function disableEndpoint(db: Queryable, url: string, reason: string): Promise<void> {
  await db.run(
    `
    insert into disabled_endpoints (url_hash, origin, reason)
    values (unhex(sha2(?, 256)), ?, ?)
    on duplicate key update origin = disabled_endpoints.origin`,
    [url, cutText(new URL(url).origin, maxTextLength), cutText(reason, maxTextLength)],
  );
}

/** Since when and why an endpoint is switched off; undefined where it is not. */
export async function readDisabledEndpoint(
  db: Queryable,
  url: string,
): Promise<DisabledEndpoint | undefined> {
  const [row] = await db.execute(
    `
    select origin, reason, created_at
    from disabled_endpoints
    where url_hash = unhex(sha2(?, 256))`,
    [url],
  );
  if (row === undefined) return undefined;
  return {
    origin: String(row.origin),
    reason: String(row.reason),
    disabledAt: toIsoTime(row.created_at)!,
  };
}

/** Switches an endpoint on again; what waited for it is sent as it is due. */
export async function enableEndpoint(db: Queryable, url: string): Promise<void> {
  await db.run("delete from disabled_endpoints where url_hash = unhex(sha2(?, 256))", [url]);
}
