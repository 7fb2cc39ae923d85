/**
 * Who makes a request, and what for.
 *
 * @module
 */

import type { Scope } from "../domain/api_token.ts";

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
}

declare module "hono" {
  interface ContextVariableMap {
    /** Set for every route that is not open to all. */
    caller: Caller;
  }
}
