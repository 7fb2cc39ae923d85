/**
 * Where a request comes from.
 *
 * @module
 */

import type { Context } from "hono";
import type { Config } from "../../config/config.ts";
import { clientAddress } from "../../domain/operation/network.ts";

/** What the server knows of a connection and hands to the application beside the request. */
export interface ConnectionFacts {
  /** The other end, which may be a proxy. */
  remoteAddr?: Deno.Addr;
}

/** The client's address as text; `unknown` where no connection brought the request. */
export function addressOf(
  c: Context,
  { trustedProxies }: Pick<Config, "trustedProxies">,
): string {
  const { remoteAddr } = (c.env ?? {}) as ConnectionFacts;
  if (remoteAddr === undefined || !("hostname" in remoteAddr)) return "unknown";
  return clientAddress(remoteAddr.hostname, c.req.header("x-forwarded-for") ?? "", trustedProxies);
}
