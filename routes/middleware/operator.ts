/**
 * Who does something by a request, for timelines and for the audit log.
 *
 * @module
 */

import type { Context } from "hono";
import type { Config } from "../../config/config.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { addressOf } from "./client_address.ts";

/** Whoever makes a request. */
export function operatorOf(c: Context, config: Pick<Config, "trustedProxies">): Operator {
  const { actor, name, by } = c.get("caller");
  const isPage = /^\/dashboard(\/|$)/.test(c.req.path);
  return {
    actor: name === null && isPage ? "dashboard" : actor,
    via: by === "nothing" ? "open" : by,
    address: addressOf(c, config),
  };
}
