/**
 * Who makes a request, and what for.
 *
 * @module
 */

import { isAllowed, type Scope } from "../../domain/operation/api_token.ts";
import type { OnlyOf } from "../../domain/order/bringer.ts";

/** Who makes a request. */
export interface Caller {
  /** For timelines: `api:NAME`, or `api` where nobody is asked who they are. */
  actor: string;
  /** Name of the token; null where nobody is asked. */
  name: string | null;
  /** What the caller may do. */
  scopes: readonly Scope[];
  /** How the caller was recognised. A browser sends a session by itself, whoever made it ask. */
  by: "token" | "session" | "nothing";
  /** What a page must send back with every change; empty unless there is a session. */
  csrfToken: string;
  /** Of a token or a session: whether it has neither ended meanwhile nor lost a scope; for answers that go on for long. */
  goesOn?: () => Promise<boolean>;
}

/** Whose orders a caller may cancel and change, and whose imports cancel; undefined for everybody's. */
export function cancelsOnly({ actor, scopes }: Caller): OnlyOf | undefined {
  if (isAllowed(scopes, ["cancel"])) return undefined;
  return { actor, seesOthers: isAllowed(scopes, ["read"]) };
}

/** Whose orders a caller may have taken up again; undefined for everybody's. */
export function retriesOnly({ actor, scopes }: Caller): OnlyOf | undefined {
  if (isAllowed(scopes, ["admin"])) return undefined;
  return { actor, seesOthers: isAllowed(scopes, ["read"]) };
}

/** The actor whose imports alone a caller may look at; undefined for everybody's. */
export function looksOnlyAt({ actor, scopes }: Caller): string | undefined {
  return isAllowed(scopes, ["read"]) ? undefined : actor;
}

declare module "hono" {
  interface ContextVariableMap {
    /** Set for every route that is not open to all. */
    caller: Caller;
  }
}
