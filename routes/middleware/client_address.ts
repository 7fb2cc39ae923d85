/**
 * Where a request comes from.
 *
 * @module
 */

import type { Context } from "hono";
import type { Config } from "../../config/config.ts";
import { clientAddress } from "../../domain/operation/network.ts";
import type { ConnectionFacts } from "../../runtime/serve.ts";

/** The client's address as text; `unknown` where no connection brought the request. */
export function addressOf(
  c: Context,
  { trustedProxies }: Pick<Config, "trustedProxies">,
): string {
  const { remoteAddr } = (c.env ?? {}) as ConnectionFacts;
  if (remoteAddr?.hostname === undefined) return "unknown";
  return clientAddress(remoteAddr.hostname, c.req.header("x-forwarded-for") ?? "", trustedProxies);
}
