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
  return addressBehind(c.env ?? {}, c.req.header("x-forwarded-for"), { trustedProxies });
}

/** The same of a connection, and of the header `X-Forwarded-For` if there is one. */
export function addressBehind(
  { remoteAddr }: ConnectionFacts,
  forwardedFor: string | null | undefined,
  { trustedProxies }: Pick<Config, "trustedProxies">,
): string {
  if (remoteAddr?.hostname === undefined) return "unknown";
  return clientAddress(remoteAddr.hostname, forwardedFor ?? "", trustedProxies);
}
